//! What can go wrong with rules, hits and dry runs.

use chrono::NaiveDate;
use status::{Failure, Kind};

/// Failures of the automatic checks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// No such version of the rules.
    #[error("there is no version {version} of the rules")]
    RuleSetNotFound {
        /// As asked for.
        version: i32,
    },
    /// Only a draft can be changed and published.
    #[error("version {version} of the rules is not a draft")]
    RuleSetNotDraft {
        /// Which.
        version: i32,
    },
    /// Rules hold only from a day that has not begun and that comes after all published versions.
    #[error("rules can take effect from {earliest} on")]
    RuleSetDayBegun {
        /// The first day that is free.
        earliest: NaiveDate,
    },
    /// It has checked chats, so it stays.
    #[error("version {version} of the rules is in use; publish another one instead")]
    RuleSetInUse {
        /// Which.
        version: i32,
    },
    /// It was dropped already.
    #[error("version {version} of the rules is retired already")]
    RuleSetRetired {
        /// Which.
        version: i32,
    },
    /// No such hit within the caller's reach.
    #[error("there is no hit {hit}")]
    HitNotFound {
        /// As asked for.
        hit: String,
    },
    /// No such dry run.
    #[error("there is no dry run {run}")]
    DryRunNotFound {
        /// As asked for.
        run: String,
    },
    /// As many as may be are waiting or running.
    #[error("{limit} dry runs are waiting or running already")]
    DryRunsFull {
        /// How many may be.
        limit: i64,
    },
    /// It has ended by itself.
    #[error("the dry run is over")]
    DryRunOver,
}

impl Failure for CheckError {
    fn kind(&self) -> Kind {
        match self {
            Self::RuleSetNotFound { .. } | Self::HitNotFound { .. } | Self::DryRunNotFound { .. } => {
                Kind::NotFound
            }
            Self::RuleSetNotDraft { .. }
            | Self::RuleSetDayBegun { .. }
            | Self::RuleSetInUse { .. }
            | Self::RuleSetRetired { .. }
            | Self::DryRunsFull { .. }
            | Self::DryRunOver => Kind::Precondition,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::RuleSetNotFound { .. } => "RULE_SET_NOT_FOUND",
            Self::RuleSetNotDraft { .. } => "RULE_SET_NOT_DRAFT",
            Self::RuleSetDayBegun { .. } => "RULE_SET_DAY_BEGUN",
            Self::RuleSetInUse { .. } => "RULE_SET_IN_USE",
            Self::RuleSetRetired { .. } => "RULE_SET_RETIRED",
            Self::HitNotFound { .. } => "HIT_NOT_FOUND",
            Self::DryRunNotFound { .. } => "DRY_RUN_NOT_FOUND",
            Self::DryRunsFull { .. } => "DRY_RUNS_FULL",
            Self::DryRunOver => "DRY_RUN_OVER",
        }
    }

    fn metadata(&self) -> Vec<(String, String)> {
        match self {
            Self::RuleSetDayBegun { earliest } => vec![("earliest".to_owned(), earliest.to_string())],
            _ => Vec::new(),
        }
    }
}
