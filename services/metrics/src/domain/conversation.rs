//! A conversation as it comes in, and what makes one acceptable.

use chrono::{DateTime, Duration, TimeZone, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use status::Violation;

/// Longest run of messages that one conversation may have.
pub const MESSAGES_MAX: usize = 10_000;
/// How far ahead of our clock a platform's clock may be.
const AHEAD_MAX: Duration = Duration::hours(24);

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The buyer.
    Customer,
    /// A human agent.
    Agent,
    /// The shop's bot.
    Bot,
    /// The platform itself: transfers, notices, automatic greetings.
    System,
}

/// What a conversation is called inside a merchant. Ordered as its rows are locked and indexed: by the id first, which
/// tells nearly all of them apart at the first look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConversationKey {
    /// The platform's id.
    pub id: String,
    /// The platform's channel.
    pub channel: String,
    /// The shop.
    pub shop: String,
}

/// A conversation nobody has looked at yet: everything may be missing or wrong.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// See [`ConversationKey::shop`].
    pub shop: String,
    /// See [`ConversationKey::channel`].
    pub channel: String,
    /// See [`ConversationKey::id`].
    pub id: String,
    /// Grows with each correction.
    pub revision: i64,
    /// The agent's platform account.
    pub account: String,
    /// The buyer.
    pub customer: String,
    /// When it began; `None` if it is missing or no instant at all.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// In the order they were sent.
    pub messages: Vec<DraftMessage>,
    /// The customer's answer, if there is one.
    pub satisfied: Option<bool>,
    /// The mark of completion, if there is one.
    pub completed: Option<bool>,
    /// The account that handed the customer over; empty if none did.
    pub transferred_from: String,
    /// The account that the customer was handed over to; empty if to none.
    pub transferred_to: String,
}

/// A message of a [`Draft`].
#[derive(Debug, Clone, Default)]
pub struct DraftMessage {
    /// When; `None` if it is missing or no instant at all.
    pub sent_at: Option<DateTime<Utc>>,
    /// Who; `None` if unknown.
    pub sender: Option<Sender>,
    /// What was written, personal data included.
    pub text: String,
    /// Sent from a prepared answer.
    pub quick_reply: bool,
    /// Proposed by the bot and sent by the agent.
    pub assisted: bool,
    /// Which account sent it; empty for the conversation's.
    pub account: String,
}

/// A conversation that may be stored: complete, in order, within bounds.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// Its name.
    pub key: ConversationKey,
    /// Grows with each correction.
    pub revision: i64,
    /// The agent's platform account.
    pub account: String,
    /// The buyer.
    pub customer: String,
    /// When it began, to the millisecond.
    pub started_at: DateTime<Utc>,
    /// Milliseconds from start to close.
    pub closed_ms: i64,
    /// At least one.
    pub messages: Vec<Message>,
    /// The customer's answer, if there is one.
    pub satisfied: Option<bool>,
    /// The mark of completion, if there is one.
    pub completed: Option<bool>,
    /// The account that handed the customer over.
    pub transferred_from: Option<String>,
    /// The account that the customer was handed over to.
    pub transferred_to: Option<String>,
}

/// A message of a [`Conversation`].
#[derive(Debug, Clone)]
pub struct Message {
    /// Milliseconds after the start, never before the message above.
    pub offset_ms: i64,
    /// Who wrote it.
    pub sender: Sender,
    /// What was written, personal data included.
    pub text: String,
    /// Sent from a prepared answer.
    pub quick_reply: bool,
    /// Proposed by the bot and sent by the agent.
    pub assisted: bool,
    /// Which account sent it, if another than the conversation's.
    pub account: Option<String>,
}

