//! What is to be done in an incident, and after it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::alert::Act;
use crate::domain::incident::error::IncidentError;

/// Tasks that an incident may have.
pub const TASKS_MAX: i64 = 500;

/// Where a task comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// To be done before the incident is closed.
    Response,
    /// Of the retrospective.
    Measure,
}

/// A task's ids.
#[derive(Debug, Clone, Copy)]
pub struct TaskAt<'a> {
    /// Of its incident.
    pub incident: &'a str,
    /// Its own.
    pub id: &'a str,
    /// The version that it must have; empty: any.
    pub etag: &'a str,
}

impl TaskKind {
    const ALL: [Self; 2] = [Self::Response, Self::Measure];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Measure => "measure",
        }
    }

    /// The kind of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is to be done by whom until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskContent {
    /// What; redacted.
    pub title: String,
    /// By whom.
    pub owner: String,
    /// Until when.
    pub due_at: Option<DateTime<Utc>>,
    /// It need not be done any more.
    pub dropped: bool,
}

impl TaskContent {
    /// What is wrong, with the field of the request.
    pub fn check(&self) -> Result<(), Violation> {
        if self.title.trim().is_empty() {
            let description = "must say something".to_owned();
            return Err(Violation { field: "content.title".to_owned(), description });
        }
        Ok(())
    }
}

/// A task as of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Of which incident.
    pub incident: String,
    /// Unique in it.
    pub id: String,
    /// From 1, one more with each change.
    pub version: i64,
    /// Where it comes from.
    pub kind: TaskKind,
    /// What is to be done.
    pub content: TaskContent,
    /// Who did it.
    pub done: Option<Act>,
    /// Of an exercise.
    pub drill: bool,
    /// Who made this version, and when.
    pub changed: (String, DateTime<Utc>),
}

impl Task {
    /// Not done yet.
    pub fn new(
        incident: &str,
        drill: bool,
        id: String,
        kind: TaskKind,
        content: TaskContent,
        by: (String, DateTime<Utc>),
    ) -> Self {
        Self { incident: incident.to_owned(), id, version: 1, kind, content, done: None, drill, changed: by }
    }

    /// What edits must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// Whether somebody has to do it.
    pub fn is_open(&self) -> bool {
        self.done.is_none() && !self.content.dropped
    }

    /// Whether somebody should have done it.
    pub fn is_overdue(&self, now: DateTime<Utc>) -> bool {
        self.is_open() && self.content.due_at.is_some_and(|due| due < now)
    }

    /// The same with other content.
    pub fn update(self, content: TaskContent, by: (String, DateTime<Utc>)) -> Self {
        Self { version: self.version + 1, content, changed: by, ..self }
    }

    /// The same, done or not; `None` if it is so already.
    pub fn mark(self, done: bool, act: Act) -> Result<Option<Self>, IncidentError> {
        if self.content.dropped {
            return Err(IncidentError::TaskDropped { id: self.id });
        }
        if self.done.is_some() == done {
            return Ok(None);
        }
        let changed = (act.subject.clone(), act.at);
        Ok(Some(Self { version: self.version + 1, done: done.then_some(act), changed, ..self }))
    }
}
