//! Figures from samples of `n` of `N`: a stratum is an agent's day, its sample was drawn with equal chances.

use crate::interval::wilson_share;
use crate::{Confidence, Estimate, Interval, Undefined};

/// An agent's day with what was reviewed of it, for a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stratum {
    /// Chats that could have been drawn.
    pub eligible: u64,
    /// Reviewed ones.
    pub reviewed: u64,
    /// Reviewed ones that count.
    pub passed: u64,
}

/// A share of all eligible chats, judged from samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The share and its interval.
    pub estimate: Estimate,
    /// Reviewed chats.
    pub reviewed: u64,
    /// Eligible chats of the strata in which anything was reviewed: what the rate speaks for.
    pub covered: u64,
    /// Eligible chats of strata in which nothing was: the rate doesn't speak for them.
    pub uncovered: u64,
    /// The number of independent draws from an endless supply that would be as sure. Infinite if all was reviewed.
    pub effective_size: f64,
}

/// An agent's day with the scores of what was reviewed of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreStratum<'a> {
    /// Chats that could have been drawn.
    pub eligible: u64,
    /// A score per reviewed chat.
    pub scores: &'a [f64],
}

/// A mean over all eligible chats, judged from samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean and its interval.
    pub estimate: Estimate,
    /// Of the mean.
    pub standard_error: f64,
    /// Reviewed chats.
    pub reviewed: u64,
    /// Eligible chats of the strata in which anything was reviewed.
    pub covered: u64,
    /// Eligible chats of strata in which nothing was.
    pub uncovered: u64,
}

/// The share of eligible chats that count, each reviewed one standing for `eligible / reviewed` of its stratum.
///
/// The interval is Wilson's for an effective number of draws, `1 / Σ W²·(1 - n/N) / n` with `W` the stratum's part of all
/// chats: unequal weights widen it, what was reviewed can't be wrong any more (finite population correction), and
/// if everything was reviewed it is the rate itself. Differences between strata are not taken out of the variance,
/// which errs on the wide side and keeps it honest when every stratum's few chats happen to agree. With one stratum
/// of many chats it is [`crate::wilson`].
///
/// It tells what the chats of the period were. How good somebody is in general is judged from as many draws with
/// [`crate::wilson`], which has no finite population correction.
///
/// # Errors
/// [`Undefined`] if a part is larger than its whole or nothing was reviewed.
pub fn rate(strata: &[Stratum], confidence: Confidence) -> Result<Rate, Undefined> {
    for (stratum, row) in strata.iter().enumerate() {
        part(stratum, "reviewed", row.reviewed, row.eligible)?;
        part(stratum, "passed", row.passed, row.reviewed)?;
    }
    let cover = Cover::of(strata.iter().map(|row| (row.eligible, row.reviewed)), 1)?;
    let reviewed = || strata.iter().filter(|row| row.reviewed > 0);
    let share = reviewed().map(|row| cover.weight(row.eligible) * row.passed as f64 / row.reviewed as f64);
    let share = share.sum::<f64>().clamp(0.0, 1.0);
    let uncertainty: f64 =
        reviewed().map(|row| cover.weight(row.eligible).powi(2) * open(row.eligible, row.reviewed)).sum();
    let effective_size = 1.0 / uncertainty;
    let estimate = if uncertainty > 0.0 {
        wilson_share(share, effective_size, confidence)
    } else {
        Estimate { value: share, interval: Interval { low: share, high: share } }
    };
    let Cover { reviewed, covered, uncovered } = cover;
    Ok(Rate { estimate, reviewed, covered, uncovered, effective_size })
}

/// The mean score over eligible chats, each reviewed one standing for `eligible / reviewed` of its stratum, with the
/// stratified variance `Σ W²·(1 - n/N)·s² / n` and Student's quantile. A stratum with a single score takes the variance
/// over all scores.
///
/// # Errors
/// [`Undefined`] if more was reviewed than eligible, a score is beyond 1e100, or fewer than two chats were reviewed of
/// more.
pub fn mean(strata: &[ScoreStratum<'_>], confidence: Confidence) -> Result<Mean, Undefined> {
    for (stratum, row) in strata.iter().enumerate() {
        part(stratum, "reviewed", row.scores.len() as u64, row.eligible)?;
        let usable = |score: &f64| score.is_finite() && score.abs() <= 1e100;
        if let Some(place) = row.scores.iter().position(|score| !usable(score)) {
            return Err(Undefined::Value { unit: stratum, place });
        }
    }
    let all_reviewed =
        strata.iter().all(|row| row.scores.is_empty() || row.scores.len() as u64 == row.eligible);
    let needed = if all_reviewed { 1 } else { 2 };
    let cover = Cover::of(strata.iter().map(|row| (row.eligible, row.scores.len() as u64)), needed)?;
    let reviewed = || strata.iter().filter(|row| !row.scores.is_empty());
    let value: f64 = reviewed().map(|row| cover.weight(row.eligible) * center(row.scores)).sum();
    let all: Vec<f64> = reviewed().flat_map(|row| row.scores).copied().collect();
    let overall = variance(&all);
    let squared: f64 = reviewed()
        .map(|row| {
            let spread = if row.scores.len() > 1 { variance(row.scores) } else { overall };
            cover.weight(row.eligible).powi(2) * open(row.eligible, row.scores.len() as u64) * spread
        })
        .sum();
    let standard_error = squared.sqrt();
    let within: u64 = reviewed().map(|row| row.scores.len() as u64 - 1).sum();
    let degrees = if within > 0 { within } else { cover.reviewed.saturating_sub(1).max(1) };
    let interval = Interval::around(value, confidence.t(degrees as f64) * standard_error).with(value);
    let Cover { reviewed, covered, uncovered } = cover;
    Ok(Mean { estimate: Estimate { value, interval }, standard_error, reviewed, covered, uncovered })
}

struct Cover {
    reviewed: u64,
    covered: u64,
    uncovered: u64,
}

impl Cover {
    fn of(strata: impl Iterator<Item = (u64, u64)>, needed: u64) -> Result<Self, Undefined> {
        let mut cover = Self { reviewed: 0, covered: 0, uncovered: 0 };
        for (eligible, reviewed) in strata {
            cover.reviewed = cover.reviewed.saturating_add(reviewed);
            let chats = if reviewed > 0 { &mut cover.covered } else { &mut cover.uncovered };
            *chats = chats.saturating_add(eligible);
        }
        if cover.reviewed < needed {
            let (found, needed) = (cover.reviewed as usize, needed as usize);
            return Err(Undefined::TooFew { what: "reviewed chats", found, needed });
        }
        Ok(cover)
    }

    fn weight(&self, eligible: u64) -> f64 {
        eligible as f64 / self.covered as f64
    }
}

fn part(stratum: usize, what: &'static str, part: u64, whole: u64) -> Result<(), Undefined> {
    if part <= whole { Ok(()) } else { Err(Undefined::Part { stratum, what, part, whole }) }
}

/// `(1 - n/N) / n`: what one stratum's sample leaves open.
fn open(eligible: u64, reviewed: u64) -> f64 {
    (1.0 - reviewed as f64 / eligible as f64) / reviewed as f64
}

fn center(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.len() as f64
}

fn variance(scores: &[f64]) -> f64 {
    let center = center(scores);
    let squares: f64 = scores.iter().map(|score| (score - center).powi(2)).sum();
    squares / (scores.len().max(2) - 1) as f64
}
