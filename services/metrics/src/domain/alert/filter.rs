//! Which alerts are asked for.

use crate::domain::alert::AlertState;
use crate::domain::alert::rule::{AlertScope, Level};

/// Which alerts; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct AlertFilter {
    /// In one of these states.
    pub states: Vec<AlertState>,
    /// Of one of these levels.
    pub levels: Vec<Level>,
    /// Raised by this rule.
    pub rule: Option<String>,
    /// About such keys.
    pub scope: Option<AlertScope>,
    /// About this one.
    pub key: Option<String>,
    /// Of which this role (its number) was told.
    pub told: Option<i32>,
}
