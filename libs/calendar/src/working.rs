//! Working days (工作日): a weekly pattern and what overrides it, such as the Chinese shifted days (调休), on which a
//! weekend is worked and a weekday is off.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, Weekday};

/// What an override makes of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayKind {
    /// Worked, although the week says off (调休上班).
    Working,
    /// Off, although the week says worked (放假).
    Off,
}

/// A calendar in which no day of the week is worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a working calendar needs at least one working day in the week")]
pub struct NoWorkingDay;

/// Which days are worked. Default: Monday to Friday, no overrides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkingCalendar {
    // By days from Monday.
    worked: [bool; 7],
    overrides: BTreeMap<NaiveDate, DayKind>,
}

impl WorkingCalendar {
    /// A calendar with these days of the week off.
    ///
    /// # Errors
    /// All seven are off: then there would be no next working day to find.
    pub fn new(days_off: impl IntoIterator<Item = Weekday>) -> Result<Self, NoWorkingDay> {
        let mut worked = [true; 7];
        for day in days_off {
            worked[day.num_days_from_monday() as usize] = false;
        }
        if worked.contains(&true) {
            Ok(Self { worked, overrides: BTreeMap::new() })
        } else {
            Err(NoWorkingDay)
        }
    }

    /// The same calendar with overrides added. A later one for the same day replaces the earlier.
    pub fn with(mut self, overrides: impl IntoIterator<Item = (NaiveDate, DayKind)>) -> Self {
        self.overrides.extend(overrides);
        self
    }

    /// Whether a day is worked.
    pub fn is_working_day(&self, day: NaiveDate) -> bool {
        match self.overrides.get(&day) {
            Some(kind) => *kind == DayKind::Working,
            None => self.worked[day.weekday().num_days_from_monday() as usize],
        }
    }

    /// The first working day after a day.
    pub fn next_working_day(&self, day: NaiveDate) -> NaiveDate {
        self.search(day, NaiveDate::succ_opt)
    }

    /// The last working day before a day.
    pub fn previous_working_day(&self, day: NaiveDate) -> NaiveDate {
        self.search(day, NaiveDate::pred_opt)
    }

    /// The day itself if it is worked, else the first working day after it.
    pub fn on_or_after(&self, day: NaiveDate) -> NaiveDate {
        if self.is_working_day(day) { day } else { self.next_working_day(day) }
    }

    /// The day itself if it is worked, else the last working day before it.
    pub fn on_or_before(&self, day: NaiveDate) -> NaiveDate {
        if self.is_working_day(day) { day } else { self.previous_working_day(day) }
    }

    /// The `count`-th working day after a day; the day itself for 0.
    pub fn add_working_days(&self, day: NaiveDate, count: u32) -> NaiveDate {
        (0..count).fold(day, |day, _| self.next_working_day(day))
    }

    /// The working days from one day to another, both included.
    pub fn working_days(&self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        from.iter_days().take_while(move |day| *day <= to).filter(|day| self.is_working_day(*day))
    }

    /// Ends because one day of each week is worked and the overrides are finitely many; at the end of chrono's range it
    /// stays where it is.
    fn search(&self, mut day: NaiveDate, step: fn(&NaiveDate) -> Option<NaiveDate>) -> NaiveDate {
        while let Some(next) = step(&day) {
            day = next;
            if self.is_working_day(day) {
                break;
            }
        }
        day
    }
}

impl Default for WorkingCalendar {
    fn default() -> Self {
        Self { worked: [true, true, true, true, true, false, false], overrides: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// The Chinese National Day of 2025: off 1 to 8 October, worked on Sunday 28 September and Saturday 11 October.
    fn national_day() -> WorkingCalendar {
        let off = day("2025-10-01").iter_days().take(8).map(|day| (day, DayKind::Off));
        let worked = [(day("2025-09-28"), DayKind::Working), (day("2025-10-11"), DayKind::Working)];
        WorkingCalendar::default().with(off).with(worked)
    }

    #[test]
    fn weekends_are_off() {
        let calendar = WorkingCalendar::default();
        assert_eq!(calendar.next_working_day(day("2026-11-20")), day("2026-11-23"));
        assert_eq!(calendar.previous_working_day(day("2026-11-23")), day("2026-11-20"));
        assert_eq!(calendar.on_or_after(day("2026-11-23")), day("2026-11-23"));
        assert_eq!(calendar.on_or_before(day("2026-11-22")), day("2026-11-20"));
    }

    #[test]
    fn shifted_days_override_the_week() {
        let calendar = national_day();
        assert_eq!(calendar.next_working_day(day("2025-09-27")), day("2025-09-28"));
        assert_eq!(calendar.next_working_day(day("2025-09-30")), day("2025-10-09"));
        assert_eq!(calendar.next_working_day(day("2025-10-10")), day("2025-10-11"));
        assert_eq!(calendar.next_working_day(day("2025-10-11")), day("2025-10-13"));
        assert_eq!(calendar.working_days(day("2025-09-27"), day("2025-10-12")).count(), 6);
        assert_eq!(calendar.add_working_days(day("2025-09-29"), 2), day("2025-10-09"));
        assert_eq!(calendar.add_working_days(day("2025-10-05"), 0), day("2025-10-05"));
    }

    #[test]
    fn other_weeks_are_possible_but_not_an_empty_one() {
        let friday_off = WorkingCalendar::new([Weekday::Fri, Weekday::Sat]).unwrap();
        assert_eq!(friday_off.next_working_day(day("2026-11-19")), day("2026-11-22"));
        let every_day = WorkingCalendar::new([]).unwrap();
        assert_eq!(every_day.next_working_day(day("2026-11-20")), day("2026-11-21"));
        let all = [
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
        ];
        assert_eq!(WorkingCalendar::new(all), Err(NoWorkingDay));
    }

    #[test]
    fn the_ends_of_time_end_the_search() {
        assert_eq!(WorkingCalendar::default().next_working_day(NaiveDate::MAX), NaiveDate::MAX);
    }
}
