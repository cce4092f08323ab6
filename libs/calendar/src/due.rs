//! What is due on a day of the month.

use chrono::{Datelike, Months, NaiveDate};

use crate::working::WorkingCalendar;

/// Where a due day goes that isn't a working day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shift {
    /// To the working day before.
    Before,
    /// To the working day after.
    After,
    /// Nowhere: it is due on that date all the same.
    Stay,
}

/// A day of the month on which something is due, and where it moves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonthlyDue {
    /// 1 to 31; in a shorter month the last day, so that 31 is the month's end.
    pub day_of_month: u32,
    /// Where it moves to if that is not a working day.
    pub shift: Shift,
}

impl MonthlyDue {
    /// The roster of next month: the 28th, or the working day before.
    pub const ROSTER: Self = Self { day_of_month: 28, shift: Shift::Before };
    /// The monthly report: the 5th, or the working day after.
    pub const REPORT: Self = Self { day_of_month: 5, shift: Shift::After };
    /// The last working day of the month.
    pub const MONTH_END: Self = Self { day_of_month: 31, shift: Shift::Before };

    /// The due day of the month that a day lies in. The shift may carry it into a neighbouring month.
    pub fn in_month_of(&self, day: NaiveDate, calendar: &WorkingCalendar) -> NaiveDate {
        let date = self.date(day);
        match self.shift {
            Shift::Before => calendar.on_or_before(date),
            Shift::After => calendar.on_or_after(date),
            Shift::Stay => date,
        }
    }

    /// The first due day that is not before a day.
    pub fn on_or_after(&self, day: NaiveDate, calendar: &WorkingCalendar) -> NaiveDate {
        // A shift can move a due day over a month's end either way, so begin one month early.
        let mut month =
            day.with_day(1).and_then(|first| first.checked_sub_months(Months::new(1))).unwrap_or(day);
        loop {
            let due = self.in_month_of(month, calendar);
            match month.checked_add_months(Months::new(1)) {
                Some(next) if due < day => month = next,
                _ => return due,
            }
        }
    }

    /// The date itself, before any shift.
    fn date(&self, day: NaiveDate) -> NaiveDate {
        let wanted = self.day_of_month.clamp(1, 31);
        (28..=wanted).rev().chain([wanted]).find_map(|number| day.with_day(number)).unwrap_or(day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::working::DayKind;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn check(due: MonthlyDue, month: &str, expected: &str) {
        assert_eq!(
            due.in_month_of(day(month), &WorkingCalendar::default()),
            day(expected),
            "{due:?} in {month}"
        );
    }

    #[test]
    fn the_28th_moves_before_and_the_5th_after() {
        // A Saturday, a Sunday, a Friday.
        check(MonthlyDue::ROSTER, "2026-11-01", "2026-11-27");
        check(MonthlyDue::ROSTER, "2026-06-30", "2026-06-26");
        check(MonthlyDue::ROSTER, "2026-08-15", "2026-08-28");
        // A Saturday, a Sunday, a Monday.
        check(MonthlyDue::REPORT, "2026-12-05", "2026-12-07");
        check(MonthlyDue::REPORT, "2026-07-01", "2026-07-06");
        check(MonthlyDue::REPORT, "2026-10-31", "2026-10-05");
        check(MonthlyDue { day_of_month: 5, shift: Shift::Stay }, "2026-12-05", "2026-12-05");
    }

    #[test]
    fn the_month_ends_on_its_last_working_day() {
        check(MonthlyDue::MONTH_END, "2026-02-10", "2026-02-27");
        check(MonthlyDue::MONTH_END, "2024-02-10", "2024-02-29");
        check(MonthlyDue::MONTH_END, "2026-04-30", "2026-04-30");
        check(MonthlyDue::MONTH_END, "2026-10-01", "2026-10-30");
    }

    #[test]
    fn holidays_count_as_days_off() {
        // 1 to 8 October 2025 off: the report waits for the 9th.
        let off = day("2025-10-01").iter_days().take(8).map(|day| (day, DayKind::Off));
        let calendar = WorkingCalendar::default().with(off);
        assert_eq!(MonthlyDue::REPORT.in_month_of(day("2025-10-01"), &calendar), day("2025-10-09"));
    }

    #[test]
    fn the_next_due_day_may_come_from_a_neighbouring_month() {
        let calendar = WorkingCalendar::default();
        assert_eq!(MonthlyDue::REPORT.on_or_after(day("2026-12-06"), &calendar), day("2026-12-07"));
        assert_eq!(MonthlyDue::REPORT.on_or_after(day("2026-12-08"), &calendar), day("2027-01-05"));
        assert_eq!(MonthlyDue::ROSTER.on_or_after(day("2026-11-28"), &calendar), day("2026-12-28"));
        // The 1st of August 2026 is a Saturday: with "before" it is due in July.
        let first = MonthlyDue { day_of_month: 1, shift: Shift::Before };
        assert_eq!(first.on_or_after(day("2026-07-31"), &calendar), day("2026-07-31"));
        // The 31st of October 2026 is a Saturday: with "after" it is due in November.
        let last = MonthlyDue { day_of_month: 31, shift: Shift::After };
        assert_eq!(last.on_or_after(day("2026-11-01"), &calendar), day("2026-11-02"));
    }
}
