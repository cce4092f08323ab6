//! What people make of a review.

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::PersonId;
use serde::{Deserialize, Serialize};

use super::Kind;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// 追评成好评.
    FollowedUpGood,
    /// The rating was changed for the better.
    Changed,
    /// Taken away.
    Withdrawn,
    /// It stayed.
    NoEffect,
    /// Nobody was reached.
    Unreachable,
}

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Who.
    pub by: Option<PersonId>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Why it is bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    /// Of the policy.
    pub cause: String,
    /// Of the policy.
    pub stage: String,
    /// More about it.
    pub note: String,
    /// By whom.
    pub done: Done,
}

/// A part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// What.
    pub text: String,
    /// `None` while it is to be done.
    pub done: Option<Done>,
}

/// What is to get better by when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What.
    pub text: String,
    /// By when.
    pub due_day: NaiveDate,
    /// Its parts.
    pub steps: Vec<PlanStep>,
    /// By whom.
    pub done: Done,
}

/// What came of it, as somebody said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// What.
    pub outcome: Outcome,
    /// More about it.
    pub note: String,
    /// By whom.
    pub done: Done,
}

/// A version of the shop's public answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// To the added comment instead of to the review itself.
    pub to_comment: bool,
    /// What was answered.
    pub text: String,
    /// When it was published.
    pub replied_at: DateTime<Utc>,
    /// By whom it was noted.
    pub done: Done,
}

/// A line of the review's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What happened, in a word.
    pub event: String,
    /// Its words.
    pub note: String,
    /// By whom; nobody for what came by itself.
    pub done: Done,
}

/// What somebody said of the added comment, and of which words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentVerdict {
    /// What it amounts to.
    pub kind: Kind,
    /// When the judged comment was added: another comment is judged anew.
    pub appended_at: DateTime<Utc>,
}
