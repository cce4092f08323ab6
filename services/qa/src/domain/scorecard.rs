//! Scorecards (评分表): what is judged. `scoring` says how judgements become a score.

mod scoring;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::error::QaError;

pub use scoring::{FULL_SCORE_BP, Score};

/// Where a version of a card is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScorecardState {
    /// Not in use yet.
    Draft,
    /// Scores new reviews; a merchant has one at a time.
    Published,
    /// Kept for the reviews scored by it.
    Retired,
    /// Scores reviews of teams that chose it, and nobody else's.
    InTeams,
}

/// What the points of a criterion are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    /// Whole points between two bounds.
    #[default]
    Points,
    /// No, yes: 0 and 100 %.
    TwoPoint,
    /// 0, 50, 100 %.
    ThreePoint,
    /// 0, 33.3, 66.7, 100 %.
    FourPoint,
    /// 0, 25, 50, 75, 100 %.
    FivePoint,
}

impl Scale {
    /// The highest point of a fixed scale; its lowest is 0.
    pub fn max_points(self) -> Option<i32> {
        match self {
            Self::Points => None,
            Self::TwoPoint => Some(1),
            Self::ThreePoint => Some(2),
            Self::FourPoint => Some(3),
            Self::FivePoint => Some(4),
        }
    }
}

/// How the criteria's points become the score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Formula {
    /// The weighted mean of each criterion's share of its points (as Zendesk QA): a scale's length doesn't matter.
    #[default]
    Shares,
    /// Weighted points by weighted possible points (as Genesys): a longer scale weighs more.
    Points,
}

/// Why a criterion got fewer than its full points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Stable across versions.
    pub id: String,
    /// What people read.
    pub name: String,
}

/// A group of criteria that are weighed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Stable across versions.
    pub id: String,
    /// What people read.
    pub name: String,
    /// Relative to the other categories.
    pub weight: i32,
}

/// One thing to judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// Stable across versions.
    pub id: String,
    /// What people read.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Relative to the others.
    pub weight: i32,
    /// Worth nothing.
    pub min_points: i32,
    /// Worth everything.
    pub max_points: i32,
    /// Below half of its points, the chat scores 0.
    pub critical: bool,
    /// What the points are.
    #[serde(default)]
    pub scale: Scale,
    /// Of the card's; empty if the card has no categories.
    #[serde(default)]
    pub category: String,
    /// May be empty.
    #[serde(default)]
    pub reasons: Vec<Reason>,
}

/// A fault that alone makes a chat score 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriticalError {
    /// Stable across versions.
    pub id: String,
    /// What people read.
    pub name: String,
}

/// What a card says; fixed when its version is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// In the order in which people see them.
    pub criteria: Vec<Criterion>,
    /// May be empty.
    pub critical_errors: Vec<CriticalError>,
    /// Empty if criteria are weighed alone; else each criterion is in one.
    #[serde(default)]
    pub categories: Vec<Category>,
    /// How points become the score.
    #[serde(default)]
    pub formula: Formula,
}

/// A version of a scorecard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scorecard {
    /// The card.
    pub id: String,
    /// Counts up from 1 in the card.
    pub version: i32,
    /// What people read.
    pub name: String,
    /// Where it is in its life.
    pub state: ScorecardState,
    /// What it says.
    pub content: Content,
    /// When this version was made.
    pub created_at: DateTime<Utc>,
    /// When it came into use.
    pub published_at: Option<DateTime<Utc>>,
    /// When it went out of use.
    pub retired_at: Option<DateTime<Utc>>,
    /// Counts up with each change of state.
    pub revision: i64,
}

/// A draft to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateScorecard {
    /// The card to make a version of; `None` makes a new card.
    pub id: Option<String>,
    /// What people read.
    pub name: String,
    /// What it says.
    pub content: Content,
}

impl Content {
    /// Refuses what could not be scored: ids used twice, criteria without room between their points or with others than
    /// those of their scale, categories that are not there.
    pub fn check(&self) -> Result<(), QaError> {
        let mut violations = Vec::new();
        let mut ids = BTreeSet::new();
        for (at, category) in self.categories.iter().enumerate() {
            if !ids.insert(&category.id) {
                violations.push(violation(format!("categories[{at}].category_id"), "is used twice"));
            }
        }
        let mut ids = BTreeSet::new();
        for (at, criterion) in self.criteria.iter().enumerate() {
            if !ids.insert(&criterion.id) {
                violations.push(violation(format!("criteria[{at}].criterion_id"), "is used twice"));
            }
            if criterion.max_points <= criterion.min_points {
                violations
                    .push(violation(format!("criteria[{at}].max_points"), "must be more than min_points"));
            }
            violations.extend(self.misplaced(at, criterion));
        }
        let mut ids = BTreeSet::new();
        for (at, error) in self.critical_errors.iter().enumerate() {
            if !ids.insert(&error.id) {
                violations
                    .push(violation(format!("critical_errors[{at}].critical_error_id"), "is used twice"));
            }
        }
        QaError::unless_empty(violations)
    }
}

