//! Zendesk tickets as the tables that a warehouse connector exports: `ticket`, `user`, `ticket_comment` and, where there
//! are chats, `ticket_chat` and `ticket_chat_event`, each a CSV with a header.
//!
//! | of the export | becomes |
//! |---|---|
//! | `ticket.id` | the conversation's id; the revision is `updated_at` in seconds |
//! | `requester_id`, `assignee_id` | customer and account; without an assignee, the first agent who wrote |
//! | `via_channel` | the channel |
//! | `description` | the customer's first message, if no comment holds it |
//! | public comments | messages; whose they are follows from the user's role |
//! | chat events of type `ChatMessage` | messages; comments up to the last of them only repeat it and are left out |
//! | `status` solved and closed | completed |
//!
//! Deleted tickets are passed over. Times are UTC. Lost: private comments, attachments, other chat events, tags,
//! custom fields, the organisation; whether an answer was prepared, and what the customer was asked about it, is not
//! in these tables.
//!
//! Tickets are read one by one; users, comments and chats are held in memory, up to [`HELD_BYTES_MAX`].

use std::collections::HashMap;
use std::io::BufRead;

use chrono::{DateTime, Utc};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::conversation::{Conversation, Message, Sender};
use crate::error::{Error, RowError, Wrong};
use crate::table::Cells;
use crate::{Options, Record, Row, value};

/// Bytes of comments and chats held at most. A larger export has to be split by time.
pub const HELD_BYTES_MAX: usize = 1 << 30;

/// The tables of an export, each to be read once.
#[derive(Debug)]
pub struct Tables<R> {
    /// `ticket`.
    pub tickets: R,
    /// `user`.
    pub users: R,
    /// `ticket_comment`.
    pub comments: R,
    /// `ticket_chat` and `ticket_chat_event`.
    pub chats: Option<(R, R)>,
}

/// The conversations of an export.
pub struct Tickets<R> {
    tickets: Reader<R>,
    held: Held,
    options: Options,
    ended: bool,
}

impl<R> std::fmt::Debug for Tickets<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl<R: BufRead> Tickets<R> {
    /// Reads users, comments and chats, and the header of the tickets.
    ///
    /// # Errors
    ///
    /// A table can't be read, lacks a column, or has a row that can't be told whose it is.
    pub fn new(tables: Tables<R>, options: Options) -> Result<Self, Error> {
        let mut held = Held::default();
        held.read_users(Reader::new(tables.users, "user", &["id", "role"])?)?;
        let columns = ["ticket_id", "created", "user_id", "body", "public"];
        held.read_comments(Reader::new(tables.comments, "ticket_comment", &columns)?)?;
        if let Some((chats, events)) = tables.chats {
            let chats = Reader::new(chats, "ticket_chat", &["chat_id", "ticket_id"])?;
            let columns = ["chat_id", "created_at", "actor_id", "type", "message", "original_message"];
            held.read_chats(chats, Reader::new(events, "ticket_chat_event", &columns)?)?;
        }
        let columns = [
            "id",
            "requester_id",
            "assignee_id",
            "status",
            "via_channel",
            "description",
            "created_at",
            "updated_at",
        ];
        let tickets = Reader::new(tables.tickets, "ticket", &columns)?;
        Ok(Self { tickets, held, options, ended: false })
    }
}

impl<R: BufRead> Iterator for Tickets<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let (line, row) = match self.tickets.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(Error::Row(wrong)) => return Some(Err(wrong.into())),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            };
            match self.held.conversation(&row, &self.options) {
                Ok(Some(conversation)) => {
                    return Some(Ok(Row { line, record: Record::Conversation(conversation) }));
                }
                Ok(None) => {}
                Err(wrong) => return Some(Err(wrong.at(line).into())),
            }
        }
        None
    }
}

/// A table's rows, cut to the columns that are wanted.
struct Reader<R> {
    cells: Cells<R>,
    table: &'static str,
    columns: Vec<usize>,
    width: usize,
}

impl<R: BufRead> Reader<R> {
    fn new(input: R, table: &'static str, wanted: &[&str]) -> Result<Self, Error> {
        let mut cells = Cells::new(input).map_err(Error::Read)?;
        let Some((_, header)) = cells.next()? else {
            return Err(Error::row(1, table, "has no header: the file is empty"));
        };
        let columns = wanted.iter().map(|name| {
            let at = header.iter().position(|heading| heading.trim() == *name);
            at.ok_or_else(|| Error::row(1, format!("{table}.{name}"), "is missing in the header"))
        });
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(Self { cells, table, columns, width: header.len() })
    }

    /// The next row's wanted cells, in the order asked for.
    fn next(&mut self) -> Result<Option<(u64, Vec<String>)>, Error> {
        let Some((line, mut row)) = self.cells.next()? else { return Ok(None) };
        if row.len() != self.width {
            let reason = format!("has {} cells, the header has {}", row.len(), self.width);
            return Err(Error::row(line, self.table, reason));
        }
        let wanted = self.columns.iter().map(|at| std::mem::take(&mut row[*at]));
        Ok(Some((line, wanted.collect())))
    }
}

