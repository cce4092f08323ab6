//! What happened in an incident, line by line.

use chrono::{DateTime, Utc};

use crate::domain::alert::Act;

/// Lines that people can add to a timeline. What the service itself notes goes on beyond.
pub const ENTRIES_MAX: i32 = 5_000;

/// What a line of the timeline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "incident.proto explains each under the same name")]
pub enum EntryKind {
    Opened,
    Noted,
    Edited,
    Contained,
    Closed,
    Reopened,
    Worded,
    Told,
    TaskAdded,
    TaskChanged,
    TaskDone,
    TaskReopened,
    Reviewed,
    Filed,
    WordingWithdrawn,
}

impl EntryKind {
    const ALL: [Self; 15] = [
        Self::Opened,
        Self::Noted,
        Self::Edited,
        Self::Contained,
        Self::Closed,
        Self::Reopened,
        Self::Worded,
        Self::Told,
        Self::TaskAdded,
        Self::TaskChanged,
        Self::TaskDone,
        Self::TaskReopened,
        Self::Reviewed,
        Self::Filed,
        Self::WordingWithdrawn,
    ];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Noted => "noted",
            Self::Edited => "edited",
            Self::Contained => "contained",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
            Self::Worded => "worded",
            Self::Told => "told",
            Self::TaskAdded => "task_added",
            Self::TaskChanged => "task_changed",
            Self::TaskDone => "task_done",
            Self::TaskReopened => "task_reopened",
            Self::Reviewed => "reviewed",
            Self::Filed => "filed",
            Self::WordingWithdrawn => "wording_withdrawn",
        }
    }

    /// The kind of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1.
    pub number: i32,
    /// What.
    pub kind: EntryKind,
    /// When it happened.
    pub happened_at: DateTime<Utc>,
    /// Who wrote it down, when, and what.
    pub act: Act,
    /// The task that it is about.
    pub task: Option<String>,
    /// Numbers of the roles that were told.
    pub told: Vec<i32>,
}

/// What happened, before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What.
    pub kind: EntryKind,
    /// When, if that was before.
    pub happened_at: Option<DateTime<Utc>>,
    /// What is said about it.
    pub text: String,
    /// The task that it is about.
    pub task: Option<String>,
    /// Numbers of the roles that are told now.
    pub told: Vec<i32>,
}

impl News {
    /// Happened now.
    pub fn of(kind: EntryKind, text: impl Into<String>) -> Self {
        Self { kind, happened_at: None, text: text.into(), task: None, told: Vec::new() }
    }
}

/// What others are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "incident.proto explains each under the same name")]
pub enum Change {
    Opened,
    Escalated,
    Contained,
    Closed,
    Reopened,
    Worded,
    WordingWithdrawn,
}

impl Change {
    /// What of these lines others are told; `None`: nothing.
    pub fn of(entries: &[Entry]) -> Option<Self> {
        entries.iter().find_map(|entry| match entry.kind {
            EntryKind::Opened => Some(Self::Opened),
            EntryKind::Told => Some(Self::Escalated),
            EntryKind::Contained => Some(Self::Contained),
            EntryKind::Closed => Some(Self::Closed),
            EntryKind::Reopened => Some(Self::Reopened),
            EntryKind::Worded => Some(Self::Worded),
            EntryKind::WordingWithdrawn => Some(Self::WordingWithdrawn),
            _ => None,
        })
    }
}
