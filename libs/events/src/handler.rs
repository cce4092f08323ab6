//! What a service writes to follow events.

use std::future::Future;

use diesel_async::AsyncPgConnection;
use proto::events::v1::Event;
use status::{Failure, Kind};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// The effect of an event in a service's own tables.
pub trait Handler: Send + Sync + 'static {
    /// Makes the effect of one event inside the given transaction. Must be harmless for a version that is not newer
    /// than what is there.
    fn handle(
        &self,
        conn: &mut AsyncPgConnection,
        event: &Event,
    ) -> impl Future<Output = Result<(), HandleError>> + Send;

    /// Makes the effect of many events inside one transaction. Worth writing where one statement can do the work of
    /// hundreds. If it fails, the events come again in halves, at last one by one.
    fn handle_batch(
        &self,
        conn: &mut AsyncPgConnection,
        events: &[&Event],
    ) -> impl Future<Output = Result<(), HandleError>> + Send {
        async move {
            for event in events {
                self.handle(conn, event).await?;
            }
            Ok(())
        }
    }

    /// Whether a note of each handled event is to be kept, which drops what is delivered again. A handler that finds
    /// every repeat by the versions in its own rows does better without: it saves a row for each event.
    fn notes_events(&self) -> bool {
        true
    }

    /// How many events are handled at once at most.
    fn batch_size(&self) -> usize {
        200
    }
}

/// Why an event could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// May succeed later. The event comes again, and is parked when that does not help.
    #[error("the event could not be handled now")]
    Transient(#[source] Source),
    /// What it needs has not come from another service yet. The event comes again every few seconds, and is parked when
    /// minutes did not help.
    #[error("what the event needs is not here yet")]
    Early(#[source] Source),
    /// Will never succeed as things are: parked at once.
    #[error("the event can never be handled")]
    Poison(#[source] Source),
    /// Not the event's fault: the database is away. The event waits without being counted.
    #[error("nothing can be handled now")]
    Unavailable(#[source] Source),
}

impl HandleError {
    /// A [`HandleError::Poison`] for this reason.
    pub fn poison(why: impl Into<Source>) -> Self {
        Self::Poison(why.into())
    }

    /// A [`HandleError::Transient`] for this reason.
    pub fn transient(why: impl Into<Source>) -> Self {
        Self::Transient(why.into())
    }

    /// A [`HandleError::Early`] for this reason.
    pub fn early(why: impl Into<Source>) -> Self {
        Self::Early(why.into())
    }

    /// What happened, with all causes, for the log and the parked row.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Transient(source)
            | Self::Early(source)
            | Self::Poison(source)
            | Self::Unavailable(source) => status::chain(&**source),
        }
    }
}

impl From<pg::Error> for HandleError {
    fn from(error: pg::Error) -> Self {
        match error.kind() {
            Kind::Unavailable | Kind::Exhausted | Kind::Timeout => Self::Unavailable(error.into()),
            _ => Self::Transient(error.into()),
        }
    }
}

impl From<diesel::result::Error> for HandleError {
    fn from(error: diesel::result::Error) -> Self {
        pg::Error::from(error).into()
    }
}

impl From<crate::Error> for HandleError {
    fn from(error: crate::Error) -> Self {
        match error {
            crate::Error::Storage(error) => error.into(),
            crate::Error::Broker(_) | crate::Error::Config(_) | crate::Error::Compression(_) => {
                Self::Transient(error.into())
            }
            // The event itself is wrong: it will not get better.
            other => Self::Poison(other.into()),
        }
    }
}
