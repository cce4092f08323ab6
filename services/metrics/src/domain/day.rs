//! A business day, and when it is closed.

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};

/// A business day, and when it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// What is on record.
    pub record: DayRecord,
    /// When the day begins, and when the next one does.
    pub bounds: (DateTime<Utc>, DateTime<Utc>),
}

/// A business day as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayRecord {
    /// The day.
    pub day: NaiveDate,
    /// Where it stands.
    pub state: DayState,
    /// Of the last `DayClosed`; 0 before the first.
    pub version: i64,
    /// When that was.
    pub closed_at: Option<DateTime<Utc>>,
    /// What the day holds now.
    pub conversations: i64,
    /// Of those, long chats.
    pub long_chats: i64,
}

impl DayRecord {
    /// A day that nothing is on record of.
    pub fn empty(day: NaiveDate) -> Self {
        Self { day, state: DayState::Open, version: 0, closed_at: None, conversations: 0, long_chats: 0 }
    }
}

/// Where a day stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayState {
    /// Never closed.
    Open,
    /// Closed, and nothing came since.
    Closed,
    /// Closed, but something came since.
    Changed,
}

impl DayState {
    /// The state by what is on record.
    pub fn of(version: i64, changed: bool) -> Self {
        match (version, changed) {
            (0, _) => Self::Open,
            (_, false) => Self::Closed,
            (_, true) => Self::Changed,
        }
    }
}

/// The size of an account's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCount {
    /// The account.
    pub account: String,
    /// Its conversations, over all shops.
    pub conversations: i64,
    /// Of those, with more agent messages than the long chat threshold.
    pub long_chats: i64,
}

/// What a day held when it was closed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Of the `DayClosed` event.
    pub version: i64,
    /// When.
    pub closed_at: DateTime<Utc>,
    /// See `counts_hash`.
    pub counts_hash: Vec<u8>,
}

/// The next closing, or `None` if the last one still tells the truth.
pub fn close(last: Option<&Closing>, counts: &[AccountCount], now: DateTime<Utc>) -> Option<Closing> {
    let counts_hash = counts_hash(counts).to_vec();
    match last {
        Some(last) if last.counts_hash == counts_hash => None,
        last => Some(Closing { version: last.map_or(0, |l| l.version) + 1, closed_at: now, counts_hash }),
    }
}

/// Tells two sets of counts apart without keeping them. `counts` are sorted by account.
fn counts_hash(counts: &[AccountCount]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for count in counts {
        hash.update((count.account.len() as u64).to_be_bytes());
        hash.update(&count.account);
        hash.update(count.conversations.to_be_bytes());
        hash.update(count.long_chats.to_be_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(conversations: i64) -> [AccountCount; 1] {
        [AccountCount { account: "a".to_owned(), conversations, long_chats: 1 }]
    }

    #[test]
    fn closing_again_makes_a_version_only_if_the_counts_changed() {
        let now = DateTime::UNIX_EPOCH;
        let first = close(None, &count(3), now).expect("the first closing");
        assert_eq!(first.version, 1);
        assert_eq!(close(Some(&first), &count(3), now), None);
        let second = close(Some(&first), &count(4), now).expect("a late conversation");
        assert_eq!(second.version, 2);
        assert_eq!(close(None, &[], now).map(|c| c.version), Some(1), "an empty day can be closed");
    }

    #[test]
    fn the_state_follows_from_the_record() {
        assert_eq!(DayState::of(0, true), DayState::Open);
        assert_eq!(DayState::of(2, false), DayState::Closed);
        assert_eq!(DayState::of(2, true), DayState::Changed);
    }
}
