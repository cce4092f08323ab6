//! The forms of a report: JSON and CSV for programs, a workbook and a page for people. Each is made of the frozen
//! figures alone; nothing here reads or counts anything.

mod chart;
mod csv;
mod html;
mod json;
mod table;
mod value;
mod words;
mod xlsx;

use anyhow::Result;

use crate::domain::report::document::Document;
use crate::domain::report::{ReportKind, SubjectKind};

pub use words::Language;

/// How a report is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Everything, as data.
    Json,
    /// A line per figure; whether it begins with the mark by which Excel knows UTF-8.
    Csv {
        /// With the mark.
        byte_order_mark: bool,
    },
    /// A workbook.
    Xlsx,
    /// A page to read or print.
    Html,
}

/// A report written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// For a Content-Type header.
    pub content_type: &'static str,
    /// Letters, digits, dots, dashes and underscores.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Writes a report down.
pub fn write(document: &Document, form: Form, language: Language) -> Result<File> {
    let (content_type, ending, bytes) = match form {
        Form::Json => ("application/json", "json", json::write(document, language)?),
        Form::Csv { byte_order_mark } => {
            let bytes = csv::write(document, language, byte_order_mark)?;
            ("text/csv; charset=utf-8; header=present", "csv", bytes)
        }
        Form::Xlsx => {
            let content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
            (content_type, "xlsx", xlsx::write(document, language)?)
        }
        Form::Html => ("text/html; charset=utf-8", "html", html::write(document, language).into_bytes()),
    };
    Ok(File { content_type, name: format!("{}.{ending}", stem(document)), bytes })
}

/// For example `monthly-team-t1-2026-10-01`. Ids of other letters leave underscores.
fn stem(document: &Document) -> String {
    let id = &document.subject_id;
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let id: String = id.chars().map(safe).collect();
    let dash = if id.is_empty() { "" } else { "-" };
    format!("{}-{}{dash}{id}-{}", document.kind, document.subject_kind, document.days.from)
}

/// The title of a report: what it is, about whom, which period.
fn title(document: &Document, language: Language) -> String {
    let kind = document.kind().unwrap_or(ReportKind::Daily);
    let subject = match (document.subject_kind(), document.subject_name.as_str()) {
        (Some(SubjectKind::Merchant) | None, "") => language.subject(SubjectKind::Merchant),
        (_, "") => document.subject_id.as_str(),
        (_, name) => name,
    };
    format!("{} · {subject} · {}", language.kind(kind), kind.period(document.days.from))
}

#[cfg(test)]
mod testing;
