//! Which cases are asked for.

use crate::domain::case::CaseState;
use crate::domain::case::content::CaseKind;
use crate::domain::fact::Severity;

/// Which cases; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct CaseFilter {
    /// In one of these states.
    pub states: Vec<CaseState>,
    /// Of one of these kinds.
    pub kinds: Vec<CaseKind>,
    /// As grave as one of these.
    pub severities: Vec<Severity>,
    /// Of this cause.
    pub cause: Option<String>,
    /// On this person's work list.
    pub owner: Option<String>,
    /// Of this shop.
    pub shop: Option<String>,
    /// Of this buyer.
    pub customer: Option<String>,
    /// Of this phone.
    pub phone: Option<String>,
    /// Only those whose deadline is over.
    pub overdue: bool,
}
