//! What can go wrong with follow-ups.

use chrono::{DateTime, Utc};
use status::{Failure, Kind, Violation};

use crate::domain::follow_up::FollowUpState;

/// What can go wrong with follow-ups.
#[derive(Debug, thiserror::Error)]
pub enum FollowUpError {
    /// There is none that the caller may see.
    #[error("there is no follow-up {id}")]
    NotFound {
        /// Which.
        id: String,
    },
    /// The id is taken by one of another source.
    #[error("there is a follow-up {id} already")]
    Exists {
        /// Which.
        id: String,
    },
    /// Somebody else changed it.
    #[error("follow-up {id} has changed since it was read")]
    Changed {
        /// Which.
        id: String,
    },
    /// It has ended.
    #[error("follow-up {id} is {}", state.name())]
    Closed {
        /// Which.
        id: String,
        /// How it ended.
        state: FollowUpState,
    },
    /// The next contact is too far off, or over.
    #[error("the next contact must be later than now and no later than {}", latest.to_rfc3339())]
    Next {
        /// The latest there may be.
        latest: DateTime<Utc>,
    },
    /// Payments are missing, or there is nothing to be paid.
    #[error("payments must {}be given", if *wanted { "" } else { "not " })]
    Payments {
        /// Whether there must be some.
        wanted: bool,
    },
    /// There is no payment of that id that fits.
    #[error("there is no payment {id} of the customer that fits")]
    PaymentNotFound {
        /// Which.
        id: String,
    },
    /// It counts for another follow-up.
    #[error("a payment counts for another follow-up already")]
    PaymentLinked,
    /// There are enough.
    #[error("follow-up {id} has {limit} entries, which is the limit")]
    TooManyEvents {
        /// Which.
        id: String,
        /// How many there may be.
        limit: i32,
    },
    /// There is nobody of that id within reach.
    #[error("there is no person {id} within reach")]
    PersonNotFound {
        /// Who.
        id: String,
    },
    /// There is no such version of the policy.
    #[error("there is no version {version} of the follow-up policy")]
    PolicyNotFound {
        /// Which.
        version: i32,
    },
    /// Somebody else put a version.
    #[error("the follow-up policy has changed since it was read")]
    PolicyChanged,
}

impl Failure for FollowUpError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. }
            | Self::PersonNotFound { .. }
            | Self::PaymentNotFound { .. }
            | Self::PolicyNotFound { .. } => Kind::NotFound,
            Self::Exists { .. } => Kind::AlreadyExists,
            Self::Changed { .. } | Self::PolicyChanged => Kind::Contended,
            Self::Next { .. } | Self::Payments { .. } => Kind::Invalid,
            Self::Closed { .. } | Self::PaymentLinked => Kind::Precondition,
            Self::TooManyEvents { .. } => Kind::Exhausted,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "FOLLOW_UP_NOT_FOUND",
            Self::Exists { .. } => "FOLLOW_UP_EXISTS",
            Self::Changed { .. } => "FOLLOW_UP_CHANGED",
            Self::Closed { .. } => "FOLLOW_UP_CLOSED",
            Self::Next { .. } | Self::Payments { .. } => "INVALID_REQUEST",
            Self::PaymentNotFound { .. } => "PAYMENT_NOT_FOUND",
            Self::PaymentLinked => "PAYMENT_LINKED",
            Self::TooManyEvents { .. } => "TOO_MANY_FOLLOW_UP_EVENTS",
            Self::PersonNotFound { .. } => "PERSON_NOT_FOUND",
            Self::PolicyNotFound { .. } => "FOLLOW_UP_POLICY_NOT_FOUND",
            Self::PolicyChanged => "FOLLOW_UP_POLICY_CHANGED",
        }
    }

    fn violations(&self) -> Vec<Violation> {
        let field = match self {
            Self::Next { .. } => "contact.next_at",
            Self::Payments { .. } => "end.payment_ids",
            _ => return Vec::new(),
        };
        vec![Violation { field: field.to_owned(), description: self.to_string() }]
    }
}
