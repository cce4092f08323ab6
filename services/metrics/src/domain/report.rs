//! Reports: what they are about, how far they are, what may be asked for.

pub mod document;
pub mod filter;
pub mod plan;
pub mod schedule;

use calendar::{Period, PeriodKind};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use status::{Failure, Kind};
use uuid::Uuid;

use crate::domain::figure::{DayRange, DefinitionRef, FigureState, Filter, Step};
use crate::domain::maturity::Window;

/// Reports of a merchant that may wait to be made.
pub const WAITING_MAX: i64 = 2_000;
/// How often a report is tried before it has failed.
pub const ATTEMPTS_MAX: i32 = 5;

/// What a report is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// 日报.
    Daily,
    /// 周报.
    Weekly,
    /// 月报.
    Monthly,
    /// 季报.
    Quarterly,
    /// 年报.
    Yearly,
    /// 月度改进方案.
    ImprovementPlan,
    /// 个人月度总结.
    MonthSummary,
}

impl ReportKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Quarterly,
        Self::Yearly,
        Self::ImprovementPlan,
        Self::MonthSummary,
    ];

    /// The name in rows and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Yearly => "yearly",
            Self::ImprovementPlan => "improvement_plan",
            Self::MonthSummary => "month_summary",
        }
    }

    /// The kind of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The period of it that holds a day.
    pub fn period(self, day: NaiveDate) -> Period {
        let kind = match self {
            Self::Daily => PeriodKind::Day,
            Self::Weekly => PeriodKind::Week,
            Self::Monthly | Self::ImprovementPlan | Self::MonthSummary => PeriodKind::Month,
            Self::Quarterly => PeriodKind::Quarter,
            Self::Yearly => PeriodKind::Year,
        };
        Period::containing(kind, day)
    }

    /// What its whole is, as a step: by it the days that it is held against are found.
    pub fn whole_step(self) -> Step {
        match self {
            Self::Daily => Step::Day,
            Self::Weekly => Step::Week,
            Self::Monthly | Self::ImprovementPlan | Self::MonthSummary => Step::Month,
            Self::Quarterly => Step::Quarter,
            Self::Yearly => Step::Year,
        }
    }

    /// What its course is shown by.
    pub fn course_step(self) -> Step {
        match self {
            Self::Daily => Step::Hour,
            Self::Weekly | Self::Monthly | Self::ImprovementPlan | Self::MonthSummary => Step::Day,
            Self::Quarterly => Step::Week,
            Self::Yearly => Step::Month,
        }
    }
}

/// What kind of thing a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    /// A person.
    Person,
    /// A team.
    Team,
    /// A shop.
    Shop,
    /// All shops together.
    Merchant,
}

impl SubjectKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Person, Self::Team, Self::Shop, Self::Merchant];

    /// The name in rows and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Team => "team",
            Self::Shop => "shop",
            Self::Merchant => "merchant",
        }
    }

    /// The kind of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Whom or what a report is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// What kind of thing.
    pub kind: SubjectKind,
    /// Its id; empty for the merchant.
    pub id: String,
}

impl Subject {
    /// The filter by which its figures are asked for.
    pub fn filter(&self) -> Filter {
        let only = vec![self.id.clone()];
        match self.kind {
            SubjectKind::Person => Filter { persons: only, ..Filter::default() },
            SubjectKind::Team => Filter { teams: only, ..Filter::default() },
            SubjectKind::Shop => Filter { shops: only, ..Filter::default() },
            SubjectKind::Merchant => Filter::default(),
        }
    }
}

/// How far a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReportState {
    /// To be made.
    Waiting,
    /// Being made.
    Making,
    /// Made.
    Ready,
    /// Given up.
    Failed,
}

impl ReportState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Making, Self::Ready, Self::Failed];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Making => "making",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    /// The state of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What is to be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What for.
    pub kind: ReportKind,
    /// Of whom.
    pub subject: Subject,
    /// Of these days.
    pub days: DayRange,
    /// As known at the end of this day; `None`: all that is known when it is made.
    pub known_on: Option<NaiveDate>,
    /// Under this definition.
    pub definition: DefinitionRef,
    /// When it is due, if the service makes it by itself.
    pub due_day: Option<NaiveDate>,
    /// Names of the roles that it is addressed to, if it is due.
    pub recipients: Vec<String>,
}

/// A report without its figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Unique in the merchant.
    pub id: String,
    /// What it reports.
    pub order: Order,
    /// How far it is.
    pub state: ReportState,
    /// Why it could not be made.
    pub failure: String,
    /// What is known of its figures, once it is made.
    pub made: Option<Made>,
    /// Who asked for it, and when.
    pub requested: (String, DateTime<Utc>),
}

/// What is known of a report's figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// When.
    pub at: DateTime<Utc>,
    /// How settled they were, by the position of each window. Reports from before that was kept know the usual one alone.
    pub states: [Option<FigureState>; Window::ALL.len()],
    /// What the subject was called.
    pub name: String,
    /// The versions of the definition that rule days of the period.
    pub versions: Vec<i32>,
}

