//! Days and moments between the wire and chrono: one place for all services.
//!
//! What comes in may be anything, so reading answers an `Option`; whoever reads knows the field and says in their
//! error which it was. What goes out is always whole.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use prost_types::Timestamp;

use crate::google::r#type::Date;

/// What a field must be that [`day`] finds no day in: the description of its refusal.
pub const A_DAY: &str = "must be a day of the calendar in the years 1 to 9999";

/// A day as messages have it.
pub fn date(day: NaiveDate) -> Date {
    // Months and days are below 32: they fit.
    Date { year: day.year(), month: day.month().cast_signed(), day: day.day().cast_signed() }
}

/// The day that a message means; `None` if there is no such day in the years 1 to 9999.
pub fn day(date: &Date) -> Option<NaiveDate> {
    let year = Some(date.year).filter(|year| (1..=9999).contains(year))?;
    NaiveDate::from_ymd_opt(year, date.month.try_into().ok()?, date.day.try_into().ok()?)
}

/// A moment as messages have it.
pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    // A leap second has more than a billion nanoseconds; the wire type has no room for it.
    let nanos = at.timestamp_subsec_nanos().min(999_999_999).cast_signed();
    Timestamp { seconds: at.timestamp(), nanos }
}

/// The moment that a message means; `None` if there is no such moment.
pub fn instant(at: &Timestamp) -> Option<DateTime<Utc>> {
    // chrono takes up to two seconds' worth of nanoseconds, for leap seconds; the wire type does not.
    let nanos = u32::try_from(at.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    DateTime::from_timestamp(at.seconds, nanos)
}
