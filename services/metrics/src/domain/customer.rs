//! Customers of a shop: their tier, whether they are about to be lost, and who cares for them.

pub mod care;
pub mod filter;
pub mod profile;
pub mod tier;

use status::{Failure, Kind};

use crate::domain::customer::care::CareState;

/// What can go wrong with customers.
#[derive(Debug, thiserror::Error)]
pub enum CustomerError {
    /// There is none that the caller may see.
    #[error("there is no customer {id}")]
    NotFound {
        /// Which.
        id: String,
    },
    /// There is no such version.
    #[error("there is no version {version} of the rules about customers")]
    RulesNotFound {
        /// Which.
        version: i32,
    },
    /// Somebody put a version first.
    #[error("the rules about customers have changed since they were read")]
    RulesChanged,
    /// There is none that the caller may see.
    #[error("there is no care task {id}")]
    CareNotFound {
        /// Which.
        id: String,
    },
    /// Somebody changed it first.
    #[error("care task {id} has changed since it was read")]
    CareChanged {
        /// Which.
        id: String,
    },
    /// It is done.
    #[error("care task {id} is {}", state.name())]
    CareDone {
        /// Which.
        id: String,
        /// Its state.
        state: CareState,
    },
    /// There is nobody of that id within reach.
    #[error("there is no person {id} within reach")]
    PersonNotFound {
        /// Who.
        id: String,
    },
}

impl Failure for CustomerError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. }
            | Self::RulesNotFound { .. }
            | Self::CareNotFound { .. }
            | Self::PersonNotFound { .. } => Kind::NotFound,
            Self::RulesChanged | Self::CareChanged { .. } => Kind::Contended,
            Self::CareDone { .. } => Kind::Precondition,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "CUSTOMER_NOT_FOUND",
            Self::RulesNotFound { .. } => "TIER_RULES_NOT_FOUND",
            Self::RulesChanged => "TIER_RULES_CHANGED",
            Self::CareNotFound { .. } => "CARE_TASK_NOT_FOUND",
            Self::CareChanged { .. } => "CARE_TASK_CHANGED",
            Self::CareDone { .. } => "CARE_TASK_DONE",
            Self::PersonNotFound { .. } => "PERSON_NOT_FOUND",
        }
    }
}
