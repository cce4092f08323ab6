//! Files of other systems, read into typed records.
//!
//! Bytes go in, records come out: no network, no storage, no clock, and nothing of the wire format. Each reader is an
//! iterator that holds one record at a time and gives, for each, a [`Row`] or an [`Error`] that names line, field and
//! reason. No bytes make a reader panic.
//!
//! Where to start reading: [`json`] and [`table`] are our own formats, whose columns [`kind`] names; [`qianniu`] is a
//! seller workbench's chat log, [`zendesk`] and [`freshdesk`] are help desks, [`sheet`] is a report that carries
//! figures. [`encoding`] finds out what a text is written in, [`value`] reads numbers, money and times as people write
//! them, and [`fields`] hands them out by name.

mod conversation;
mod encoding;
mod error;
mod fact;
mod facts;
mod fields;
pub mod freshdesk;
mod json;
mod kind;
mod lines;
mod objects;
mod options;
pub mod qianniu;
pub mod sheet;
mod table;
mod value;
pub mod zendesk;

pub use conversation::{Conversation, Message, Sender};
pub use encoding::Utf8;
pub use error::{Error, RowError};
pub use fact::{
    Body, BotEvent, BotOutcome, BuyerReview, Cart, ChatRef, Complaint, Fact, Handling, HandlingKind, Money,
    Order, OrderLine, Payment, QuestionClass, Rating, Recommendation, RecommendationKind, Refund, RefundKind,
    Satisfaction, Severity, StoreRating,
};
pub use json::JsonLines;
pub use kind::Kind;
pub use lines::{LINE_BYTES_MAX, Lines};
pub use options::{Options, UnknownZone};
pub use table::Table;

/// A record and the line it begins on; of JSON objects that share a line, numbers that go on from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// From 1; grows from row to row.
    pub line: u64,
    /// What stands there.
    pub record: Record,
}

/// What a file can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is explained at its type")]
pub enum Record {
    Conversation(Conversation),
    Fact(Fact),
}
