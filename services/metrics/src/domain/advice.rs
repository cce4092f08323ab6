//! What to look at in a group's figures: what got worse, and what got better in a way that costs nothing.

use crate::domain::any_measure::AnyMeasure;
use crate::domain::comparison::MeasureChange;
use crate::domain::explanation::Measure;
use crate::domain::figure::Figures;
use crate::domain::playbook::Direction;
use crate::domain::quality::ScoreChange;
use crate::domain::sums::Sum;
use crate::domain::trade_measure::TradeMeasure;
use crate::domain::worsening::Worsened;

/// When something is worth a word, and how much is said of it: settings of the installation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdviceRules {
    /// A measure got worse or better if it changed by this, relative to before, unless asked otherwise.
    pub threshold: f64,
    /// Quick replies make up this much more of all replies: enough to move response figures.
    pub quick_share_gain: f64,
    /// What a gain in speed should bring moved if it rose by this, relative to before.
    pub moved: f64,
    /// With fewer reviews on either side nothing is said of QA scores.
    pub reviews_min: i64,
    /// Contributors of a kind that are named at most.
    pub contributors: usize,
    /// Like periods that a figure is held against.
    pub like_periods: u32,
    /// Groups of a page of advice: contributors are worked out for each.
    pub groups_max: u32,
}

/// Advice for a group.
#[derive(Debug, Clone)]
pub struct Advice {
    /// The group's id.
    pub key: String,
    /// Its name, if known.
    pub name: String,
    /// What got worse.
    pub worsened: Vec<Worsened>,
    /// Gains that look made.
    pub signs: Vec<GamingSign>,
}

/// A gain that came with more prepared answers, while what it should bring did not move, or while QA scores fell
/// (domain-knowledge 2.14).
#[derive(Debug, Clone, PartialEq)]
pub struct GamingSign {
    /// What improved.
    pub gain: MeasureChange,
    /// Quick replies ÷ replies, before and now.
    pub quick_share: (f64, f64),
    /// What should have and did not.
    pub unmoved: Vec<MeasureChange>,
    /// QA scores of the same people and days, if there were enough reviews.
    pub scores: Option<ScoreChange>,
}

impl Measure {
    /// Which way is better; `None` where more is neither better nor worse.
    pub fn better(self) -> Option<Direction> {
        match self {
            Self::FirstResponse | Self::Response => Some(Direction::Fallen),
            Self::ReplyRatio
            | Self::ReplyRate
            | Self::AnsweredRate
            | Self::InTimeRate
            | Self::InTimeCustomers
            | Self::FirstInTimeRate
            | Self::Satisfaction
            | Self::Completion => Some(Direction::Risen),
            Self::Conversations
            | Self::ReceivedCustomers
            | Self::Replies
            | Self::QuickReplies
            | Self::CustomerMessages
            | Self::LongChats
            | Self::Length
            | Self::TransferredIn
            | Self::TransferredOut
            | Self::SlowCustomers
            | Self::AssistedReplyRate => None,
        }
    }
}

/// Speed that prepared answers can buy.
const GAINS: [Measure; 6] = [
    Measure::ReplyRate,
    Measure::InTimeRate,
    Measure::InTimeCustomers,
    Measure::FirstInTimeRate,
    Measure::FirstResponse,
    Measure::Response,
];
/// What faster answers should bring if they answer anything.
const OUTCOMES: [AnyMeasure; 5] = [
    AnyMeasure::Conversations(Measure::Satisfaction),
    AnyMeasure::Conversations(Measure::Completion),
    AnyMeasure::Timelines(TradeMeasure::FirstContactResolution),
    AnyMeasure::Timelines(TradeMeasure::ScoreSatisfaction),
    AnyMeasure::Timelines(TradeMeasure::PaymentConversion),
];

/// Which way a measure went, if it went by `threshold` at least; from nothing any way is far.
fn moved(change: &MeasureChange, threshold: f64) -> Option<Direction> {
    let by = change.ratio().unwrap_or_else(|| {
        if change.difference() == 0.0 { 0.0 } else { change.difference().signum() * f64::INFINITY }
    });
    if by == 0.0 || by.abs() < threshold {
        return None;
    }
    Some(if by > 0.0 { Direction::Risen } else { Direction::Fallen })
}

/// What changed for the worse by `threshold` at least.
pub fn worsened(before: &Figures, now: &Figures, threshold: f64) -> Vec<MeasureChange> {
    let change = |measure: AnyMeasure| {
        let change = MeasureChange::of(measure, now, before)?;
        (moved(&change, threshold)? != measure.better()?).then_some(change)
    };
    AnyMeasure::all().filter_map(change).collect()
}

