//! Who gets the credit of orders and payments.
//!
//! The three rules of the trade (domain-knowledge 1.1): by payment (付款判定), order first (下单优先判定), by order
//! (下单判定); and the platform's own word. The credit of an instant goes to the conversation with the last reply before it,
//! in which both sides wrote and whose day is at most `attribution_days` before; and of that to the account that
//! [`CreditTo`] names.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::definition::Rules;
use crate::domain::fact::{Body, Fact, Order};
use crate::domain::timeline::{History, Seen, days_between, message_at};
use crate::domain::trade_rules::{Attribution, CreditTo};

/// The credit of everything a customer ordered and paid.
pub struct Credits<'a> {
    replies: Vec<Reply<'a>>,
    window: i64,
    to: CreditTo,
    orders: HashMap<&'a str, Ordered<'a>>,
    /// By the payment's place among the facts.
    payments: HashMap<usize, Credit<'a>>,
}

/// Who gets the credit of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit<'a> {
    /// The account.
    pub account: &'a str,
    /// The account of the conversation that earned it; the same unless a helper gets the credit.
    pub owner: &'a str,
}

impl<'a> Credit<'a> {
    /// By no conversation.
    fn named(account: &'a str) -> Option<Self> {
        named(account).map(|account| Self { account, owner: account })
    }

    /// Whether the account's conversation earned it, or its reply did.
    pub fn is_of(&self, account: &str) -> bool {
        self.owner == account || self.account == account
    }
}

/// An order, and what is known of its payment.
#[derive(Clone, Copy)]
pub struct Ordered<'a> {
    /// The fact.
    pub fact: &'a Fact,
    /// What was ordered.
    pub order: &'a Order,
    /// Who gets the credit of the order; `None` is nobody.
    pub credit: Option<Credit<'a>>,
    /// The first payment's place among the facts.
    pub first_payment: Option<usize>,
}

impl<'a> Ordered<'a> {
    /// Who gets the credit of the order; empty for nobody.
    pub fn account(&self) -> &'a str {
        self.credit.map(|credit| credit.account).unwrap_or_default()
    }

    /// Whether it is taken out of credit and conversion.
    pub fn excluded(&self) -> bool {
        !self.order.excluded_reason.is_empty()
    }
}

struct Reply<'a> {
    at: DateTime<Utc>,
    /// Of the conversation.
    day: NaiveDate,
    /// The conversation's place among the chats.
    chat: usize,
    account: &'a str,
    owner: &'a str,
}

impl<'a> Credits<'a> {
    /// Works the credits out. `seen` is by chat.
    pub(super) fn new(history: &'a History, rules: &Rules, seen: &[Seen]) -> Self {
        let mut credits = Self {
            replies: replies(history, rules, seen),
            window: rules.trade.attribution_days.into(),
            to: rules.trade.credit_to,
            orders: HashMap::new(),
            payments: HashMap::new(),
        };
        let platform = rules.trade.attribution == Attribution::Platform;
        for fact in history.facts() {
            if let Body::Order(order) = &fact.body {
                let credit = if platform {
                    Credit::named(&fact.account)
                } else {
                    credits.replied_last(fact.occurred_at, fact.day)
                };
                let ordered = Ordered { fact, order, credit, first_payment: None };
                credits.orders.insert(&fact.key.id, ordered);
            }
        }
        for (at, fact) in history.facts().iter().enumerate() {
            if let Body::Payment { order, .. } = &fact.body {
                if let Some(credit) = credits.payment(fact, order, rules.trade.attribution) {
                    credits.payments.insert(at, credit);
                }
                if let Some(ordered) = credits.orders.get_mut(order.as_str()) {
                    ordered.first_payment.get_or_insert(at);
                }
            }
        }
        credits
    }

