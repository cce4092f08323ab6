//! Hits (命中): what the rules find in a chat, and what people say of it.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::ConversationId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use textcheck::{Checker, Kind, Severity, Speaker};
use uuid::{Builder, Uuid};

use crate::domain::conversation::{Message, Sender};
use crate::error::QaError;

/// Excerpts are cut after this many characters.
const EXCERPT_MAX: usize = 80;
/// What begins the bytes that a hit's id is made of.
const ID_TAG: &str = "jinpai.hit/1";

/// A place in a message. Ends are exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Which message, from 0.
    pub message: i32,
    /// In Unicode code points.
    pub start: i32,
    /// Likewise.
    pub end: i32,
    /// In UTF-16 code units.
    pub utf16_start: i32,
    /// Likewise.
    pub utf16_end: i32,
}

/// What a hit rests on beside its place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The customer waited so long.
    WaitedMs(i64),
    /// The customer's mean sentiment at the beginning and the end.
    Fell {
        /// From -1 to 1.
        from: f64,
        /// From -1 to 1.
        to: f64,
    },
    /// Which earlier message it repeats.
    Repeats(i32),
}

/// Something that a rule finds in a chat.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The same finding in the same chat has the same.
    pub id: Uuid,
    /// By which rule.
    pub rule_id: String,
    /// What.
    pub kind: Kind,
    /// How grave.
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// The found text, cut, without personal data.
    pub excerpt: String,
    /// What it rests on.
    pub evidence: Option<Evidence>,
}

/// A day and a chat whose checks are to be brought up to date.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The tenant.
    pub merchant: MerchantId,
    /// The day.
    pub day: NaiveDate,
    /// The chat, whether it is there or not.
    pub conversation: ConversationId,
}

/// A chat to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// Whose it is.
    pub account: AccountId,
    /// Of the text.
    pub revision: i64,
    /// Closed by the platform.
    pub closed_at: DateTime<Utc>,
    /// In order.
    pub messages: Vec<Message>,
}

/// A place as it is now; without a chat if it has been moved, erased, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Where.
    pub place: Place,
    /// What is there.
    pub chat: Option<Chat>,
}

/// What becomes of a place: a checked chat, or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Where.
    pub place: Place,
    /// What was found there.
    pub checked: Option<Checked>,
}

/// A checked chat.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Whose it is.
    pub account: AccountId,
    /// Which revision was checked.
    pub revision: i64,
    /// By which version of the rules.
    pub rule_set_version: i32,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// What a person says of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HitVerdict {
    /// It is right.
    Confirmed,
    /// It is a false positive.
    Disputed,
}

/// One person's word on a hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HitJudgement {
    /// What.
    pub verdict: HitVerdict,
    /// Who.
    pub person: PersonId,
    /// Why.
    pub note: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What a person says of a hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgeHit {
    /// The chat.
    pub conversation: ConversationId,
    /// Its hit.
    pub hit: Uuid,
    /// Of the hit, as read.
    pub etag: String,
    /// What.
    pub verdict: HitVerdict,
    /// Why.
    pub note: String,
}

/// A finding that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The same finding in the same chat has the same.
    pub id: Uuid,
    /// The chat.
    pub conversation: ConversationId,
    /// Its day.
    pub business_day: NaiveDate,
    /// Whose chat it is.
    pub account: AccountId,
    /// The account's person on that day.
    pub person: Option<PersonId>,
    /// By which rule.
    pub rule_id: String,
    /// Of which version.
    pub rule_set_version: i32,
    /// What.
    pub kind: Kind,
    /// How grave.
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// The found text, cut, without personal data.
    pub excerpt: String,
    /// What it rests on.
    pub evidence: Option<Evidence>,
    /// When.
    pub found_at: DateTime<Utc>,
    /// The newest word on it.
    pub verdict: Option<HitVerdict>,
    /// How many words there are.
    pub judged: i32,
    /// All of them, oldest first; empty in lists.
    pub judgements: Vec<HitJudgement>,
}

/// What was found in one chat.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationHits {
    /// In order of message and place.
    pub hits: Vec<Hit>,
    /// The revision that was checked.
    pub checked_revision: Option<i64>,
    /// The chat's revision now.
    pub revision: i64,
    /// By which version of the rules.
    pub rule_set_version: i32,
}

