//! Which inquiries of a customer did not lead to a payment.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::domain::definition::Rules;
use crate::domain::explanation::{Reason, Recorded};
use crate::domain::fact::{Body, Fact, Order};
use crate::domain::lost_inquiry::signal::evidence;
use crate::domain::lost_inquiry::{Loss, LossKey, LossKind};
use crate::domain::portrait::{Told, told_on};
use crate::domain::timeline::{History, Item, Share, Topic, chat_ref, days_between, first_message_at};
use crate::domain::trade::TradeSum;

/// The lost inquiries of a customer, by day and account. Each follows the version of the standard definition that rules
/// its day. Whether its window is over is for whoever reads it: facts alone don't say which day it is.
pub fn losses(history: &History, told: &[Told<'_>]) -> Vec<Loss> {
    let mut found: BTreeMap<(NaiveDate, &str), Loss> = BTreeMap::new();
    for here in told {
        let received = received(&here.shares);
        let ruled = |share: &&Share| {
            share.topic == Topic::Inquiry && told_on(told, share.day).is_some_and(|t| t.seq() == here.seq())
        };
        for share in here.shares.iter().filter(ruled) {
            let Item::Chat(at) = share.item else { continue };
            let case = Case::new(history, &here.definition.rules, &history.chats()[at]);
            let kind = match left_out(share) {
                None => case.lost(),
                Some(Reason::NoReply) => case.unanswered(&received),
                Some(_) => None,
            };
            if let Some(kind) = kind {
                let chat = &history.chats()[at];
                let loss = case.loss(kind, here.definition.version);
                // The first conversation of the day speaks for the customer.
                found.entry((share.day, &chat.agent_day.account)).or_insert(loss);
            }
        }
    }
    found.into_values().collect()
}

/// Why a share is no inquiry.
fn left_out(share: &Share) -> Option<Reason> {
    share.missing.iter().find(|(sum, _)| *sum == TradeSum::Inquiries).map(|(_, reason)| *reason)
}

/// The conversations in which both sides wrote.
fn received(shares: &[Share]) -> HashSet<usize> {
    let counts = |share: &&Share| {
        let repeated = (TradeSum::ReceivedCustomers, Reason::RepeatCustomer);
        share.topic == Topic::Reception
            && (share.sums.contains(&(TradeSum::ReceivedCustomers, 1)) || share.missing.contains(&repeated))
    };
    let chat = |share: &Share| match share.item {
        Item::Chat(at) => Some(at),
        Item::Fact(_) => None,
    };
    shares.iter().filter(counts).filter_map(chat).collect()
}

/// An inquiry and what surrounds it.
pub struct Case<'a> {
    /// Everything known of the customer.
    pub history: &'a History,
    /// Of the inquiry's day.
    pub rules: &'a Rules,
    /// The conversation with which it began.
    pub chat: &'a Recorded,
    /// When.
    pub asked_at: DateTime<Utc>,
    /// Its business day.
    pub day: NaiveDate,
    /// The last day on which a payment still counts.
    pub window_ends: NaiveDate,
}

impl<'a> Case<'a> {
    fn new(history: &'a History, rules: &'a Rules, chat: &'a Recorded) -> Self {
        let day = chat.agent_day.day;
        let window = u64::try_from(rules.trade.attribution_days).unwrap_or(0);
        let window_ends = day.checked_add_days(Days::new(window)).unwrap_or(day);
        Self { history, rules, chat, asked_at: first_message_at(chat), day, window_ends }
    }

