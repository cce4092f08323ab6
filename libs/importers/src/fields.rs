//! One record's values by their names, whether they came from a JSON object or from a row of cells.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::Options;
use crate::error::Wrong;
use crate::fact::{ChatRef, Money};
use crate::value;

/// Where values came from, which decides how strictly they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// JSON: our own format; times carry their offset.
    Json,
    /// Cells: times may be the shop's clocks.
    Cells,
}

/// The values of one record. Each is taken once; what is left over in the end is unknown.
#[derive(Debug)]
pub(crate) struct Fields<'o> {
    /// In front of each name in an error.
    path: String,
    values: Vec<(String, Value)>,
    source: Source,
    options: &'o Options,
}

/// A word of a file and what it stands for. Words are compared without case; the first is the one to name in errors.
pub(crate) type Words<T> = [(&'static str, &'static [&'static str], T)];

impl<'o> Fields<'o> {
    /// The values under their names, of which each occurs once.
    pub fn new(values: Vec<(String, Value)>, source: Source, options: &'o Options) -> Self {
        Self { path: String::new(), values, source, options }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.values.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.values.swap_remove(at);
        match value {
            Value::Null => None,
            Value::String(text) if self.source == Source::Cells && text.trim().is_empty() => None,
            value => Some(value),
        }
    }

    fn wrong(&self, name: &str, reason: impl Into<String>) -> Wrong {
        Wrong::new(format!("{}{name}", self.path), reason)
    }

    fn missing(&self, name: &str) -> Wrong {
        self.wrong(name, "is missing")
    }

    /// Free text, as it is.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Wrong> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(self.wrong(name, "must be text")),
        }
    }

    /// A name or an id, its ends trimmed.
    pub fn id(&mut self, name: &str) -> Result<Option<String>, Wrong> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if text.contains('\u{fffd}') {
            return Err(self.wrong(name, "has bytes that mean nothing in the file's encoding"));
        }
        let trimmed = text.trim();
        Ok((!trimmed.is_empty()).then(|| trimmed.to_owned()))
    }

    /// A name or an id that has to be there.
    pub fn required_id(&mut self, name: &str) -> Result<String, Wrong> {
        self.id(name)?.ok_or_else(|| self.missing(name))
    }

    /// A name or an id, empty if it isn't there.
    pub fn id_or_empty(&mut self, name: &str) -> Result<String, Wrong> {
        Ok(self.id(name)?.unwrap_or_default())
    }

    /// A whole number.
    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, Wrong> {
        let read = match self.take(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_i64().ok_or(format!("{number} is not a whole number")),
            Some(Value::String(text)) => value::integer(&text),
            Some(_) => Err("must be a whole number".to_owned()),
        };
        read.map(Some).map_err(|reason| self.wrong(name, reason))
    }

    /// A whole number that has to be there.
    pub fn required_integer(&mut self, name: &str) -> Result<i64, Wrong> {
        self.integer(name)?.ok_or_else(|| self.missing(name))
    }

    /// An amount that has to be there.
    pub fn money(&mut self, name: &str) -> Result<Money, Wrong> {
        let currency = &self.options.currency;
        let read = match self.take(name) {
            None => return Err(self.missing(name)),
            Some(Value::Number(number)) => value::money(&number.to_string(), currency),
            Some(Value::String(text)) => value::money(&text, currency),
            Some(_) => Err("must be an amount such as \"1234.50\"".to_owned()),
        };
        read.map_err(|reason| self.wrong(name, reason))
    }

    /// An instant.
    pub fn time(&mut self, name: &str) -> Result<Option<DateTime<Utc>>, Wrong> {
        let read = match self.take(name) {
            None => return Ok(None),
            Some(Value::String(text)) => match self.source {
                Source::Json => value::instant(&text),
                Source::Cells => value::local_instant(&text, &self.options.zone),
            },
            Some(_) => Err("must be a time".to_owned()),
        };
        read.map(Some).map_err(|reason| self.wrong(name, reason))
    }

    /// An instant that has to be there.
    pub fn required_time(&mut self, name: &str) -> Result<DateTime<Utc>, Wrong> {
        self.time(name)?.ok_or_else(|| self.missing(name))
    }

    /// True or false.
    pub fn mark(&mut self, name: &str) -> Result<Option<bool>, Wrong> {
        let read = match self.take(name) {
            None => return Ok(None),
            Some(Value::Bool(mark)) => Ok(mark),
            Some(Value::String(text)) if self.source == Source::Cells => value::mark(&text),
            Some(_) => Err("must be true or false".to_owned()),
        };
        read.map(Some).map_err(|reason| self.wrong(name, reason))
    }

    /// One of some words.
    pub fn word<T: Copy>(&mut self, name: &str, words: &Words<T>) -> Result<Option<T>, Wrong> {
        let Some(text) = self.id(name)? else { return Ok(None) };
        let said = value::narrow(&text).to_uppercase();
        let found = words.iter().find(|(word, others, _)| *word == said || others.contains(&said.as_str()));
        if let Some((_, _, meant)) = found {
            return Ok(Some(*meant));
        }
        let known: Vec<&str> = words.iter().map(|(word, _, _)| *word).collect();
        Err(self.wrong(name, format!("{text:?} is none of {}", known.join(", "))))
    }

    /// One of some words that has to be there.
    pub fn required_word<T: Copy>(&mut self, name: &str, words: &Words<T>) -> Result<T, Wrong> {
        self.word(name, words)?.ok_or_else(|| self.missing(name))
    }

    /// The conversation that `channel` and `conversationId` name: both or neither.
    pub fn chat(&mut self) -> Result<ChatRef, Wrong> {
        match (self.id("channel")?, self.id("conversationId")?) {
            (Some(channel), Some(id)) => Ok(ChatRef { channel, id }),
            (None, None) => Ok(ChatRef::default()),
            (None, Some(_)) => Err(self.wrong("channel", "is missing beside conversationId")),
            (Some(_), None) => Err(self.wrong("conversationId", "is missing beside channel")),
        }
    }

    /// The records within an array of objects; none if there is no array.
    pub fn each<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Fields<'o>) -> Result<T, Wrong>,
    ) -> Result<Vec<T>, Wrong> {
        let items = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.wrong(name, "must be an array")),
        };
        let records = items.into_iter().enumerate().map(|(at, item)| {
            let path = format!("{}{name}[{at}]", self.path);
            let Value::Object(values) = item else { return Err(Wrong::new(path, "must be an object")) };
            let mut inner = Self {
                path: path + ".",
                values: values.into_iter().collect(),
                source: self.source,
                options: self.options,
            };
            let record = read(&mut inner)?;
            inner.finish()?;
            Ok(record)
        });
        records.collect()
    }

    /// Refuses what nobody took, unless unknown fields are to be ignored.
    pub fn finish(&mut self) -> Result<(), Wrong> {
        match self.values.first() {
            Some((name, _)) if !self.options.ignore_unknown => Err(self.wrong(name, "is unknown here")),
            _ => Ok(()),
        }
    }
}
