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
    /// Whether another account handed the customer over to this one.
    pub transferred_in: bool,
    /// Whether this account handed the customer over to another one.
    pub transferred_out: bool,
    /// Other accounts that sent messages.
    pub others: Vec<String>,
    /// In the order they were sent.
    pub messages: Vec<MessageFact>,
}

/// Who of a conversation: 0 is its own account, n the n-th of [`Facts::others`].
pub type Who = usize;

/// The account that a conversation belongs to.
pub const OWNER: Who = 0;

/// A message without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageFact {
    /// Milliseconds after the start.
    pub offset_ms: i64,
    /// Who wrote it.
    pub sender: Sender,
    /// Sent from a prepared answer.
    pub quick_reply: bool,
    /// Proposed by the bot and sent by the agent.
    pub assisted: bool,
    /// Characters of the text as it came in.
    pub length: u32,
    /// Which account sent it; [`OWNER`] too for messages that no account sent.
    pub who: Who,
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
const FORMAT: u8 = 3;
/// Knows no messages that the bot proposed. Still written where there are none, for releases that know nothing else.
const FORMAT_UNASSISTED: u8 = 2;
/// Knows no transfers and no other accounts. Still written where there are none: it is the shorter one.
const FORMAT_PLAIN: u8 = 1;

impl Facts {
    /// The facts of a conversation that starts `start_of_day_ms` after local midnight.
    pub fn of(conversation: &Conversation, start_of_day_ms: i64) -> Self {
        let others = conversation.other_accounts();
        let who =
            |account: &str| others.iter().position(|other| *other == account).map_or(OWNER, |at| at + 1);
        let messages = conversation.messages.iter().map(|message| MessageFact {
            who: message.account.as_deref().map_or(OWNER, who),
            offset_ms: message.offset_ms,
            sender: message.sender,
            quick_reply: message.quick_reply,
            assisted: message.assisted,
            length: u32::try_from(message.text.chars().count()).unwrap_or(u32::MAX),
        });
        Self {
            start_of_day_ms,
            closed_ms: conversation.closed_ms,
            satisfied: conversation.satisfied,
            completed: conversation.completed,
            transferred_in: conversation.transferred_from.is_some(),
            transferred_out: conversation.transferred_to.is_some(),
            messages: messages.collect(),
            others: others.into_iter().map(str::to_owned).collect(),
        }
    }

    /// The account's name; `owner` is that of the conversation.
    pub fn account<'a>(&'a self, who: Who, owner: &'a str) -> &'a str {
        who.checked_sub(1).and_then(|at| self.others.get(at)).map_or(owner, String::as_str)
    }

    /// The packed form: format, answers, then varints; a message is its distance to the one above, its flags, its
    /// length, and the account if it is another than the conversation's.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + self.messages.len() * 6);
        let assisted = self.messages.iter().any(|message| message.assisted);
        let plain = !assisted && !self.transferred_in && !self.transferred_out && self.others.is_empty();
        out.push(match (plain, assisted) {
            (true, _) => FORMAT_PLAIN,
            (false, false) => FORMAT_UNASSISTED,
            (false, true) => FORMAT,
        });
        let transfers = (u8::from(self.transferred_in) << 4) | (u8::from(self.transferred_out) << 5);
        out.push(answer_bits(self.satisfied) | (answer_bits(self.completed) << 2) | transfers);
        put(&mut out, self.start_of_day_ms.unsigned_abs());
        put(&mut out, self.closed_ms.unsigned_abs());
        if !plain {
            put(&mut out, self.others.len() as u64);
            for other in &self.others {
                put(&mut out, other.len() as u64);
                out.extend_from_slice(other.as_bytes());
            }
        }
        put(&mut out, self.messages.len() as u64);
        let mut last_ms = 0;
        for message in &self.messages {
            put(&mut out, (message.offset_ms - last_ms).unsigned_abs());
            let others = u8::from(message.who != OWNER) << 3;
            let marks = (u8::from(message.quick_reply) << 2) | (u8::from(message.assisted) << 4);
            out.push(sender_bits(message.sender) | marks | others);
            put(&mut out, message.length.into());
            if message.who != OWNER {
                put(&mut out, message.who as u64);
            }
            last_ms = message.offset_ms;
        }
        out
    }

    /// Reads the packed form.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut rest = bytes;
        let format = take(&mut rest)?;
        if ![FORMAT, FORMAT_UNASSISTED, FORMAT_PLAIN].contains(&format) {
            return Err(Damaged);
        }
        let answers = take(&mut rest)?;
        let start_of_day_ms = get_i64(&mut rest)?;
        let closed_ms = get_i64(&mut rest)?;
        let others = if format == FORMAT_PLAIN { Vec::new() } else { unpack_others(&mut rest)? };
        let count = usize::try_from(get(&mut rest)?).map_err(|_| Damaged)?;
        // A message takes at least three bytes: a damaged count must not allocate the moon.
        let mut messages = Vec::with_capacity(count.min(rest.len() / 3));
        let mut offset_ms = 0_i64;
        for _ in 0..count {
            offset_ms = offset_ms.checked_add(get_i64(&mut rest)?).ok_or(Damaged)?;
            let flags = take(&mut rest)?;
            let length = u32::try_from(get(&mut rest)?).map_err(|_| Damaged)?;
            let who = if flags & 0b1000 == 0 {
                OWNER
            } else {
                usize::try_from(get(&mut rest)?).unwrap_or(usize::MAX)
            };
            if who > others.len() {
                return Err(Damaged);
            }
            messages.push(MessageFact {
                who,
                offset_ms,
                sender: sender_of(flags & 0b11),
                quick_reply: flags & 0b100 != 0,
                assisted: flags & 0b1_0000 != 0,
                length,
            });
        }
        if !rest.is_empty() {
            return Err(Damaged);
        }
        let (satisfied, completed) = (answer_of(answers & 0b11)?, answer_of((answers >> 2) & 0b11)?);
        let (transferred_in, transferred_out) = (answers & 0b1_0000 != 0, answers & 0b10_0000 != 0);
        Ok(Self {
            start_of_day_ms,
            closed_ms,
            satisfied,
            completed,
            transferred_in,
            transferred_out,
            others,
            messages,
        })
    }
}

