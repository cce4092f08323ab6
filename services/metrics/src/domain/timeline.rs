//! What one customer of one shop did, and what of it counts for whom on which day.
//!
//! [`shares`] is a pure function of everything known of the customer: it doesn't matter in which order the pieces came
//! in. What it gives is stored, so that exactly that is taken back when something more becomes known; what it says of
//! pieces that don't count is what explanations are made of. Nothing else makes figures of facts.

use std::collections::HashMap;

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::bucket::Bucket;
use crate::domain::conversation::{ConversationKey, Sender};
use crate::domain::credit::Credits;
use crate::domain::definition::Rules;
use crate::domain::explanation::{Reason, Recorded};
use crate::domain::fact::{ChatRef, Fact};
use crate::domain::facts::OWNER;
use crate::domain::part::Part;
use crate::domain::slice::Slice;
use crate::domain::timeline_chats as chats;
use crate::domain::timeline_facts as facts;
use crate::domain::timeline_slices as slices;
use crate::domain::timeline_writing as writing;
use crate::domain::trade::{TradeSpread, TradeSum};

/// What a share is about. The position is stored as a bit: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the sums of each say it: see `trade`")]
pub enum Topic {
    Reception,
    Inquiry,
    FirstContact,
    Order,
    Payment,
    Refund,
    CompletedRefund,
    Complaint,
    Score,
    Rating,
    Review,
    Recommendation,
    CrossSell,
    Signup,
    OrderHandling,
    AfterSaleHandling,
    Bot,
    Cart,
    Writing,
}

impl Topic {
    /// Its place in a set of topics.
    pub fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Everything known of one customer in one shop, sorted by time.
#[derive(Debug, Clone, Default)]
pub struct History {
    chats: Vec<Recorded>,
    facts: Vec<Fact>,
    calendar: MerchantCalendar,
}

/// Which piece of a [`History`], by its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// A conversation.
    Chat(usize),
    /// A fact.
    Fact(usize),
}

/// What one piece adds to one account's day about one topic, and why not more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// About what.
    pub topic: Topic,
    /// Which piece.
    pub item: Item,
    /// On which business day it counts.
    pub day: NaiveDate,
    /// For which account; empty for nobody.
    pub account: String,
    /// What it adds.
    pub sums: Vec<(TradeSum, i64)>,
    /// One entry per duration or hour.
    pub buckets: Vec<(TradeSpread, Bucket)>,
    /// Why a sum gets nothing.
    pub missing: Vec<(TradeSum, Reason)>,
    /// What of it falls to which product, category and hour. A slice without sums has nothing to count and says so in
    /// explanations.
    pub slices: Vec<(Slice, Vec<(TradeSum, i64)>)>,
}

impl Share {
    /// One that adds nothing yet.
    pub(super) fn new(topic: Topic, item: Item, day: NaiveDate, account: &str) -> Self {
        Self {
            topic,
            item,
            day,
            account: account.to_owned(),
            sums: Vec::new(),
            buckets: Vec::new(),
            missing: Vec::new(),
            slices: Vec::new(),
        }
    }
}

impl History {
    /// Sorts what is known, so that the order in which it was read doesn't matter either.
    pub fn new(mut chats: Vec<Recorded>, mut facts: Vec<Fact>) -> Self {
        chats.sort_by(|a, b| (first_message_at(a), &a.key).cmp(&(first_message_at(b), &b.key)));
        facts.sort_by(|a, b| (a.occurred_at, &a.key).cmp(&(b.occurred_at, &b.key)));
        Self { chats, facts, calendar: MerchantCalendar::default() }
    }

    /// The same by the merchant's own clock, which says in which hour something happened; else it is that of China.
    pub fn with_calendar(self, calendar: MerchantCalendar) -> Self {
        Self { calendar, ..self }
    }

    /// The hour of the local clock.
    pub(super) fn hour(&self, at: DateTime<Utc>) -> u8 {
        self.calendar.local_hour(at)
    }

    /// By the time of their first messages.
    pub fn chats(&self) -> &[Recorded] {
        &self.chats
    }

    /// By the time they happened.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// How many of both.
    pub fn pieces(&self) -> usize {
        self.chats.len() + self.facts.len()
    }
}

/// When the first message of a conversation was sent.
pub fn first_message_at(chat: &Recorded) -> DateTime<Utc> {
    message_at(chat, chat.facts.messages.first().map_or(0, |m| m.offset_ms))
}

