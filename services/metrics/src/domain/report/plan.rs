//! What a merchant has set for reports: which are made by themselves, when, about what, for whom, and which days are worked.

use std::collections::BTreeSet;

use calendar::{DayKind, MerchantCalendar, PeriodKind, WorkingCalendar};
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc, Weekday};
use proto::access::{Role, role_name, role_named};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::report::{ReportError, ReportKind, SubjectKind};

/// Where a due day goes that isn't worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shift {
    /// Nowhere: the report is made all the same.
    Stay,
    /// To the first working day after it.
    After,
    /// To the last working day before it, unless the period isn't over by then; then to the first one after it.
    Before,
}

/// When reports of a kind are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Of which kind.
    pub kind: ReportKind,
    /// About what.
    pub subjects: Vec<SubjectKind>,
    /// The day after the period on which they are due: 1 (Monday) to 7 for a week's, 1 to 28 for those of a month and
    /// longer; `None` for a day's, which are due on the next.
    pub day: Option<u8>,
    /// From which hour of the merchant's clock on; `None`: as the service is set up.
    pub hour: Option<u8>,
    /// What becomes of a due day that isn't worked.
    pub shift: Shift,
    /// Names of the roles that they are addressed to.
    pub recipients: Vec<String>,
}

/// A day that isn't what the week says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecialDay {
    /// Which.
    pub day: NaiveDate,
    /// Worked (调休上班) or off (放假).
    pub working: bool,
    /// What people call it.
    pub name: String,
}

/// What a version says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// One per kind; a kind without one isn't made by itself.
    pub plans: Vec<Plan>,
    /// Days of the week that aren't worked, 1 (Monday) to 7.
    pub days_off: Vec<u8>,
    /// In the order of the days.
    pub special_days: Vec<SpecialDay>,
}

/// A version of what is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// From 1; 0 is the built-in one.
    pub version: i32,
    /// What it says.
    pub content: Content,
    /// Who put it, and when; `None` for the built-in one.
    pub updated: Option<(String, DateTime<Utc>)>,
}

/// Who may be told of reports, and about what at the least.
const READERS: [(Role, &[SubjectKind]); 11] = [
    (Role::Agent, &[SubjectKind::Person]),
    (Role::SeniorAgent, &[SubjectKind::Person]),
    (Role::Lead, &[SubjectKind::Person, SubjectKind::Team]),
    (Role::DeputySupervisor, &SubjectKind::ALL),
    (Role::Supervisor, &SubjectKind::ALL),
    (Role::Manager, &SubjectKind::ALL),
    (Role::Reviewer, &SubjectKind::ALL),
    (Role::Trainer, &SubjectKind::ALL),
    (Role::Analyst, &SubjectKind::ALL),
    (Role::Hr, &SubjectKind::ALL),
    (Role::ServiceAccount, &SubjectKind::ALL),
];

impl Schedule {
    /// What every merchant begins with: days and weeks the day after, all others on the 5th or the working day after;
    /// Saturdays and Sundays are off.
    pub fn built_in() -> Self {
        use SubjectKind::{Merchant, Person, Shop, Team};
        let plan = |kind: ReportKind| {
            let (day, shift) = match kind.period_kind() {
                PeriodKind::Day => (None, Shift::Stay),
                PeriodKind::Week => (Some(1), Shift::Stay),
                PeriodKind::Month | PeriodKind::Quarter | PeriodKind::Year => (Some(5), Shift::After),
            };
            let (subjects, recipients): (&[SubjectKind], &[Role]) = match kind {
                ReportKind::Daily => (&[Merchant, Shop, Team], &[Role::Lead, Role::Supervisor]),
                ReportKind::Weekly | ReportKind::Monthly => (
                    &[Merchant, Shop, Team, Person],
                    &[Role::Agent, Role::SeniorAgent, Role::Lead, Role::Supervisor, Role::Manager],
                ),
                ReportKind::Quarterly | ReportKind::Yearly | ReportKind::ImprovementPlan => {
                    (&[Merchant, Shop, Team, Person], &[Role::Lead, Role::Supervisor, Role::Manager])
                }
                ReportKind::MonthSummary => (&[Person], &[Role::Agent, Role::SeniorAgent, Role::Lead]),
            };
            let recipients = recipients.iter().map(|role| role_name(*role)).collect();
            Plan { kind, subjects: subjects.to_vec(), day, hour: None, shift, recipients }
        };
        let plans = ReportKind::ALL.into_iter().map(plan).collect();
        let content = Content { plans, days_off: vec![6, 7], special_days: Vec::new() };
        Self { version: 0, content, updated: None }
    }

    /// What putting the next version must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// The next version, by whoever read this one. Its content was checked.
    pub fn next(
        &self,
        etag: &str,
        mut content: Content,
        by: String,
        at: DateTime<Utc>,
    ) -> Result<Self, ReportError> {
        if self.etag() != etag {
            return Err(ReportError::ScheduleChanged);
        }
        content.special_days.sort_by_key(|special| special.day);
        Ok(Self { version: self.version + 1, content, updated: Some((by, at)) })
    }
}

