//! Care (关怀): customers shared out to people who get in touch with them within a week.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::domain::customer::CustomerError;
use crate::domain::customer::tier::Tier;

/// Days from sharing out to the last one for the first contact.
pub const FIRST_CONTACT_DAYS: u64 = 7;

/// Where care stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CareState {
    /// First contact is still to be made.
    Open,
    /// It was made.
    Contacted,
    /// There was a reason not to.
    Skipped,
}

impl CareState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Contacted, Self::Skipped];

    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Contacted => "contacted",
            Self::Skipped => "skipped",
        }
    }

    /// The state of a row.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A customer to care for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The shop.
    pub shop: String,
    /// The customer.
    pub customer: String,
    /// What they are to the shop.
    pub tier: Tier,
    /// Whether they are about to be lost.
    pub at_risk: bool,
}

/// A customer whom a person is to get in touch with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CareTask {
    /// Unique in the merchant.
    pub id: String,
    /// From 1, one more with each change.
    pub version: i64,
    /// Whom it is about, as of when it was shared out.
    pub candidate: Candidate,
    /// Who does it.
    pub person: String,
    /// What for.
    pub purpose: String,
    /// When it was shared out.
    pub assigned_day: NaiveDate,
    /// The last day for the first contact.
    pub due_day: NaiveDate,
    /// Where it stands.
    pub state: CareState,
    /// What came of it; redacted.
    pub note: String,
    /// When the first contact was recorded.
    pub contacted_at: Option<DateTime<Utc>>,
    /// Who made this version, and when.
    pub changed: (String, DateTime<Utc>),
}

impl CareTask {
    /// What changing it must show.
    pub fn etag(&self) -> String {
        format!("v{}", self.version)
    }

    /// Whether the first contact should have been made.
    pub fn is_overdue(&self, today: NaiveDate) -> bool {
        self.state == CareState::Open && self.due_day < today
    }

    /// The last day for the first contact of what is shared out on a day.
    pub fn due(assigned_day: NaiveDate) -> NaiveDate {
        assigned_day.checked_add_days(Days::new(FIRST_CONTACT_DAYS)).unwrap_or(assigned_day)
    }

    /// The same with what came of it.
    pub fn record(self, state: CareState, note: String, at: DateTime<Utc>) -> Result<Self, CustomerError> {
        let task = self.pending()?;
        let contacted_at = (state == CareState::Contacted).then_some(at);
        Ok(Self { state, note, contacted_at, ..task })
    }

    /// The same for somebody else.
    pub fn reassign(self, person: String) -> Result<Self, CustomerError> {
        Ok(Self { person, ..self.pending()? })
    }

    /// The next version, by whom and when.
    pub fn changed(self, by: String, at: DateTime<Utc>) -> Self {
        Self { version: self.version + 1, changed: (by, at), ..self }
    }

    fn pending(self) -> Result<Self, CustomerError> {
        match self.state {
            CareState::Open => Ok(self),
            state => Err(CustomerError::CareDone { id: self.id, state }),
        }
    }
}

/// Who gets whom: candidates in their order to people in turn. Of all of them, and of each run of candidates (so of each
/// tier, if they come by tier), nobody gets more than one more than another; who has the fewest open tasks begins.
/// `people` and what each has open; gives the person of each candidate, in order.
pub fn share_out(people: &BTreeMap<String, i64>, candidates: usize) -> Vec<&str> {
    let mut turn: Vec<(&String, &i64)> = people.iter().collect();
    turn.sort_by_key(|(person, open)| (**open, *person));
    turn.iter().map(|(person, _)| person.as_str()).cycle().take(candidates).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nobody_gets_more_than_one_more_than_another_of_any_run(
            open in prop::collection::vec(0..9_i64, 1..9),
            candidates in 0..60_usize,
            from in any::<prop::sample::Index>(),
            to in any::<prop::sample::Index>(),
        ) {
            let people: BTreeMap<String, i64> =
                open.into_iter().enumerate().map(|(at, open)| (format!("p{at}"), open)).collect();
            let shared = share_out(&people, candidates);
            prop_assert_eq!(shared.len(), candidates);
            let (from, to) = (from.index(candidates + 1), to.index(candidates + 1));
            for run in [&shared[..], &shared[from.min(to)..from.max(to)]] {
                let of = |person: &String| run.iter().filter(|who| *who == person).count();
                let counts: Vec<usize> = people.keys().map(of).collect();
                prop_assert!(counts.iter().max() <= counts.iter().min().map(|least| least + 1).as_ref());
            }
        }
    }

    #[test]
    fn who_has_the_fewest_open_begins() {
        let people = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 0), ("c".to_owned(), 0)]);
        assert_eq!(share_out(&people, 4), ["b", "c", "a", "b"]);
        assert_eq!(share_out(&BTreeMap::new(), 4), Vec::<&str>::new());
    }

    #[test]
    fn what_is_done_stays_done() {
        let day = NaiveDate::from_ymd_opt(2020, 6, 1).expect("a day");
        let candidate =
            Candidate { shop: "s".to_owned(), customer: "c".to_owned(), tier: Tier::Vip, at_risk: false };
        let task = CareTask {
            id: "t".to_owned(),
            version: 1,
            candidate,
            person: "p1".to_owned(),
            purpose: "回访".to_owned(),
            assigned_day: day,
            due_day: CareTask::due(day),
            state: CareState::Open,
            note: String::new(),
            contacted_at: None,
            changed: ("p2".to_owned(), DateTime::UNIX_EPOCH),
        };
        let on = |n: u64| day.checked_add_days(Days::new(n)).expect("a day");
        assert!(!task.is_overdue(on(7)) && task.is_overdue(on(8)));
        let done =
            task.record(CareState::Contacted, "满意".to_owned(), DateTime::UNIX_EPOCH).expect("is open");
        assert!(!done.is_overdue(on(8)));
        assert!(matches!(done.reassign("p3".to_owned()), Err(CustomerError::CareDone { .. })));
    }
}
