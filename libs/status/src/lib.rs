//! Error kinds and their gRPC statuses, in both directions.
//!
//! A service's error enum implements [`Failure`]: each variant says what [`Kind`] of failure it is and a stable
//! reason. [`to_status`] turns that into a `tonic::Status` with `google.rpc` details and logs the error once;
//! [`Problem`] reads such a status back on the other side, or makes one where there is no error enum (the gateway,
//! the server's layers). [`checked`] holds a request against the rules its proto states.
//!
//! ```
//! # use status::{Failure, Kind};
//! #[derive(Debug)]
//! enum ShopError { Closed }
//! # impl std::fmt::Display for ShopError {
//! #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("the shop is closed") }
//! # }
//! # impl std::error::Error for ShopError {}
//! impl Failure for ShopError {
//!     fn kind(&self) -> Kind { match self { Self::Closed => Kind::Precondition } }
//!     fn reason(&self) -> &'static str { match self { Self::Closed => "SHOP_CLOSED" } }
//! }
//! let status = status::to_status("shops", &ShopError::Closed);
//! assert_eq!(status.code(), tonic::Code::FailedPrecondition);
//! ```
//!
//! This crate knows no service, no storage and no transport settings.

mod kind;
mod problem;
mod validate;

use std::error::Error;
use std::time::Duration;

pub use kind::Kind;
pub use problem::Problem;
pub use validate::{checked, invalid, valid};

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field as in the proto: `range.from`, `messages[3].sent_at`.
    pub field: String,
    /// What the field must be, in a sentence without the value that was sent.
    pub description: String,
}

/// An error that may cross the wire: says what it means to the caller.
pub trait Failure: Error + Send + Sync + 'static {
    /// What the caller and the operator do next.
    fn kind(&self) -> Kind;

    /// A stable name in SCREAMING_SNAKE_CASE that programs may match on.
    fn reason(&self) -> &'static str;

    /// Facts that a program needs to act on the reason; never personal data or secrets.
    fn metadata(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The fields at fault, for [`Kind::Invalid`].
    fn violations(&self) -> Vec<Violation> {
        Vec::new()
    }

    /// When trying again makes sense.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// The status of `failure`, with `ErrorInfo`, `BadRequest` and `RetryInfo` where they apply.
///
/// This is the edge where errors are handled, so the whole chain is logged here, once, at the level of its kind.
/// The text, reason and metadata of an internal error stay in the log: the caller gets "internal error".
pub fn to_status<F: Failure>(domain: &'static str, failure: &F) -> tonic::Status {
    log(domain, failure);
    if failure.kind() == Kind::Internal {
        return Problem::new(Kind::Internal, "INTERNAL", "internal error").domain(domain).into_status();
    }
    let mut problem = Problem::new(failure.kind(), failure.reason(), failure.to_string()).domain(domain);
    problem.metadata = failure.metadata().into_iter().collect();
    problem.violations = failure.violations();
    problem.retry_after = failure.retry_after();
    problem.into_status()
}

fn log<F: Failure>(domain: &'static str, failure: &F) {
    let (kind, reason) = (failure.kind(), failure.reason());
    // The macros need their level at compile time.
    macro_rules! at {
        ($level:ident) => {
            tracing::$level!(
                error.domain = domain,
                error.kind = ?kind,
                error.reason = reason,
                error.chain = chain(failure),
                "call failed"
            )
        };
    }
    match kind.level() {
        tracing::Level::ERROR => at!(error),
        tracing::Level::WARN => at!(warn),
        tracing::Level::INFO => at!(info),
        _ => at!(debug),
    }
}

/// The error and all its sources in one line: `cannot load the day: connection closed: broken pipe`.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
