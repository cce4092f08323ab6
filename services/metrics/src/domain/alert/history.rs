//! What happened to an alert, entry by entry.

use crate::domain::alert::Act;
use crate::domain::alert::trigger::Evidence;

/// Entries that the history of an alert can have. What the service itself notes goes on beyond.
pub const ENTRIES_MAX: i32 = 1_000;

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "alert.proto explains each under the same name")]
pub enum EntryKind {
    Raised,
    Worsened,
    Reported,
    Cleared,
    Recurred,
    Told,
    Acknowledged,
    Commented,
    Resolved,
    Incident,
}

impl EntryKind {
    const ALL: [Self; 10] = [
        Self::Raised,
        Self::Worsened,
        Self::Reported,
        Self::Cleared,
        Self::Recurred,
        Self::Told,
        Self::Acknowledged,
        Self::Commented,
        Self::Resolved,
        Self::Incident,
    ];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Worsened => "worsened",
            Self::Reported => "reported",
            Self::Cleared => "cleared",
            Self::Recurred => "recurred",
            Self::Told => "told",
            Self::Acknowledged => "acknowledged",
            Self::Commented => "commented",
            Self::Resolved => "resolved",
            Self::Incident => "incident",
        }
    }

    /// The kind of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// From 1.
    pub number: i32,
    /// What.
    pub kind: EntryKind,
    /// Who, when, and what they said.
    pub act: Act,
    /// The figure then.
    pub evidence: Option<Evidence>,
    /// Numbers of the roles that were told.
    pub told: Vec<i32>,
}

/// What happened, before it has a number.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// What.
    pub kind: EntryKind,
    /// What somebody said.
    pub note: String,
    /// The figure then.
    pub evidence: Option<Evidence>,
    /// Numbers of the roles that are told now.
    pub told: Vec<i32>,
}

impl News {
    /// Nothing more is known of it.
    pub fn of(kind: EntryKind) -> Self {
        Self { kind, note: String::new(), evidence: None, told: Vec::new() }
    }
}