/// An instant in a conversation.
pub(super) fn message_at(chat: &Recorded, offset_ms: i64) -> DateTime<Utc> {
    chat.started_at + chrono::TimeDelta::milliseconds(offset_ms)
}

/// The shares of everything a customer did under a definition's rules, in the order of the pieces.
pub fn shares(history: &History, rules: &Rules) -> Vec<Share> {
    let timeline = Timeline::new(history, rules);
    let mut shares = chats::shares(&timeline);
    shares.extend(writing::shares(&timeline));
    shares.extend(facts::shares(&timeline));
    slices::cut(&timeline, &mut shares);
    shares
}

/// A history, with what more than one of its pieces needs to know.
pub(super) struct Timeline<'a> {
    pub history: &'a History,
    pub rules: &'a Rules,
    /// By chat.
    pub seen: Vec<Seen>,
    pub credits: Credits<'a>,
    chats: HashMap<(&'a str, &'a str), usize>,
}

/// What of a conversation decides whether it counts.
pub(super) struct Seen {
    /// The customer wrote.
    pub asked: bool,
    /// Both sides wrote.
    pub received: bool,
    /// Clock hours in which the account wrote, each once.
    pub hours: Vec<Bucket>,
}

impl<'a> Timeline<'a> {
    fn new(history: &'a History, rules: &'a Rules) -> Self {
        let seen: Vec<Seen> = history.chats.iter().map(|chat| Seen::of(chat, rules)).collect();
        let key = |(at, chat): (usize, &'a Recorded)| ((chat.key.channel.as_str(), chat.key.id.as_str()), at);
        Self {
            credits: Credits::new(history, rules, &seen),
            chats: history.chats.iter().enumerate().map(key).collect(),
            history,
            rules,
            seen,
        }
    }

    /// The account of a conversation of this customer.
    pub fn account_of(&self, chat: Option<&ChatRef>) -> Option<&'a str> {
        let chat = chat?;
        let at = self.chats.get(&(chat.channel.as_str(), chat.id.as_str()))?;
        Some(self.history.chats[*at].agent_day.account.as_str())
    }
}

impl Seen {
    fn of(chat: &Recorded, rules: &Rules) -> Self {
        // To customers a conversation is one whole, whoever answered in it; it speaks for its own account.
        let parts = Part::all(&chat.facts, rules);
        let asked = chat.facts.messages.iter().any(|m| m.sender == Sender::Customer);
        let written = chat.facts.messages.iter().filter(|m| m.sender == Sender::Agent && m.who == OWNER);
        let hour = |offset_ms: i64| (chat.facts.start_of_day_ms + offset_ms).div_euclid(3_600_000);
        let mut hours: Vec<Bucket> =
            written.map(|m| Bucket::try_from(hour(m.offset_ms)).unwrap_or(Bucket::MAX)).collect();
        hours.dedup();
        Self { asked, received: parts.iter().any(|part| part.customer.received), hours }
    }
}

/// The key of a conversation as a fact names it.
pub fn chat_ref(key: &ConversationKey) -> ChatRef {
    ChatRef { channel: key.channel.clone(), id: key.id.clone() }
}

