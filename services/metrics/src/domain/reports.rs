//! The use cases of reports: asked for, listed, made when their time has come.

mod making;
mod slices;

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use status::{Failure, Kind, Violation};
use tokio::sync::Notify;

use crate::domain::asking::SETTLED_AFTER;
use crate::domain::campaigns::or_made;
use crate::domain::definition::STANDARD;
use crate::domain::figure::DefinitionRef;
use crate::domain::report::document::Document;
use crate::domain::report::filter::ReportFilter;
use crate::domain::report::plan::{Content, Schedule};
use crate::domain::report::schedule::{Upcoming, due, upcoming};
use crate::domain::report::{
    ATTEMPTS_MAX, Order, Report, ReportError, ReportKind, ReportState, Subject, SubjectKind, Taken, days_of,
};
use crate::domain::targets::Targets;
use crate::domain::{Metrics, Result, SELF};
use crate::error::MetricsError;
use crate::store::ReportCursor;

/// Nobody else takes a report up for this long once somebody makes it.
const LEASE: TimeDelta = TimeDelta::minutes(5);
/// How long after a failure a report is tried again, times how often it was tried.
const PAUSE: TimeDelta = TimeDelta::seconds(20);

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reports {
    metrics: Metrics,
    targets: Targets,
    /// How long after a due day's beginning its reports are asked for, so that the night's imports are in.
    due_after: TimeDelta,
    asked: Arc<Notify>,
}

/// What somebody asks for.
#[derive(Debug)]
pub struct NewReport {
    /// Empty: made.
    pub id: String,
    /// What for.
    pub kind: ReportKind,
    /// Of whom.
    pub subject: Subject,
    /// A day of the period.
    pub day: NaiveDate,
    /// As known at the end of this day.
    pub known_on: Option<NaiveDate>,
    /// Under this definition.
    pub definition: DefinitionRef,
}