impl Draft {
    /// The conversation, or the first thing that is wrong with it. `now` bounds what may lie in the future.
    pub fn accept(self, now: DateTime<Utc>) -> Result<Conversation, Violation> {
        for (field, value, max) in [
            ("shop_id", &self.shop, 64),
            ("channel", &self.channel, 32),
            ("conversation_id", &self.id, 128),
            ("account_id", &self.account, 128),
            ("customer_id", &self.customer, 128),
        ] {
            check_id(field, value, max)?;
        }
        if self.revision < 0 {
            return Err(wrong("revision", "must not be negative"));
        }
        let started_at = check_time("started_at", self.started_at, now)?;
        let closed_at = check_time("closed_at", self.closed_at, now)?;
        if closed_at < started_at {
            return Err(wrong("closed_at", "must not be before started_at"));
        }
        let closed_ms = (closed_at - started_at).num_milliseconds();
        let messages = accept_messages(self.messages, &self.account, started_at, closed_ms)?;
        let transferred_from = accept_transfer("transferred_from", self.transferred_from, &self.account)?;
        let transferred_to = accept_transfer("transferred_to", self.transferred_to, &self.account)?;
        Ok(Conversation {
            key: ConversationKey { shop: self.shop, channel: self.channel, id: self.id },
            revision: self.revision,
            account: self.account,
            customer: self.customer,
            started_at,
            closed_ms,
            messages,
            satisfied: self.satisfied,
            completed: self.completed,
            transferred_from,
            transferred_to,
        })
    }
}

fn accept_transfer(field: &str, other: String, account: &str) -> Result<Option<String>, Violation> {
    if other.is_empty() {
        return Ok(None);
    }
    check_id(field, &other, 128)?;
    if other == account {
        return Err(wrong(field, "must be another account than account_id"));
    }
    Ok(Some(other))
}

fn accept_messages(
    drafts: Vec<DraftMessage>,
    account: &str,
    started_at: DateTime<Utc>,
    closed_ms: i64,
) -> Result<Vec<Message>, Violation> {
    if drafts.is_empty() {
        return Err(wrong("messages", "must have at least one message"));
    }
    if drafts.len() > MESSAGES_MAX {
        return Err(wrong("messages", format!("must not have more than {MESSAGES_MAX} messages")));
    }
    let mut messages = Vec::with_capacity(drafts.len());
    let mut last_ms = 0;
    for (at, draft) in drafts.into_iter().enumerate() {
        let field = |name: &str| format!("messages[{at}].{name}");
        let Some(sent_at) = draft.sent_at else { return Err(wrong(field("sent_at"), "must be an instant")) };
        let offset_ms = sent_at.timestamp_millis() - started_at.timestamp_millis();
        let out_of_place = if offset_ms < 0 {
            Some("must not be before started_at")
        } else if offset_ms > closed_ms {
            Some("must not be after closed_at")
        } else if offset_ms < last_ms {
            // Sorting them would hide that the source is wrong: whose answer came first decides every figure.
            Some("must not be before the message above it")
        } else {
            None
        };
        if let Some(reason) = out_of_place {
            return Err(wrong(field("sent_at"), reason));
        }
        let Some(sender) = draft.sender else {
            return Err(wrong(field("sender"), "must be CUSTOMER, AGENT, BOT or SYSTEM"));
        };
        if draft.quick_reply && sender != Sender::Agent {
            return Err(wrong(field("quick_reply"), "must not be set on a message that no agent sent"));
        }
        if draft.assisted && sender != Sender::Agent {
            return Err(wrong(field("assisted"), "must not be set on a message that no agent sent"));
        }
        if !draft.account.is_empty() {
            if !matches!(sender, Sender::Agent | Sender::Bot) {
                return Err(wrong(field("account_id"), "must only be set on a message of an agent or a bot"));
            }
            check_id(&field("account_id"), &draft.account, 128)?;
        }
        if draft.text.contains('\0') {
            return Err(wrong(field("text"), "must not contain the NUL character"));
        }
        last_ms = offset_ms;
        let account = Some(draft.account).filter(|sent_by| !sent_by.is_empty() && sent_by != account);
        messages.push(Message {
            offset_ms,
            sender,
            text: draft.text,
            quick_reply: draft.quick_reply,
            assisted: draft.assisted,
            account,
        });
    }
    Ok(messages)
}

