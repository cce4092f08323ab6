//! Parts of requests that several nouns share, and the same parts of answers.

use chrono::NaiveDate;
use proto::common::v1::{ConversationRef, DayRange};
use proto::google::r#type::Date;
use proto::time;
use sampling::ConversationId;

use crate::error::QaError;

/// Ranges longer than this are refused: nobody reads that many days at once.
const DAYS_MAX: i64 = 3_700;

/// A day that is really one, of a year that fits four digits.
pub(super) fn day(field: &str, date: Option<Date>) -> Result<NaiveDate, QaError> {
    let date = date.ok_or_else(|| QaError::invalid(field, "is required"))?;
    time::day(&date).ok_or_else(|| QaError::invalid(field, time::A_DAY))
}

/// A range of days in the right order.
pub(super) fn days(field: &str, days: Option<DayRange>) -> Result<(NaiveDate, NaiveDate), QaError> {
    let days = days.ok_or_else(|| QaError::invalid(field, "is required"))?;
    let from = day(&format!("{field}.from"), days.from)?;
    let to = day(&format!("{field}.to"), days.to)?;
    if to < from {
        return Err(QaError::invalid(format!("{field}.to"), "must not be before from"));
    }
    if (to - from).num_days() >= DAYS_MAX {
        return Err(QaError::invalid(format!("{field}.to"), "is too far from from"));
    }
    Ok((from, to))
}

/// The refusal of a range whose days stand by themselves in the request, not in a range named `days`.
pub(super) fn without_range(error: QaError) -> QaError {
    let QaError::Invalid { mut violations } = error else { return error };
    for violation in &mut violations {
        violation.field = violation.field.trim_start_matches("days.").to_owned();
    }
    QaError::Invalid { violations }
}

/// Text that storage can hold: Postgres has no room for NUL.
pub(super) fn text<'a>(field: &str, text: &'a str) -> Result<&'a str, QaError> {
    if text.contains('\0') { Err(QaError::invalid(field, "must not contain NUL")) } else { Ok(text) }
}

/// An id: as [`text`], and not empty.
pub(super) fn id<'a>(field: &str, id: &'a str) -> Result<&'a str, QaError> {
    if id.is_empty() {
        return Err(QaError::invalid(field, "is required"));
    }
    text(field, id)
}

/// A conversation's identity.
pub(super) fn conversation(field: &str, wire: Option<ConversationRef>) -> Result<ConversationId, QaError> {
    let wire = wire.ok_or_else(|| QaError::invalid(field, "is required"))?;
    id(&format!("{field}.shop_id"), &wire.shop_id)?;
    id(&format!("{field}.channel"), &wire.channel)?;
    id(&format!("{field}.conversation_id"), &wire.conversation_id)?;
    Ok(ConversationId::new(wire.shop_id, wire.channel, wire.conversation_id))
}

/// A conversation's identity on the wire.
pub(super) fn conversation_ref(id: ConversationId) -> ConversationRef {
    ConversationRef { shop_id: id.shop, channel: id.channel, conversation_id: id.id }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(year: i32, month: i32, day: i32) -> Option<Date> {
        Some(Date { year, month, day })
    }

    #[test]
    fn only_days_of_the_calendar_pass() {
        assert_eq!(day("d", wire(2020, 2, 29)).unwrap(), NaiveDate::from_ymd_opt(2020, 2, 29).unwrap());
        for bad in
            [None, wire(2021, 2, 29), wire(0, 1, 1), wire(10_000, 1, 1), wire(2020, -1, 1), wire(2020, 1, 0)]
        {
            assert!(day("d", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_range_runs_forward_and_not_for_ever() {
        let range = |from, to| days("days", Some(DayRange { from, to }));
        assert!(range(wire(2020, 5, 12), wire(2020, 5, 12)).is_ok());
        assert!(range(wire(2020, 5, 12), wire(2020, 5, 11)).is_err());
        assert!(range(wire(1, 1, 1), wire(9999, 12, 31)).is_err());
    }

    #[test]
    fn nul_and_nothing_are_no_ids() {
        assert!(id("f", "a").is_ok());
        assert!(id("f", "").is_err());
        assert!(id("f", "a\0b").is_err());
    }
}
