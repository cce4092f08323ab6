//! An account's day counted again: what its stored figures lack.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::domain::facts::AgentDay;
use crate::domain::histogram::Histogram;
use crate::domain::part::Spread;
use crate::domain::sums::{Sum, Sums};
use crate::domain::tally::{CustomerChange, DayChange, DayKey, Tally};

/// An account's day under the definition of a place.
pub type Counted = (i32, AgentDay);

/// What is stored of an account's day, over all known days.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The sums, those of customers too.
    pub sums: Sums,
    /// The durations, by the position of each [`Spread`].
    pub histograms: [Histogram; Spread::ALL.len()],
}

/// What has to be added to the stored figures of these days, as known on `known_day`, so that they are what `given` adds up
/// to: the parts of all conversations that count. The customers of each change are not changes but all there are.
pub fn corrections(
    days: &BTreeSet<Counted>,
    given: Tally,
    stored: &BTreeMap<Counted, Stored>,
    known_day: NaiveDate,
) -> Vec<(DayKey, DayChange)> {
    let mut right: BTreeMap<Counted, DayChange> = given
        .into_changes()
        .into_iter()
        .map(|(key, change)| ((key.definition_seq, key.agent_day), change))
        .collect();
    let correct = |day: &Counted| {
        let mut change = right.remove(day).unwrap_or_default();
        count_customers(&mut change);
        if let Some(stored) = stored.get(day) {
            change.sums -= &stored.sums;
            for (histogram, stored) in change.histograms.iter_mut().zip(&stored.histograms) {
                histogram.subtract(stored);
            }
        }
        let (definition_seq, agent_day) = day.clone();
        (DayKey { definition_seq, agent_day, known_day }, change)
    };
    days.iter().map(correct).collect()
}

/// The sums of customers, out of how often each of them did what.
fn count_customers(change: &mut DayChange) {
    let customers = &change.customers;
    let count =
        |is: fn(&CustomerChange) -> bool| customers.values().filter(|customer| is(customer)).count() as i64;
    let sums = [
        (Sum::AskingCustomers, count(|customer| customer.asked > 0)),
        (Sum::AnsweredCustomers, count(|customer| customer.answered > 0)),
        (Sum::ReceivedCustomers, count(|customer| customer.received > 0)),
        (Sum::DueCustomers, count(|customer| customer.due > 0)),
        (Sum::InTimeCustomers, count(|customer| customer.due > 0 && customer.late == 0)),
    ];
    for (sum, number) in sums {
        change.sums[sum] = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::bucket;
    use crate::domain::part::{CustomerPart, Part};
    use crate::domain::tally::Place;

    fn part(rounds: i64, late: bool) -> Part {
        let mut sums = Sums::default();
        sums[Sum::Conversations] = 1;
        sums[Sum::Rounds] = rounds;
        let customer = CustomerPart { asked: true, answered: true, received: true, due: true, late };
        Part { sums, durations: vec![(Spread::Response, 5)], customer }
    }

    fn agent_day(account: &str) -> AgentDay {
        let day = NaiveDate::from_ymd_opt(2020, 5, 13).expect("a day");
        AgentDay { day, shop: "s".to_owned(), account: account.to_owned() }
    }

    #[test]
    fn stored_and_correction_add_up_to_what_counts() {
        let (at, today) = (agent_day("a"), agent_day("a").day.succ_opt().expect("a day"));
        let mut given = Tally::default();
        for (customer, part) in [("c", part(2, false)), ("c", part(1, true)), ("d", part(1, false))] {
            given.give(Place { definition_seq: 1, agent_day: &at, customer, known_day: at.day }, &part);
        }
        let mut stored = Stored::default();
        stored.sums[Sum::Conversations] = 2;
        stored.sums[Sum::Rounds] = 5;
        stored.sums[Sum::AskingCustomers] = 2;
        stored.histograms[Spread::Response as usize].change(bucket::of(5), 1);
        stored.histograms[Spread::Length as usize].change(bucket::of(9), 2);
        let day = (1, at.clone());
        let stored = BTreeMap::from([(day.clone(), stored)]);
        let corrected = corrections(&BTreeSet::from([day]), given, &stored, today);
        let [(key, change)] = corrected.as_slice() else { panic!("one day: {corrected:?}") };
        assert_eq!((key.definition_seq, &key.agent_day, key.known_day), (1, &at, today));
        let of = |sum| change.sums[sum];
        assert_eq!((of(Sum::Conversations), of(Sum::Rounds)), (1, -1));
        assert_eq!((of(Sum::AskingCustomers), of(Sum::ReceivedCustomers)), (0, 2));
        assert_eq!((of(Sum::DueCustomers), of(Sum::InTimeCustomers)), (2, 1));
        let mut expected: [Histogram; Spread::ALL.len()] = Default::default();
        expected[Spread::Response as usize].change(bucket::of(5), 2);
        expected[Spread::Length as usize].change(bucket::of(9), -2);
        assert_eq!(change.histograms, expected);
        assert_eq!(change.customers["c"].asked, 2);
    }

    #[test]
    fn a_day_without_conversations_any_more_is_taken_back_and_others_are_left_alone() {
        let at = agent_day("gone");
        let mut stored = Stored::default();
        stored.sums[Sum::Conversations] = 3;
        let gone = (2, at.clone());
        let stored = BTreeMap::from([(gone.clone(), stored)]);
        let mut given = Tally::default();
        let other = agent_day("other");
        given.give(
            Place { definition_seq: 1, agent_day: &other, customer: "c", known_day: at.day },
            &part(1, false),
        );
        let corrected = corrections(&BTreeSet::from([gone]), given, &stored, at.day);
        assert_eq!(corrected.len(), 1);
        assert_eq!(corrected[0].1.sums[Sum::Conversations], -3);
        assert!(corrected[0].1.customers.is_empty());
    }
}
