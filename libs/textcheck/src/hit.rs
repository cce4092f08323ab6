//! What a check finds.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::Severity;

/// What kind of thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A forbidden word.
    ForbiddenWord,
    /// A promise that nobody can keep.
    OverPromise,
    /// A reply that came late, or never.
    SlowReply,
    /// No greeting at the beginning.
    MissingGreeting,
    /// No closing at the end.
    MissingClosing,
    /// An abrupt message.
    AbruptTone,
    /// The customer's mood fell.
    FallingSentiment,
    /// Personal data.
    PersonalData,
    /// A quick stock reply past the question.
    CannedReply,
    /// The same reply again and again.
    RepeatedReply,
}

/// What a hit rests on, beside its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Evidence {
    /// The text at its place.
    Text,
    /// The customer waited so long, in milliseconds.
    Waited(i64),
    /// The customer's mean sentiment, first third and last third, each from -1 to 1.
    Fell {
        /// Of the first third.
        from: f64,
        /// Of the last third.
        to: f64,
    },
    /// Which earlier message it repeats.
    Repeats(usize),
}

/// A finding: which rule, which message, where.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit<'c> {
    /// The rule's id.
    pub rule_id: &'c str,
    /// What was found.
    pub kind: Kind,
    /// How grave the rule says it is.
    pub severity: Severity,
    /// Which message, from 0.
    pub message: usize,
    /// Where in the message's text as given, in bytes; on borders of characters. The whole text where the finding is about the
    /// message as such.
    pub bytes: Range<usize>,
    /// The same place in characters (Unicode scalar values).
    pub characters: Range<usize>,
    /// What it rests on.
    pub evidence: Evidence,
}

impl Hit<'_> {
    /// How long the found text is, in characters.
    pub fn length(&self) -> usize {
        self.characters.len()
    }
}
