//! What can go wrong with holds and erasures.

use status::{Failure, Kind};

/// Failures of holds and erasures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivacyError {
    /// No such hold.
    #[error("there is no hold {hold}")]
    HoldNotFound {
        /// As asked for.
        hold: String,
    },
    /// It is lifted already.
    #[error("the hold is lifted already")]
    HoldLifted,
    /// No such erasure.
    #[error("there is no erasure {erasure}")]
    ErasureNotFound {
        /// As asked for.
        erasure: String,
    },
}

impl Failure for PrivacyError {
    fn kind(&self) -> Kind {
        match self {
            Self::HoldNotFound { .. } | Self::ErasureNotFound { .. } => Kind::NotFound,
            Self::HoldLifted => Kind::Precondition,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::HoldNotFound { .. } => "HOLD_NOT_FOUND",
            Self::HoldLifted => "HOLD_LIFTED",
            Self::ErasureNotFound { .. } => "ERASURE_NOT_FOUND",
        }
    }
}
