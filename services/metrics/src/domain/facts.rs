//! What is kept of a conversation for counting: who wrote when, how much, and no text.
//!
//! Every definition, old or new, is computed from [`Facts`] alone, so nothing else may flow into a figure. They are
//! stored packed: about five bytes a message.

use chrono::NaiveDate;

use crate::domain::conversation::{Conversation, Sender};
use crate::domain::varint::{Damaged, get, get_i64, put, take};

/// A conversation without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Milliseconds of local time from midnight to the start, with the merchant's offset as it was when the
    /// conversation came in: what service hours are held against. Kept, so that a later change of the merchant's
    /// time zone takes back exactly what was given.
    pub start_of_day_ms: i64,
    /// Milliseconds from start to close.
    pub closed_ms: i64,
    /// The customer's answer, if there is one.
    pub satisfied: Option<bool>,
    /// The mark of completion, if there is one.
    pub completed: Option<bool>,
    /// In the order they were sent.
    pub messages: Vec<MessageFact>,
}

/// A message without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageFact {
    /// Milliseconds after the start.
    pub offset_ms: i64,
    /// Who wrote it.
    pub sender: Sender,
    /// Sent from a prepared answer.
    pub quick_reply: bool,
    /// Characters of the text as it came in.
    pub length: u32,
}

/// A stored conversation's place in the figures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentDay {
    /// The business day.
    pub day: NaiveDate,
    /// The shop.
    pub shop: String,
    /// The agent's platform account.
    pub account: String,
}

/// The first byte of the packed form. Older forms stay readable for ever.
const FORMAT: u8 = 1;

impl Facts {
    /// The facts of a conversation that starts `start_of_day_ms` after local midnight.
    pub fn of(conversation: &Conversation, start_of_day_ms: i64) -> Self {
        let messages = conversation.messages.iter().map(|message| MessageFact {
            offset_ms: message.offset_ms,
            sender: message.sender,
            quick_reply: message.quick_reply,
            length: u32::try_from(message.text.chars().count()).unwrap_or(u32::MAX),
        });
        Self {
            start_of_day_ms,
            closed_ms: conversation.closed_ms,
            satisfied: conversation.satisfied,
            completed: conversation.completed,
            messages: messages.collect(),
        }
    }

    /// The packed form: format, answers, then varints; a message is its distance to the one above, its flags and its
    /// length.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.messages.len() * 6);
        out.push(FORMAT);
        out.push(answer_bits(self.satisfied) | (answer_bits(self.completed) << 2));
        put(&mut out, self.start_of_day_ms.unsigned_abs());
        put(&mut out, self.closed_ms.unsigned_abs());
        put(&mut out, self.messages.len() as u64);
        let mut last_ms = 0;
        for message in &self.messages {
            put(&mut out, (message.offset_ms - last_ms).unsigned_abs());
            out.push(sender_bits(message.sender) | (u8::from(message.quick_reply) << 2));
            put(&mut out, message.length.into());
            last_ms = message.offset_ms;
        }
        out
    }

    /// Reads the packed form.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut rest = bytes;
        if take(&mut rest)? != FORMAT {
            return Err(Damaged);
        }
        let answers = take(&mut rest)?;
        let start_of_day_ms = get_i64(&mut rest)?;
        let closed_ms = get_i64(&mut rest)?;
        let count = usize::try_from(get(&mut rest)?).map_err(|_| Damaged)?;
        // A message takes at least three bytes: a damaged count must not allocate the moon.
        let mut messages = Vec::with_capacity(count.min(rest.len() / 3));
        let mut offset_ms = 0_i64;
        for _ in 0..count {
            offset_ms = offset_ms.checked_add(get_i64(&mut rest)?).ok_or(Damaged)?;
            let flags = take(&mut rest)?;
            let length = u32::try_from(get(&mut rest)?).map_err(|_| Damaged)?;
            messages.push(MessageFact {
                offset_ms,
                sender: sender_of(flags & 0b11),
                quick_reply: flags & 0b100 != 0,
                length,
            });
        }
        if !rest.is_empty() {
            return Err(Damaged);
        }
        let (satisfied, completed) = (answer_of(answers & 0b11)?, answer_of((answers >> 2) & 0b11)?);
        Ok(Self { start_of_day_ms, closed_ms, satisfied, completed, messages })
    }
}

fn answer_bits(value: Option<bool>) -> u8 {
    match value {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    }
}

fn answer_of(bits: u8) -> Result<Option<bool>, Damaged> {
    match bits {
        0 => Ok(None),
        1 => Ok(Some(false)),
        2 => Ok(Some(true)),
        _ => Err(Damaged),
    }
}

fn sender_bits(sender: Sender) -> u8 {
    match sender {
        Sender::Customer => 0,
        Sender::Agent => 1,
        Sender::Bot => 2,
        Sender::System => 3,
    }
}

fn sender_of(bits: u8) -> Sender {
    match bits {
        0 => Sender::Customer,
        1 => Sender::Agent,
        2 => Sender::Bot,
        _ => Sender::System,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_facts() -> impl Strategy<Value = Facts> {
        let message = (0..10_000_000_i64, 0..4_u8, any::<bool>(), any::<u32>());
        let messages = prop::collection::vec(message, 0..40);
        (0..86_400_000_i64, 0..i64::from(u32::MAX), any::<Option<bool>>(), any::<Option<bool>>(), messages)
            .prop_map(|(start_of_day_ms, closed_ms, satisfied, completed, raw)| {
                let mut offset_ms = 0;
                let messages = raw.into_iter().map(|(step, sender, quick_reply, length)| {
                    offset_ms += step;
                    MessageFact { offset_ms, sender: sender_of(sender), quick_reply, length }
                });
                Facts { start_of_day_ms, closed_ms, satisfied, completed, messages: messages.collect() }
            })
    }

    proptest! {
        #[test]
        fn what_was_packed_is_read_back(facts in any_facts()) {
            prop_assert_eq!(Facts::unpack(&facts.pack()), Ok(facts));
        }

        #[test]
        fn cut_bytes_are_damaged(facts in any_facts(), cut in any::<prop::sample::Index>()) {
            let bytes = facts.pack();
            prop_assert_eq!(Facts::unpack(&bytes[..cut.index(bytes.len())]), Err(Damaged));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            // Must neither panic nor allocate by a count that the bytes cannot hold.
            let _ = Facts::unpack(&bytes);
        }
    }

    #[test]
    fn the_layout_is_fixed() {
        let facts = Facts {
            start_of_day_ms: 300,
            closed_ms: 5,
            satisfied: Some(true),
            completed: Some(false),
            messages: vec![
                MessageFact { offset_ms: 0, sender: Sender::Customer, quick_reply: false, length: 2 },
                MessageFact { offset_ms: 5, sender: Sender::Agent, quick_reply: true, length: 200 },
            ],
        };
        assert_eq!(facts.pack(), [1, 0b0110, 0xac, 2, 5, 2, 0, 0, 2, 5, 0b101, 0xc8, 1]);
    }
}
