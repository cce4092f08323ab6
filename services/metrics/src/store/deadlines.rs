//! Rows that stand in the order of their deadlines: those that owe nothing come last, as if due at the end of days.

use chrono::{DateTime, NaiveTime, Utc};
use directory::LAST_DAY;
use serde::{Deserialize, Serialize};

/// The row that a page begins after: its deadline and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueCursor(pub DateTime<Utc>, pub String);

impl DueCursor {
    /// The cursor after a row.
    pub(super) fn after(due_at: Option<DateTime<Utc>>, id: &str) -> Self {
        Self(stored(due_at), id.to_owned())
    }
}

/// When nothing is owed.
fn never() -> DateTime<Utc> {
    LAST_DAY.and_time(NaiveTime::MIN).and_utc()
}

/// A deadline as rows have it.
pub(super) fn stored(due_at: Option<DateTime<Utc>>) -> DateTime<Utc> {
    due_at.unwrap_or_else(never)
}

/// The deadline of a row.
pub(super) fn read(due_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    Some(due_at).filter(|due| *due != never())
}