/// Business days from one day to a later one; negative the other way.
pub(super) fn days_between(from: NaiveDate, to: NaiveDate) -> i64 {
    (to - from).num_days()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::contribution::Contribution;
    use crate::domain::fact::{Body, FactKey, Order, OrderLine, Refund};
    use crate::domain::testing::recorded;
    use crate::domain::trade_rules::{Attribution, FirstContact, TradeRules};

    /// An instant `minute` minutes into the 10th of May, and its day.
    fn at(minute: i64) -> (DateTime<Utc>, NaiveDate) {
        let first =
            NaiveDate::from_ymd_opt(2020, 5, 10).and_then(|day| day.and_hms_opt(0, 0, 0)).expect("a time");
        let time = first + chrono::TimeDelta::minutes(minute);
        (time.and_utc(), time.date())
    }

    /// The customer asks, the account answers a minute later.
    fn chat(id: u32, account: u32, minute: i64) -> Recorded {
        let mut chat = recorded(&format!("c-{id}"), &format!("a-{account}"), "b", at(minute).0, 60_000);
        chat.facts.satisfied = Some(id.is_multiple_of(2));
        chat.facts.completed = Some(!id.is_multiple_of(3));
        chat
    }

    fn fact(id: u32, minute: i64, body: Body) -> Fact {
        let (occurred_at, day) = at(minute);
        let key = FactKey { id: format!("o-{id}"), kind: body.kind(), shop: "s".to_owned() };
        let (customer, account) = ("b".to_owned(), String::new());
        Fact { key, revision: 0, occurred_at, day, customer, account, body }
    }

    fn order(amount: i64) -> Body {
        let line = OrderLine {
            product: "p".to_owned(),
            title: String::new(),
            category: String::new(),
            quantity: 1,
            amount,
        };
        Body::Order(Order {
            lines: vec![line],
            amount,
            member_level: String::new(),
            excluded_reason: String::new(),
            campaign: String::new(),
        })
    }

    fn payment(order: u32, amount: i64) -> Body {
        Body::Payment { order: format!("o-{order}"), amount }
    }

    fn refund(order: u32, minute: i64) -> Body {
        let (completed_at, completed_day) = at(minute);
        Body::Refund(Refund {
            order: format!("o-{order}"),
            amount: 1,
            goods_returned: order.is_multiple_of(2),
            reason: String::new(),
            completed_at: Some(completed_at),
            completed_day: Some(completed_day),
            platform_help: None,
            judged_against_shop: None,
        })
    }

    fn given(chats: &[Recorded], facts: &[Fact], trade: TradeRules) -> Contribution {
        let rules = Rules { trade, ..Rules::default() };
        let mut contribution = Contribution::default();
        contribution.give(1, &shares(&History::new(chats.to_vec(), facts.to_vec()), &rules));
        contribution
    }

    fn paid(contribution: &Contribution, account: &str) -> i64 {
        let here = contribution.gifts().filter(|(place, _)| place.account == account);
        here.map(|(_, gift)| gift.sums[TradeSum::PaidAmount]).sum()
    }

    #[test]
    fn a_payment_goes_to_whom_the_rule_names() {
        let chats = [chat(1, 1, 600), chat(2, 2, 700)];
        let facts = [fact(1, 650, order(5)), fact(2, 750, payment(1, 5))];
        let check = |attribution, account: &str| {
            let given = given(&chats, &facts, TradeRules { attribution, ..TradeRules::default() });
            assert_eq!(paid(&given, account), 5, "{attribution:?}");
        };
        check(Attribution::OrderFirst, "a-1");
        check(Attribution::Order, "a-1");
        check(Attribution::Payment, "a-2");
        check(Attribution::Platform, "");
    }

    #[test]
    fn whoever_replied_in_the_very_instant_gets_the_credit_and_whoever_replied_after_it_does_not() {
        let check = |minute, account: &str| {
            let facts = [fact(1, minute, order(5)), fact(1, minute, payment(1, 5))];
            assert_eq!(paid(&given(&[chat(1, 1, 600)], &facts, TradeRules::default()), account), 5);
        };
        check(601, "a-1");
        check(600, "");
        check(601 + 4 * 1_440, "a-1");
        check(601 + 5 * 1_440, "");
    }

    proptest! {
        #[test]
        fn the_order_of_reading_does_not_matter(
            chats in prop::collection::vec((0..2_u32, 0..9_000_i64), 0..6),
            facts in prop::collection::vec((0..3_u32, 0..3_u32, 0..9_000_i64), 0..10),
            turn in any::<prop::sample::Index>(),
            variant in 0..3_usize,
        ) {
            let mut chats: Vec<Recorded> =
                (0..).zip(chats).map(|(id, (account, minute))| chat(id, account, minute)).collect();
            let mut facts: Vec<Fact> = facts
                .into_iter()
                .map(|(kind, id, minute)| match kind {
                    0 => fact(id, minute, order(100)),
                    1 => fact(id, minute, payment(id, 100)),
                    _ => fact(id, minute, refund(id, minute + 500)),
                })
                .collect();
            facts.sort_by(|a, b| a.key.cmp(&b.key));
            facts.dedup_by(|a, b| a.key == b.key);
            let trade = TradeRules {
                attribution: [Attribution::OrderFirst, Attribution::Payment, Attribution::Order][variant],
                first_contact: [FirstContact::NoReturn, FirstContact::OneAnswer, FirstContact::Survey][variant],
                ..TradeRules::default()
            };
            let first = given(&chats, &facts, trade.clone());
            chats.reverse();
            if !facts.is_empty() {
                let by = turn.index(facts.len());
                facts.rotate_left(by);
            }
            prop_assert_eq!(given(&chats, &facts, trade), first);
        }
    }
}
