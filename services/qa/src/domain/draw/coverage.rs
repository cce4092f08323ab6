//! How far an account's day is: what could be drawn, what was, and its reviews.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use runtime::ids::{AccountId, PersonId};
use serde::{Deserialize, Serialize};

use crate::domain::attendance::ShortfallReason;

/// One account's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// The day.
    pub day: NaiveDate,
    /// Which account.
    pub account: AccountId,
    /// Its person on that day, if anybody said.
    pub person: Option<PersonId>,
    /// Whether the day is drawn.
    pub drawn_yet: bool,
    /// Long chats in the list, or here so far.
    pub eligible: i32,
    /// Chats in the sample.
    pub drawn: i32,
    /// Missing to the plan's size.
    pub shortfall: i32,
    /// Added by the late rule.
    pub late_accepted: i32,
    /// Reviews with a reviewer.
    pub assigned: i32,
    /// Reviews without.
    pub unassigned: i32,
    /// Submitted reviews, acknowledged ones included.
    pub reviewed: i32,
    /// Acknowledged reviews.
    pub acknowledged: i32,
    /// Sum of the submitted reviews' scores.
    pub score_bp_sum: i64,
    /// Submitted reviews with a critical failure.
    pub critical_errors: i32,
    /// All chats, long or not: those that are here, and of a drawn day as metrics counted them last.
    pub conversations: i32,
    /// Why there is a shortfall; `None` if there is none.
    pub reason: Option<ShortfallReason>,
}

/// How many accounts of a drawn day fell short of their plan, by reason.
pub type Shortfalls = BTreeMap<ShortfallReason, i32>;

/// What coverage is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageFilter {
    /// Empty for all.
    pub accounts: Vec<String>,
    /// Empty for all.
    pub person: String,
    /// Empty for all; the team on the business day.
    pub team: String,
    /// Whether accounts without chats have rows.
    pub idle: bool,
}
