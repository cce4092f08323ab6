//! What can go wrong when an event is published, or the broker set up.

use runtime::config::ConfigError;
use status::{Failure, Kind, Violation};

/// A failure of publishing or of the broker's settings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is larger than an event may be. Input is to be refused at the door: the field is the caller's to name.
    #[error("the event has {bytes} bytes compressed, more than the {limit} that an event may have")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The event has no payload or an id that is no UUID.
    #[error("the event is not complete: {0}")]
    Incomplete(&'static str),
    /// The bytes are no event.
    #[error("the message is no event: {0}")]
    Undecodable(String),
    /// The settings cannot work.
    #[error("the broker settings cannot be used")]
    Config(#[source] ConfigError),
    /// The compression failed: there is no memory for it.
    #[error("the event cannot be compressed: {0}")]
    Compression(String),
    /// The broker refused or did not answer.
    #[error("the event broker failed: {0}")]
    Broker(String),
    /// The outbox could not be written or read.
    #[error(transparent)]
    Storage(#[from] pg::Error),
}

impl Error {
    /// Settings that cannot work; `what` names the key.
    pub(crate) fn config(what: impl Into<String>) -> Self {
        Self::Config(ConfigError::Unusable(what.into()))
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::TooLarge { .. } => Kind::Invalid,
            Self::Incomplete(_) | Self::Undecodable(_) | Self::Config(_) | Self::Compression(_) => {
                Kind::Internal
            }
            Self::Broker(_) => Kind::Unavailable,
            Self::Storage(error) => error.kind(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "EVENT_TOO_LARGE",
            Self::Incomplete(_) => "EVENT_INCOMPLETE",
            Self::Undecodable(_) => "EVENT_UNDECODABLE",
            Self::Config(_) => "CONFIG",
            Self::Compression(_) => "COMPRESSION",
            Self::Broker(_) => "BROKER_UNAVAILABLE",
            Self::Storage(error) => error.reason(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::Storage(error) => error.violations(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Storage(error) => error.retry_after(),
            _ => None,
        }
    }
}
