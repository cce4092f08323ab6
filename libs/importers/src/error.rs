//! What a reader can answer instead of a record.

use std::io;

/// A line that became no record: the line, the field, and why, for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {field}: {reason}")]
pub struct RowError {
    /// From 1. Of a record over several lines, the line that is wrong, else its first.
    pub line: u64,
    /// As it stands in the file: the column, or the path in a JSON object; `line` for the whole of it.
    pub field: String,
    /// A sentence for a person.
    pub reason: String,
}

/// Why a reader gave no record.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One line, or one record, is wrong. The next ones may be good: go on.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The input can't be read on. Nothing comes after it.
    #[error("the file can't be read on; is it whole?")]
    Read(#[source] io::Error),
}

impl Error {
    pub(crate) fn row(line: u64, field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Row(RowError { line, field: field.into(), reason: reason.into() })
    }
}

/// What is wrong with a value, before the line it stands on is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub field: String,
    pub reason: String,
}

impl Wrong {
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    pub fn at(self, line: u64) -> RowError {
        // JSON allows a name without a letter.
        let field = if self.field.is_empty() { "\"\"".to_owned() } else { self.field };
        RowError { line, field, reason: self.reason }
    }
}