impl Reports {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics, due_after: TimeDelta) -> Self {
        let targets = Targets::new(metrics.clone());
        Self { metrics, targets, due_after, asked: Arc::default() }
    }

    /// Asks for a report.
    pub async fn create_report(&self, by: &By, scope: &Scope, new: NewReport) -> Result<Report> {
        check(&new)?;
        let merchant = &scope.merchant;
        let (calendar, now) = (self.metrics.store.find_calendar(merchant).await?, self.metrics.clock.now());
        let days = days_of(new.kind, new.day, calendar.business_day(now))?;
        if let Some(day) = new.known_on
            && calendar.day_bounds(day).1 + SETTLED_AFTER > now
        {
            return Err(MetricsError::DayNotOver { day });
        }
        // Told now rather than by a report that fails later.
        self.metrics.find_ruling(merchant, &new.definition, days).await?;
        let order = Order {
            kind: new.kind,
            subject: new.subject,
            days,
            known_on: new.known_on,
            definition: new.definition,
            due_day: None,
            recipients: Vec::new(),
        };
        let report = Report {
            id: or_made(new.id),
            order,
            state: ReportState::Waiting,
            failure: String::new(),
            made: None,
            requested: (by.caller.subject.clone(), now),
        };
        let id = self.metrics.store.insert_report(by, scope, &report).await?;
        self.asked.notify_one();
        self.get_report(scope, &id).await
    }

    /// A report that the scope reaches.
    pub async fn get_report(&self, scope: &Scope, id: &str) -> Result<Report> {
        let found = self.metrics.store.find_report(scope, id).await?;
        found.ok_or_else(|| ReportError::NotFound { id: id.to_owned() }.into())
    }

    /// A page of such reports, the latest last day first.
    pub async fn list_reports(
        &self,
        scope: &Scope,
        filter: &ReportFilter,
        page: &PageRequest<ReportCursor>,
    ) -> Result<Page<Report>> {
        self.metrics.store.list_reports(scope, filter, page).await
    }

    /// The frozen figures of a report that is ready.
    pub async fn get_document(&self, scope: &Scope, id: &str) -> Result<Document> {
        let report = self.get_report(scope, id).await?;
        let found = self.metrics.store.find_document(scope, id).await?;
        found.ok_or_else(|| ReportError::NotReady { id: report.id, state: report.state }.into())
    }

    /// When reports are made, or were by a version.
    pub async fn get_schedule(&self, merchant: &MerchantId, version: Option<i32>) -> Result<Schedule> {
        let found = match version {
            Some(0) => None,
            _ => self.metrics.store.find_setting(merchant, version).await?,
        };
        match (found, version) {
            (Some(schedule), _) => Ok(schedule),
            (None, None | Some(0)) => Ok(Schedule::built_in()),
            (None, Some(version)) => Err(ReportError::ScheduleNotFound { version }.into()),
        }
    }

    /// The next report of each kind by a schedule.
    pub async fn list_upcoming(&self, merchant: &MerchantId, schedule: &Schedule) -> Result<Vec<Upcoming>> {
        let calendar = self.metrics.store.find_calendar(merchant).await?;
        Ok(upcoming(&schedule.content, &calendar, self.due_after, self.metrics.clock.now()))
    }

    /// Puts the next version of when reports are made. What was asked for by the one before is made all the same.
    pub async fn put_schedule(&self, by: &By, etag: &str, content: Content) -> Result<Schedule> {
        content.check()?;
        let (who, now) = (by.caller.subject.clone(), self.metrics.clock.now());
        let decide = |newest: Option<Schedule>| {
            let newest = newest.unwrap_or_else(Schedule::built_in);
            Ok(newest.next(etag, content, who, now)?)
        };
        let version = self.metrics.store.put_setting(by, now, decide).await?;
        self.get_schedule(&by.caller.merchant, Some(version)).await
    }

    /// Waits until somebody of this process asks for a report.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Asks for the reports that are due and that nobody asked for yet; gives how many.
    pub async fn schedule_reports(&self) -> Result<usize> {
        let now = self.metrics.clock.now();
        let mut asked = 0;
        for merchant in self.metrics.store.list_merchants().await? {
            match self.schedule_reports_of(&merchant, now).await {
                Ok(count) => asked += count,
                // One merchant's trouble is not everybody's.
                Err(error) => {
                    let error = status::chain(&error);
                    tracing::warn!(merchant = %merchant, error, "cannot ask for the merchant's reports now");
                }
            }
        }
        Ok(asked)
    }

    async fn schedule_reports_of(&self, merchant: &MerchantId, now: DateTime<Utc>) -> Result<usize> {
        let calendar = self.metrics.store.find_calendar(merchant).await?;
        let schedule = self.get_schedule(merchant, None).await?;
        let by = By::service(SELF, merchant, "background/schedule_reports");
        let mut asked = 0;
        for due in due(&schedule.content, &calendar, self.due_after, now) {
            asked += self.metrics.store.schedule_reports(&by, &due, STANDARD, now).await?;
        }
        Ok(asked)
    }

    /// Makes reports until none waits that may be taken up; gives how many were made.
    pub async fn make_reports(&self) -> Result<usize> {
        let mut made = 0;
        while !self.metrics.stop.is_cancelled() {
            let now = self.metrics.clock.now();
            let Some(taken) = self.metrics.store.take_report(now, now + LEASE).await? else { break };
            match self.make(&taken).await {
                Ok(document) => {
                    let made_at = document.made_at;
                    made += usize::from(self.metrics.store.finish_report(&taken, &document, made_at).await?);
                }
                Err(error) => self.put_off(&taken, &error).await?,
            }
        }
        Ok(made)
    }

    /// Leaves a report for later, or gives it up.
    async fn put_off(&self, taken: &Taken, error: &MetricsError) -> Result<()> {
        let told = status::chain(error);
        tracing::warn!(merchant = %taken.merchant, report = taken.id, error = told, "cannot make the report now");
        // Callers learn what they can do something about; the rest is in the log.
        let why = match error.kind() {
            Kind::Internal | Kind::Unavailable => "the service could not make it".to_owned(),
            _ => error.to_string(),
        };
        let give_up = (taken.attempts >= ATTEMPTS_MAX).then_some(why);
        let again = self.metrics.clock.now() + PAUSE * taken.attempts;
        self.metrics.store.put_off_report(taken, give_up.as_deref(), again).await
    }

    async fn make(&self, taken: &Taken) -> Result<Document> {
        making::make(&self.metrics, &self.targets, taken).await
    }
}

/// A month summary is about a person; only the merchant has no id.
fn check(new: &NewReport) -> Result<(), Violation> {
    let wrong = |field: &str, description: &str| {
        Err(Violation { field: field.to_owned(), description: description.to_owned() })
    };
    let Subject { kind, id } = &new.subject;
    match (new.kind, kind, id.is_empty()) {
        (ReportKind::MonthSummary, kind, _) if *kind != SubjectKind::Person => {
            wrong("subject_kind", "must be a person for a month summary")
        }
        (_, SubjectKind::Merchant, false) => wrong("subject_id", "must be empty for the merchant"),
        (_, SubjectKind::Merchant, true) | (_, _, false) => Ok(()),
        (_, _, true) => wrong("subject_id", "must be given"),
    }
}
