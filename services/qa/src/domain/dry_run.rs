//! Dry runs (试运行): a version of the rules tried on chats of the past, against what the version of each day finds.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use runtime::ids::{AccountId, MerchantId};
use sampling::ConversationId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::hit::{Finding, Place, Span};

/// How many may wait or run at once in a merchant.
pub const OPEN_MAX: i64 = 5;
/// How many examples of each rule and kind are kept.
pub const EXAMPLES_MAX: i16 = 10;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DryRunState {
    /// Nobody has begun.
    Waiting,
    /// Somebody is at it.
    Running,
    /// All chats are checked.
    Done,
    /// Somebody ended it.
    Cancelled,
    /// It could not go on.
    Failed,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// A UUIDv7.
    pub id: Uuid,
    /// What is tried.
    pub rule_set_version: i32,
    /// On the chats of these days.
    pub days: (NaiveDate, NaiveDate),
    /// How far it is.
    pub state: DryRunState,
    /// Chats when it was asked for.
    pub chats_expected: i64,
    /// Chats so far.
    pub chats_checked: i64,
    /// Why it could not go on.
    pub failure: String,
    /// Who asked for it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The chat that was checked last.
pub type Cursor = (NaiveDate, ConversationId);

/// A run that is taken up, with what it takes to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenRun {
    /// The tenant.
    pub merchant: MerchantId,
    /// Which.
    pub id: Uuid,
    /// The rules' JSON form.
    pub rules: String,
    /// Up to this day.
    pub last_day: NaiveDate,
    /// From this day on.
    pub first_day: NaiveDate,
    /// After this chat.
    pub after: Option<Cursor>,
}

/// How an example differs from the live version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExampleKind {
    /// Both hit the chat by this rule.
    Kept,
    /// Only the tried version does.
    Gained,
    /// Only the live version does.
    Lost,
}

/// A hit to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// By which rule.
    pub rule_id: String,
    /// How it differs.
    pub kind: ExampleKind,
    /// The chat.
    pub conversation: ConversationId,
    /// Its day.
    pub business_day: NaiveDate,
    /// Whose chat it is.
    pub account: AccountId,
    /// Where.
    pub span: Span,
    /// The found text.
    pub excerpt: String,
}

/// What a rule found on trial, and live, in the same chats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// By the tried version.
    pub hits: i64,
    /// Chats with at least one of them.
    pub chats_hit: i64,
    /// By the version of each day.
    pub live_hits: i64,
    /// Chats with at least one of them.
    pub live_chats_hit: i64,
    /// Chats that only the tried version hits.
    pub chats_gained: i64,
    /// Chats that only the live version hits.
    pub chats_lost: i64,
}

/// A line of a run's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRunFigure {
    /// Which rule.
    pub rule_id: String,
    /// Whose chats; empty for everybody's.
    pub account: String,
    /// Chats that the run checked.
    pub chats: i64,
    /// What was found.
    pub tally: Tally,
}

/// What some chats add to a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Chats by account.
    pub chats: BTreeMap<AccountId, i64>,
    /// By rule and account.
    pub tallies: BTreeMap<(String, AccountId), Tally>,
    /// At most [`EXAMPLES_MAX`] of each rule and kind.
    pub examples: Vec<Example>,
}

impl Progress {
    /// Counts a chat: what the tried version finds in it and what the live one does.
    pub fn add(&mut self, place: &Place, account: &AccountId, tried: &[Finding], live: &[Finding]) {
        *self.chats.entry(account.clone()).or_default() += 1;
        let of = |findings: &[Finding], rule: &str| {
            findings.iter().filter(|finding| finding.rule_id == rule).count() as i64
        };
        let rules: BTreeSet<&str> =
            tried.iter().chain(live).map(|finding| finding.rule_id.as_str()).collect();
        for rule in rules {
            let (hits, live_hits) = (of(tried, rule), of(live, rule));
            let tally = self.tallies.entry((rule.to_owned(), account.clone())).or_default();
            tally.hits += hits;
            tally.live_hits += live_hits;
            tally.chats_hit += i64::from(hits > 0);
            tally.live_chats_hit += i64::from(live_hits > 0);
            tally.chats_gained += i64::from(hits > 0 && live_hits == 0);
            tally.chats_lost += i64::from(hits == 0 && live_hits > 0);
            let (kind, shown) = match (hits, live_hits) {
                (0, _) => (ExampleKind::Lost, live),
                (_, 0) => (ExampleKind::Gained, tried),
                _ => (ExampleKind::Kept, tried),
            };
            let first = shown.iter().find(|finding| finding.rule_id == rule);
            if let Some(first) = first.filter(|_| self.has_room(rule, kind)) {
                self.examples.push(Example {
                    rule_id: rule.to_owned(),
                    kind,
                    conversation: place.conversation.clone(),
                    business_day: place.day,
                    account: account.clone(),
                    span: first.span,
                    excerpt: first.excerpt.clone(),
                });
            }
        }
    }

    fn has_room(&self, rule: &str, kind: ExampleKind) -> bool {
        let same = self.examples.iter().filter(|example| example.rule_id == rule && example.kind == kind);
        same.count() < usize::from(EXAMPLES_MAX.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use textcheck::{Kind, Severity};

    use super::*;

    fn finding(rule: &str) -> Finding {
        Finding {
            id: Uuid::nil(),
            rule_id: rule.to_owned(),
            kind: Kind::ForbiddenWord,
            severity: Severity::Minor,
            span: Span { message: 0, start: 0, end: 1, utf16_start: 0, utf16_end: 1 },
            excerpt: rule.to_owned(),
            evidence: None,
        }
    }

    #[test]
    fn a_chat_counts_for_each_rule_that_either_version_hits() {
        let place = Place {
            merchant: MerchantId::new("m"),
            day: NaiveDate::MIN,
            conversation: ConversationId::new("s", "chat", "1"),
        };
        let ann = AccountId::new("ann");
        let mut progress = Progress::default();
        progress.add(&place, &ann, &[finding("both"), finding("both"), finding("new")], &[finding("both")]);
        progress.add(&place, &ann, &[], &[finding("both")]);
        progress.add(&place, &ann, &[], &[]);
        assert_eq!(progress.chats[&ann], 3);
        let both = progress.tallies[&("both".to_owned(), ann.clone())];
        assert_eq!(
            both,
            Tally { hits: 2, chats_hit: 1, live_hits: 2, live_chats_hit: 2, chats_gained: 0, chats_lost: 1 }
        );
        let new = progress.tallies[&("new".to_owned(), ann)];
        assert_eq!((new.hits, new.chats_gained, new.live_hits), (1, 1, 0));
        let kinds: Vec<_> =
            progress.examples.iter().map(|example| (example.rule_id.as_str(), example.kind)).collect();
        assert_eq!(
            kinds,
            [("both", ExampleKind::Kept), ("new", ExampleKind::Gained), ("both", ExampleKind::Lost)]
        );
    }
}