    /// Who gets the credit of an instant of a business day: of the conversation with the last reply before it.
    pub fn replied_last(&self, at: DateTime<Utc>, day: NaiveDate) -> Option<Credit<'a>> {
        let before = &self.replies[..self.replies.partition_point(|reply| reply.at <= at)];
        let in_window = |reply: &&Reply<'a>| (0..=self.window).contains(&days_between(reply.day, day));
        let last = before.iter().rev().find(in_window)?;
        let mut of_chat = before.iter().filter(|reply| reply.chat == last.chat);
        let account = match self.to {
            CreditTo::Owner => last.owner,
            CreditTo::LastReply => last.account,
            CreditTo::FirstReply => of_chat.next().unwrap_or(last).account,
            CreditTo::MostReplies => most(of_chat).unwrap_or(last.account),
        };
        Some(Credit { account, owner: last.owner })
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
        self.credit_of_payment(at).map(|credit| credit.account).unwrap_or_default()
    }

    /// The credit of a payment, by its place among the facts.
    pub fn credit_of_payment(&self, at: usize) -> Option<Credit<'a>> {
        self.payments.get(&at).copied()
    }

    /// Whether the customer paid for a product that was put into the cart: for an order placed after that, within the
    /// window.
    pub fn bought(&self, product: &str, cart: &Fact, facts: &[Fact]) -> bool {
        let in_time = |fact: &Fact| {
            fact.occurred_at >= cart.occurred_at
                && (0..=self.window).contains(&days_between(cart.day, fact.day))
        };
        self.orders.values().any(|ordered| {
            !ordered.excluded()
                && in_time(ordered.fact)
                && ordered.order.lines.iter().any(|line| line.product == product)
                && ordered.first_payment.is_some_and(|payment| in_time(&facts[payment]))
        })
    }

    /// Who is answerable for an order afterwards: who got the credit of its first payment, else of the order.
    pub fn after_sale(&self, order: &str) -> Option<&'a str> {
        let ordered = self.orders.get(order)?;
        match ordered.first_payment {
            Some(at) => named(self.of_payment(at)),
            None => named(ordered.account()),
        }
    }

    fn payment(&self, fact: &'a Fact, order: &str, rule: Attribution) -> Option<Credit<'a>> {
        let ordered = self.orders.get(order);
        let of_order = ordered.and_then(|ordered| ordered.credit);
        let replied = || self.replied_last(fact.occurred_at, fact.day);
        match rule {
            Attribution::Payment => replied(),
            // Without the order nobody knows whether somebody replied before it.
            Attribution::OrderFirst => ordered.and_then(|_| of_order.or_else(replied)),
            Attribution::Order => of_order,
            Attribution::Platform => Credit::named(&fact.account).or(of_order),
        }
    }
}

/// The replies of conversations in which both sides wrote, by time.
fn replies<'a>(history: &'a History, rules: &Rules, seen: &[Seen]) -> Vec<Reply<'a>> {
    let mut replies = Vec::new();
    for (at, (chat, _)) in history.chats().iter().zip(seen).enumerate().filter(|(_, (_, s))| s.received) {
        let (day, owner) = (chat.agent_day.day, chat.agent_day.account.as_str());
        let sent = chat.facts.messages.iter().filter(|m| rules.is_reply(m.sender, m.quick_reply));
        replies.extend(sent.map(|m| {
            let account = chat.facts.account(m.who, owner);
            Reply { at: message_at(chat, m.offset_ms), day, chat: at, account, owner }
        }));
    }
    // Of replies in the same millisecond one has to be the last: any rule will do that looks at nothing but them. Those
    // of one conversation stay in the order in which they were sent.
    replies.sort_by_key(|reply| (reply.at, reply.day, reply.owner, reply.chat));
    replies
}

/// The account with the most of these replies; of equal ones the one whose last is later.
fn most<'a, 'r>(replies: impl Iterator<Item = &'r Reply<'a>>) -> Option<&'a str>
where
    'a: 'r,
{
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    for (at, reply) in replies.enumerate() {
        let count = counts.entry(reply.account).or_default();
        *count = (count.0 + 1, at);
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(account, _)| account)
}

fn named(account: &str) -> Option<&str> {
    Some(account).filter(|account| !account.is_empty())
}
