//! What a batch of conversations changes in the days, added up before the database is asked to.

use std::collections::{BTreeMap, HashMap};

use chrono::{Datelike, NaiveDate};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::bucket;
use crate::domain::facts::AgentDay;
use crate::domain::histogram::Histogram;
use crate::domain::part::{Part, Spread};
use crate::domain::sums::Sums;

/// A day of an agent under one definition; ordered as the rows are locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayKey {
    /// The definition's place.
    pub definition_seq: i32,
    /// Whose day.
    pub agent_day: AgentDay,
    /// The business day on which the change is committed: what "as known on" goes by.
    pub known_day: NaiveDate,
}

impl DayKey {
    /// A short name of the account's day under the definition, whatever day it became known on: made of the key, so that
    /// writers who know nothing of each other agree on it. Days stand in front, to keep those of a day together.
    pub fn agent_day_id(&self) -> Uuid {
        let at = &self.agent_day;
        let key = format!("{}/{}/{}/{}", self.definition_seq, at.shop.len(), at.shop, at.account);
        let hash: [u8; 32] = Sha256::digest(key).into();
        let mut id = [0; 16];
        id[..4].copy_from_slice(&at.day.num_days_from_ce().to_be_bytes());
        id[4..].copy_from_slice(&hash[..12]);
        Uuid::from_bytes(id)
    }
}

/// What changes in one day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DayChange {
    /// Of the sums.
    pub sums: Sums,
    /// Of the durations' counts, by the position of each [`Spread`].
    pub histograms: [Histogram; Spread::ALL.len()],
    /// Of the customers' reference counts.
    pub customers: HashMap<String, CustomerChange>,
}

/// In how many of the customer's conversations of the day something happened: reference counts, so that taking a
/// conversation back knows whether another one still speaks for the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CustomerChange {
    /// The customer wrote.
    pub asked: i32,
    /// The customer was answered.
    pub answered: i32,
    /// Both sides wrote.
    pub received: i32,
    /// A round decided whether the customer was answered in time.
    pub due: i32,
    /// Such a round was not.
    pub late: i32,
}

/// Changes of many days.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<DayKey, DayChange>);

/// Where a conversation's part is given to, or taken from.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Under which definition.
    pub definition_seq: i32,
    /// Whose day.
    pub agent_day: &'a AgentDay,
    /// The buyer.
    pub customer: &'a str,
    /// See [`DayKey::known_day`].
    pub known_day: NaiveDate,
}

impl Tally {
    /// Adds a conversation's part.
    pub fn give(&mut self, place: Place<'_>, part: &Part) {
        self.change(place, part, 1);
    }

    /// Takes a conversation's part back.
    pub fn take(&mut self, place: Place<'_>, part: &Part) {
        self.change(place, part, -1);
    }

    fn change(&mut self, place: Place<'_>, part: &Part, sign: i32) {
        let Place { definition_seq, agent_day, customer, known_day } = place;
        let key = DayKey { definition_seq, agent_day: agent_day.clone(), known_day };
        let day = self.0.entry(key).or_default();
        if sign > 0 {
            day.sums += &part.sums;
        } else {
            day.sums -= &part.sums;
        }
        for (spread, ms) in &part.durations {
            day.histograms[*spread as usize].change(bucket::of(*ms), sign.into());
        }
        if !day.customers.contains_key(customer) {
            day.customers.insert(customer.to_owned(), CustomerChange::default());
        }
        if let Some(change) = day.customers.get_mut(customer) {
            change.asked += sign * i32::from(part.customer.asked);
            change.answered += sign * i32::from(part.customer.answered);
            change.received += sign * i32::from(part.customer.received);
            change.due += sign * i32::from(part.customer.due);
            change.late += sign * i32::from(part.customer.late);
        }
    }

    /// The changes in the order in which rows are locked, without those that cancel out.
    pub fn into_changes(self) -> Vec<(DayKey, DayChange)> {
        let mut changes: Vec<_> = self.0.into_iter().collect();
        for (_, change) in &mut changes {
            change.customers.retain(|_, customer| *customer != CustomerChange::default());
        }
        changes.retain(|(_, change)| *change != DayChange::default());
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::part::CustomerPart;
    use crate::domain::sums::Sum;

    fn part() -> Part {
        let mut sums = Sums::default();
        sums[Sum::Conversations] = 1;
        Part {
            sums,
            durations: vec![(Spread::Response, 5), (Spread::Response, 5)],
            customer: CustomerPart { asked: true, received: true, ..CustomerPart::default() },
        }
    }

    fn agent_day(account: &str) -> AgentDay {
        let day = NaiveDate::from_ymd_opt(2020, 5, 13).expect("a day");
        AgentDay { day, shop: "s".to_owned(), account: account.to_owned() }
    }

    fn place(definition_seq: i32, agent_day: &AgentDay) -> Place<'_> {
        Place { definition_seq, agent_day, customer: "c", known_day: agent_day.day }
    }

    #[test]
    fn what_is_given_and_taken_back_changes_nothing() {
        let mut tally = Tally::default();
        tally.give(place(1, &agent_day("a")), &part());
        tally.take(place(1, &agent_day("a")), &part());
        assert_eq!(tally.into_changes(), []);
    }

    #[test]
    fn an_agents_day_has_one_name_on_all_days_on_which_it_became_known() {
        let at = agent_day("a");
        let key = |definition_seq, agent_day: &AgentDay, known_day| {
            DayKey { definition_seq, agent_day: agent_day.clone(), known_day }.agent_day_id()
        };
        let same = key(1, &at, at.day);
        // For ever: what is stored goes by it.
        assert_eq!(same.to_string(), "000b4116-0d03-ad8f-36ac-7f2ca06587a4");
        assert_eq!(same, key(1, &at, NaiveDate::MAX));
        let shifted = AgentDay { shop: "s/".to_owned(), account: String::new(), ..at.clone() };
        for other in [key(2, &at, at.day), key(1, &agent_day("b"), at.day), key(1, &shifted, at.day)] {
            assert_ne!(same, other);
        }
    }

    #[test]
    fn what_becomes_known_on_another_day_stands_by_itself() {
        let mut tally = Tally::default();
        let at = agent_day("a");
        tally.give(place(1, &at), &part());
        tally.take(Place { known_day: at.day.succ_opt().expect("a day"), ..place(1, &at) }, &part());
        let changes = tally.into_changes();
        let conversations: Vec<_> = changes
            .iter()
            .map(|(key, change)| (key.known_day == at.day, change.sums[Sum::Conversations]))
            .collect();
        assert_eq!(conversations, [(true, 1), (false, -1)]);
    }

    #[test]
    fn changes_come_in_the_order_of_their_locks_and_add_up() {
        let mut tally = Tally::default();
        tally.give(place(2, &agent_day("a")), &part());
        tally.give(place(1, &agent_day("b")), &part());
        tally.give(place(1, &agent_day("a")), &part());
        tally.give(place(1, &agent_day("a")), &part());
        let changes = tally.into_changes();
        let keys: Vec<_> =
            changes.iter().map(|(k, _)| (k.definition_seq, k.agent_day.account.as_str())).collect();
        assert_eq!(keys, [(1, "a"), (1, "b"), (2, "a")]);
        let first = &changes[0].1;
        assert_eq!(first.sums[Sum::Conversations], 2);
        let mut responses = Histogram::default();
        responses.change(bucket::of(5), 4);
        assert_eq!(first.histograms[Spread::Response as usize], responses);
        assert_eq!(
            first.customers["c"],
            CustomerChange { asked: 2, received: 2, ..CustomerChange::default() }
        );
    }
}
