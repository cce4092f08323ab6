//! What reviews of chats found (质检), as far as figures are held against it. qa keeps the reviews; here are their scores alone.

use chrono::NaiveDate;
use runtime::ids::MerchantId;

/// The full score, in basis points.
pub const FULL_BP: i32 = 10_000;

/// The result of a review in a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewScore {
    /// Whose.
    pub merchant: MerchantId,
    /// qa's id.
    pub review: String,
    /// Grows with each restatement.
    pub version: i64,
    /// Of the chat.
    pub day: NaiveDate,
    /// Of the agent.
    pub account: String,
    /// Of the chat.
    pub shop: String,
    /// Basis points; `None` for a result that says nothing about anybody: nothing was applicable, or its reviewer was out of
    /// calibration.
    pub score_bp: Option<i32>,
}

/// Scores added up: their mean is the sum by the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scores {
    /// In basis points, which are hundredths of a point of a hundred.
    pub sum_bp: i64,
    /// How many reviews.
    pub reviews: i64,
}

impl Scores {
    /// Basis points per review; `None` of none.
    fn mean(self) -> Option<f64> {
        (self.reviews > 0).then(|| self.sum_bp as f64 / self.reviews as f64)
    }
}

/// The scores of the same people before and now, of enough reviews to say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreChange {
    /// Before.
    pub before: Scores,
    /// Now.
    pub now: Scores,
}

impl ScoreChange {
    /// `None` where either side has less than `reviews_min` reviews: a few chats say little about the others.
    pub fn of(before: Scores, now: Scores, reviews_min: i64) -> Option<Self> {
        let is_enough = |scores: Scores| scores.reviews >= reviews_min.max(1);
        (is_enough(before) && is_enough(now)).then_some(Self { before, now })
    }

    /// How much the mean changed, relative to before; from 0 any change is far.
    pub fn ratio(&self) -> f64 {
        let (Some(before), Some(now)) = (self.before.mean(), self.now.mean()) else { return 0.0 };
        match now - before {
            0.0 => 0.0,
            change if before == 0.0 => change.signum() * f64::INFINITY,
            change => change / before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(sum_bp: i64, reviews: i64) -> Scores {
        Scores { sum_bp, reviews }
    }

    #[test]
    fn a_few_reviews_say_nothing() {
        assert_eq!(ScoreChange::of(scores(90_000, 9), scores(80_000, 10), 10), None);
        assert_eq!(ScoreChange::of(scores(90_000, 10), scores(80_000, 9), 10), None);
        assert_eq!(ScoreChange::of(Scores::default(), Scores::default(), 0), None, "none is never enough");
        assert!(ScoreChange::of(scores(90_000, 10), scores(80_000, 10), 10).is_some());
    }

    #[test]
    fn means_are_compared_and_not_sums() {
        let ratio = |before, now| ScoreChange::of(before, now, 1).expect("enough").ratio();
        assert_eq!(ratio(scores(80_000, 10), scores(144_000, 20)), -0.1);
        assert_eq!(ratio(scores(80_000, 10), scores(160_000, 20)), 0.0);
        assert_eq!(ratio(scores(0, 10), scores(1, 10)), f64::INFINITY);
        assert_eq!(ratio(scores(0, 10), scores(0, 10)), 0.0);
    }
}
