//! Which reports are due when, about what, and which come next.

use calendar::{MerchantCalendar, Period};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use crate::domain::figure::DayRange;
use crate::domain::report::plan::{Content, Plan};
use crate::domain::report::{ReportKind, SubjectKind};

/// For how many days a report is still made that nobody made in time and that a later one of its kind follows: over a
/// weekend without the service.
const BACK: u64 = 3;
/// Periods that are looked at for that: more than any holiday has days.
const PERIODS_MAX: usize = 40;

/// A period whose report is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What for.
    pub kind: ReportKind,
    /// The period.
    pub days: DayRange,
    /// Since when.
    pub day: NaiveDate,
    /// About what.
    pub subjects: Vec<SubjectKind>,
    /// Names of the roles that it is addressed to.
    pub recipients: Vec<String>,
}

/// The next report of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    /// What for.
    pub kind: ReportKind,
    /// The period.
    pub days: DayRange,
    /// On which business day it is due.
    pub day: NaiveDate,
    /// From when on it is asked for.
    pub at: DateTime<Utc>,
}

/// The business day that a plan has reached: the one before until its hour has come.
fn reached(plan: &Plan, calendar: &MerchantCalendar, usual: TimeDelta, now: DateTime<Utc>) -> NaiveDate {
    calendar.business_day(now - plan.after(calendar, usual))
}

fn range(period: Period) -> DayRange {
    DayRange { from: period.first(), to: period.last() }
}

/// What is due: of each kind the last period whose day has come, and those before it whose day came within the last
/// days. `usual` is how long after a day's beginning plans without an hour are followed. Sorted by due day, then period.
pub fn due(content: &Content, calendar: &MerchantCalendar, usual: TimeDelta, now: DateTime<Utc>) -> Vec<Due> {
    let working = content.working();
    let mut all = Vec::new();
    for plan in &content.plans {
        let today = reached(plan, calendar, usual, now);
        let missed_since = today.checked_sub_days(Days::new(BACK)).unwrap_or(today);
        let mut period = plan.kind.period(today);
        for at in 0..PERIODS_MAX {
            period = period.previous();
            let day = plan.due_day(period.last(), &working);
            if day <= today && (at == 0 || day > missed_since) {
                let (subjects, recipients) = (plan.subjects.clone(), plan.recipients.clone());
                all.push(Due { kind: plan.kind, days: range(period), day, subjects, recipients });
            }
        }
    }
    all.sort_by_key(|due| (due.day, due.days.from));
    all
}

/// The next report of each kind that isn't due yet, in the order in which they come.
pub fn upcoming(
    content: &Content,
    calendar: &MerchantCalendar,
    usual: TimeDelta,
    now: DateTime<Utc>,
) -> Vec<Upcoming> {
    let working = content.working();
    let next = |plan: &Plan| {
        let today = reached(plan, calendar, usual, now);
        let mut period = plan.kind.period(today);
        // A due day that holidays moved may belong to a period that has been over for long.
        for _ in 0..PERIODS_MAX {
            if plan.due_day(period.previous().last(), &working) <= today {
                break;
            }
            period = period.previous();
        }
        let day = plan.due_day(period.last(), &working);
        let at = calendar.day_start(day) + plan.after(calendar, usual);
        Upcoming { kind: plan.kind, days: range(period), day, at }
    };
    let mut all: Vec<Upcoming> = content.plans.iter().map(next).collect();
    all.sort_by_key(|next| (next.at, next.days.from));
    all
}

