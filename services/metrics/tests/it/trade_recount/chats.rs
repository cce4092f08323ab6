//! What a customer's chats make: receptions and what became of them, first contacts, what was written.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use proto::common::v1::Sender;
use proto::metrics::v1 as pb;
use proto::metrics::v1::Measure as M;

use super::{One, Sale, first_ms, received, wrote};
use crate::recount::millis;

/// As in [`Reception::inquiry`].
const CONVERSIONS: [M; 4] =
    [M::OrderConversionNextDay, M::OrderConversion, M::PaymentConversionNextDay, M::PaymentConversion];

/// A customer received, and what became of it.
pub struct Reception {
    pub at: i64,
    pub day: NaiveDate,
    pub account: String,
    /// Of an inquiry: ordered next day, ordered, paid next day, paid.
    pub inquiry: Option<[bool; 4]>,
    /// All orders that followed are excluded, and there are some.
    assisted: bool,
}

/// Something that chats make: what, for whom, on which day, at which instant of it, numerator and denominator.
pub type Made = (M, String, NaiveDate, i64, (i64, i64));

impl One<'_> {
    /// Each account's day on which it received the customer.
    pub fn receptions(&self) -> Vec<Reception> {
        let (orders, payments) = self.sales();
        let places: BTreeSet<(NaiveDate, &str)> = self
            .chats
            .iter()
            .filter(|chat| received(chat))
            .map(|chat| (self.day(first_ms(chat)), chat.account_id.as_str()))
            .collect();
        let mut receptions = Vec::new();
        for (day, account) in places {
            let here = self.chats.iter().filter(|c| received(c) && c.account_id == account);
            let first = here.map(|c| first_ms(c)).filter(|ms| self.day(*ms) == day).min().expect("a chat");
            receptions.push(Reception {
                at: first,
                day,
                account: account.to_owned(),
                inquiry: None,
                assisted: false,
            });
            let recent: i64 = self.world.rules.after_sale_days.unwrap_or(15).into();
            if orders.iter().any(|o| o.at < first && (day - o.day).num_days() <= recent) {
                continue;
            }
            let within =
                |sale: &&Sale<'_>, days: i64| sale.at >= first && (sale.day - day).num_days() <= days;
            let mut following = orders.iter().filter(|o| within(o, self.window())).peekable();
            if following.peek().is_some() && following.all(|o| o.excluded) {
                receptions.last_mut().expect("was put").assisted = true;
                continue;
            }
            let converts = |sales: &[Sale<'_>], days: i64| {
                let here = |sale: &Sale<'_>| sale.credit == account || sale.owner == account;
                sales.iter().any(|s| within(&s, days) && !s.excluded && here(s) && !s.credit.is_empty())
            };
            let inquiry = [
                converts(&orders, self.window().min(1)),
                converts(&orders, self.window()),
                converts(&payments, self.window().min(1)),
                converts(&payments, self.window()),
            ];
            receptions.last_mut().expect("was put").inquiry = Some(inquiry);
        }
        receptions
    }

    /// What chats make, receptions at their first message.
    pub fn of_chats(&self) -> Vec<Made> {
        let mut made = Vec::new();
        for Reception { at, day, account, inquiry, assisted } in self.receptions() {
            let mut make = |measure, parts| made.push((measure, account.clone(), day, at, parts));
            make(M::ComplaintRate, (0, 1));
            if assisted {
                make(M::AssistedCustomers, (1, 0));
            }
            let Some(inquiry) = inquiry else { continue };
            make(M::Inquiries, (1, 0));
            for (measure, converted) in CONVERSIONS.into_iter().zip(inquiry) {
                make(measure, (converted.into(), 1));
            }
        }
        for chat in self.chats.iter().filter(|chat| received(chat)) {
            let (account, at) = (chat.account_id.clone(), first_ms(chat));
            if let Some(parts) = self.contact(chat) {
                made.push((M::FirstContactResolution, account, self.day(at), at, parts));
            }
        }
        made.extend(self.written());
        made
    }

    /// Characters, and who wrote first, of every account that wrote.
    fn written(&self) -> Vec<Made> {
        let mut made = Vec::new();
        let mut messages = BTreeMap::new();
        for chat in &self.chats {
            let (at, day) = (first_ms(chat), self.day(first_ms(chat)));
            let who = |m: &pb::Message| {
                if m.account_id.is_empty() { chat.account_id.clone() } else { m.account_id.clone() }
            };
            let agents = || chat.messages.iter().filter(|m| m.sender() == Sender::Agent);
            let accounts: BTreeSet<String> = agents().map(who).chain([chat.account_id.clone()]).collect();
            for account in accounts {
                let mine = agents().filter(|m| who(m) == account);
                let characters: i64 = mine.map(|m| m.text.chars().count() as i64).sum();
                made.push((M::ReplyCharacters, account.clone(), day, at, (characters, 0)));
                for (place, message) in chat.messages.iter().enumerate() {
                    let theirs = message.sender() == Sender::Agent && who(message) == account;
                    if theirs || message.sender() == Sender::Customer {
                        let order = (millis(message.sent_at), at, chat.conversation_id.clone(), place);
                        messages.entry((account.clone(), day, order)).or_insert((theirs, at));
                    }
                }
            }
        }
        let mut days = BTreeSet::new();
        for ((account, day, _), (theirs, at)) in messages {
            if days.insert((account.clone(), day)) && theirs {
                made.push((M::InitiatedCustomers, account, day, at, (1, 0)));
            }
        }
        made.retain(|(.., parts)| *parts != (0, 0));
        made
    }

    fn contact(&self, chat: &pb::Conversation) -> Option<(i64, i64)> {
        let day = self.day(first_ms(chat));
        let near: i64 = self.world.rules.first_contact_days.unwrap_or(3).into();
        let order = |c: &pb::Conversation| (first_ms(c), c.conversation_id.clone());
        let others = || self.chats.iter().filter(|c| wrote(c, Sender::Customer) && order(c) != order(chat));
        let distance = |c: &pb::Conversation| (self.day(first_ms(c)) - day).num_days().abs() <= near;
        let first = !others().any(|c| order(c) < order(chat) && distance(c));
        let returned = others().any(|c| order(c) > order(chat) && distance(c));
        Some(match self.world.rules.first_contact() {
            pb::FirstContact::OneAnswer => {
                if chat.completed != Some(true) {
                    return None;
                }
                let senders: Vec<Sender> = chat.messages.iter().map(pb::Message::sender).collect();
                let asked = senders.iter().position(|s| *s == Sender::Customer).expect("asked");
                let answered = senders[asked..].iter().position(|s| *s == Sender::Agent);
                let resolved = answered.is_some_and(|a| !senders[asked + a..].contains(&Sender::Customer));
                (resolved.into(), 1)
            }
            pb::FirstContact::Survey => match chat.satisfied {
                Some(satisfied) if first => (satisfied.into(), 1),
                _ => return None,
            },
            _ if first => ((!returned).into(), 1),
            _ => return None,
        })
    }
}
