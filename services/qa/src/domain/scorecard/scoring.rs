//! How judgements become a score, in integers.

use std::collections::{BTreeMap, BTreeSet};

use status::Violation;

use super::{Criterion, Formula, Scorecard, violation};
use crate::domain::review::{Assessment, CriterionScore, Rating};
use crate::error::QaError;

/// Basis points of the full score.
pub const FULL_SCORE_BP: i32 = 10_000;

/// Shares are added up in this many parts: the least common multiple of 1 to 40. Point ranges up to 40, and others
/// that divide it such as 50 and 100, are exact; the rest is off by less than 10⁻¹³ of the score.
const PARTS: i128 = 5_342_931_457_063_200;

/// What an assessment comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// Basis points; `None` if nothing was applicable.
    pub bp: Option<i32>,
    /// Whether a critical fault made it 0.
    pub critical_failure: bool,
}

impl Scorecard {
    /// Scores an assessment by the card's formula. What is not applicable leaves both sides, and so does a category in
    /// which nothing was applicable. A critical error, or a critical criterion below half of its points, makes it 0.
    pub fn score(&self, assessment: &Assessment) -> Result<Score, QaError> {
        let mut violations = self.misjudged(assessment);
        let mut tally = Tally::default();
        let mut critical_failure = !assessment.critical_errors.is_empty();
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
            tally.add(self.content.category_weight(criterion), criterion, above, room);
            critical_failure |= criterion.critical && 2 * above < room;
        }
        QaError::unless_empty(violations)?;
        if critical_failure {
            return Ok(Score { bp: Some(0), critical_failure });
        }
        Ok(Score { bp: tally.bp(self.content.formula), critical_failure })
    }

    /// Refuses scores that don't fit the card; some may be missing. `field` is what the request calls them.
    pub fn check_scores(&self, field: &str, scores: &[CriterionScore]) -> Result<(), QaError> {
        let assessment = Assessment { scores: scores.to_vec(), ..Assessment::default() };
        let violations = self.misjudged(&assessment).into_iter();
        let renamed = violations.map(|v| Violation { field: v.field.replacen("scores", field, 1), ..v });
        QaError::unless_empty(renamed.collect())
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
            violations.extend(misreasoned(at, score, criterion));
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

/// Weighted shares of points, by category.
#[derive(Default)]
struct Tally<'a> {
    categories: BTreeMap<&'a str, Part>,
}

/// What of a category was got and what could be had.
struct Part {
    /// The category's weight.
    weight: i128,
    /// Weighted shares of the criteria's points, in [`PARTS`].
    shares: i128,
    weights: i128,
    /// Weighted points.
    points: i128,
    possible: i128,
}

impl<'a> Tally<'a> {
    /// Adds a rated criterion: `above` of `room` points, in a category of some weight.
    fn add(&mut self, category_weight: i128, criterion: &'a Criterion, above: i128, room: i128) {
        let empty = Part { weight: category_weight, shares: 0, weights: 0, points: 0, possible: 0 };
        let part = self.categories.entry(&criterion.category).or_insert(empty);
        let weight = i128::from(criterion.weight);
        part.shares += weight * (above * PARTS / room.max(1));
        part.weights += weight;
        part.points += weight * above;
        part.possible += weight * room;
    }

    /// Basis points, halves up; `None` if nothing was added.
    fn bp(&self, formula: Formula) -> Option<i32> {
        let alone = self.categories.len() == 1;
        let (mut got, mut whole) = (0_i128, 0_i128);
        for part in self.categories.values() {
            let (more, possible) = match formula {
                // A single category's weight says nothing; without it the sum is exact.
                Formula::Shares if alone => (part.shares, part.weights * PARTS),
                Formula::Shares => (part.weight * (part.shares / part.weights), part.weight * PARTS),
                Formula::Points => (part.weight * part.points, part.weight * part.possible),
            };
            got += more;
            whole += possible;
        }
        let bp = (got * i128::from(FULL_SCORE_BP) * 2 + whole).checked_div(2 * whole)?;
        i32::try_from(bp).ok()
    }
}

/// Reasons that are not the criterion's, or given where nothing was taken off.
fn misreasoned(at: usize, score: &CriterionScore, criterion: &Criterion) -> Vec<Violation> {
    let taken_off =
        score.rating != Rating::NotApplicable && score.rating != Rating::Points(criterion.max_points);
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, reason) in score.reasons.iter().enumerate() {
        let field = format!("scores[{at}].reason_ids[{place}]");
        if !criterion.reasons.iter().any(|known| known.id == *reason) {
            violations.push(violation(field, "is not a reason of the criterion"));
        } else if !seen.insert(reason) {
            violations.push(violation(field, "is named twice"));
        } else if !taken_off {
            violations.push(violation(field, "explains points that were not taken off"));
        }
    }
    violations
}