    /// The conversations of that day with that account.
    pub fn talks(&self) -> Vec<&'a Recorded> {
        self.history.chats().iter().filter(|chat| chat.agent_day == self.chat.agent_day).collect()
    }

    /// Orders that follow the question within the window and count, by time.
    pub fn orders(&self) -> impl Iterator<Item = (&'a Fact, &'a Order)> {
        orders(self.history).filter(|(fact, order)| order.excluded_reason.is_empty() && self.follows(fact))
    }

    /// What was put into the cart from the inquiry's day to the window's end: product and amount.
    pub fn carts(&self) -> impl Iterator<Item = (&'a str, i64)> {
        let here =
            self.history.facts().iter().filter(|fact| (self.day..=self.window_ends).contains(&fact.day));
        here.filter_map(|fact| match &fact.body {
            Body::Cart { product, amount, .. } => Some((product.as_str(), *amount)),
            _ => None,
        })
    }

    /// Products that were recommended in the talks, or by their account on that day.
    pub fn recommended(&self) -> Vec<&'a str> {
        let (key, account) = (chat_ref(&self.chat.key), self.chat.agent_day.account.as_str());
        let here = |fact: &&Fact| {
            fact.body.conversation() == Some(&key) || (fact.day == self.day && fact.account == account)
        };
        let product = |fact: &'a Fact| match &fact.body {
            Body::Recommendation { product, .. } => Some(product.as_str()),
            _ => None,
        };
        self.history.facts().iter().filter(here).filter_map(product).collect()
    }

    /// What was paid for each order that was paid before the question.
    pub fn paid_before(&self) -> Vec<i64> {
        let mut paid: BTreeMap<&str, i64> = BTreeMap::new();
        for fact in self.history.facts().iter().filter(|fact| fact.occurred_at < self.asked_at) {
            if let Body::Payment { order, amount } = &fact.body {
                *paid.entry(order).or_default() += amount;
            }
        }
        paid.into_values().collect()
    }

    fn follows(&self, fact: &Fact) -> bool {
        fact.occurred_at >= self.asked_at && fact.day <= self.window_ends
    }

    /// Payments of orders that aren't excluded, by time.
    fn payments(&self) -> impl Iterator<Item = &'a Fact> {
        let excluded = |id: &str| {
            orders(self.history).any(|(fact, order)| fact.key.id == id && !order.excluded_reason.is_empty())
        };
        let counts =
            move |fact: &&Fact| matches!(&fact.body, Body::Payment { order, .. } if !excluded(order));
        self.history.facts().iter().filter(|fact| fact.occurred_at >= self.asked_at).filter(counts)
    }

    /// An inquiry that nobody got a payment of.
    fn lost(&self) -> Option<LossKind> {
        if self.payments().any(|fact| self.follows(fact)) {
            return None;
        }
        let ordered = self.orders().next().is_some();
        Some(if ordered { LossKind::NotPaid } else { LossKind::NotOrdered })
    }

    /// A question that nobody replied to within the window, by whoever was no customer just before and ordered nothing.
    fn unanswered(&self, received: &HashSet<usize>) -> Option<LossKind> {
        let after_sale = 0..=i64::from(self.rules.trade.after_sale_days);
        let concerns = |fact: &Fact| {
            self.follows(fact)
                || (fact.occurred_at < self.asked_at
                    && after_sale.contains(&days_between(fact.day, self.day)))
        };
        let bought = orders(self.history).any(|(fact, _)| concerns(fact));
        let paid = self.payments().any(|fact| self.follows(fact));
        let answered = self.history.chats().iter().enumerate().any(|(at, chat)| {
            received.contains(&at) && (self.day..=self.window_ends).contains(&chat.agent_day.day)
        });
        (!bought && !paid && !answered).then_some(LossKind::NotAnswered)
    }

    fn loss(&self, kind: LossKind, definition_version: i32) -> Loss {
        let unpaid = self.orders().next().filter(|_| kind == LossKind::NotPaid);
        let levels = orders(self.history).filter(|(fact, _)| fact.day <= self.window_ends);
        let level = levels.map(|(_, order)| order.member_level.as_str()).rfind(|level| !level.is_empty());
        let later = self.payments().find(|fact| fact.day > self.window_ends);
        Loss {
            key: LossKey {
                day: self.day,
                account: self.chat.agent_day.account.clone(),
                shop: self.chat.key.shop.clone(),
                customer: self.chat.customer.clone(),
            },
            kind,
            chat: chat_ref(&self.chat.key),
            asked_at: self.asked_at,
            window_ends: self.window_ends,
            member_level: level.unwrap_or_default().to_owned(),
            product: self.product(unpaid.map(|(_, order)| order)).unwrap_or_default().to_owned(),
            order: unpaid.map(|(fact, _)| fact.key.id.clone()).unwrap_or_default(),
            amount: unpaid
                .map_or_else(|| self.carts().map(|(_, amount)| amount).sum(), |(_, order)| order.amount),
            later_paid_day: later.map(|fact| fact.day),
            evidence: evidence(self, kind),
            definition_version,
        }
    }

    fn product(&self, unpaid: Option<&'a Order>) -> Option<&'a str> {
        let asked = || {
            let talks: Vec<_> = self.talks().into_iter().map(|chat| chat_ref(&chat.key)).collect();
            self.history.facts().iter().rev().find_map(|fact| match &fact.body {
                Body::BotEvent(event)
                    if event.conversation.as_ref().is_some_and(|chat| talks.contains(chat)) =>
                {
                    Some(event.product.as_str()).filter(|product| !product.is_empty())
                }
                _ => None,
            })
        };
        unpaid
            .and_then(main_product)
            .or_else(|| self.carts().last().map(|(product, _)| product))
            .or_else(|| self.recommended().pop())
            .or_else(asked)
    }
}

fn orders(history: &History) -> impl DoubleEndedIterator<Item = (&Fact, &Order)> {
    history.facts().iter().filter_map(|fact| match &fact.body {
        Body::Order(order) => Some((fact, order)),
        _ => None,
    })
}

/// The product of an order's largest line; of equal ones the first by id.
pub fn main_product(order: &Order) -> Option<&str> {
    let lines = order.lines.iter();
    let main = lines.min_by_key(|line| (std::cmp::Reverse(line.amount), line.product.as_str()));
    main.map(|line| line.product.as_str())
}
