//! Freshdesk tickets as JSON: `{"ticket": {…}, "conversations": […]}` or a ticket with its conversations inside, one or
//! many, on lines or in an array.
//!
//! | of the export | becomes |
//! |---|---|
//! | `ticket.id` | the conversation's id; the revision is `updated_at` in seconds |
//! | `requester_id`, `responder_id` | customer and account; without a responder, the first agent who wrote |
//! | `source` | the channel: email, portal, phone, chat, … |
//! | `description_text` | the customer's first message, unless the ticket is a chat, whose messages repeat it |
//! | `conversations` | messages: incoming ones are the customer's, others an agent's; without a user, the bot's |
//! | `status` 4 and 5 | completed |
//!
//! Tickets that share a line, as in an array without line breaks, are numbered on from it, so that each has a number of its own.
//!
//! Lost: private notes, deleted entries, attachments, priority, tags, custom fields, the group, forwarded addressees;
//! whether an answer was prepared, and what the customer was asked about it, is not in this export.

use std::io::BufRead;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::conversation::{Conversation, Message, Sender};
use crate::error::{Error, Wrong};
use crate::objects::Objects;
use crate::{Options, Record, Row, json};

/// The conversations of an export.
pub struct Tickets<R> {
    objects: Objects<R>,
    options: Options,
}

impl<R> std::fmt::Debug for Tickets<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl<R: BufRead> Tickets<R> {
    /// Reads an export in UTF-8.
    pub fn new(input: R, options: Options) -> Self {
        Self { objects: Objects::new(input), options }
    }
}

impl<R: BufRead> Iterator for Tickets<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, bytes) = match self.objects.next()? {
            Ok(object) => object,
            Err(error) => return Some(Err(error)),
        };
        let read = parse(&bytes).and_then(|export| export.conversation(&self.options));
        Some(match read {
            Ok(conversation) => Ok(Row { line, record: Record::Conversation(conversation) }),
            Err(wrong) => Err(wrong.at(line).into()),
        })
    }
}

fn parse(bytes: &[u8]) -> Result<Export, Wrong> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    // Which of the two layouts it is: told by whether there is a `ticket`.
    let value: Layout = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        Wrong::new(
            if path == "." || path == "?" { "line".to_owned() } else { path },
            json::plain(error.inner()),
        )
    })?;
    let conversations = value.conversations.unwrap_or_default();
    let fields = match (value.ticket, value.id) {
        (Some(ticket), _) => ticket,
        (None, Some(_)) => {
            serde_json::from_slice(bytes).map_err(|error| Wrong::new("line", json::plain(&error)))?
        }
        (None, None) => return Err(Wrong::new("ticket", "is missing")),
    };
    Ok(Export { ticket: fields, conversations })
}

#[derive(Deserialize)]
struct Layout {
    id: Option<u64>,
    ticket: Option<Ticket>,
    conversations: Option<Vec<Entry>>,
}

struct Export {
    ticket: Ticket,
    conversations: Vec<Entry>,
}

#[derive(Deserialize)]
struct Ticket {
    id: u64,
    #[serde(default)]
    description_text: Option<String>,
    status: i64,
    source: i64,
    requester_id: u64,
    #[serde(default)]
    responder_id: Option<u64>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    body_text: Option<String>,
    incoming: bool,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    user_id: Option<u64>,
    created_at: DateTime<Utc>,
}

impl Export {
    fn conversation(self, options: &Options) -> Result<Conversation, Wrong> {
        let Self { ticket, conversations } = self;
        let chat = matches!(ticket.source, 7 | 15);
        let mut entries: Vec<Entry> =
            conversations.into_iter().filter(|entry| !entry.private && !entry.deleted).collect();
        entries.sort_by_key(|entry| entry.created_at);
        let agent = |entry: &Entry| entry.user_id.filter(|_| !entry.incoming);
        let first_agent = entries.iter().find_map(agent);
        let Some(owner) = ticket.responder_id.or(first_agent) else {
            return Err(Wrong::new("ticket.responder_id", "is missing, and no agent wrote"));
        };
        let mut messages: Vec<Message> = Vec::with_capacity(entries.len() + 1);
        let repeated = chat && entries.iter().any(|entry| entry.incoming);
        if let Some(text) = ticket.description_text.filter(|text| !repeated && !text.is_empty()) {
            messages.push(Message {
                sent_at: ticket.created_at,
                sender: Sender::Customer,
                text,
                quick_reply: false,
                assisted: false,
                account: None,
            });
        }
        messages.extend(entries.into_iter().map(|entry| entry.message(owner)));
        messages.sort_by_key(|message| message.sent_at);
        let resolved = matches!(ticket.status, 4 | 5);
        let first = messages.first().map_or(ticket.created_at, |message| message.sent_at);
        let last = messages.last().map_or(ticket.created_at, |message| message.sent_at);
        let closed_at = if resolved { last.max(ticket.updated_at) } else { last };
        Ok(Conversation {
            shop: None,
            channel: options.channel.clone().unwrap_or_else(|| channel(ticket.source)),
            id: ticket.id.to_string(),
            revision: ticket.updated_at.timestamp().max(0),
            account: owner.to_string(),
            customer: ticket.requester_id.to_string(),
            started_at: first.min(ticket.created_at),
            closed_at: closed_at.max(ticket.created_at),
            messages,
            satisfied: None,
            completed: resolved.then_some(true),
            transferred_from: None,
            transferred_to: None,
        })
    }
}

impl Entry {
    fn message(self, owner: u64) -> Message {
        let (sender, account) = match (self.incoming, self.user_id) {
            (true, _) => (Sender::Customer, None),
            (false, None) => (Sender::Bot, None),
            (false, Some(user)) => (Sender::Agent, (user != owner).then(|| user.to_string())),
        };
        Message {
            sent_at: self.created_at,
            sender,
            text: self.body_text.unwrap_or_default(),
            quick_reply: false,
            assisted: false,
            account,
        }
    }
}

/// The channel that a source number stands for.
fn channel(source: i64) -> String {
    match source {
        1 => "email".to_owned(),
        2 => "portal".to_owned(),
        3 => "phone".to_owned(),
        7 | 15 => "chat".to_owned(),
        9 => "widget".to_owned(),
        10 => "outbound-email".to_owned(),
        13 => "whatsapp".to_owned(),
        other => format!("source-{other}"),
    }
}