/// When an improvement plan's steps are to be done: by the end of the month in which it is due.
pub fn done_by(last: NaiveDate) -> NaiveDate {
    let next = last.checked_add_days(Days::new(1)).unwrap_or(last);
    ReportKind::Monthly.period(next).last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::report::plan::{Schedule, Shift, SpecialDay};

    const SIX: TimeDelta = TimeDelta::hours(6);

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn at(text: &str) -> DateTime<Utc> {
        format!("{text}+08:00").parse().expect("a local time")
    }

    fn due_in(content: &Content, now: &str, kind: ReportKind) -> Vec<(String, String)> {
        let due = due(content, &MerchantCalendar::default(), SIX, at(now));
        let of_kind = due.into_iter().filter(|due| due.kind == kind);
        of_kind.map(|due| (due.days.from.to_string(), due.day.to_string())).collect()
    }

    fn owned(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    fn check(today: &str, kind: ReportKind, expected: &[(&str, &str)]) {
        let built_in = Schedule::built_in().content;
        let found = due_in(&built_in, &format!("{today}T06:00:00"), kind);
        assert_eq!(found, owned(expected), "{kind:?} on {today}");
    }

    #[test]
    fn a_week_is_due_on_the_monday_after() {
        check("2026-11-22", ReportKind::Weekly, &[("2026-11-09", "2026-11-16")]);
        check("2026-11-23", ReportKind::Weekly, &[("2026-11-16", "2026-11-23")]);
    }

    #[test]
    fn a_month_is_due_on_the_5th_or_the_working_day_after() {
        // 5 December 2026 is a Saturday.
        check("2026-12-06", ReportKind::Monthly, &[]);
        check("2026-12-07", ReportKind::Monthly, &[("2026-11-01", "2026-12-07")]);
        check("2026-12-31", ReportKind::MonthSummary, &[("2026-11-01", "2026-12-07")]);
        check("2026-11-22", ReportKind::ImprovementPlan, &[("2026-10-01", "2026-11-05")]);
        check("2027-01-04", ReportKind::Yearly, &[]);
        check("2027-01-05", ReportKind::Yearly, &[("2026-01-01", "2027-01-05")]);
        check("2027-01-05", ReportKind::Quarterly, &[("2026-10-01", "2027-01-05")]);
        // Until then the quarter before is not made again: it was due in October.
        check("2027-01-04", ReportKind::Quarterly, &[]);
    }

    #[test]
    fn days_missed_over_a_weekend_are_made_up_for() {
        let days = [("2026-11-20", "2026-11-21"), ("2026-11-21", "2026-11-22"), ("2026-11-22", "2026-11-23")];
        check("2026-11-23", ReportKind::Daily, &days);
    }

    /// Days are reported on working days at nine, weeks on Sunday or the working day after; 1 to 8 October are off.
    fn moved() -> Content {
        let mut content = Schedule::built_in().content;
        for plan in &mut content.plans {
            match plan.kind {
                ReportKind::Daily => (plan.shift, plan.hour) = (Shift::After, Some(9)),
                ReportKind::Weekly => (plan.shift, plan.day) = (Shift::After, Some(7)),
                _ => {}
            }
        }
        let off = day("2026-10-01").iter_days().take(8);
        content.special_days =
            off.map(|day| SpecialDay { day, working: false, name: "国庆节".to_owned() }).collect();
        content
    }

    #[test]
    fn what_holidays_put_off_is_made_after_them() {
        let check = |now: &str, kind, expected: &[(&str, &str)]| {
            assert_eq!(due_in(&moved(), now, kind), owned(expected), "{kind:?} at {now}");
        };
        check("2026-10-08T12:00:00", ReportKind::Daily, &[]);
        check("2026-10-09T08:59:00", ReportKind::Daily, &[]);
        let days: Vec<String> = day("2026-09-30").iter_days().take(9).map(|day| day.to_string()).collect();
        let all: Vec<(&str, &str)> = days.iter().map(|day| (day.as_str(), "2026-10-09")).collect();
        check("2026-10-09T09:00:00", ReportKind::Daily, &all);
        check("2026-10-09T09:00:00", ReportKind::Monthly, &[("2026-09-01", "2026-10-09")]);
        // The week through 15 November is due on the Sunday after, and so on the Monday after that, when the next is over.
        check("2026-11-22T12:00:00", ReportKind::Weekly, &[]);
        check("2026-11-23T06:00:00", ReportKind::Weekly, &[("2026-11-09", "2026-11-23")]);
        check("2026-11-23T05:59:00", ReportKind::Weekly, &[]);
    }

    #[test]
    fn what_comes_next_has_its_hour() {
        let next = |now: &str, kind| {
            let all = upcoming(&moved(), &MerchantCalendar::default(), SIX, at(now));
            let found = all.into_iter().find(|next| next.kind == kind).expect("every kind");
            (found.days.from.to_string(), found.day.to_string(), found.at)
        };
        let check = |now: &str, kind, from: &str, due: &str, hour: &str| {
            let expected = (from.to_owned(), due.to_owned(), at(&format!("{due}T{hour}")));
            assert_eq!(next(now, kind), expected, "{kind:?} at {now}");
        };
        check("2026-10-03T12:00:00", ReportKind::Daily, "2026-09-30", "2026-10-09", "09:00:00");
        check("2026-10-09T09:00:00", ReportKind::Daily, "2026-10-09", "2026-10-12", "09:00:00");
        check("2026-10-03T12:00:00", ReportKind::Monthly, "2026-09-01", "2026-10-09", "06:00:00");
        check("2026-11-22T12:00:00", ReportKind::Weekly, "2026-11-09", "2026-11-23", "06:00:00");
        check("2026-11-23T06:00:00", ReportKind::Weekly, "2026-11-16", "2026-11-30", "06:00:00");
    }

    #[test]
    fn a_kind_without_a_plan_is_not_made() {
        let mut content = Schedule::built_in().content;
        content.plans.retain(|plan| plan.kind == ReportKind::Weekly);
        let due = due(&content, &MerchantCalendar::default(), SIX, at("2026-11-23T06:00:00"));
        assert_eq!(due.iter().map(|due| due.kind).collect::<Vec<_>>(), [ReportKind::Weekly]);
        assert_eq!(due[0].subjects, SubjectKind::ALL.into_iter().rev().collect::<Vec<_>>());
        assert!(due[0].recipients.contains(&"manager".to_owned()));
    }

    #[test]
    fn a_plan_has_the_month_after() {
        assert_eq!(done_by(day("2026-01-31")), day("2026-02-28"));
    }
}
