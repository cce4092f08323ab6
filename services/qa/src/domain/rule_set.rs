//! Versions of the rules by which chats are checked (质检规则): draft → scheduled → live → retired.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use textcheck::{Check, Checker, Kind, Language, RuleError, Rules, Severity};

use crate::check_error::CheckError;
use crate::error::QaError;

/// The version that holds until a merchant publishes one.
pub const BUILT_IN_VERSION: i32 = 0;

/// Where a version is in its life, seen from a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSetState {
    /// Checks nothing yet and may be changed.
    Draft,
    /// Published for a day that has not begun.
    Scheduled,
    /// Checks the chats of the day.
    Live,
    /// Followed by another version, or dropped.
    Retired,
}

/// A version of a merchant's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSet {
    /// Counts up from 1; 0 is built in.
    pub version: i32,
    /// The rules' JSON form.
    pub rules: String,
    /// What changes and why.
    pub note: String,
    /// The first business day that it checks.
    pub live_from: Option<NaiveDate>,
    /// The first business day of the version that follows.
    pub followed_on: Option<NaiveDate>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Who published it; empty before.
    pub published_by: String,
    /// When.
    pub published_at: Option<DateTime<Utc>>,
    /// Dropped before it checked anything.
    pub retired_at: Option<DateTime<Utc>>,
    /// Counts up with each change.
    pub revision: i64,
}

/// A rule of a set, without what it looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSummary {
    /// Stable across versions.
    pub id: String,
    /// For people.
    pub title: String,
    /// How grave its hits are.
    pub severity: Severity,
    /// What it looks for.
    pub kind: Kind,
}

/// Where the rules of a new draft come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesFrom {
    /// A JSON text.
    Json(String),
    /// A ready-made set.
    BuiltIn(Language),
    /// Another version.
    Version(i32),
}

impl RuleSet {
    /// The set that holds until the merchant publishes one.
    pub fn built_in(rules: String, followed_on: Option<NaiveDate>) -> Self {
        Self {
            version: BUILT_IN_VERSION,
            rules,
            note: String::new(),
            live_from: None,
            followed_on,
            created_by: String::new(),
            created_at: DateTime::UNIX_EPOCH,
            published_by: String::new(),
            published_at: None,
            retired_at: None,
            revision: 0,
        }
    }

    /// A draft.
    pub fn draft(version: i32, rules: String, note: String, by: &str, now: DateTime<Utc>) -> Self {
        Self {
            version,
            note,
            created_by: by.to_owned(),
            created_at: now,
            revision: 1,
            ..Self::built_in(rules, None)
        }
    }

    /// Where it is on that day.
    pub fn state(&self, today: NaiveDate) -> RuleSetState {
        let begun = |day: Option<NaiveDate>| day.is_some_and(|day| day <= today);
        let built_in = self.version == BUILT_IN_VERSION;
        if self.retired_at.is_some() || begun(self.followed_on) {
            RuleSetState::Retired
        } else if built_in || begun(self.live_from) {
            RuleSetState::Live
        } else if self.live_from.is_some() {
            RuleSetState::Scheduled
        } else {
            RuleSetState::Draft
        }
    }

    /// The last day before the version that follows.
    pub fn live_to(&self) -> Option<NaiveDate> {
        self.followed_on.and_then(|day| day.pred_opt())
    }

    /// Changes with every change; empty for what never changes.
    pub fn etag(&self) -> String {
        if self.version == BUILT_IN_VERSION { String::new() } else { format!("rules-{}", self.revision) }
    }

    /// Its rules, as far as lists show them.
    pub fn summaries(&self) -> Result<Vec<RuleSummary>, QaError> {
        let rules = parse("rules", &self.rules)?;
        let summary = |rule: textcheck::Rule| RuleSummary {
            kind: kind(&rule.check),
            id: rule.id,
            title: rule.title,
            severity: rule.severity,
        };
        Ok(rules.rules.into_iter().map(summary).collect())
    }

    /// Takes other rules, as long as it is a draft.
    pub fn edit(self, etag: &str, rules: String, note: String) -> Result<Self, QaError> {
        self.is_draft(etag)?;
        Ok(Self { rules, note, revision: self.revision + 1, ..self })
    }

