//! What can go wrong with cases.

use chrono::{DateTime, Utc};
use status::{Failure, Kind, Violation};

use crate::domain::case::CaseState;
use crate::domain::case::step::StepKind;
use crate::domain::fact::Severity;

/// What can go wrong with cases.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// There is none that the caller may see.
    #[error("there is no case {id}")]
    NotFound {
        /// Which.
        id: String,
    },
    /// The id is taken.
    #[error("there is a case {id} already")]
    Exists {
        /// Which.
        id: String,
    },
    /// Somebody else changed it.
    #[error("case {id} has changed since it was read")]
    Changed {
        /// Which.
        id: String,
    },
    /// Its content can't be changed in this state.
    #[error("case {id} is {}", state.name())]
    State {
        /// Which.
        id: String,
        /// Its state.
        state: CaseState,
    },
    /// There is no such step from its state.
    #[error("case {id} is {}: no {} from there", state.name(), step.name())]
    Step {
        /// Which.
        id: String,
        /// Its state.
        state: CaseState,
        /// What was to be done.
        step: StepKind,
    },
    /// A notice puts the answer off too far, or not at all.
    #[error("the agreed time must be later than now and no later than {}", latest.to_rfc3339())]
    Agreed {
        /// The latest there may be.
        latest: DateTime<Utc>,
    },
    /// A solution was known before there was a case, or will be.
    #[error("the solution must have been there between the acceptance and now")]
    Known,
    /// More than the caller may grant.
    #[error(
        "case {id} would have {granted} granted in all, and the caller's limit is {limit}; {} may",
        names(may)
    )]
    GrantAboveLimit {
        /// Which.
        id: String,
        /// What would be granted then.
        granted: String,
        /// The highest of the caller's roles.
        limit: String,
        /// Roles that may.
        may: Vec<String>,
    },
    /// Somebody who may do more must have it first.
    #[error("case {id} is {}: it must be escalated first", severity.name())]
    NotEscalated {
        /// Which.
        id: String,
        /// How grave it is.
        severity: Severity,
    },
    /// It is on that person's work list already.
    #[error("{person} has case {id} already")]
    Owned {
        /// Which.
        id: String,
        /// Who.
        person: String,
    },
    /// Nobody said why it came to it.
    #[error("case {id} has no cause")]
    CauseMissing {
        /// Which.
        id: String,
    },
    /// The catalogue has no such cause, or not any more.
    #[error("the catalogue has no cause {id}")]
    CauseUnknown {
        /// Which.
        id: String,
    },
    /// The customer was not called back.
    #[error("case {id} is archived after the call back, or after {times} that reached nobody")]
    CallBackMissing {
        /// Which.
        id: String,
        /// How often it is tried.
        times: i32,
    },
    /// There are enough.
    #[error("case {id} has {limit} entries, which is the limit")]
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
    /// There is no such version.
    #[error("the case policy has no version {version}")]
    PolicyNotFound {
        /// Which.
        version: i32,
    },
    /// Somebody else put a version.
    #[error("the case policy has changed since it was read")]
    PolicyChanged,
}

fn names(roles: &[String]) -> String {
    if roles.is_empty() { "nobody".to_owned() } else { roles.join(", ") }
}

impl Failure for CaseError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } | Self::PersonNotFound { .. } | Self::PolicyNotFound { .. } => {
                Kind::NotFound
            }
            Self::Exists { .. } => Kind::AlreadyExists,
            Self::Changed { .. } | Self::PolicyChanged => Kind::Contended,
            Self::Agreed { .. } | Self::Known => Kind::Invalid,
            Self::State { .. }
            | Self::Step { .. }
            | Self::GrantAboveLimit { .. }
            | Self::NotEscalated { .. }
            | Self::Owned { .. }
            | Self::CauseMissing { .. }
            | Self::CauseUnknown { .. }
            | Self::CallBackMissing { .. } => Kind::Precondition,
            Self::TooManyEvents { .. } => Kind::Exhausted,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "CASE_NOT_FOUND",
            Self::Exists { .. } => "CASE_EXISTS",
            Self::Changed { .. } => "CASE_CHANGED",
            Self::State { .. } | Self::Step { .. } | Self::Owned { .. } => "CASE_STATE",
            Self::Agreed { .. } | Self::Known => "INVALID_REQUEST",
            Self::GrantAboveLimit { .. } => "GRANT_ABOVE_LIMIT",
            Self::NotEscalated { .. } => "CASE_NOT_ESCALATED",
            Self::CauseMissing { .. } => "CAUSE_MISSING",
            Self::CauseUnknown { .. } => "CAUSE_UNKNOWN",
            Self::CallBackMissing { .. } => "CALL_BACK_MISSING",
            Self::TooManyEvents { .. } => "TOO_MANY_CASE_EVENTS",
            Self::PersonNotFound { .. } => "PERSON_NOT_FOUND",
            Self::PolicyNotFound { .. } => "CASE_POLICY_NOT_FOUND",
            Self::PolicyChanged => "CASE_POLICY_CHANGED",
        }
    }

    fn violations(&self) -> Vec<Violation> {
        let field = match self {
            Self::Agreed { .. } => "step.notice.agreed_at",
            Self::Known => "step.solution.known_at",
            _ => return Vec::new(),
        };
        vec![Violation { field: field.to_owned(), description: self.to_string() }]
    }
}
