//! What can go wrong with alerts.

use status::{Failure, Kind};

use crate::domain::alert::AlertState;

/// What can go wrong with alerts.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// There is none that counts.
    #[error("there is no alert rule {id}")]
    RuleNotFound {
        /// Which.
        id: String,
    },
    /// The id is taken, perhaps by one that was deleted.
    #[error("there is an alert rule {id} already")]
    RuleExists {
        /// Which.
        id: String,
    },
    /// Somebody else changed it.
    #[error("alert rule {id} has changed since it was read")]
    RuleChanged {
        /// Which.
        id: String,
    },
    /// There are enough.
    #[error("the merchant has {limit} alert rules, which is the limit")]
    TooManyRules {
        /// How many there may be.
        limit: usize,
    },
    /// Nobody wants to know.
    #[error("no enabled rule is for this signal")]
    NoRuleForSignal,
    /// There is none that the caller may see.
    #[error("there is no alert {id}")]
    NotFound {
        /// Which.
        id: String,
    },
    /// The id is taken.
    #[error("there is an alert {id} already")]
    Exists {
        /// Which.
        id: String,
    },
    /// Another was raised for the same at the same moment.
    #[error("the alert was just raised by somebody else")]
    Raced,
    /// Somebody else changed it.
    #[error("alert {id} has changed since it was read")]
    Changed {
        /// Which.
        id: String,
    },
    /// That can't be done any more.
    #[error("alert {id} is {}", state.name())]
    State {
        /// Which.
        id: String,
        /// Its state.
        state: AlertState,
    },
    /// An incident was opened out of it already.
    #[error("incident {incident} was opened out of alert {id} already")]
    HasIncident {
        /// Which alert.
        id: String,
        /// Which incident.
        incident: String,
    },
    /// There are enough.
    #[error("the history of alert {id} has {limit} entries, which is the limit")]
    TooManyEntries {
        /// Which.
        id: String,
        /// How many there may be.
        limit: i32,
    },
}

impl Failure for AlertError {
    fn kind(&self) -> Kind {
        match self {
            Self::RuleNotFound { .. } | Self::NotFound { .. } => Kind::NotFound,
            Self::RuleExists { .. } | Self::Exists { .. } => Kind::AlreadyExists,
            Self::RuleChanged { .. } | Self::Changed { .. } | Self::Raced => Kind::Contended,
            Self::NoRuleForSignal | Self::State { .. } | Self::HasIncident { .. } => Kind::Precondition,
            Self::TooManyRules { .. } | Self::TooManyEntries { .. } => Kind::Exhausted,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::RuleNotFound { .. } => "ALERT_RULE_NOT_FOUND",
            Self::RuleExists { .. } => "ALERT_RULE_EXISTS",
            Self::RuleChanged { .. } => "ALERT_RULE_CHANGED",
            Self::TooManyRules { .. } => "TOO_MANY_ALERT_RULES",
            Self::NoRuleForSignal => "NO_RULE_FOR_SIGNAL",
            Self::NotFound { .. } => "ALERT_NOT_FOUND",
            Self::Exists { .. } => "ALERT_EXISTS",
            Self::Raced => "ALERT_RACED",
            Self::Changed { .. } => "ALERT_CHANGED",
            Self::State { .. } => "ALERT_STATE",
            Self::HasIncident { .. } => "ALERT_HAS_INCIDENT",
            Self::TooManyEntries { .. } => "TOO_MANY_ALERT_ENTRIES",
        }
    }
}
