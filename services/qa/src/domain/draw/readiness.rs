//! Whether a day is whole: what is here of it against what metrics closed.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::AccountId;

use crate::error::QaError;

/// How many differing accounts a readiness names; the rest are only counted.
pub const GAPS_NAMED_MAX: usize = 100;
/// How many of them an error's metadata names.
const GAPS_IN_ERROR: usize = 5;

/// The size of one account's day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayCount {
    /// All chats.
    pub conversations: i32,
    /// Those that are long by metrics' own threshold.
    pub long_chats: i32,
}

/// What metrics said a day held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayClosing {
    /// Grows each time the day is closed again.
    pub version: i64,
    /// metrics' own threshold, on agent messages.
    pub long_chat_threshold: i32,
    /// When it was closed.
    pub closed_at: DateTime<Utc>,
    /// By account.
    pub agents: BTreeMap<AccountId, DayCount>,
}

/// How far a day has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayState {
    /// metrics has said nothing.
    NotClosed,
    /// The counts differ.
    Incomplete,
    /// The counts match.
    Ready,
    /// Drawn.
    Drawn,
}

/// An account whose counts differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayGap {
    /// Which.
    pub account: AccountId,
    /// What metrics counted.
    pub expected: DayCount,
    /// What is here.
    pub here: DayCount,
}

/// A day here held against what metrics closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// The day.
    pub day: NaiveDate,
    /// The verdict.
    pub state: DayState,
    /// The version of the closing, if there is one.
    pub closed_version: Option<i64>,
    /// Chats that metrics counted.
    pub conversations_expected: i64,
    /// Chats that are here.
    pub conversations_here: i64,
    /// Long chats that metrics counted.
    pub long_chats_expected: i64,
    /// Long chats that are here.
    pub long_chats_here: i64,
    /// The first accounts that differ.
    pub gaps: Vec<DayGap>,
    /// How many differ in all.
    pub gap_count: i32,
}

impl Readiness {
    /// Compares. `here` is counted with the closing's own threshold.
    pub fn compare(
        day: NaiveDate,
        closing: Option<&DayClosing>,
        here: &BTreeMap<AccountId, DayCount>,
        drawn: bool,
    ) -> Self {
        let nothing = BTreeMap::new();
        let expected = closing.map_or(&nothing, |closing| &closing.agents);
        let mut accounts: Vec<&AccountId> = expected.keys().chain(here.keys()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let count =
            |of: &BTreeMap<AccountId, DayCount>, account| of.get(account).copied().unwrap_or_default();
        let gaps = accounts.into_iter().map(|account| DayGap {
            account: account.clone(),
            expected: count(expected, account),
            here: count(here, account),
        });
        let mut gaps: Vec<DayGap> =
            gaps.filter(|gap| closing.is_some() && gap.expected != gap.here).collect();
        let gap_count = i32::try_from(gaps.len()).unwrap_or(i32::MAX);
        gaps.truncate(GAPS_NAMED_MAX);
        let state = match (drawn, closing.is_some(), gap_count) {
            (true, _, _) => DayState::Drawn,
            (false, false, _) => DayState::NotClosed,
            (false, true, 0) => DayState::Ready,
            (false, true, _) => DayState::Incomplete,
        };
        let sum = |of: &BTreeMap<AccountId, DayCount>, part: fn(&DayCount) -> i32| {
            of.values().map(|count| i64::from(part(count))).sum()
        };
        Self {
            day,
            state,
            closed_version: closing.map(|closing| closing.version),
            conversations_expected: sum(expected, |count| count.conversations),
            conversations_here: sum(here, |count| count.conversations),
            long_chats_expected: sum(expected, |count| count.long_chats),
            long_chats_here: sum(here, |count| count.long_chats),
            gaps,
            gap_count,
        }
    }

    /// The version of the closing that the day is drawn against; `None` if it is drawn already.
    ///
    /// # Errors
    ///
    /// [`QaError::DayNotClosed`] while metrics has not closed it; [`QaError::DayIncomplete`] while what is here is not what
    /// metrics counted: a list that lacks chats would be frozen for ever.
    pub fn to_draw(self) -> Result<Option<i64>, QaError> {
        match (self.state, self.closed_version) {
            (DayState::Drawn, _) => Ok(None),
            (DayState::Ready, Some(version)) => Ok(Some(version)),
            (DayState::Incomplete, _) => Err(QaError::DayIncomplete { readiness: Box::new(self) }),
            (DayState::NotClosed | DayState::Ready, _) => Err(QaError::DayNotClosed { day: self.day }),
        }
    }

    /// What is missing, for a program that waits for it.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let accounts: Vec<&str> =
            self.gaps.iter().take(GAPS_IN_ERROR).map(|gap| gap.account.as_str()).collect();
        let pair = |key: &str, value: String| (key.to_owned(), value);
        vec![
            pair("business_day", self.day.to_string()),
            pair("conversations_expected", self.conversations_expected.to_string()),
            pair("conversations_here", self.conversations_here.to_string()),
            pair("long_chats_expected", self.long_chats_expected.to_string()),
            pair("long_chats_here", self.long_chats_here.to_string()),
            pair("accounts_differing", self.gap_count.to_string()),
            pair("first_accounts", accounts.join(",")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, i32, i32)]) -> BTreeMap<AccountId, DayCount> {
        let count = |(account, conversations, long_chats): &(&str, i32, i32)| {
            (AccountId::new(*account), DayCount { conversations: *conversations, long_chats: *long_chats })
        };
        of.iter().map(count).collect()
    }

