//! JSON Lines: our own format, an object a line.
//!
//! Names are camelCase and times carry their offset. Unknown fields are refused unless they are to be ignored: a
//! misspelt `quickReply` would otherwise change figures without a word.

use std::fmt;
use std::io::BufRead;

use chrono::{DateTime, Utc};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::conversation::{Conversation, Message, Sender};
use crate::error::{Error, Wrong};
use crate::fields::{Fields, Source};
use crate::kind::Kind;
use crate::lines::Lines;
use crate::{Options, Record, Row, facts};

/// The records of a file of lines: of one kind, or of those that each line's `kind` names.
#[derive(Debug)]
pub struct JsonLines<R> {
    lines: Lines<R>,
    kind: Option<Kind>,
    options: Options,
    after: u64,
    ended: bool,
}

impl<R: BufRead> JsonLines<R> {
    /// Reads a file of one kind, or with `None` a mixed one.
    pub fn new(input: R, kind: Option<Kind>, options: Options) -> Self {
        Self { lines: Lines::new(input), kind, options, after: 0, ended: false }
    }

    /// Passes over everything up to a line, without a look at it.
    #[must_use]
    pub fn after(mut self, line: u64) -> Self {
        self.after = line;
        self
    }
}

impl<R: BufRead> Iterator for JsonLines<R> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = loop {
            match self.lines.read_line() {
                Ok(Some((line, _))) if line <= self.after => {}
                next => break next,
            }
        };
        match next {
            Ok(None) => None,
            Ok(Some((line, text))) => Some(
                record(&text, self.kind, &self.options)
                    .map(|record| Row { line, record })
                    .map_err(|wrong| wrong.at(line).into()),
            ),
            Err(error) => {
                self.ended = true;
                Some(Err(Error::Read(error)))
            }
        }
    }
}

fn record(line: &[u8], kind: Option<Kind>, options: &Options) -> Result<Record, Wrong> {
    let said = match kind {
        Some(Kind::Conversation) => return conversation(line, options).map(Record::Conversation),
        _ => parse::<Tag>(line)?.kind,
    };
    let kind = match (kind, said.as_deref()) {
        (Some(kind), None) => kind,
        (None, None) => return Err(Wrong::new("kind", "is missing")),
        (wanted, Some(said)) => match Kind::named(said) {
            None => {
                let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                return Err(Wrong::new("kind", format!("{said:?} is none of {}", known.join(", "))));
            }
            Some(kind) if wanted.is_some_and(|wanted| wanted != kind) => {
                return Err(Wrong::new("kind", format!("{said:?} doesn't belong into this file")));
            }
            Some(kind) => kind,
        },
    };
    if kind == Kind::Conversation {
        return conversation(line, options).map(Record::Conversation);
    }
    let Pairs(mut pairs) = parse(line)?;
    pairs.retain(|(name, _)| name != "kind");
    let mut fields = Fields::new(pairs, Source::Json, options);
    facts::fact(kind, &mut fields).map(Record::Fact)
}

/// Reads one line as a conversation.
///
/// # Errors
///
/// What is wrong, with the path of the field as it stands in the file.
pub(crate) fn conversation(line: &[u8], options: &Options) -> Result<Conversation, Wrong> {
    let mut unknown = None;
    let mut json = serde_json::Deserializer::from_slice(line);
    let mut track = serde_path_to_error::Track::new();
    let read = {
        let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
        serde_ignored::deserialize(tracked, |path| {
            unknown.get_or_insert_with(|| path.to_string());
        })
    };
    let line: ConversationLine = read.map_err(|error| {
        let path = track.path().to_string();
        Wrong::new(if path == "." || path == "?" { "line".to_owned() } else { path }, plain(&error))
    })?;
    json.end().map_err(|error| Wrong::new("line", plain(&error)))?;
    match unknown {
        Some(path) if !options.ignore_unknown => Err(Wrong::new(in_brackets(&path), "is unknown here")),
        _ => line.accept(options),
    }
}

fn parse<'de, T: Deserialize<'de>>(line: &'de [u8]) -> Result<T, Wrong> {
    serde_json::from_slice(line).map_err(|error| Wrong::new("line", plain(&error)))
}

/// serde_json's text without its "at line 1 column n": the number of the line is reported beside it.
pub(crate) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or(text.clone(), |(before, _)| before.to_owned())
}

/// `messages.3.quickreply` as `messages[3].quickreply`.
fn in_brackets(path: &str) -> String {
    path.split('.').fold(String::new(), |mut whole, part| {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            whole.push_str(&format!("[{part}]"));
        } else {
            if !whole.is_empty() {
                whole.push('.');
            }
            whole.push_str(part);
        }
        whole
    })
}

#[derive(Deserialize)]
struct Tag {
    #[serde(default)]
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConversationLine {
    #[serde(default)]
    kind: Option<String>,
    conversation_id: String,
    #[serde(default)]
    revision: i64,
    #[serde(default)]
    shop: Option<String>,
    agent_id: String,
    customer_id: String,
    #[serde(default)]
    channel: Option<String>,
    started_at: DateTime<Utc>,
    closed_at: DateTime<Utc>,
    messages: Vec<MessageLine>,
    #[serde(default)]
    satisfied: Option<bool>,
    #[serde(default)]
    completed: Option<bool>,
    #[serde(default)]
    transferred_from: Option<String>,
    #[serde(default)]
    transferred_to: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageLine {
    sent_at: DateTime<Utc>,
    sender: SenderWord,
    text: String,
    #[serde(default)]
    quick_reply: bool,
    #[serde(default)]
    assisted: bool,
    #[serde(default)]
    sender_account_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum SenderWord {
    Customer,
    Agent,
    Bot,
    System,
}

impl ConversationLine {
    fn accept(self, options: &Options) -> Result<Conversation, Wrong> {
        if let Some(kind) = self.kind.filter(|kind| kind != Kind::Conversation.name()) {
            return Err(Wrong::new("kind", format!("{kind:?} doesn't belong into this file")));
        }
        let channel = self.channel.or_else(|| options.channel.clone());
        Ok(Conversation {
            shop: self.shop,
            channel: channel.ok_or_else(|| Wrong::new("channel", "is missing"))?,
            id: self.conversation_id,
            revision: self.revision,
            account: self.agent_id,
            customer: self.customer_id,
            started_at: self.started_at,
            closed_at: self.closed_at,
            messages: self.messages.into_iter().map(Into::into).collect(),
            satisfied: self.satisfied,
            completed: self.completed,
            transferred_from: self.transferred_from,
            transferred_to: self.transferred_to,
        })
    }
}

impl From<MessageLine> for Message {
    fn from(line: MessageLine) -> Self {
        let sender = match line.sender {
            SenderWord::Customer => Sender::Customer,
            SenderWord::Agent => Sender::Agent,
            SenderWord::Bot => Sender::Bot,
            SenderWord::System => Sender::System,
        };
        Self {
            sent_at: line.sent_at,
            sender,
            text: line.text,
            quick_reply: line.quick_reply,
            assisted: line.assisted,
            account: line.sender_account_id,
        }
    }
}

/// An object's values in order; a name that stands twice is an error.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs: Vec<(String, Value)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if pairs.iter().any(|(known, _)| *known == name) {
                        return Err(serde::de::Error::custom(format!("duplicate field `{name}`")));
                    }
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
