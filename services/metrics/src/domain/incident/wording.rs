//! What everyone says about something (口径).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What everyone says about something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wording {
    /// From 1.
    pub number: i32,
    /// What customers ask about; redacted.
    pub topic: String,
    /// What is said; redacted.
    pub text: String,
    /// Who put it in force.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// That a wording is not to be said any more, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Who says so.
    pub by: String,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Why; redacted.
    pub because: String,
}

/// A wording as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreedWording {
    /// Of which incident.
    pub incident: String,
    /// What is said.
    pub wording: Wording,
    /// About these; empty: all.
    pub products: Vec<String>,
    /// In these; empty: all.
    pub shops: Vec<String>,
    /// Of an exercise.
    pub drill: bool,
    /// Whether it is to be said now.
    pub in_force: bool,
    /// If it was withdrawn.
    pub withdrawal: Option<Withdrawal>,
}

impl AgreedWording {
    /// When it was agreed or, later, withdrawn.
    pub fn changed_at(&self) -> DateTime<Utc> {
        self.withdrawal.as_ref().map_or(self.wording.at, |withdrawal| withdrawal.at)
    }
}
