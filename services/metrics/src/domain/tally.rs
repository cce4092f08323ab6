//! What a batch of conversations changes in the days, added up before the database is asked to.

use std::collections::{BTreeMap, HashMap};

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
}

/// Changes of many days.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<DayKey, DayChange>);

impl Tally {
    /// Adds a conversation's part.
    pub fn give(&mut self, definition_seq: i32, agent_day: &AgentDay, customer: &str, part: &Part) {
        self.change(definition_seq, agent_day, customer, part, 1);
    }

    /// Takes a conversation's part back.
    pub fn take(&mut self, definition_seq: i32, agent_day: &AgentDay, customer: &str, part: &Part) {
        self.change(definition_seq, agent_day, customer, part, -1);
    }

    fn change(&mut self, definition_seq: i32, agent_day: &AgentDay, customer: &str, part: &Part, sign: i32) {
        let day = self.0.entry(DayKey { definition_seq, agent_day: agent_day.clone() }).or_default();
        if sign > 0 {
            day.sums += &part.sums;
        } else {
            day.sums -= &part.sums;
        }
        for (spread, bucket) in &part.durations {
            day.histograms[*spread as usize].change(*bucket, sign.into());
        }
        if !day.customers.contains_key(customer) {
            day.customers.insert(customer.to_owned(), CustomerChange::default());
        }
        if let Some(change) = day.customers.get_mut(customer) {
            change.asked += sign * i32::from(part.customer.asked);
            change.answered += sign * i32::from(part.customer.answered);
            change.received += sign * i32::from(part.customer.received);
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
    use chrono::NaiveDate;

    use super::*;
    use crate::domain::bucket;
    use crate::domain::part::CustomerPart;
    use crate::domain::sums::Sum;

    fn part() -> Part {
        let mut sums = Sums::default();
        sums[Sum::Conversations] = 1;
        Part {
            sums,
            durations: vec![(Spread::Response, bucket::of(5)), (Spread::Response, bucket::of(5))],
            customer: CustomerPart { asked: true, answered: false, received: true },
        }
    }

    fn agent_day(account: &str) -> AgentDay {
        let day = NaiveDate::from_ymd_opt(2020, 5, 13).expect("a day");
        AgentDay { day, shop: "s".to_owned(), account: account.to_owned() }
    }

    #[test]
    fn what_is_given_and_taken_back_changes_nothing() {
        let mut tally = Tally::default();
        tally.give(1, &agent_day("a"), "c", &part());
        tally.take(1, &agent_day("a"), "c", &part());
        assert_eq!(tally.into_changes(), []);
    }

    #[test]
    fn changes_come_in_the_order_of_their_locks_and_add_up() {
        let mut tally = Tally::default();
        tally.give(2, &agent_day("a"), "c", &part());
        tally.give(1, &agent_day("b"), "c", &part());
        tally.give(1, &agent_day("a"), "c", &part());
        tally.give(1, &agent_day("a"), "c", &part());
        let changes = tally.into_changes();
        let keys: Vec<_> =
            changes.iter().map(|(k, _)| (k.definition_seq, k.agent_day.account.as_str())).collect();
        assert_eq!(keys, [(1, "a"), (1, "b"), (2, "a")]);
        let first = &changes[0].1;
        assert_eq!(first.sums[Sum::Conversations], 2);
        let mut responses = Histogram::default();
        responses.change(bucket::of(5), 4);
        assert_eq!(first.histograms[Spread::Response as usize], responses);
        assert_eq!(first.customers["c"], CustomerChange { asked: 2, answered: 0, received: 2 });
    }
}
