//! What can go wrong with the copy of the directory.

use std::time::Duration;

use events::HandleError;
use runtime::ids::MerchantId;
use status::{Failure, Kind, Violation};

/// When it makes sense to ask again for a merchant who was not known: an event takes less than that.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// A failure of the copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory has not told of the merchant: it was not set up (`UpdateMerchant`), the event is under way, or it
    /// was published before this service began to follow (`AnnounceDirectory` sends it again).
    #[error("the directory has not told of merchant {merchant} yet, so where its days begin is unknown")]
    MerchantUnknown {
        /// Who.
        merchant: MerchantId,
    },
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] pg::Error),
}

impl Failure for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::MerchantUnknown { .. } => Kind::Precondition,
            Self::Storage(error) => error.kind(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::MerchantUnknown { .. } => "MERCHANT_UNKNOWN",
            Self::Storage(error) => error.reason(),
        }
    }

    fn violations(&self) -> Vec<Violation> {
        match self {
            Self::MerchantUnknown { .. } => Vec::new(),
            Self::Storage(error) => error.violations(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::MerchantUnknown { .. } => Some(TOLD_WITHIN),
            Self::Storage(error) => error.retry_after(),
        }
    }
}

impl From<Error> for HandleError {
    fn from(error: Error) -> Self {
        match error {
            Error::MerchantUnknown { .. } => Self::early(error),
            Error::Storage(error) => error.into(),
        }
    }
}
