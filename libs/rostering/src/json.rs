//! The JSON forms: of a problem (`jinpai.roster/1`) and of a solved roster (`jinpai.roster-solution/1`).
//!
//! Everything is called by its name: shifts, people and skills by their ids, days by number or date, times as `HH:MM`. A
//! field that isn't known is refused, never skipped. [`document`] is the form as it stands in the file.

mod claims;
mod days;
mod document;
mod read;
mod solution;
mod write;

pub use claims::false_claims;
pub use read::read_json;
pub use solution::{Certificate, PenaltyRow, RuleRow, SolvedRoster, Verdict, read_solution, write_solution};
pub use write::write_json;

/// What can't be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct JsonError {
    /// Path of the field, such as `people[3].requests[0].shift`; `.` is the whole file.
    pub path: String,
    /// Why it can't be read.
    pub reason: String,
}

impl JsonError {
    fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

/// Parses a file, if its `format` is the wanted one.
fn parse<'de, T: serde::Deserialize<'de>>(text: &'de str, format: &str) -> Result<T, JsonError> {
    let text = text.trim_start_matches('\u{feff}');
    let value: Head = read(text)?;
    match value.format.as_deref() {
        Some(found) if found == format => read(text),
        Some(found) => Err(JsonError::new("format", format!("is {found:?}, this reads {format:?}"))),
        None => Err(JsonError::new("format", format!("is missing: write \"format\": {format:?}"))),
    }
}

#[derive(serde::Deserialize)]
struct Head {
    format: Option<String>,
}

fn read<'de, T: serde::Deserialize<'de>>(text: &'de str) -> Result<T, JsonError> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| JsonError::new(error.path().to_string(), error.inner().to_string()))?;
    json.end().map_err(|error| JsonError::new(".", error.to_string()))?;
    Ok(value)
}
