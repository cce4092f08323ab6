//! Figures of conversations by hour, counted from the conversations themselves.
//!
//! A conversation counts whole in the hour of its first message, as it counts on the day of it; a customer counts once
//! per account, shop and hour.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;

use crate::domain::bucket;
use crate::domain::definition::Rules;
use crate::domain::explanation::Recorded;
use crate::domain::histogram::Histogram;
use crate::domain::part::{CustomerPart, Spread};
use crate::domain::sums::{Sum, Sums};

/// Rows by key, day and hours after the day's cut-over.
#[derive(Debug)]
pub struct HourTally {
    cut_over_hour: u8,
    rows: BTreeMap<(String, NaiveDate, u8), HourRow>,
}

/// What happened in an hour.
#[derive(Debug, Default)]
pub struct HourRow {
    /// What adds up, customers included once [`HourTally::into_rows`] gave the row.
    pub sums: Sums,
    /// In the order of [`Spread::ALL`].
    pub histograms: [Histogram; Spread::ALL.len()],
    accounts: HashSet<String>,
    /// By account, shop and customer.
    customers: HashMap<(String, String, String), CustomerPart>,
}

impl HourTally {
    /// An empty one; days begin at this hour of the local clock.
    pub fn new(cut_over_hour: u8) -> Self {
        Self { cut_over_hour: cut_over_hour % 24, rows: BTreeMap::new() }
    }

    /// Adds an account's part of a conversation to a row of `key`.
    pub fn add(&mut self, key: &str, conversation: &Recorded, rules: &Rules) {
        let part = conversation.part(rules);
        let at = &conversation.agent_day;
        let hours = Self::hours_after(self.cut_over_hour, conversation.hour());
        let row = self.rows.entry((key.to_owned(), at.day, hours)).or_default();
        row.sums += &part.sums;
        for (spread, ms) in &part.durations {
            row.histograms[*spread as usize].change(bucket::of(*ms), 1);
        }
        if part.sums != Sums::default() && !row.accounts.contains(&at.account) {
            row.accounts.insert(at.account.clone());
        }
        let who = (at.account.clone(), at.shop.clone(), conversation.customer.clone());
        let customer = row.customers.entry(who).or_default();
        customer.asked |= part.customer.asked;
        customer.answered |= part.customer.answered;
        customer.received |= part.customer.received;
        customer.due |= part.customer.due;
        customer.late |= part.customer.late;
    }

    /// The hour of the local clock that is so many hours after the cut-over.
    pub fn clock_hour(cut_over_hour: u8, hours: u8) -> u8 {
        (cut_over_hour % 24 + hours) % 24
    }

    /// How many hours after the cut-over an hour of the local clock is.
    pub fn hours_after(cut_over_hour: u8, clock_hour: u8) -> u8 {
        (clock_hour + 24 - cut_over_hour % 24) % 24
    }

    /// The rows in the order of key, day and hour, without those in which nothing happened.
    pub fn into_rows(self) -> impl Iterator<Item = ((String, NaiveDate, u8), HourRow)> {
        self.rows.into_iter().filter_map(|(place, mut row)| {
            for customer in row.customers.values() {
                row.sums[Sum::AskingCustomers] += i64::from(customer.asked);
                row.sums[Sum::AnsweredCustomers] += i64::from(customer.answered);
                row.sums[Sum::ReceivedCustomers] += i64::from(customer.received);
                row.sums[Sum::DueCustomers] += i64::from(customer.due);
                row.sums[Sum::InTimeCustomers] += i64::from(customer.due && !customer.late);
            }
            (row.sums != Sums::default()).then_some((place, row))
        })
    }
}

impl HourRow {
    /// Accounts with a conversation or reply.
    pub fn active_accounts(&self) -> i64 {
        self.accounts.len() as i64
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::domain::testing::recorded;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn a_conversation_counts_in_the_hour_of_its_first_message_and_a_customer_once() {
        let mut tally = HourTally::new(6);
        let rules = Rules::default();
        for (start_hour, customer) in [(5, "x"), (6, "x"), (6, "x"), (23, "y")] {
            let started_at =
                DateTime::UNIX_EPOCH + TimeDelta::milliseconds((start_hour + 1) * HOUR_MS - 1_000);
            tally.add("k", &recorded("c", "a", customer, started_at, 2_000), &rules);
        }
        let rows: Vec<_> = tally.into_rows().collect();
        let found: Vec<_> = rows
            .iter()
            .map(|((_, _, hours), row)| {
                let clock = HourTally::clock_hour(6, *hours);
                (clock, row.sums[Sum::Conversations], row.sums[Sum::ReceivedCustomers])
            })
            .collect();
        assert!((0..24).all(|hour| HourTally::clock_hour(6, HourTally::hours_after(6, hour)) == hour));
        // The answer came after the full hour: the conversation stays in the hour in which it began.
        assert_eq!(found, [(6, 2, 1), (23, 1, 1), (5, 1, 1)]);
        assert!(rows.iter().all(|(_, row)| row.active_accounts() == 1));
    }
}