/// A report that a worker has taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Whose.
    pub merchant: runtime::ids::MerchantId,
    /// Which.
    pub id: String,
    /// What it reports.
    pub order: Order,
    /// How often it was begun, with this time.
    pub attempts: i32,
    /// Who holds it: only this worker may finish it.
    pub lease: Uuid,
}

/// What can go wrong with reports.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// There is none that the caller may see.
    #[error("there is no report {id}")]
    NotFound {
        /// Which.
        id: String,
    },
    /// There is nothing of that id within reach.
    #[error("there is no {} {id} within reach", kind.name())]
    SubjectNotFound {
        /// What it should be.
        kind: SubjectKind,
        /// Which.
        id: String,
    },
    /// The id is taken.
    #[error("there is a report {id} already")]
    Exists {
        /// Which.
        id: String,
    },
    /// There is nothing to report yet.
    #[error("the period begins on {first}, which is still ahead")]
    PeriodAhead {
        /// Its first day.
        first: NaiveDate,
    },
    /// It is not made yet, or could not be.
    #[error("report {id} is {}", state.name())]
    NotReady {
        /// Which.
        id: String,
        /// Its state.
        state: ReportState,
    },
    /// There are enough.
    #[error("{limit} reports are waiting to be made, which is the limit")]
    TooManyWaiting {
        /// How many may wait.
        limit: i64,
    },
    /// Somebody else put the next version of the schedule.
    #[error("the schedule was changed meanwhile")]
    ScheduleChanged,
    /// There is no such version of the schedule.
    #[error("there is no version {version} of the schedule")]
    ScheduleNotFound {
        /// Which.
        version: i32,
    },
    /// A form could not be written.
    #[error("the report cannot be written down")]
    Form(#[source] anyhow::Error),
}

impl Failure for ReportError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } | Self::SubjectNotFound { .. } | Self::ScheduleNotFound { .. } => {
                Kind::NotFound
            }
            Self::ScheduleChanged => Kind::Contended,
            Self::Exists { .. } => Kind::AlreadyExists,
            Self::PeriodAhead { .. } | Self::NotReady { .. } => Kind::Precondition,
            Self::TooManyWaiting { .. } => Kind::Exhausted,
            Self::Form(_) => Kind::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "REPORT_NOT_FOUND",
            Self::SubjectNotFound { .. } => "REPORT_SUBJECT_NOT_FOUND",
            Self::Exists { .. } => "REPORT_EXISTS",
            Self::PeriodAhead { .. } => "REPORT_PERIOD_AHEAD",
            Self::NotReady { .. } => "REPORT_NOT_READY",
            Self::TooManyWaiting { .. } => "TOO_MANY_REPORTS",
            Self::ScheduleChanged => "REPORT_SCHEDULE_CHANGED",
            Self::ScheduleNotFound { .. } => "REPORT_SCHEDULE_NOT_FOUND",
            Self::Form(_) => "REPORT_NOT_WRITTEN",
        }
    }
}

/// The days of a report asked for on `today` about the period that holds `day`: through today if it is not over.
pub fn days_of(kind: ReportKind, day: NaiveDate, today: NaiveDate) -> Result<DayRange, ReportError> {
    let period = kind.period(day);
    if period.first() > today {
        return Err(ReportError::PeriodAhead { first: period.first() });
    }
    Ok(DayRange { from: period.first(), to: period.last().min(today) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_period_that_is_not_over_ends_today() {
        let check = |kind, of: &str, from: &str, to: &str| {
            let days = days_of(kind, day(of), day("2026-11-18")).expect("a period");
            assert_eq!(days, DayRange { from: day(from), to: day(to) }, "{kind:?} {of}");
        };
        check(ReportKind::Daily, "2026-11-18", "2026-11-18", "2026-11-18");
        check(ReportKind::Weekly, "2026-11-15", "2026-11-09", "2026-11-15");
        check(ReportKind::Weekly, "2026-11-20", "2026-11-16", "2026-11-18");
        check(ReportKind::MonthSummary, "2026-10-30", "2026-10-01", "2026-10-31");
        check(ReportKind::Quarterly, "2026-11-01", "2026-10-01", "2026-11-18");
        check(ReportKind::Yearly, "2025-06-01", "2025-01-01", "2025-12-31");
        let ahead = days_of(ReportKind::Daily, day("2026-11-19"), day("2026-11-18")).expect_err("is ahead");
        assert_eq!(ahead.reason(), "REPORT_PERIOD_AHEAD");
    }

    #[test]
    fn rows_name_what_there_is() {
        assert!(ReportKind::ALL.into_iter().all(|kind| ReportKind::of(kind.name()) == Some(kind)));
        assert!(SubjectKind::ALL.into_iter().all(|kind| SubjectKind::of(kind.name()) == Some(kind)));
        assert!(ReportState::ALL.into_iter().all(|state| ReportState::of(state.name()) == Some(state)));
    }
}
