//! Scorecards (评分表): what is judged, and how judgements become a score.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::review::{Assessment, Rating};
use crate::error::QaError;

/// Basis points of the full score.
pub const FULL_SCORE_BP: i32 = 10_000;

/// Shares are added up in this many parts: the least common multiple of 1 to 40. Point ranges up to 40, and others
/// that divide it such as 50 and 100, are exact; the rest is off by less than 10⁻¹³ of the score.
const PARTS: i128 = 5_342_931_457_063_200;

/// Where a version of a card is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScorecardState {
    /// Not in use yet.
    Draft,
    /// Scores new reviews; a merchant has one at a time.
    Published,
    /// Kept for the reviews scored by it.
    Retired,
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

/// What an assessment comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// Basis points; `None` if nothing was applicable.
    pub bp: Option<i32>,
    /// Whether a critical fault made it 0.
    pub critical_failure: bool,
}

impl Content {
    /// Refuses what could not be scored: ids used twice, criteria without room between their points.
    pub fn check(&self) -> Result<(), QaError> {
        let mut violations = Vec::new();
        let mut ids = BTreeSet::new();
        for (at, criterion) in self.criteria.iter().enumerate() {
            if !ids.insert(&criterion.id) {
                violations.push(violation(format!("criteria[{at}].criterion_id"), "is used twice"));
            }
            if criterion.max_points <= criterion.min_points {
                violations
                    .push(violation(format!("criteria[{at}].max_points"), "must be more than min_points"));
            }
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
            content: Content { criteria, critical_errors },
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

    /// Puts a draft in use.
    pub fn publish(self, etag: &str, now: DateTime<Utc>) -> Result<Self, QaError> {
        self.unchanged_since(etag)?;
        match self.state {
            ScorecardState::Draft => Ok(Self {
                state: ScorecardState::Published,
                published_at: Some(now),
                revision: self.revision + 1,
                ..self
            }),
            ScorecardState::Published | ScorecardState::Retired => Err(QaError::ScorecardNotDraft),
        }
    }

    /// Drops a draft.
    pub fn drop_draft(self, etag: &str, now: DateTime<Utc>) -> Result<Self, QaError> {
        self.unchanged_since(etag)?;
        match self.state {
            ScorecardState::Draft => Ok(self.retired(now)),
            ScorecardState::Published => Err(QaError::ScorecardInUse),
            ScorecardState::Retired => Err(QaError::ScorecardRetired),
        }
    }

    /// Out of use, because another version came into use or a draft was dropped.
    pub fn retired(self, now: DateTime<Utc>) -> Self {
        Self { state: ScorecardState::Retired, retired_at: Some(now), revision: self.revision + 1, ..self }
    }

    fn unchanged_since(&self, etag: &str) -> Result<(), QaError> {
        if etag == self.etag() { Ok(()) } else { Err(QaError::EtagMismatch) }
    }

    /// Scores an assessment: the weighted mean of each rated criterion's share of its points. What is not applicable
    /// leaves both sides. A critical error, or a critical criterion below half of its points, makes it 0.
    pub fn score(&self, assessment: &Assessment) -> Result<Score, QaError> {
        let mut violations = self.misjudged(assessment);
        let (mut sum, mut weights, mut critical_failure) =
            (0_i128, 0_i128, !assessment.critical_errors.is_empty());
        for criterion in &self.content.criteria {
            let rating = assessment.scores.iter().find(|score| score.criterion_id == criterion.id);
            let Some(rating) = rating else {
                violations
                    .push(violation("scores".to_owned(), &format!("lacks the criterion {}", criterion.id)));
                continue;
            };
            let Rating::Points(points) = rating.rating else { continue };
            let above = i128::from(points) - i128::from(criterion.min_points);
            let room = i128::from(criterion.max_points) - i128::from(criterion.min_points);
            let weight = i128::from(criterion.weight);
            sum += weight * (above * PARTS / room.max(1));
            weights += weight;
            critical_failure |= criterion.critical && 2 * above < room;
        }
        QaError::unless_empty(violations)?;
        if critical_failure {
            return Ok(Score { bp: Some(0), critical_failure });
        }
        if weights == 0 {
            return Ok(Score { bp: None, critical_failure });
        }
        let whole = weights * PARTS;
        let bp = (sum * i128::from(FULL_SCORE_BP) * 2 + whole) / (2 * whole);
        Ok(Score { bp: i32::try_from(bp).ok(), critical_failure })
    }

    /// Judgements that don't fit the card, except for missing ones.
    fn misjudged(&self, assessment: &Assessment) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut seen = BTreeSet::new();
        for (at, score) in assessment.scores.iter().enumerate() {
            let criterion = self.content.criteria.iter().find(|c| c.id == score.criterion_id);
            let Some(criterion) = criterion else {
                violations
                    .push(violation(format!("scores[{at}].criterion_id"), "is not a criterion of the card"));
                continue;
            };
            if !seen.insert(&score.criterion_id) {
                violations.push(violation(format!("scores[{at}].criterion_id"), "is judged twice"));
            }
            if let Rating::Points(points) = score.rating
                && !(criterion.min_points..=criterion.max_points).contains(&points)
            {
                let range = format!("must be between {} and {}", criterion.min_points, criterion.max_points);
                violations.push(violation(format!("scores[{at}].points"), &range));
            }
        }
        let mut seen = BTreeSet::new();
        for (at, id) in assessment.critical_errors.iter().enumerate() {
            let field = format!("critical_error_ids[{at}]");
            if !self.content.critical_errors.iter().any(|error| error.id == *id) {
                violations.push(violation(field, "is not a critical error of the card"));
            } else if !seen.insert(id) {
                violations.push(violation(field, "is named twice"));
            }
        }
        violations
    }
}

fn violation(field: String, description: &str) -> Violation {
    Violation { field, description: description.to_owned() }
}

#[cfg(test)]
mod tests;
