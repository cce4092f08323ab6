//! The use cases of everybody's work: who is away, and handing work over before that.

use chrono::{DateTime, Utc};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use status::{Failure, Kind, Violation};

use crate::domain::figure::DayRange;
use crate::domain::{Metrics, Result};
use crate::store::HandedOver;

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Work {
    metrics: Metrics,
}

/// A leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// Whose.
    pub person: String,
    /// When.
    pub days: DayRange,
    /// Cases on their work list.
    pub open_cases: i64,
    /// Follow-ups on it.
    pub open_follow_ups: i64,
    /// From 1.
    pub version: i64,
    /// Who set it last, and when.
    pub changed: (String, DateTime<Utc>),
}

impl Absence {
    /// What changes must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }
}

/// What can go wrong with work.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// There is nobody of that id within reach.
    #[error("there is no person {id} within reach")]
    PersonNotFound {
        /// Who.
        id: String,
    },
    /// Somebody else changed it.
    #[error("the absence of {id} has changed since it was read")]
    AbsenceChanged {
        /// Whose.
        id: String,
    },
}

impl Failure for WorkError {
    fn kind(&self) -> Kind {
        match self {
            Self::PersonNotFound { .. } => Kind::NotFound,
            Self::AbsenceChanged { .. } => Kind::Contended,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::PersonNotFound { .. } => "PERSON_NOT_FOUND",
            Self::AbsenceChanged { .. } => "ABSENCE_CHANGED",
        }
    }
}

impl Work {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }

    /// Gives what a person has to do to others.
    pub async fn hand_over(
        &self,
        by: &By,
        scope: &Scope,
        from: &str,
        to: &[String],
        note: &str,
    ) -> Result<HandedOver> {
        let note = self.metrics.redactor(&scope.merchant).redact(note).into_owned();
        let check = || {
            if to.iter().any(|person| person == from) {
                let description = "must not name whoever hands over".to_owned();
                return Err(Violation { field: "to_person_ids".to_owned(), description });
            }
            Ok(())
        };
        self.metrics.store.hand_over(by, scope, (from, to), &note, self.metrics.clock.now(), check).await
    }

    /// Sets when a person is away, or ends that. An empty etag is that of no absence.
    pub async fn set_absence(
        &self,
        by: &By,
        scope: &Scope,
        person: &str,
        days: Option<DayRange>,
        etag: &str,
    ) -> Result<Option<Absence>> {
        let now = self.metrics.clock.now();
        self.metrics.store.set_absence(by, scope, person, days, etag, now).await?;
        match days {
            Some(_) => self.metrics.store.find_absence(&scope.merchant, person).await,
            None => Ok(None),
        }
    }

    /// A page of those who are away today or later; only those who have work, if asked.
    pub async fn list_absences(
        &self,
        scope: &Scope,
        with_work: bool,
        page: &PageRequest<String>,
    ) -> Result<Page<Absence>> {
        let today = self.metrics.today(&scope.merchant).await?;
        self.metrics.store.list_absences(scope, with_work, today, page).await
    }
}
