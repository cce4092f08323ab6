//! What people's follow-ups came to.

use crate::domain::follow_up::FollowUpKind;

/// Of one person and kind; the amount in the smallest unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUpResult {
    /// Who; empty is nobody's.
    pub person: String,
    /// Which.
    pub kind: FollowUpKind,
    /// As of now.
    pub open: i64,
    /// Of those, whose contact should have been made.
    pub overdue: i64,
    /// On the days asked for; all that follow are of these.
    pub created: i64,
    /// Contacted at least once.
    pub contacted: i64,
    /// Won.
    pub won: i64,
    /// Lost.
    pub lost: i64,
    /// Settled without anybody's doing.
    pub settled: i64,
    /// What was recovered.
    pub recovered: i64,
}