/// What tickets are joined with.
#[derive(Default)]
struct Held {
    agents: HashMap<String, bool>,
    comments: HashMap<String, Vec<Comment>>,
    chats: HashMap<String, Vec<ChatMessage>>,
    /// Tickets of which something can't be read, and why.
    spoilt: HashMap<String, Wrong>,
    bytes: usize,
}

struct Comment {
    at: DateTime<Utc>,
    user: String,
    text: String,
}

#[derive(Clone)]
struct ChatMessage {
    at: DateTime<Utc>,
    sender: ChatSender,
    text: String,
}

#[derive(Clone)]
enum ChatSender {
    Customer,
    Agent(String),
    /// A bare id: the table of users says who that is.
    User(String),
    Bot,
    System,
}

impl Held {
    fn read_users<R: BufRead>(&mut self, mut users: Reader<R>) -> Result<(), Error> {
        while let Some((_, row)) = users.next()? {
            let [id, role] = row.as_slice() else { continue };
            self.hold(id.len() + 16)?;
            self.agents.insert(id.trim().to_owned(), matches!(role.trim(), "agent" | "admin"));
        }
        Ok(())
    }

    fn read_comments<R: BufRead>(&mut self, mut comments: Reader<R>) -> Result<(), Error> {
        while let Some((line, row)) = comments.next()? {
            let [ticket, created, user, text, public] = <[String; 5]>::try_from(row).unwrap_or_default();
            let ticket = owner("ticket_comment.ticket_id", &ticket, line)?;
            if value::mark(&public) == Ok(false) {
                continue;
            }
            self.hold(text.len() + 64)?;
            match time(&created) {
                Ok(at) => {
                    let comment = Comment { at, user: user.trim().to_owned(), text };
                    self.comments.entry(ticket).or_default().push(comment);
                }
                Err(reason) => self.spoil(ticket, "ticket_comment.created", line, &reason),
            }
        }
        for comments in self.comments.values_mut() {
            comments.sort_by_key(|comment| comment.at);
        }
        Ok(())
    }

