//! Krippendorff's alpha for any number of raters, with gaps.

use crate::{Agreement, Confidence, Resampling, Undefined};

/// How far two values are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The same or not.
    Nominal,
    /// By how many ratings lie between them.
    Ordinal,
    /// By their difference.
    Interval,
    /// By their difference against their sum; values of 0 and more.
    Ratio,
}

const VALUES_MAX: usize = 1_024;
/// Squares and their sums stay finite below it.
const VALUE_MAX: f64 = 1e100;

/// Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"). A row per unit, its ratings
/// in any order, `None` where a rater has none; rows may differ in length. Units with fewer than two ratings tell nothing
/// and are left out. At most 1,024 different values. Its interval: percentiles over resampled units (Zapf and others
/// 2016, BMC Med Res Methodol 16:93).
///
/// # Errors
/// [`Undefined`] for fewer than two units with two ratings, values that the metric can't take, or no variation.
pub fn alpha(
    ratings: &[Vec<Option<f64>>],
    metric: Metric,
    confidence: Confidence,
    resampling: Resampling,
) -> Result<Agreement, Undefined> {
    let resampling = resampling.checked()?;
    let coded = Coded::new(ratings, metric)?;
    let count = coded.units.len();
    let all: Vec<usize> = (0..count).collect();
    let value = coded.alpha(&all).ok_or(Undefined::NoVariation)?;
    if coded.units.iter().all(|unit| unit.len() == 1) {
        return Ok(Agreement::perfect(count, confidence));
    }
    Ok(resampling.agreement(value, count, confidence, |units| coded.alpha(units)))
}

struct Coded {
    metric: Metric,
    /// The different values, rising.
    values: Vec<f64>,
    /// Per unit: which values, how often each.
    units: Vec<Vec<(usize, f64)>>,
}

impl Coded {
    fn new(ratings: &[Vec<Option<f64>>], metric: Metric) -> Result<Self, Undefined> {
        let mut rows = Vec::new();
        for (unit, row) in ratings.iter().enumerate() {
            let wrong = row.iter().position(|value| value.is_some_and(|value| !fits(value, metric)));
            if let Some(place) = wrong {
                return Err(Undefined::Value { unit, place });
            }
            // Adding 0 makes one value of 0 and -0.
            let mut present: Vec<f64> = row.iter().flatten().map(|value| value + 0.0).collect();
            present.sort_unstable_by(f64::total_cmp);
            if present.len() > 1 {
                rows.push(present);
            }
        }
        if rows.len() < 2 {
            return Err(Undefined::TooFew { what: "units with two ratings", found: rows.len(), needed: 2 });
        }
        let mut values = rows.concat();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        if values.len() > VALUES_MAX {
            return Err(Undefined::TooMany {
                what: "different values",
                found: values.len(),
                limit: VALUES_MAX,
            });
        }
        let units = rows.iter().map(|row| count(row, &values)).collect();
        Ok(Self { metric, values, units })
    }

    /// Alpha over these units, or nothing if all their values are the same.
    fn alpha(&self, units: &[usize]) -> Option<f64> {
        let mut totals = vec![0.0; self.values.len()];
        for &(value, count) in units.iter().flat_map(|&unit| &self.units[unit]) {
            totals[value] += count;
        }
        let mut below = 0.0;
        let middles: Vec<f64> = totals
            .iter()
            .map(|total| {
                below += total;
                below - total / 2.0
            })
            .collect();
        let used: Vec<usize> = (0..totals.len()).filter(|&value| totals[value] > 0.0).collect();
        let expected: f64 =
            pairs(&used).map(|(c, k)| totals[c] * totals[k] * self.apart(c, k, &middles)).sum();
        let observed: f64 = units
            .iter()
            .map(|&unit| {
                let unit = &self.units[unit];
                let ratings: f64 = unit.iter().map(|&(_, count)| count).sum();
                let apart = |((c, m), (k, n))| m * n * self.apart(c, k, &middles);
                pairs(unit).map(apart).sum::<f64>() / (ratings - 1.0)
            })
            .sum();
        (used.len() > 1 && expected > 0.0).then(|| 1.0 - (below - 1.0) * observed / expected)
    }

    /// The squared difference of two values. Ordinal: the ratings between the two, half of each end counted, which is
    /// the difference of their middle places.
    fn apart(&self, first: usize, second: usize, middles: &[f64]) -> f64 {
        let (c, k) = (self.values[first], self.values[second]);
        match self.metric {
            Metric::Nominal => 1.0,
            Metric::Ordinal => (middles[first] - middles[second]).powi(2),
            Metric::Interval => (c - k).powi(2),
            Metric::Ratio => ((c - k) / (c + k)).powi(2),
        }
    }
}

/// Every two different entries of a list.
fn pairs<T: Copy>(list: &[T]) -> impl Iterator<Item = (T, T)> {
    list.iter()
        .enumerate()
        .flat_map(|(place, &first)| list[place + 1..].iter().map(move |&second| (first, second)))
}

fn fits(value: f64, metric: Metric) -> bool {
    let squarable = value.is_finite() && value.abs() <= VALUE_MAX;
    squarable && (metric != Metric::Ratio || value >= 0.0)
}

fn count(row: &[f64], values: &[f64]) -> Vec<(usize, f64)> {
    row.chunk_by(|first, second| first == second)
        .map(|same| {
            let place = values.partition_point(|value| *value < same[0]);
            (place, same.len() as f64)
        })
        .collect()
}