impl Content {
    /// Refuses what contradicts itself, naming the field.
    pub fn check(&self) -> Result<(), Violation> {
        let mut kinds = BTreeSet::new();
        for (at, plan) in self.plans.iter().enumerate() {
            let wrong = |violation: Violation| Violation {
                field: format!("schedule.plans[{at}].{}", violation.field),
                ..violation
            };
            if !kinds.insert(plan.kind.name()) {
                return Err(wrong(violation("kind", "must not be there twice")));
            }
            plan.check().map_err(wrong)?;
        }
        let off: BTreeSet<u8> = self.days_off.iter().copied().collect();
        if off.len() == 7 {
            return Err(violation("schedule.days_off", "must leave a day of the week that is worked"));
        }
        let mut days = BTreeSet::new();
        if let Some(at) = self.special_days.iter().position(|special| !days.insert(special.day)) {
            return Err(violation(&format!("schedule.special_days[{at}].day"), "must not be there twice"));
        }
        Ok(())
    }

    /// Which days are worked.
    pub fn working(&self) -> WorkingCalendar {
        let off = self.days_off.iter().filter_map(|day| Weekday::try_from(day.checked_sub(1)?).ok());
        let kind = |special: &SpecialDay| {
            (special.day, if special.working { DayKind::Working } else { DayKind::Off })
        };
        // Checked before it was stored: a day of the week is worked.
        let week = WorkingCalendar::new(off).unwrap_or_default();
        week.with(self.special_days.iter().map(kind))
    }
}

impl Plan {
    fn check(&self) -> Result<(), Violation> {
        let summary = self.kind == ReportKind::MonthSummary;
        if let Some(at) = self.subjects.iter().position(|subject| summary && *subject != SubjectKind::Person)
        {
            return Err(violation(&format!("subjects[{at}]"), "must be a person for a month summary"));
        }
        if self.subjects.is_empty() {
            return Err(violation("subjects", "must be given"));
        }
        let (field, most) = match self.kind.period_kind() {
            PeriodKind::Day => ("weekday", 0),
            PeriodKind::Week => ("weekday", 7),
            PeriodKind::Month | PeriodKind::Quarter | PeriodKind::Year => ("day_of_month", 28),
        };
        match self.day {
            Some(_) if most == 0 => {
                return Err(violation(field, "must not be given: it is due on the next day"));
            }
            None if most > 0 => return Err(violation(field, "must be given")),
            Some(day) if day == 0 || day > most => {
                return Err(violation(field, &format!("must be from 1 to {most}")));
            }
            _ => {}
        }
        for (at, name) in self.recipients.iter().enumerate() {
            let readable =
                role_named(name).and_then(|role| READERS.iter().find(|(reader, _)| *reader == role));
            let sees =
                readable.is_some_and(|(_, seen)| self.subjects.iter().any(|subject| seen.contains(subject)));
            if !sees {
                let why = "must be a role that may see reports about one of the subjects";
                return Err(violation(&format!("recipients[{at}]"), why));
            }
        }
        Ok(())
    }

    /// When the report of a period that ends on `last` is due.
    pub fn due_day(&self, last: NaiveDate, working: &WorkingCalendar) -> NaiveDate {
        let next = last.succ_opt().unwrap_or(last);
        let day = self.day.unwrap_or(1).max(1);
        let date = match self.kind.period_kind() {
            PeriodKind::Day => next,
            PeriodKind::Week => next.checked_add_days(Days::new(u64::from(day - 1))).unwrap_or(next),
            PeriodKind::Month | PeriodKind::Quarter | PeriodKind::Year => {
                next.with_day(day.into()).unwrap_or(next)
            }
        };
        match self.shift {
            Shift::Stay => date,
            Shift::After => working.on_or_after(date),
            Shift::Before => {
                let before = working.on_or_before(date);
                if before < next { working.on_or_after(date) } else { before }
            }
        }
    }

    /// How long after the beginning of its due day a report is asked for. An hour before the cut-over is one of the night
    /// that ends the business day. `usual` is what the service is set up with.
    pub fn after(&self, calendar: &MerchantCalendar, usual: TimeDelta) -> TimeDelta {
        let Some(hour) = self.hour else { return usual };
        let (hour, cut_over) = (i64::from(hour), i64::from(calendar.cut_over_hour()));
        TimeDelta::hours((hour - cut_over).rem_euclid(24))
    }
}

impl ReportKind {
    /// What kind of period it is about.
    pub fn period_kind(self) -> PeriodKind {
        // Any day will do.
        self.period(NaiveDate::default()).kind()
    }
}

