//! Which follow-ups are asked for.

use crate::domain::follow_up::{FollowUpKind, FollowUpState};

/// Which follow-ups; what is empty doesn't narrow.
#[derive(Debug, Clone)]
pub struct FollowUpFilter {
    /// Of one of these kinds.
    pub kinds: Vec<FollowUpKind>,
    /// In one of these states.
    pub states: Vec<FollowUpState>,
    /// On this person's work list; the empty id is nobody's.
    pub owner: Option<String>,
    /// Of this shop.
    pub shop: Option<String>,
    /// Of this buyer.
    pub customer: Option<String>,
    /// Only those whose contact should have been made.
    pub overdue: bool,
}
