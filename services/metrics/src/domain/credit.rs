//! Who gets the credit of orders and payments.
//!
//! The three rules of the trade (domain-knowledge 1.1): by payment (付款判定), order first (下单优先判定), by order
//! (下单判定); and the platform's own word. The credit of an instant goes to the account that replied last before it, in
//! a conversation in which both sides wrote and whose day is at most `attribution_days` before.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::definition::Rules;
use crate::domain::fact::{Body, Fact, Order};
use crate::domain::timeline::{History, Seen, days_between, message_at};
use crate::domain::trade_rules::Attribution;

/// The credit of everything a customer ordered and paid.
pub struct Credits<'a> {
    replies: Vec<Reply<'a>>,
    window: i64,
    orders: HashMap<&'a str, Ordered<'a>>,
    /// By the payment's place among the facts.
    payments: HashMap<usize, &'a str>,
}

/// An order, and what is known of its payment.
#[derive(Clone, Copy)]
pub struct Ordered<'a> {
    /// The fact.
    pub fact: &'a Fact,
    /// What was ordered.
    pub order: &'a Order,
    /// Who gets the credit of the order; `None` is nobody.
    pub credit: Option<&'a str>,
    /// The first payment's place among the facts.
    pub first_payment: Option<usize>,
}

impl Ordered<'_> {
    /// Whether it is taken out of credit and conversion.
    pub fn excluded(&self) -> bool {
        !self.order.excluded_reason.is_empty()
    }
}

struct Reply<'a> {
    at: DateTime<Utc>,
    /// Of the conversation.
    day: NaiveDate,
    account: &'a str,
}

impl<'a> Credits<'a> {
    /// Works the credits out. `seen` is by chat.
    pub(super) fn new(history: &'a History, rules: &Rules, seen: &[Seen]) -> Self {
        let mut credits = Self {
            replies: replies(history, rules, seen),
            window: rules.trade.attribution_days.into(),
            orders: HashMap::new(),
            payments: HashMap::new(),
        };
        let platform = rules.trade.attribution == Attribution::Platform;
        for fact in history.facts() {
            if let Body::Order(order) = &fact.body {
                let credit = if platform {
                    named(&fact.account)
                } else {
                    credits.replied_last(fact.occurred_at, fact.day)
                };
                let ordered = Ordered { fact, order, credit, first_payment: None };
                credits.orders.insert(&fact.key.id, ordered);
            }
        }
        for (at, fact) in history.facts().iter().enumerate() {
            if let Body::Payment { order, .. } = &fact.body {
                let credit = credits.payment(fact, order, rules.trade.attribution).unwrap_or_default();
                credits.payments.insert(at, credit);
                if let Some(ordered) = credits.orders.get_mut(order.as_str()) {
                    ordered.first_payment.get_or_insert(at);
                }
            }
        }
        credits
    }

    /// Who replied last before an instant of a business day.
    pub fn replied_last(&self, at: DateTime<Utc>, day: NaiveDate) -> Option<&'a str> {
        let before = self.replies.partition_point(|reply| reply.at <= at);
        let in_window = |reply: &&Reply<'a>| (0..=self.window).contains(&days_between(reply.day, day));
        self.replies[..before].iter().rev().find(in_window).map(|reply| reply.account)
    }

    /// An order of this customer.
    pub fn order(&self, id: &str) -> Option<&Ordered<'a>> {
        self.orders.get(id)
    }

    /// All orders of this customer, in no order.
    pub fn orders(&self) -> impl Iterator<Item = &Ordered<'a>> {
        self.orders.values()
    }

    /// Who gets the credit of a payment, by its place among the facts; empty for nobody.
    pub fn of_payment(&self, at: usize) -> &'a str {
        self.payments.get(&at).copied().unwrap_or_default()
    }

    /// Who is answerable for an order afterwards: who got the credit of its first payment, else of the order.
    pub fn after_sale(&self, order: &str) -> Option<&'a str> {
        let ordered = self.orders.get(order)?;
        match ordered.first_payment {
            Some(at) => named(self.of_payment(at)),
            None => ordered.credit,
        }
    }

    fn payment(&self, fact: &'a Fact, order: &str, rule: Attribution) -> Option<&'a str> {
        let ordered = self.orders.get(order);
        let of_order = ordered.and_then(|ordered| ordered.credit);
        let replied = || self.replied_last(fact.occurred_at, fact.day);
        match rule {
            Attribution::Payment => replied(),
            // Without the order nobody knows whether somebody replied before it.
            Attribution::OrderFirst => ordered.and_then(|_| of_order.or_else(replied)),
            Attribution::Order => of_order,
            Attribution::Platform => named(&fact.account).or(of_order),
        }
    }
}

/// The replies of conversations in which both sides wrote, by time.
fn replies<'a>(history: &'a History, rules: &Rules, seen: &[Seen]) -> Vec<Reply<'a>> {
    let mut replies = Vec::new();
    for (chat, _) in history.chats().iter().zip(seen).filter(|(_, seen)| seen.received) {
        let (day, account) = (chat.agent_day.day, chat.agent_day.account.as_str());
        let sent = chat.facts.messages.iter().filter(|m| rules.is_reply(m.sender, m.quick_reply));
        replies.extend(sent.map(|m| Reply { at: message_at(chat, m.offset_ms), day, account }));
    }
    // Of replies in the same millisecond one has to be the last: any rule will do that looks at nothing but them.
    replies.sort_by_key(|reply| (reply.at, reply.day, reply.account));
    replies
}

fn named(account: &str) -> Option<&str> {
    Some(account).filter(|account| !account.is_empty())
}