fn violation(field: &str, description: &str) -> Violation {
    Violation { field: field.to_owned(), description: description.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn plan(kind: ReportKind) -> Plan {
        let mut plans = Schedule::built_in().content.plans.into_iter();
        plans.find(|plan| plan.kind == kind).expect("every kind")
    }

    /// The National Day of 2026: off from 1 to 8 October, worked on Saturday the 10th.
    fn content() -> Content {
        let off = day("2026-10-01").iter_days().take(8).map(|day| (day, false));
        let special = off.chain([(day("2026-10-10"), true)]);
        let special_days =
            special.map(|(day, working)| SpecialDay { day, working, name: "国庆节".to_owned() }).collect();
        Content { special_days, ..Schedule::built_in().content }
    }

    #[test]
    fn what_every_merchant_begins_with_may_be_put() {
        let built_in = Schedule::built_in();
        built_in.content.check().expect("is complete");
        assert_eq!(built_in.content.working(), WorkingCalendar::default());
        let next = built_in.next("v0", content(), "m".to_owned(), DateTime::default()).expect("follows");
        assert_eq!((next.version, next.etag().as_str()), (1, "v1"));
        assert!(next.next("v0", content(), "m".to_owned(), DateTime::default()).is_err());
    }

    #[test]
    fn a_due_day_that_is_off_moves_as_the_plan_says() {
        let working = content().working();
        let check = |kind, shift, day: Option<u8>, last: &str, due: &str| {
            let plan = Plan { day, shift, ..plan(kind) };
            assert_eq!(
                plan.due_day(last.parse().expect("a day"), &working),
                due.parse().expect("a day"),
                "{plan:?}"
            );
        };
        // The 5th is off; the 9th is the first day that is worked again.
        check(ReportKind::Monthly, Shift::After, Some(5), "2026-09-30", "2026-10-09");
        check(ReportKind::Monthly, Shift::Stay, Some(5), "2026-09-30", "2026-10-05");
        // Before it September wasn't over.
        check(ReportKind::Monthly, Shift::Before, Some(5), "2026-09-30", "2026-10-09");
        // The 11th is a Sunday; the day before is worked.
        check(ReportKind::Quarterly, Shift::Before, Some(11), "2026-09-30", "2026-10-10");
        check(ReportKind::Yearly, Shift::Before, Some(28), "2026-12-31", "2027-01-28");
        check(ReportKind::Weekly, Shift::After, Some(1), "2026-10-04", "2026-10-09");
        check(ReportKind::Weekly, Shift::Stay, Some(3), "2026-10-04", "2026-10-07");
        check(ReportKind::Weekly, Shift::Before, Some(7), "2026-10-04", "2026-10-10");
        check(ReportKind::Daily, Shift::After, None, "2026-10-02", "2026-10-09");
        check(ReportKind::Daily, Shift::Before, None, "2026-10-02", "2026-10-09");
        check(ReportKind::Daily, Shift::Stay, None, "2026-10-02", "2026-10-03");
    }

    #[test]
    fn hours_are_those_of_the_clock() {
        let usual = TimeDelta::minutes(390);
        let at = |hour, cut_over: i64| {
            let calendar = MerchantCalendar::new("Asia/Shanghai", cut_over).expect("a calendar");
            Plan { hour, ..plan(ReportKind::Daily) }.after(&calendar, usual)
        };
        assert_eq!(at(None, 0), usual);
        assert_eq!(at(Some(9), 0), TimeDelta::hours(9));
        assert_eq!(at(Some(9), 4), TimeDelta::hours(5));
        assert_eq!(at(Some(2), 4), TimeDelta::hours(22), "of the night that ends the day");
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_its_field() {
        let field = |change: &dyn Fn(&mut Content)| {
            let mut content = content();
            change(&mut content);
            content.check().expect_err("is refused").field
        };
        let of = |kind: ReportKind| ReportKind::ALL.iter().position(|known| *known == kind).expect("a kind");
        let (daily, weekly) = (of(ReportKind::Daily), of(ReportKind::Weekly));
        let (monthly, summary) = (of(ReportKind::Monthly), of(ReportKind::MonthSummary));
        assert_eq!(field(&|c| c.plans[1].kind = ReportKind::Daily), "schedule.plans[1].kind");
        assert_eq!(field(&|c| c.plans[daily].day = Some(1)), "schedule.plans[0].weekday");
        assert_eq!(field(&|c| c.plans[weekly].day = Some(8)), "schedule.plans[1].weekday");
        assert_eq!(field(&|c| c.plans[weekly].day = None), "schedule.plans[1].weekday");
        assert_eq!(field(&|c| c.plans[monthly].day = Some(29)), "schedule.plans[2].day_of_month");
        assert_eq!(field(&|c| c.plans[monthly].subjects.clear()), "schedule.plans[2].subjects");
        assert_eq!(
            field(&|c| c.plans[summary].subjects.push(SubjectKind::Team)),
            "schedule.plans[6].subjects[1]"
        );
        let lead_of_shops = |c: &mut Content| {
            c.plans[monthly].subjects = vec![SubjectKind::Shop];
            c.plans[monthly].recipients = vec!["manager".to_owned(), "lead".to_owned()];
        };
        assert_eq!(field(&lead_of_shops), "schedule.plans[2].recipients[1]");
        let warehouse = |c: &mut Content| c.plans[monthly].recipients = vec!["warehouse".to_owned()];
        assert_eq!(field(&warehouse), "schedule.plans[2].recipients[0]");
        assert_eq!(field(&|c| c.days_off = (1..=7).collect()), "schedule.days_off");
        assert_eq!(field(&|c| c.special_days[8].day = c.special_days[2].day), "schedule.special_days[8].day");
    }
}
