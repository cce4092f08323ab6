//! A customer's chat out of a log, and its cut into one conversation an agent.

use chrono::{DateTime, Utc};

use super::chat_id;
use crate::conversation::{Conversation, Message, Sender};
use crate::error::{Error, RowError};
use crate::{Record, Row};

/// Messages of one chat, at most: as many as a conversation may have.
const ENTRIES_MAX: usize = 10_000;
/// Bytes of one chat's texts, at most.
const BYTES_MAX: usize = 8 << 20;

/// Who a sender is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Customer(String),
    Agent(String),
    Bot(String),
}

/// A message of the log.
#[derive(Debug)]
pub(super) struct Entry {
    line: u64,
    at: DateTime<Utc>,
    who: Who,
    texts: Vec<String>,
    /// The line that may be the next sender's nick, if it is the last of `texts`.
    nick_line: Option<u64>,
    attached: Vec<&'static str>,
    /// Where the customer came from. Without a text beside it, it is all the message says.
    origin: Option<String>,
    /// Told by the platform, whoever stands in the header.
    notice: bool,
    transfer_to: Option<String>,
}

impl Entry {
    pub fn new(line: u64, at: DateTime<Utc>, who: Who) -> Self {
        Self {
            line,
            at,
            who,
            texts: Vec::new(),
            nick_line: None,
            attached: Vec::new(),
            origin: None,
            notice: false,
            transfer_to: None,
        }
    }

    fn text(&mut self) -> String {
        let text = self.texts.join("\n");
        if !text.trim().is_empty() {
            return text;
        }
        if let Some(origin) = self.origin.take() {
            self.notice = true;
            return origin;
        }
        self.attached.join("\n")
    }

    fn message(mut self, owner: &str) -> Message {
        let text = self.text();
        let (sender, account) = match self.who {
            _ if self.notice => (Sender::System, None),
            Who::Customer(_) => (Sender::Customer, None),
            Who::Agent(agent) => (Sender::Agent, Some(agent).filter(|agent| agent != owner)),
            Who::Bot(_) => (Sender::Bot, None),
        };
        Message { sent_at: self.at, sender, text, quick_reply: false, assisted: false, account }
    }
}

/// What one customer and the shop said, until a long pause.
#[derive(Debug, Default)]
pub(super) struct Chat {
    pub customer: Option<String>,
    entries: Vec<Entry>,
    /// A nick before the first header: in old logs the time follows on the next line.
    first_nick: Option<(u64, String)>,
    bytes: usize,
    wrong: Option<RowError>,
}

impl Chat {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn last_at(&self) -> Option<DateTime<Utc>> {
        self.entries.last().map(|entry| entry.at)
    }

    /// The line before the first header that was kept as a nick and turned out to be none.
    pub fn stray(&mut self) -> Option<u64> {
        self.first_nick.take().map(|(line, _)| line)
    }

    pub fn push(&mut self, entry: Entry) {
        if self.entries.len() >= ENTRIES_MAX {
            let line = self.entries.first().map_or(entry.line, |first| first.line);
            self.spoil(line, "messages", format!("are more than {ENTRIES_MAX}, or than 8 MiB"));
            return;
        }
        self.entries.push(entry);
    }

    pub fn spoil(&mut self, line: u64, field: &str, reason: String) {
        self.wrong.get_or_insert(RowError { line, field: field.to_owned(), reason });
    }

    /// The line above, if it is nothing but a nick.
    pub fn take_nick(&mut self) -> Option<(u64, String)> {
        let Some(entry) = self.entries.last_mut() else { return self.first_nick.take() };
        let line = entry.nick_line.take()?;
        Some((line, entry.texts.pop()?.trim().to_owned()))
    }

    pub fn text(&mut self, line: u64, text: &str, nick: bool) {
        let Some(entry) = self.entries.last_mut() else {
            self.first_nick = Some((line, text.trim().to_owned()));
            return;
        };
        if entry.notice {
            // What follows a transfer or recall below the same header isn't the platform's any more, and has no header.
            return;
        }
        self.bytes += text.len() + 1;
        if self.bytes > BYTES_MAX {
            let first = self.entries.first().map_or(line, |first| first.line);
            self.spoil(first, "messages", format!("are more than {ENTRIES_MAX}, or than 8 MiB"));
            return;
        }
        entry.nick_line = nick.then_some(line);
        entry.texts.push(text.to_owned());
    }

    /// A card or an image below the last header.
    pub fn attach(&mut self, what: &'static str) {
        if let Some(entry) = self.entries.last_mut()
            && entry.attached.last() != Some(&what)
        {
            entry.attached.push(what);
        }
    }

    /// Where the customer came from. Alone below a header it is the platform's message, not the customer's.
    pub fn origin(&mut self, text: &str) {
        if let Some(entry) = self.entries.last_mut() {
            entry.origin.get_or_insert_with(|| text.trim().to_owned());
        }
    }

    /// A line that the platform wrote between the messages, at the time of the one above.
    pub fn notice(&mut self, line: u64, text: &str) {
        let Some(last) = self.entries.last() else { return };
        let mut entry = Entry::new(line, last.at, last.who.clone());
        entry.notice = true;
        entry.texts.push(text.trim().to_owned());
        self.push(entry);
    }

