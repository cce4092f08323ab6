//! Which reports are asked for.

use crate::domain::figure::DayRange;
use crate::domain::report::{ReportKind, ReportState, SubjectKind};

/// Which reports; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct ReportFilter {
    /// Of these kinds.
    pub kinds: Vec<ReportKind>,
    /// In one of these states.
    pub states: Vec<ReportState>,
    /// About this kind of thing.
    pub subject_kind: Option<SubjectKind>,
    /// About this one.
    pub subject_id: Option<String>,
    /// Whose last day lies in it.
    pub days: Option<DayRange>,
    /// Addressed to one of these roles, by name; `None` to anybody or nobody.
    pub addressed_to: Option<Vec<String>>,
}
