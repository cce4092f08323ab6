//! Which incidents and which of their tasks are asked for.

use crate::domain::alert::rule::Level;
use crate::domain::incident::IncidentState;

/// Which incidents; what is empty doesn't narrow.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    /// In one of these states.
    pub states: Vec<IncidentState>,
    /// Of one of these levels.
    pub levels: Vec<Level>,
    /// Opened out of this alert.
    pub alert: Option<String>,
    /// Exercises only, or none.
    pub drill: Option<bool>,
    /// Only those whose retrospective is overdue.
    pub retrospective_overdue: bool,
    /// Only those that are cases for the knowledge base.
    pub cases: bool,
}

/// Which tasks; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct IncidentTaskFilter {
    /// Of this incident.
    pub incident: Option<String>,
    /// Of this person.
    pub owner: Option<String>,
    /// Only those that are neither done nor dropped.
    pub open: bool,
    /// Only those of them whose time is over.
    pub overdue: bool,
}
