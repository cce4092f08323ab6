//! Which issues are asked for.

use crate::domain::issue::IssueState;

/// Which issues; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct IssueFilter {
    /// Names of kinds.
    pub kinds: Vec<&'static str>,
    /// In one of these states.
    pub states: Vec<IssueState>,
    /// Number of the role that has to act.
    pub department: Option<i32>,
    /// Who acts.
    pub owner: Option<String>,
    /// About this shop.
    pub shop: Option<String>,
    /// Only those whose day is over.
    pub overdue: bool,
}