    fn read_chats<R: BufRead>(&mut self, mut chats: Reader<R>, mut events: Reader<R>) -> Result<(), Error> {
        let mut tickets: HashMap<String, Vec<String>> = HashMap::new();
        while let Some((line, row)) = chats.next()? {
            let [chat, ticket] = <[String; 2]>::try_from(row).unwrap_or_default();
            let chat = owner("ticket_chat.chat_id", &chat, line)?;
            self.hold(chat.len() + 64)?;
            tickets.entry(chat).or_default().push(owner("ticket_chat.ticket_id", &ticket, line)?);
        }
        while let Some((line, row)) = events.next()? {
            let [chat, created, actor, kind, text, original] =
                <[String; 6]>::try_from(row).unwrap_or_default();
            // An event of a chat without ticket has no conversation to go to.
            let Some(tickets) = tickets.get(chat.trim()).filter(|_| kind.trim() == "ChatMessage") else {
                continue;
            };
            for ticket in tickets {
                self.hold(text.len() + 64)?;
                match time(&created) {
                    Ok(at) => {
                        let sender = chat_sender(actor.trim(), &original);
                        let message = ChatMessage { at, sender, text: text.clone() };
                        self.chats.entry(ticket.clone()).or_default().push(message);
                    }
                    Err(reason) => {
                        self.spoil(ticket.clone(), "ticket_chat_event.created_at", line, &reason);
                    }
                }
            }
        }
        for messages in self.chats.values_mut() {
            messages.sort_by_key(|message| message.at);
        }
        Ok(())
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Error> {
        self.bytes += bytes;
        if self.bytes > HELD_BYTES_MAX {
            return Err(Error::row(
                1,
                "ticket_comment",
                "is larger than 1 GiB: export a shorter time at once",
            ));
        }
        Ok(())
    }

    fn spoil(&mut self, ticket: String, field: &str, line: u64, reason: &str) {
        let wrong = Wrong::new(field, format!("{reason} (line {line} of that table)"));
        self.spoilt.entry(ticket).or_insert(wrong);
    }

    /// The conversation of a ticket; `None` for a deleted one.
    fn conversation(&mut self, row: &[String], options: &Options) -> Result<Option<Conversation>, Wrong> {
        let cells: Vec<&str> = row.iter().map(|cell| cell.trim()).collect();
        let [id, requester, assignee, status, via, description, created, updated] = cells[..] else {
            return Err(Wrong::new("line", "is cut"));
        };
        for (field, value) in [("id", id), ("requester_id", requester)] {
            if value.is_empty() {
                return Err(Wrong::new(field, "is missing"));
            }
        }
        let (comments, chat) =
            (self.comments.remove(id).unwrap_or_default(), self.chats.remove(id).unwrap_or_default());
        if status == "deleted" {
            return Ok(None);
        }
        if let Some(wrong) = self.spoilt.remove(id) {
            return Err(wrong);
        }
        let created = time(created).map_err(|reason| Wrong::new("created_at", reason))?;
        let updated = time(updated).map_err(|reason| Wrong::new("updated_at", reason))?;
        let mut said = Vec::with_capacity(comments.len() + chat.len() + 1);
        let chat_until = chat.last().map(|message| message.at);
        for ChatMessage { at, sender, text } in chat {
            let sender = match sender {
                ChatSender::User(user) => self.sender_of(&user, requester, "ticket_chat_event.actor_id")?,
                other => other,
            };
            said.push((at, sender, text));
        }
        let repeated = |at: DateTime<Utc>| chat_until.is_some_and(|until| at <= until);
        let held =
            comments.first().is_some_and(|first| first.at <= created || first.text.trim() == description);
        if !held && !description.is_empty() && chat_until.is_none() {
            said.push((created, ChatSender::Customer, description.to_owned()));
        }
        for Comment { at, user, text } in comments.into_iter().filter(|comment| !repeated(comment.at)) {
            said.push((at, self.sender_of(&user, requester, "ticket_comment.user_id")?, text));
        }
        said.sort_by_key(|(at, ..)| *at);
        let wrote = said.iter().find_map(|(_, sender, _)| match sender {
            ChatSender::Agent(agent) if !agent.is_empty() => Some(agent.as_str()),
            _ => None,
        });
        let Some(account) = Some(assignee).filter(|id| !id.is_empty()).or(wrote).map(str::to_owned) else {
            return Err(Wrong::new("assignee_id", "is missing, and no agent wrote"));
        };
        let resolved = matches!(status, "solved" | "closed");
        let messages: Vec<Message> = said.into_iter().map(|said| message(said, &account)).collect();
        let first = messages.first().map_or(created, |message| message.sent_at);
        let last = messages.last().map_or(created, |message| message.sent_at).max(created);
        Ok(Some(Conversation {
            shop: None,
            channel: options
                .channel
                .clone()
                .unwrap_or_else(|| if via.is_empty() { "ticket" } else { via }.into()),
            id: id.to_owned(),
            revision: updated.timestamp().max(0),
            account,
            customer: requester.to_owned(),
            started_at: first.min(created),
            closed_at: if resolved { last.max(updated) } else { last },
            messages,
            satisfied: None,
            completed: resolved.then_some(true),
            transferred_from: None,
            transferred_to: None,
        }))
    }

    fn sender_of(&self, user: &str, requester: &str, field: &str) -> Result<ChatSender, Wrong> {
        match self.agents.get(user) {
            _ if user == requester => Ok(ChatSender::Customer),
            Some(true) => Ok(ChatSender::Agent(user.to_owned())),
            Some(false) => Ok(ChatSender::Customer),
            None => Err(Wrong::new(field, format!("{user} isn't in the table of users"))),
        }
    }
}

fn message((sent_at, sender, text): (DateTime<Utc>, ChatSender, String), account: &str) -> Message {
    let (sender, account) = match sender {
        ChatSender::Customer | ChatSender::User(_) => (Sender::Customer, None),
        ChatSender::Agent(agent) => (Sender::Agent, Some(agent).filter(|a| a != account && !a.is_empty())),
        ChatSender::Bot => (Sender::Bot, None),
        ChatSender::System => (Sender::System, None),
    };
    Message { sent_at, sender, text, quick_reply: false, assisted: false, account }
}

/// Who sent a chat message: the bot says so in the original message, else the actor tells.
fn chat_sender(actor: &str, original: &str) -> ChatSender {
    #[derive(Deserialize)]
    struct Original {
        author: Option<Typed>,
        source: Option<Typed>,
    }
    #[derive(Deserialize)]
    struct Typed {
        r#type: Option<String>,
    }
    let of = |typed: Option<Typed>| typed.and_then(|typed| typed.r#type).unwrap_or_default();
    let (author, source) = match serde_json::from_str::<Original>(original) {
        Ok(original) => (of(original.author), of(original.source)),
        Err(_) => Default::default(),
    };
    match actor {
        _ if author == "USER" => ChatSender::Customer,
        "__system" | "__trigger" => ChatSender::System,
        _ if author == "BUSINESS" && source == "zd:answerBot" => ChatSender::Bot,
        "" => ChatSender::System,
        "visitor" => ChatSender::Customer,
        _ => match actor.split_once(':') {
            Some(("agent", id)) => ChatSender::Agent(id.to_owned()),
            Some(("visitor", _)) => ChatSender::Customer,
            _ => ChatSender::User(actor.to_owned()),
        },
    }
}

fn owner(field: &str, id: &str, line: u64) -> Result<String, RowError> {
    let id = id.trim();
    if id.is_empty() {
        return Err(RowError { line, field: field.to_owned(), reason: "is missing".to_owned() });
    }
    Ok(id.to_owned())
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    value::local_instant(text, &TimeZone::UTC)
}
