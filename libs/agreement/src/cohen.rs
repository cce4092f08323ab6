//! Cohen's kappa for two raters.

use crate::{Agreement, Confidence, Estimate, Interval, Method, Undefined};

/// What two different categories still have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weights {
    /// Nothing: categories without an order.
    Plain,
    /// `1 - |i - j| / (k - 1)`.
    Linear,
    /// `1 - ((i - j) / (k - 1))²`: far-off ratings weigh most.
    Quadratic,
}

impl Weights {
    fn weight(self, first: usize, second: usize, categories: usize) -> f64 {
        let apart = first.abs_diff(second) as f64 / (categories - 1) as f64;
        match self {
            Self::Plain => f64::from(u8::from(first == second)),
            Self::Linear => 1.0 - apart,
            Self::Quadratic => 1.0 - apart * apart,
        }
    }
}

const CATEGORIES_MAX: usize = 256;

/// Cohen's kappa (Cohen 1960; weighted: Cohen 1968) of the two raters' categories, a pair per unit, each from 0 below
/// `categories` (2 to 256, in their order if the weights look at it). Its interval is from the large-sample standard
/// error of Fleiss, Cohen and Everitt (1969), cut to -1 … 1.
///
/// # Errors
/// [`Undefined`] for fewer than two units, a category out of range, or if both raters gave one and the same category
/// to everything.
pub fn cohen(
    pairs: &[[usize; 2]],
    categories: usize,
    weights: Weights,
    confidence: Confidence,
) -> Result<Agreement, Undefined> {
    check(pairs, categories)?;
    let n = pairs.len() as f64;
    let mut cells = vec![0.0; categories * categories];
    let mut first = vec![0.0; categories];
    let mut second = vec![0.0; categories];
    for &[i, j] in pairs {
        cells[i * categories + j] += 1.0 / n;
        first[i] += 1.0 / n;
        second[j] += 1.0 / n;
    }
    let weight = |i, j| weights.weight(i, j, categories);
    let grid = || (0..categories).flat_map(|i| (0..categories).map(move |j| (i, j)));
    let apart = |part: &dyn Fn(usize, usize) -> f64| -> f64 {
        grid().map(|(i, j)| (1.0 - weight(i, j)) * part(i, j)).sum()
    };
    let observed = apart(&|i, j| cells[i * categories + j]);
    let expected = apart(&|i, j| first[i] * second[j]);
    if expected == 0.0 {
        return Err(Undefined::NoVariation);
    }
    if observed == 0.0 {
        return Ok(Agreement::perfect(pairs.len(), confidence));
    }
    let value = 1.0 - observed / expected;
    let (agreed, by_chance) = (1.0 - observed, 1.0 - expected);
    let row: Vec<f64> =
        (0..categories).map(|i| (0..categories).map(|j| second[j] * weight(i, j)).sum()).collect();
    let column: Vec<f64> =
        (0..categories).map(|j| (0..categories).map(|i| first[i] * weight(i, j)).sum()).collect();
    let spread: f64 = grid()
        .map(|(i, j)| {
            let term = weight(i, j) * expected - (row[i] + column[j]) * observed;
            cells[i * categories + j] * term * term
        })
        .sum();
    let variance =
        (spread - (agreed * by_chance - 2.0 * by_chance + agreed).powi(2)) / (n * expected.powi(4));
    if variance <= f64::EPSILON / n {
        return Ok(Agreement::unknown(value, pairs.len()));
    }
    let interval = Interval::around(value, confidence.z() * variance.sqrt()).within(-1.0, 1.0).with(value);
    Ok(Agreement { estimate: Estimate { value, interval }, units: pairs.len(), method: Method::Analytic })
}

fn check(pairs: &[[usize; 2]], categories: usize) -> Result<(), Undefined> {
    if categories < 2 {
        return Err(Undefined::TooFew { what: "categories", found: categories, needed: 2 });
    }
    if categories > CATEGORIES_MAX {
        return Err(Undefined::TooMany { what: "categories", found: categories, limit: CATEGORIES_MAX });
    }
    if pairs.len() < 2 {
        return Err(Undefined::TooFew { what: "units", found: pairs.len(), needed: 2 });
    }
    let strange = pairs.iter().enumerate().find_map(|(unit, pair)| {
        pair.iter().find(|&&category| category >= categories).map(|&category| (unit, category))
    });
    strange.map_or(Ok(()), |(unit, category)| Err(Undefined::Category { unit, category, categories }))
}
