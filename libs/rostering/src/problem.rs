//! A model with what people read of it: the calendar date of its first day.

use chrono::{Datelike, Days, NaiveDate};

use crate::model::Model;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A model and the date of its day 0, if it has one. The date changes no cost: two problems that differ in it alone have the
/// same input hash, provided that the weekday is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The model.
    pub model: Model,
    /// The date of day 0; its weekday is the model's `first_weekday`.
    pub first_day: Option<NaiveDate>,
}

impl From<Model> for Problem {
    fn from(model: Model) -> Self {
        Self { model, first_day: None }
    }
}

impl Problem {
    /// A model that begins on a date; its `first_weekday` is set to the date's.
    #[must_use]
    pub fn dated(mut model: Model, first_day: NaiveDate) -> Self {
        model.first_weekday = weekday(first_day);
        Self { model, first_day: Some(first_day) }
    }

    /// The date of a day, negative for the days before.
    #[must_use]
    pub fn date(&self, day: isize) -> Option<NaiveDate> {
        let first = self.first_day?;
        let distance = Days::new(day.unsigned_abs() as u64);
        if day < 0 { first.checked_sub_days(distance) } else { first.checked_add_days(distance) }
    }

    /// The day as people say it: `Sun 8 Nov`, or `day 7 (Sun)` without a date.
    #[must_use]
    pub fn day_name(&self, day: isize) -> String {
        let weekday = self.weekday_name(day);
        match self.date(day) {
            Some(date) => format!("{weekday} {}", date.format("%-d %b")),
            None => format!("day {day} ({weekday})"),
        }
    }

    /// Days from first to last, as people say it.
    #[must_use]
    pub fn days_name(&self, first: isize, last: isize) -> String {
        if first == last {
            return self.day_name(first);
        }
        match (self.date(first), self.date(last)) {
            (Some(from), Some(to)) if from.month() == to.month() && from.year() == to.year() => {
                format!("{}–{} {}", from.day(), to.day(), from.format("%b"))
            }
            (Some(from), Some(to)) => format!("{} – {}", from.format("%-d %b"), to.format("%-d %b")),
            _ => format!("days {first} to {last}"),
        }
    }

    /// Mon, Tue, …
    #[must_use]
    pub fn weekday_name(&self, day: isize) -> &'static str {
        WEEKDAYS[usize::from(self.model.weekday(day))]
    }

    /// Name of a cell: the shift's, or `-`.
    #[must_use]
    pub fn cell_name(&self, cell: Option<usize>) -> &str {
        cell.map_or("-", |shift| self.model.shifts[shift].id.as_str())
    }
}

/// 0 is Monday.
pub(crate) fn weekday(date: NaiveDate) -> u8 {
    u8::try_from(date.weekday().num_days_from_monday()).expect("below 7")
}

/// A time of day as people write it; after midnight it goes on: 25:30.
pub(crate) fn clock(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