impl Content {
    /// What of a criterion does not fit its scale, its category or its reasons.
    fn misplaced(&self, at: usize, criterion: &Criterion) -> Vec<Violation> {
        let mut violations = Vec::new();
        if let Some(max) = criterion.scale.max_points()
            && (criterion.min_points, criterion.max_points) != (0, max)
        {
            let description = format!("must be {max}, and min_points 0, on this scale");
            violations.push(violation(format!("criteria[{at}].max_points"), &description));
        }
        let known = self.categories.iter().any(|category| category.id == criterion.category);
        let none_needed = self.categories.is_empty() && criterion.category.is_empty();
        if !(known || none_needed) {
            let description = "must be one of the card's categories";
            violations.push(violation(format!("criteria[{at}].category_id"), description));
        }
        let mut ids = BTreeSet::new();
        for (place, reason) in criterion.reasons.iter().enumerate() {
            if !ids.insert(&reason.id) {
                let field = format!("criteria[{at}].reasons[{place}].reason_id");
                violations.push(violation(field, "is used twice"));
            }
        }
        violations
    }

    /// How much a criterion's category weighs.
    fn category_weight(&self, criterion: &Criterion) -> i128 {
        let category = self.categories.iter().find(|category| category.id == criterion.category);
        category.map_or(1, |category| i128::from(category.weight))
    }
}

impl Scorecard {
    /// The card that every merchant begins with.
    pub fn ready_made(now: DateTime<Utc>) -> Self {
        let criterion = |id: &str, name: &str, description: &str| Criterion {
            id: id.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            weight: 25,
            min_points: 0,
            max_points: 4,
            critical: false,
            scale: Scale::FivePoint,
            category: String::new(),
            reasons: Vec::new(),
        };
        let error = |id: &str, name: &str| CriticalError { id: id.to_owned(), name: name.to_owned() };
        let criteria = vec![
            criterion(
                "professionalism",
                "专业性",
                "Knows the product and the process; what is said is right.",
            ),
            criterion(
                "compliance",
                "规范性",
                "Keeps to the rules of the platform and the house; greeting, wording, closing.",
            ),
            criterion("attitude", "服务态度", "Polite, patient, on the customer's side."),
            criterion(
                "solution",
                "问题解决率",
                "The customer's question is answered or their problem solved.",
            ),
        ];
        let critical_errors = vec![
            error("abuse", "辱骂或讽刺客户"),
            error("privacy", "泄露客户隐私"),
            error("over_promise", "违规承诺"),
            error("off_platform", "引导线下交易"),
        ];
        Self {
            id: "standard".to_owned(),
            version: 1,
            name: "标准评分表".to_owned(),
            state: ScorecardState::Published,
            content: Content { criteria, critical_errors, categories: Vec::new(), formula: Formula::Shares },
            created_at: now,
            published_at: Some(now),
            retired_at: None,
            revision: 1,
        }
    }

    /// Changes with each change of state.
    pub fn etag(&self) -> String {
        format!("card-{}", self.revision)
    }

    /// Puts a draft, or what only teams used until now, in use for the merchant.
    pub fn publish(self, etag: &str, now: DateTime<Utc>) -> Result<Self, QaError> {
        self.unchanged_since(etag)?;
        match self.state {
            ScorecardState::Draft | ScorecardState::InTeams => Ok(Self {
                state: ScorecardState::Published,
                published_at: self.published_at.or(Some(now)),
                revision: self.revision + 1,
                ..self
            }),
            ScorecardState::Published | ScorecardState::Retired => Err(QaError::ScorecardNotDraft),
        }
    }

    /// Puts a draft in use for teams; `None` if it is in use already.
    pub fn use_in_teams(self, now: DateTime<Utc>) -> Result<Option<Self>, QaError> {
        match self.state {
            ScorecardState::Draft => Ok(Some(Self {
                state: ScorecardState::InTeams,
                published_at: Some(now),
                revision: self.revision + 1,
                ..self
            })),
            ScorecardState::Published | ScorecardState::InTeams => Ok(None),
            ScorecardState::Retired => Err(QaError::ScorecardRetired),
        }
    }

    /// Drops a draft, or what no team uses any more.
    pub fn retire(self, etag: &str, used_by_teams: bool, now: DateTime<Utc>) -> Result<Self, QaError> {
        self.unchanged_since(etag)?;
        match self.state {
            ScorecardState::InTeams if used_by_teams => Err(QaError::ScorecardInUse),
            ScorecardState::Draft | ScorecardState::InTeams => Ok(self.retired(now)),
            ScorecardState::Published => Err(QaError::ScorecardInUse),
            ScorecardState::Retired => Err(QaError::ScorecardRetired),
        }
    }

    /// What becomes of the merchant's card when another one takes its place.
    pub fn replaced(self, used_by_teams: bool, now: DateTime<Utc>) -> Self {
        if used_by_teams {
            Self { state: ScorecardState::InTeams, revision: self.revision + 1, ..self }
        } else {
            self.retired(now)
        }
    }

    /// Out of use.
    fn retired(self, now: DateTime<Utc>) -> Self {
        Self { state: ScorecardState::Retired, retired_at: Some(now), revision: self.revision + 1, ..self }
    }

    fn unchanged_since(&self, etag: &str) -> Result<(), QaError> {
        if etag == self.etag() { Ok(()) } else { Err(QaError::EtagMismatch) }
    }
}

fn violation(field: String, description: &str) -> Violation {
    Violation { field, description: description.to_owned() }
}

#[cfg(test)]
mod tests;
