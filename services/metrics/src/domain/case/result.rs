//! What people's cases came to.

/// Of one person; amounts in the smallest unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// Who.
    pub person: String,
    /// On their work list as of now.
    pub open: i64,
    /// Of those, past their deadline.
    pub overdue: i64,
    /// Accepted on the days asked for; all that follow are of these.
    pub accepted: i64,
    /// Solved.
    pub solved: i64,
    /// Without a missed deadline.
    pub solved_in_time: i64,
    /// Called back, or archived because nobody could be reached.
    pub called_back: i64,
    /// What was granted.
    pub granted: i64,
    /// What was recovered.
    pub recovered: i64,
}