impl Conversation {
    /// The instant that decides the business day: that of the first message.
    pub fn first_message_at(&self) -> DateTime<Utc> {
        self.started_at + Duration::milliseconds(self.messages.first().map_or(0, |m| m.offset_ms))
    }

    /// Human messages of the agent, quick replies included.
    pub fn agent_messages(&self) -> i32 {
        let count = self.messages.iter().filter(|m| m.sender == Sender::Agent).count();
        i32::try_from(count).unwrap_or(i32::MAX)
    }

    /// SHA-256 over everything but key and revision, each field length-prefixed: equal exactly for equal content.
    /// Taken from the raw text, so that a later, better redaction does not make known conversations look changed.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let text = |hash: &mut Sha256, value: &str| {
            hash.update((value.len() as u64).to_be_bytes());
            hash.update(value);
        };
        hash.update(b"jinpai.conversation/1");
        text(&mut hash, &self.account);
        text(&mut hash, &self.customer);
        hash.update(self.started_at.timestamp_millis().to_be_bytes());
        hash.update(self.closed_ms.to_be_bytes());
        hash.update([answer(self.satisfied), answer(self.completed)]);
        hash.update((self.messages.len() as u64).to_be_bytes());
        for message in &self.messages {
            hash.update(message.offset_ms.to_be_bytes());
            hash.update([message.sender as u8, u8::from(message.quick_reply)]);
            text(&mut hash, &message.text);
        }
        // What was added to conversations later is hashed only where it is used: known content keeps its hash.
        for (tag, other) in [(b"from", &self.transferred_from), (b"to--", &self.transferred_to)] {
            if let Some(other) = other {
                hash.update(tag);
                text(&mut hash, other);
            }
        }
        for (at, message) in self.messages.iter().enumerate() {
            if let Some(account) = &message.account {
                hash.update(b"sent");
                hash.update((at as u64).to_be_bytes());
                text(&mut hash, account);
            }
            if message.assisted {
                hash.update(b"help");
                hash.update((at as u64).to_be_bytes());
            }
        }
        hash.finalize().into()
    }

    /// Other accounts that sent messages in it, each once, in the order of their first message.
    pub fn other_accounts(&self) -> Vec<&str> {
        let mut accounts: Vec<&str> = Vec::new();
        for account in self.messages.iter().filter_map(|message| message.account.as_deref()) {
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        accounts
    }
}

fn answer(value: Option<bool>) -> u8 {
    match value {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    }
}

pub(super) fn check_id(field: &str, value: &str, max: usize) -> Result<(), Violation> {
    if value.is_empty() {
        return Err(wrong(field, "must not be empty"));
    }
    if value.chars().count() > max {
        return Err(wrong(field, format!("must not be longer than {max} characters")));
    }
    if value.chars().any(char::is_control) {
        return Err(wrong(field, "must not contain control characters"));
    }
    Ok(())
}

/// Instants are kept to the millisecond; what lies before 2000 or far in the future is a mistake of the source.
pub(super) fn check_time(
    field: &str,
    at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Violation> {
    let Some(at) = at.and_then(|at| Utc.timestamp_millis_opt(at.timestamp_millis()).single()) else {
        return Err(wrong(field, "must be an instant"));
    };
    if at.timestamp() < EARLIEST_S {
        return Err(wrong(field, "must not be before the year 2000"));
    }
    if at > now + AHEAD_MAX {
        return Err(wrong(field, "must not be in the future"));
    }
    Ok(at)
}

/// 2000-01-01T00:00:00Z.
const EARLIEST_S: i64 = 946_684_800;

pub(super) fn wrong(field: impl Into<String>, description: impl Into<String>) -> Violation {
    Violation { field: field.into(), description: description.into() }
}

#[cfg(test)]
mod tests;