/// Which hits to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HitFilter {
    /// Empty for all.
    pub account: String,
    /// Empty for all.
    pub shop: String,
    /// Empty for all.
    pub rules: Vec<String>,
    /// Empty for all.
    pub severities: Vec<Severity>,
    /// Empty for all.
    pub kinds: Vec<Kind>,
    /// Only those that nobody has judged.
    pub unjudged: bool,
}

impl Hit {
    /// Changes with every judgement.
    pub fn etag(&self) -> String {
        format!("hit-{}", self.judged)
    }

    /// Refuses a judgement by whoever answers the chat, and one made without knowing the newest.
    pub fn may_be_judged(&self, by: &PersonId, etag: &str) -> Result<(), QaError> {
        if self.person.as_ref() == Some(by) {
            return Err(QaError::OwnChat);
        }
        if etag != self.etag() {
            return Err(QaError::EtagMismatch);
        }
        Ok(())
    }
}

/// Runs rules over a chat.
pub fn examine(checker: &Checker, conversation: &ConversationId, chat: &Chat) -> Vec<Finding> {
    let messages: Vec<textcheck::Message<'_>> = chat
        .messages
        .iter()
        .map(|message| textcheck::Message {
            speaker: speaker(message.sender),
            sent_at_ms: Some(message.sent_at.timestamp_millis()),
            text: &message.text,
            quick_reply: message.quick_reply,
        })
        .collect();
    let closed_at_ms = Some(chat.closed_at.timestamp_millis());
    let hits = checker.check(&textcheck::Conversation { messages: &messages, closed_at_ms, stock: None });
    let mut findings: Vec<Finding> =
        hits.into_iter().map(|hit| finding(conversation, &chat.messages[hit.message].text, hit)).collect();
    // A rule may come to the same place by two ways.
    let mut known = std::collections::BTreeSet::new();
    findings.retain(|finding| known.insert(finding.id));
    findings
}

fn finding(conversation: &ConversationId, text: &str, hit: textcheck::Hit<'_>) -> Finding {
    let utf16_start = text[..hit.bytes.start].encode_utf16().count();
    let utf16_end = utf16_start + text[hit.bytes.clone()].encode_utf16().count();
    let span = Span {
        message: small(hit.message),
        start: small(hit.characters.start),
        end: small(hit.characters.end),
        utf16_start: small(utf16_start),
        utf16_end: small(utf16_end),
    };
    let evidence = match hit.evidence {
        textcheck::Evidence::Text => None,
        textcheck::Evidence::Waited(waited) => Some(Evidence::WaitedMs(waited)),
        textcheck::Evidence::Fell { from, to } => Some(Evidence::Fell { from, to }),
        textcheck::Evidence::Repeats(message) => Some(Evidence::Repeats(small(message))),
    };
    Finding {
        id: id(conversation, hit.rule_id, span, &text[hit.bytes.clone()]),
        rule_id: hit.rule_id.to_owned(),
        kind: hit.kind,
        severity: hit.severity,
        span,
        excerpt: excerpt(text, hit.bytes),
        evidence,
    }
}

fn id(conversation: &ConversationId, rule: &str, span: Span, text: &str) -> Uuid {
    let mut hash = Sha256::new();
    for part in [ID_TAG, &conversation.shop, &conversation.channel, &conversation.id, rule, text] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    for number in [span.message, span.start, span.end] {
        hash.update(number.to_be_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// The text at a place. Texts were redacted before they came; what still looks like personal data is blacked out, because
/// lists of hits go further than transcripts.
fn excerpt(text: &str, place: Range<usize>) -> String {
    let private = redaction::find(text);
    let hidden = |at: usize| private.iter().any(|finding| finding.range.contains(&at));
    let start = place.start;
    let characters = text[place].char_indices();
    let shown: String = characters
        .take(EXCERPT_MAX + 1)
        .map(|(at, character)| if hidden(start + at) { '*' } else { character })
        .collect();
    if shown.chars().count() > EXCERPT_MAX {
        shown.chars().take(EXCERPT_MAX - 1).chain(['…']).collect()
    } else {
        shown
    }
}

fn speaker(sender: Sender) -> Speaker {
    match sender {
        Sender::Customer => Speaker::Customer,
        Sender::Agent => Speaker::Agent,
        Sender::Bot => Speaker::Bot,
        Sender::System => Speaker::System,
    }
}

/// Places in a chat fit 32 bits: a message is far below a gigabyte.
fn small(place: usize) -> i32 {
    i32::try_from(place).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
