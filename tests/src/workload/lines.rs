//! Lines that wait until nothing earlier can come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

/// Lines by time, and by the order they were made in where times are equal.
#[derive(Debug, Default)]
pub(super) struct Lines {
    waiting: BinaryHeap<Reverse<(DateTime<Utc>, u64, String)>>,
    made: u64,
}

impl Lines {
    /// Keeps a record until its time has come.
    pub fn push(&mut self, at: DateTime<Utc>, record: &Value) {
        self.waiting.push(Reverse((at, self.made, record.to_string())));
        self.made += 1;
    }

    /// A number that no other record has.
    pub fn next_id(&self) -> u64 {
        self.made
    }

    /// Writes what happened before a moment.
    pub fn write_before(&mut self, until: DateTime<Utc>, out: &mut dyn Write) -> io::Result<()> {
        while let Some(Reverse((at, _, _))) = self.waiting.peek()
            && *at < until
        {
            let Some(Reverse((_, _, line))) = self.waiting.pop() else { break };
            out.write_all(line.as_bytes())?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// A time as JSON Lines have it.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// An amount as JSON Lines have it.
pub(super) fn amount(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
