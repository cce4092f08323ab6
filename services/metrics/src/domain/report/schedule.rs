//! Which reports are due when, about what.

use calendar::{MonthlyDue, PeriodKind, WorkingCalendar};
use chrono::{Days, NaiveDate};

use crate::domain::figure::DayRange;
use crate::domain::report::{ReportKind, SubjectKind};

/// How many days back a daily report is still made that nobody made in time: over a weekend without the service.
const DAILY_BACK: u64 = 3;

/// A period whose report is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// What for.
    pub kind: ReportKind,
    /// The period.
    pub days: DayRange,
    /// Since when.
    pub day: NaiveDate,
}

impl ReportKind {
    /// What reports of this kind are made about without being asked for.
    pub fn scheduled_for(self) -> &'static [SubjectKind] {
        use SubjectKind::{Merchant, Person, Shop, Team};
        match self {
            Self::Daily => &[Merchant, Shop, Team],
            Self::Weekly | Self::Monthly | Self::Quarterly | Self::Yearly | Self::ImprovementPlan => {
                &[Merchant, Shop, Team, Person]
            }
            Self::MonthSummary => &[Person],
        }
    }

    /// When the report of a period that ends on `last` is due.
    pub fn due_day(self, last: NaiveDate, working: &WorkingCalendar) -> NaiveDate {
        let next = last.succ_opt().unwrap_or(last);
        match self.period(last).kind() {
            PeriodKind::Day | PeriodKind::Week => next,
            PeriodKind::Month | PeriodKind::Quarter | PeriodKind::Year => {
                MonthlyDue::REPORT.in_month_of(next, working)
            }
        }
    }
}

/// What is due on a business day: the last period of each kind that was over, if its day has come, and the daily
/// reports of the days before. Sorted by due day, then kind.
pub fn due(today: NaiveDate, working: &WorkingCalendar) -> Vec<Due> {
    let mut all = Vec::new();
    for kind in ReportKind::ALL {
        let back = if kind == ReportKind::Daily { DAILY_BACK } else { 1 };
        let mut period = kind.period(today);
        for _ in 0..back {
            period = period.previous();
            let day = kind.due_day(period.last(), working);
            if day <= today {
                all.push(Due { kind, days: DayRange { from: period.first(), to: period.last() }, day });
            }
        }
    }
    all.sort_by_key(|due| (due.day, due.days.from));
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

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn due_on(today: &str) -> Vec<(ReportKind, String, String)> {
        let due = due(day(today), &WorkingCalendar::default());
        due.into_iter().map(|due| (due.kind, due.days.from.to_string(), due.day.to_string())).collect()
    }

    fn find(today: &str, kind: ReportKind) -> Vec<(String, String)> {
        due_on(today).into_iter().filter(|due| due.0 == kind).map(|due| (due.1, due.2)).collect()
    }

    fn check(today: &str, kind: ReportKind, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(find(today, kind), expected, "{kind:?} on {today}");
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

    #[test]
    fn holidays_move_the_day() {
        let off = day("2026-11-05").iter_days().take(3).map(|day| (day, calendar::DayKind::Off));
        let working = WorkingCalendar::default().with(off);
        // The 5th to the 7th are off, the 8th is a Sunday.
        assert_eq!(ReportKind::Monthly.due_day(day("2026-10-31"), &working), day("2026-11-09"));
    }

    #[test]
    fn a_plan_has_the_month_after() {
        assert_eq!(done_by(day("2026-01-31")), day("2026-02-28"));
    }
}