/// Gains in speed that came with a higher share of quick replies, where no outcome that was measured got better, the QA score
/// being one of them; and where it fell, whatever else got better. `scores` are those of enough reviews.
pub fn gaming_signs(
    (before, now): (&Figures, &Figures),
    scores: Option<ScoreChange>,
    threshold: f64,
    rules: &AdviceRules,
) -> Vec<GamingSign> {
    let share = |figures: &Figures| {
        let replies = figures.sums[Sum::Replies];
        (replies > 0).then(|| figures.sums[Sum::QuickReplies] as f64 / replies as f64)
    };
    let (Some(share_before), Some(share_now)) = (share(before), share(now)) else { return Vec::new() };
    let outcomes: Vec<MeasureChange> =
        OUTCOMES.into_iter().filter_map(|measure| MeasureChange::of(measure, now, before)).collect();
    let improved = |change: &MeasureChange| moved(change, rules.moved) == change.measure.better();
    let score_moved = scores.map(|scores| scores.ratio());
    let fell = score_moved.is_some_and(|by| by <= -rules.moved);
    let is_measured = !outcomes.is_empty() || scores.is_some();
    let got_better = outcomes.iter().any(improved) || score_moved.is_some_and(|by| by >= rules.moved);
    let looks_made = fell || (is_measured && !got_better);
    if share_now - share_before < rules.quick_share_gain || !looks_made {
        return Vec::new();
    }
    let unmoved: Vec<MeasureChange> = outcomes.into_iter().filter(|change| !improved(change)).collect();
    let gains = GAINS.into_iter().filter_map(|measure| MeasureChange::of(measure.into(), now, before));
    gains
        .filter(|gain| moved(gain, threshold).is_some_and(|way| gain.measure.better() == Some(way)))
        .map(|gain| GamingSign {
            gain,
            quick_share: (share_before, share_now),
            unmoved: unmoved.clone(),
            scores,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::playbook::{playbook, remedies_for};
    use crate::domain::quality::Scores;
    use crate::domain::testing::figures;

    const RULES: AdviceRules = AdviceRules {
        threshold: 0.05,
        quick_share_gain: 0.05,
        moved: 0.01,
        reviews_min: 10,
        contributors: 3,
        like_periods: 12,
        groups_max: 50,
    };

    fn sums(entries: &[(Sum, i64)]) -> Figures {
        let mut figures = figures();
        entries.iter().for_each(|(sum, value)| figures.sums[*sum] = *value);
        figures
    }

    fn month(response_ms: i64, quick: i64, satisfied: i64) -> Figures {
        sums(&[
            (Sum::Replies, 200),
            (Sum::QuickReplies, quick),
            (Sum::RoundsAnswered, 100),
            (Sum::ResponseMs, response_ms),
            (Sum::Rated, 50),
            (Sum::Satisfied, satisfied),
        ])
    }

    #[test]
    fn what_got_worse_comes_with_its_remedies() {
        let found = worsened(&month(2_000_000, 20, 40), &month(3_000_000, 20, 40), RULES.threshold);
        let measures: Vec<_> = found.iter().map(|change| change.measure).collect();
        assert_eq!(measures, [Measure::Response.into()]);
        let remedies = remedies_for(&playbook(Vec::new()), found[0].measure, found[0].way());
        assert_eq!(remedies.len(), 2);
        assert!(remedies.iter().all(|remedy| remedy.entry.direction == Direction::Risen));
        // Faster is better, and a little slower is not worth a word.
        for now in [month(1_000_000, 20, 40), month(2_050_000, 20, 40)] {
            assert!(worsened(&month(2_000_000, 20, 40), &now, RULES.threshold).is_empty());
        }
    }

    #[test]
    fn speed_bought_with_prepared_answers_is_told_only_if_nothing_came_of_it() {
        let before = month(3_000_000, 20, 40);
        let signs = gaming_signs((&before, &month(1_000_000, 120, 40)), None, RULES.threshold, &RULES);
        assert_eq!(
            signs.iter().map(|sign| sign.gain.measure).collect::<Vec<_>>(),
            [Measure::Response.into()]
        );
        assert_eq!(signs[0].quick_share, (0.1, 0.6));
        assert_eq!(
            signs[0].unmoved.iter().map(|c| c.measure).collect::<Vec<_>>(),
            [Measure::Satisfaction.into()]
        );
        let none = |now: Figures| {
            assert!(gaming_signs((&before, &now), None, RULES.threshold, &RULES).is_empty());
        };
        none(month(1_000_000, 120, 45));
        none(month(1_000_000, 20, 40));
        none(month(3_000_000, 120, 40));
        let mut unrated = month(1_000_000, 120, 0);
        unrated.sums[Sum::Rated] = 0;
        none(unrated);
    }

    #[test]
    fn speed_is_held_against_qa_scores_too() {
        let before = month(3_000_000, 20, 40);
        let signs = |now: &Figures, scores: (i64, i64)| {
            let of = |mean: i64| Scores { sum_bp: mean * 10, reviews: 10 };
            let change = ScoreChange::of(of(scores.0), of(scores.1), RULES.reviews_min);
            gaming_signs((&before, now), change, RULES.threshold, &RULES)
        };
        let (same, better) = (month(1_000_000, 120, 40), month(1_000_000, 120, 45));
        // The customers are content, the reviewers are not.
        let told = signs(&better, (9_000, 8_000));
        assert_eq!((told.len(), told[0].unmoved.len()), (1, 0));
        assert_eq!(told[0].scores.map(|scores| scores.now), Some(Scores { sum_bp: 80_000, reviews: 10 }));
        assert!(signs(&better, (9_000, 9_000)).is_empty(), "an outcome got better");
        assert!(signs(&same, (8_000, 9_000)).is_empty(), "the score is an outcome too");
        assert_eq!(signs(&same, (9_000, 9_000)).len(), 1, "nothing moved");
        assert!(signs(&month(1_000_000, 20, 40), (9_000, 8_000)).is_empty(), "not by prepared answers");
        let mut unrated = month(1_000_000, 120, 0);
        unrated.sums[Sum::Rated] = 0;
        assert_eq!(signs(&unrated, (9_000, 9_000)).len(), 1, "scores alone are an outcome that did not move");
    }
}
