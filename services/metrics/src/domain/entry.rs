//! An entry of a timeline: what happened to a case or a follow-up, and how it stood then.

use chrono::{DateTime, Utc};

/// An entry. `S` is how things can stand, `H` what can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<S, H> {
    /// From 1.
    pub number: i32,
    /// Who; `None`: a program, or the service itself.
    pub person: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// How it stood then.
    pub state: S,
    /// What was due next, and when.
    pub due_at: Option<DateTime<Utc>>,
    /// Whether it came after its time.
    pub late: bool,
    /// What it tells.
    pub happening: H,
}