fn unpack_others(rest: &mut &[u8]) -> Result<Vec<String>, Damaged> {
    let count = usize::try_from(get(rest)?).map_err(|_| Damaged)?;
    // A name takes at least two bytes.
    let mut others = Vec::with_capacity(count.min(rest.len() / 2));
    for _ in 0..count {
        let length = usize::try_from(get(rest)?).map_err(|_| Damaged)?;
        let (name, tail) = rest.split_at_checked(length).ok_or(Damaged)?;
        others.push(String::from_utf8(name.to_vec()).map_err(|_| Damaged)?);
        *rest = tail;
    }
    Ok(others)
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
        let marks = (any::<bool>(), prop::bool::weighted(0.1));
        let message = (0..10_000_000_i64, 0..4_u8, marks, any::<u32>(), any::<prop::sample::Index>());
        let messages = prop::collection::vec(message, 0..40);
        let times = (0..86_400_000_i64, 0..i64::from(u32::MAX));
        let answers = (any::<Option<bool>>(), any::<Option<bool>>(), any::<bool>(), any::<bool>());
        let others = prop::collection::vec("[a-z客服:]{0,9}", 0..3);
        (times, answers, others, messages).prop_map(|(times, answers, others, raw)| {
            let mut offset_ms = 0;
            let messages = raw.into_iter().map(|(step, sender, (quick_reply, assisted), length, who)| {
                offset_ms += step;
                let who = who.index(others.len() + 1);
                MessageFact { offset_ms, sender: sender_of(sender), quick_reply, assisted, length, who }
            });
            Facts {
                start_of_day_ms: times.0,
                closed_ms: times.1,
                satisfied: answers.0,
                completed: answers.1,
                transferred_in: answers.2,
                transferred_out: answers.3,
                messages: messages.collect(),
                others,
            }
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
    fn the_layouts_are_fixed() {
        let mut facts = Facts {
            transferred_in: false,
            transferred_out: false,
            others: Vec::new(),
            start_of_day_ms: 300,
            closed_ms: 5,
            satisfied: Some(true),
            completed: Some(false),
            messages: vec![
                MessageFact {
                    offset_ms: 0,
                    sender: Sender::Customer,
                    quick_reply: false,
                    assisted: false,
                    length: 2,
                    who: OWNER,
                },
                MessageFact {
                    offset_ms: 5,
                    sender: Sender::Agent,
                    quick_reply: true,
                    assisted: false,
                    length: 200,
                    who: OWNER,
                },
            ],
        };
        let version_1 = [1, 0b0110, 0xac, 2, 5, 2, 0, 0, 2, 5, 0b101, 0xc8, 1];
        assert_eq!(facts.pack(), version_1);
        assert_eq!(Facts::unpack(&version_1).as_ref(), Ok(&facts));
        facts.transferred_out = true;
        facts.others = vec!["b".to_owned()];
        facts.messages[1].who = 1;
        let version_2 = [2, 0b10_0110, 0xac, 2, 5, 1, 1, b'b', 2, 0, 0, 2, 5, 0b1101, 0xc8, 1, 1];
        assert_eq!(facts.pack(), version_2);
        assert_eq!(Facts::unpack(&version_2), Ok(facts));
    }
}