    /// Lets it check chats from a day on. `newest` is the first day of the newest published version. A day that has
    /// begun keeps its rules: its chats are checked already, and figures of one day are by one version.
    pub fn publish(
        self,
        etag: &str,
        from: NaiveDate,
        newest: Option<NaiveDate>,
        today: NaiveDate,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, QaError> {
        self.is_draft(etag)?;
        let last = newest.map_or(today, |newest| newest.max(today));
        if from <= last {
            let earliest = last.succ_opt().unwrap_or(last);
            return Err(CheckError::RuleSetDayBegun { earliest }.into());
        }
        Ok(Self {
            live_from: Some(from),
            published_by: by.to_owned(),
            published_at: Some(now),
            revision: self.revision + 1,
            ..self
        })
    }

    /// Drops it before it checks anything.
    pub fn retire(self, etag: &str, today: NaiveDate, now: DateTime<Utc>) -> Result<Self, QaError> {
        self.unchanged_since(etag)?;
        let version = self.version;
        if self.retired_at.is_some() {
            return Err(CheckError::RuleSetRetired { version }.into());
        }
        match self.state(today) {
            RuleSetState::Draft | RuleSetState::Scheduled => {
                Ok(Self { retired_at: Some(now), revision: self.revision + 1, ..self })
            }
            RuleSetState::Live | RuleSetState::Retired => Err(CheckError::RuleSetInUse { version }.into()),
        }
    }

    fn is_draft(&self, etag: &str) -> Result<(), QaError> {
        self.unchanged_since(etag)?;
        if self.live_from.is_some() || self.retired_at.is_some() {
            return Err(CheckError::RuleSetNotDraft { version: self.version }.into());
        }
        Ok(())
    }

    fn unchanged_since(&self, etag: &str) -> Result<(), QaError> {
        if etag == self.etag() { Ok(()) } else { Err(QaError::EtagMismatch) }
    }
}

/// Reads and validates rules; `field` is where the request has them.
pub fn parse(field: &str, json: &str) -> Result<Rules, QaError> {
    Rules::from_json(json).map_err(|error| refused(field, error))
}

/// Rules made ready to check with.
pub fn compile(field: &str, json: &str) -> Result<Checker, QaError> {
    Checker::new(&parse(field, json)?).map_err(|error| refused(field, error))
}

/// The JSON text of a ready-made set.
pub fn built_in_json(language: Language) -> Result<String, QaError> {
    let rules = textcheck::default_rules(language).map_err(|error| refused("built_in", error))?;
    serde_json::to_string_pretty(&rules).map_err(|error| pg::Error::Internal(error.into()).into())
}

fn refused(field: &str, error: RuleError) -> QaError {
    QaError::invalid(format!("{field}[{}].{}", error.rule, error.field), error.reason)
}

/// The version in force on a day, of published ones and their first days.
pub fn in_force(published: &[(NaiveDate, i32)], day: NaiveDate) -> i32 {
    let begun = published.iter().filter(|(from, _)| *from <= day);
    begun.max_by_key(|(from, _)| *from).map_or(BUILT_IN_VERSION, |(_, version)| *version)
}

fn kind(check: &Check) -> Kind {
    match check {
        Check::ForbiddenWords(_) => Kind::ForbiddenWord,
        Check::OverPromise(_) => Kind::OverPromise,
        Check::SlowReply(_) => Kind::SlowReply,
        Check::MissingGreeting(_) => Kind::MissingGreeting,
        Check::MissingClosing(_) => Kind::MissingClosing,
        Check::AbruptTone(_) => Kind::AbruptTone,
        Check::FallingSentiment(_) => Kind::FallingSentiment,
        Check::PersonalData(_) => Kind::PersonalData,
        Check::CannedReply(_) => Kind::CannedReply,
        Check::RepeatedReply(_) => Kind::RepeatedReply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn draft() -> RuleSet {
        RuleSet::draft(1, "{\"rules\":[]}".to_owned(), String::new(), "sue", DateTime::UNIX_EPOCH)
    }

    fn published(from: &str, newest: Option<&str>, today: &str) -> Result<RuleSet, QaError> {
        draft().publish("rules-1", day(from), newest.map(day), day(today), "sue", DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_day_that_has_begun_keeps_its_rules() {
        for (from, newest) in [("2026-11-21", None), ("2026-11-22", None), ("2026-11-25", Some("2026-11-25"))]
        {
            let refused = published(from, newest, "2026-11-22").unwrap_err();
            assert!(matches!(refused, QaError::Check(CheckError::RuleSetDayBegun { .. })), "{from}");
        }
        let set = published("2026-11-23", Some("2026-11-01"), "2026-11-22").unwrap();
        assert_eq!(set.state(day("2026-11-22")), RuleSetState::Scheduled);
        assert_eq!(set.state(day("2026-11-23")), RuleSetState::Live);
        let followed = RuleSet { followed_on: Some(day("2026-12-01")), ..set };
        assert_eq!(followed.state(day("2026-11-30")), RuleSetState::Live);
        assert_eq!(followed.state(day("2026-12-01")), RuleSetState::Retired);
        assert_eq!(followed.live_to(), Some(day("2026-11-30")));
    }

    #[test]
    fn what_has_checked_chats_stays() {
        let set = published("2026-11-23", None, "2026-11-22").unwrap();
        let etag = set.etag();
        let withdrawn = set.clone().retire(&etag, day("2026-11-22"), DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(withdrawn.state(day("2026-11-23")), RuleSetState::Retired);
        let refused = set.clone().retire(&etag, day("2026-11-23"), DateTime::UNIX_EPOCH).unwrap_err();
        assert!(matches!(refused, QaError::Check(CheckError::RuleSetInUse { version: 1 })));
        let refused = set.edit(&etag, String::new(), String::new()).unwrap_err();
        assert!(matches!(refused, QaError::Check(CheckError::RuleSetNotDraft { version: 1 })));
    }

    #[test]
    fn the_newest_version_that_has_begun_is_in_force() {
        let published = [(day("2026-11-10"), 3), (day("2026-11-01"), 1)];
        assert_eq!(in_force(&published, day("2026-10-31")), BUILT_IN_VERSION);
        assert_eq!(in_force(&published, day("2026-11-09")), 1);
        assert_eq!(in_force(&published, day("2026-11-10")), 3);
    }

    #[test]
    fn a_wrong_rule_is_named_by_rule_and_field() {
        let json = r#"{"rules":[{"id":"slow","severity":"major","check":{"slow_reply":{"seconds_max":0}}}]}"#;
        let QaError::Invalid { violations } = parse("rules_json", json).unwrap_err() else {
            panic!("is invalid")
        };
        assert_eq!(violations[0].field, "rules_json[slow].check.slow_reply.seconds_max");
    }
}