    /// The platform hands the customer over. Its line stands below a header of its own, or below a message.
    pub fn transfer(&mut self, line: u64, to: String, text: &str) {
        match self.entries.last_mut() {
            Some(last) if last.texts.is_empty() && last.attached.is_empty() => {
                last.notice = true;
                last.texts.push(text.trim().to_owned());
            }
            _ => self.notice(line, text),
        }
        if let Some(last) = self.entries.last_mut() {
            last.transfer_to = Some(to);
        }
    }

    /// One conversation an agent, or what is wrong with the chat.
    pub fn conversations(mut self, channel: &str, shop_account: Option<&str>) -> Vec<Result<Row, Error>> {
        let Some(first) = self.entries.first() else {
            return match (self.first_nick.take(), self.wrong.take()) {
                (_, Some(wrong)) => vec![Err(wrong.into())],
                (Some((line, _)), None) => {
                    vec![Err(Error::row(line, "sender", "is missing: the text stands before any header"))]
                }
                (None, None) => Vec::new(),
            };
        };
        if let Some(wrong) = self.wrong.take() {
            return vec![Err(wrong.into())];
        }
        let (line, start) = (first.line, first.at);
        let Some(customer) = self.customer.take() else {
            return vec![Err(Error::row(line, "customer", "is missing: only the shop wrote"))];
        };
        let revision = i64::try_from(self.entries.len()).unwrap_or(i64::MAX);
        // Stable: the log's order stands where the clocks were set back.
        self.entries.sort_by_key(|entry| entry.at);
        let mut parts = cut(self.entries);
        // The owner of a part that nobody wrote in is whoever has the customer next, else the bot, else the shop.
        let mut rows = Vec::with_capacity(parts.len());
        let owners: Vec<Option<String>> = parts.iter().map(Part::owner).collect();
        let mut lines: Vec<u64> = parts.iter().map(|part| part.line(line)).collect();
        // Rows are given by line, parts by time.
        lines.sort_unstable();
        let fallback = parts.iter().find_map(Part::bot).or_else(|| shop_account.map(str::to_owned));
        for (at, part) in parts.drain(..).enumerate() {
            let owner = owners[at].clone().or_else(|| fallback.clone());
            let Some(owner) = owner else {
                rows.push(Err(Error::row(lines[at], "agent", "is missing: nobody of the shop is named")));
                continue;
            };
            let before = at.checked_sub(1).and_then(|at| owners[at].clone()).or_else(|| part.from.clone());
            let after = owners.get(at + 1).cloned().flatten();
            let messages: Vec<Message> =
                part.entries.into_iter().map(|entry| entry.message(&owner)).collect();
            let (Some(started_at), Some(closed_at)) =
                (messages.first().map(|m| m.sent_at), messages.last().map(|m| m.sent_at))
            else {
                continue;
            };
            rows.push(Ok(Row {
                line: lines[at],
                record: Record::Conversation(Conversation {
                    shop: None,
                    channel: channel.to_owned(),
                    id: chat_id(&customer, start, at),
                    revision,
                    account: owner,
                    customer: customer.clone(),
                    started_at,
                    closed_at,
                    messages,
                    satisfied: None,
                    completed: None,
                    transferred_from: before,
                    transferred_to: after,
                }),
            }));
        }
        rows
    }
}

/// A run of messages between transfers.
struct Part {
    entries: Vec<Entry>,
    /// Whom the transfer before it named.
    given_to: Option<String>,
    /// The bot that handed over.
    from: Option<String>,
}

impl Part {
    /// Whom the customer was given to, else the first person of the shop who wrote.
    fn owner(&self) -> Option<String> {
        let wrote = self.entries.iter().filter(|entry| !entry.notice).find_map(|entry| match &entry.who {
            Who::Agent(agent) => Some(agent.clone()),
            _ => None,
        });
        self.given_to.clone().or(wrote)
    }

    fn bot(&self) -> Option<String> {
        self.entries.iter().find_map(|entry| match &entry.who {
            Who::Bot(bot) => Some(bot.clone()),
            _ => None,
        })
    }

    fn line(&self, otherwise: u64) -> u64 {
        self.entries.first().map_or(otherwise, |entry| entry.line)
    }
}

/// Cuts after each transfer from one person to another. What the bot had before the first person is that person's.
fn cut(entries: Vec<Entry>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut part = Part { entries: Vec::new(), given_to: None, from: None };
    for mut entry in entries {
        let to = entry.transfer_to.take();
        part.entries.push(entry);
        let Some(to) = to else { continue };
        match part.owner() {
            // Nobody had the customer yet: the bot gives its part to the first person.
            None => {
                part.from = part.bot();
                part.given_to = Some(to);
            }
            Some(owner) if owner == to => {}
            Some(_) => {
                parts.push(part);
                part = Part { entries: Vec::new(), given_to: Some(to), from: None };
            }
        }
    }
    if !part.entries.is_empty() {
        parts.push(part);
    }
    parts
}