    fn check(
        expected: Option<&[(&str, i32, i32)]>,
        here: &[(&str, i32, i32)],
        state: DayState,
        gaps: &[&str],
    ) {
        let closing = expected.map(|agents| DayClosing {
            version: 3,
            long_chat_threshold: 10,
            closed_at: DateTime::UNIX_EPOCH,
            agents: counts(agents),
        });
        let readiness = Readiness::compare(NaiveDate::default(), closing.as_ref(), &counts(here), false);
        assert_eq!(readiness.state, state, "{expected:?} {here:?}");
        let named: Vec<&str> = readiness.gaps.iter().map(|gap| gap.account.as_str()).collect();
        assert_eq!(named, gaps);
        assert_eq!(usize::try_from(readiness.gap_count), Ok(gaps.len()));
    }

    #[test]
    fn a_day_is_ready_only_when_every_account_matches() {
        check(None, &[("a", 1, 0)], DayState::NotClosed, &[]);
        check(Some(&[]), &[], DayState::Ready, &[]);
        check(Some(&[("a", 2, 1), ("b", 1, 0)]), &[("b", 1, 0), ("a", 2, 1)], DayState::Ready, &[]);
        check(Some(&[("a", 2, 1), ("b", 1, 0)]), &[("a", 2, 1)], DayState::Incomplete, &["b"]);
        check(Some(&[("a", 2, 1)]), &[("a", 2, 1), ("c", 1, 0)], DayState::Incomplete, &["c"]);
        check(Some(&[("a", 2, 1)]), &[("a", 2, 2)], DayState::Incomplete, &["a"]);
        // The same totals over other accounts are not the same day.
        check(
            Some(&[("a", 2, 1), ("b", 1, 0)]),
            &[("a", 1, 0), ("b", 2, 1)],
            DayState::Incomplete,
            &["a", "b"],
        );
    }

    #[test]
    fn a_drawn_day_stays_drawn() {
        let readiness = Readiness::compare(NaiveDate::default(), None, &counts(&[("a", 1, 1)]), true);
        assert_eq!(readiness.state, DayState::Drawn);
    }

    #[test]
    fn a_day_is_drawn_once_and_only_when_it_is_whole() {
        let whole = counts(&[("a", 2, 1)]);
        let closing = DayClosing {
            version: 3,
            long_chat_threshold: 10,
            closed_at: DateTime::UNIX_EPOCH,
            agents: whole.clone(),
        };
        let to_draw = |closing: Option<&DayClosing>, here: &[(&str, i32, i32)], drawn| {
            Readiness::compare(NaiveDate::default(), closing, &counts(here), drawn).to_draw()
        };
        assert!(matches!(to_draw(Some(&closing), &[("a", 2, 1)], false), Ok(Some(3))));
        assert!(matches!(to_draw(None, &[("a", 2, 1)], false), Err(QaError::DayNotClosed { .. })));
        let Err(QaError::DayIncomplete { readiness }) = to_draw(Some(&closing), &[("a", 1, 1)], false) else {
            panic!("not refused");
        };
        assert_eq!((readiness.conversations_expected, readiness.conversations_here), (2, 1));
        // Whatever came since: nobody draws it again.
        for here in [&[("a", 2, 1)], &[("a", 1, 1)]] {
            assert!(matches!(to_draw(Some(&closing), here, true), Ok(None)));
        }
        assert!(matches!(to_draw(None, &[], true), Ok(None)));
    }
}
