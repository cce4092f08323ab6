//! What accounts wrote in a customer's conversations: characters, and to whom they wrote first. Each account speaks for
//! itself, also one that only answered in a conversation of another.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::conversation::Sender;
use crate::domain::explanation::{Reason, Recorded};
use crate::domain::facts::{OWNER, Who};
use crate::domain::timeline::{Item, Share, Timeline, Topic, message_at};
use crate::domain::trade::TradeSum;

pub(super) fn shares(timeline: &Timeline<'_>) -> Vec<Share> {
    let chats = timeline.history.chats();
    let firsts = Firsts::of(chats);
    let mut shares = Vec::new();
    for (at, chat) in chats.iter().enumerate() {
        for (who, account) in accounts(chat) {
            let mut share = Share::new(Topic::Writing, Item::Chat(at), chat.agent_day.day, account);
            let written = chat.facts.messages.iter().filter(|m| m.sender == Sender::Agent && m.who == who);
            let written: Vec<i64> = written.map(|message| message.length.into()).collect();
            match (written.is_empty(), written.iter().sum::<i64>()) {
                (true, _) => share.missing.push((TradeSum::ReplyCharacters, Reason::NoReply)),
                (false, 0) => share.missing.push((TradeSum::ReplyCharacters, Reason::NoneSent)),
                (false, characters) => share.sums.push((TradeSum::ReplyCharacters, characters)),
            }
            match firsts.judge(chat.agent_day.day, account, at) {
                Ok(()) => share.sums.push((TradeSum::InitiatedCustomers, 1)),
                Err(reason) => share.missing.push((TradeSum::InitiatedCustomers, reason)),
            }
            shares.push(share);
        }
    }
    shares
}

/// The accounts of a conversation whose agents wrote in it, and its own in any case.
fn accounts(chat: &Recorded) -> impl Iterator<Item = (Who, &str)> {
    let wrote = |who: Who| chat.facts.messages.iter().any(|m| m.sender == Sender::Agent && m.who == who);
    let others = (1..=chat.facts.others.len()).filter(move |who| wrote(*who));
    std::iter::once(OWNER).chain(others).map(|who| (who, chat.facts.account(who, &chat.agent_day.account)))
}

/// A message's place in all that was written: when, in which conversation, and where in it.
type Moment = (DateTime<Utc>, usize, usize);

/// The first messages of an account's day with the customer.
#[derive(Default)]
struct First {
    customer: Option<Moment>,
    account: Option<Moment>,
}

/// By business day and account, over the conversations of the day that are the account's or in which it wrote.
struct Firsts<'a>(HashMap<(NaiveDate, &'a str), First>);

impl<'a> Firsts<'a> {
    fn of(chats: &'a [Recorded]) -> Self {
        let mut firsts: HashMap<(NaiveDate, &'a str), First> = HashMap::new();
        for (at, chat) in chats.iter().enumerate() {
            for (who, account) in accounts(chat) {
                let first = firsts.entry((chat.agent_day.day, account)).or_default();
                for (place, message) in chat.facts.messages.iter().enumerate() {
                    let slot = match message.sender {
                        Sender::Customer => &mut first.customer,
                        Sender::Agent if message.who == who => &mut first.account,
                        Sender::Agent | Sender::Bot | Sender::System => continue,
                    };
                    let moment = (message_at(chat, message.offset_ms), at, place);
                    *slot = Some(slot.map_or(moment, |earlier| earlier.min(moment)));
                }
            }
        }
        Self(firsts)
    }

    /// Whether the conversation at a place is the one in which the account wrote to the customer first of all.
    fn judge(&self, day: NaiveDate, account: &str, chat: usize) -> Result<(), Reason> {
        let first = self.0.get(&(day, account));
        let Some(wrote) = first.and_then(|first| first.account) else { return Err(Reason::NoReply) };
        let came_first = first.and_then(|first| first.customer).is_some_and(|came| came < wrote);
        match (came_first, wrote.1 == chat) {
            (true, _) => Err(Reason::CustomerWroteFirst),
            (false, false) => Err(Reason::RepeatCustomer),
            (false, true) => Ok(()),
        }
    }
}
