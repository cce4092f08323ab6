//! How strict each rater is.

use crate::{Confidence, Interval, Undefined};

/// How far a rater lies from the others, in points of the scale; below 0 is stricter, above 0 more lenient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Severity {
    /// Units that somebody else rated too.
    pub units: usize,
    /// Raters with the same number are connected by units they share; only they can be compared.
    pub panel: usize,
    /// The mean difference from the panel's consensus, adjusted for who rated what. The panel's values sum to 0.
    pub value: f64,
    /// Its interval (Student); nothing if the ratings leave no degree of freedom to judge the spread by.
    pub interval: Option<Interval>,
    /// `value` drawn towards 0 by as much of the spread between raters as their sampling error explains. Nothing where
    /// `interval` is nothing.
    pub shrunk: Option<f64>,
}

const RATERS_MAX: usize = 512;
const VALUE_MAX: f64 = 1e100;

/// The severity of each rater. A row per unit, a place per rater, `None` where there is no rating; at most 512 raters.
/// A rater who shares no unit with anybody gets `None`.
///
/// The ratings are taken as unit level + severity + error and fitted by least squares, so that a rater who happened to
/// get bad chats isn't called strict. Where everybody rates everything, `value` is the plain mean difference from
/// the units' means. Errors are taken to be of one size for all raters of a panel. `shrunk` is empirical Bayes: the
/// variance between raters is what the values' mean square has above their mean squared standard error.
///
/// # Errors
/// [`Undefined`] for rows of uneven length, values beyond 1e100, too many raters, or if no unit has two ratings.
pub fn severities(
    ratings: &[Vec<Option<f64>>],
    confidence: Confidence,
) -> Result<Vec<Option<Severity>>, Undefined> {
    let raters = check(ratings)?;
    let shared: Vec<Vec<(usize, f64)>> = ratings
        .iter()
        .map(|row| row.iter().enumerate().filter_map(|(rater, value)| Some((rater, (*value)?))).collect())
        .filter(|unit: &Vec<_>| unit.len() > 1)
        .collect();
    if shared.is_empty() {
        return Err(Undefined::TooFew { what: "units with two ratings", found: 0, needed: 1 });
    }
    let panels = panels(&shared, raters);
    let mut result = vec![None; raters];
    for (number, members) in panels.iter().filter(|members| members.len() > 1).enumerate() {
        for (rater, severity) in fit(&shared, members, number, confidence) {
            result[rater] = Some(severity);
        }
    }
    Ok(result)
}

fn check(ratings: &[Vec<Option<f64>>]) -> Result<usize, Undefined> {
    let raters = ratings.first().map_or(0, Vec::len);
    if raters > RATERS_MAX {
        return Err(Undefined::TooMany { what: "raters", found: raters, limit: RATERS_MAX });
    }
    for (unit, row) in ratings.iter().enumerate() {
        if row.len() != raters {
            return Err(Undefined::Uneven { unit, what: "raters", found: row.len(), expected: raters });
        }
        let usable = |value: f64| value.is_finite() && value.abs() <= VALUE_MAX;
        if let Some(place) = row.iter().position(|value| value.is_some_and(|value| !usable(value))) {
            return Err(Undefined::Value { unit, place });
        }
    }
    Ok(raters)
}

/// Raters connected by shared units, each list rising.
fn panels(shared: &[Vec<(usize, f64)>], raters: usize) -> Vec<Vec<usize>> {
    let mut leader: Vec<usize> = (0..raters).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for unit in shared {
            let lowest = unit.iter().map(|&(rater, _)| leader[rater]).min().unwrap_or(0);
            for &(rater, _) in unit {
                changed |= leader[rater] != lowest;
                leader[rater] = lowest;
            }
        }
    }
    let of = |first| (0..raters).filter(|&rater| leader[rater] == first).collect();
    (0..raters).filter(|&rater| leader[rater] == rater).map(of).collect()
}

/// Solves the normal equations of one panel with the unit levels taken out: a Laplacian over the raters, made
/// invertible by asking that the severities sum to 0.
fn fit(
    shared: &[Vec<(usize, f64)>],
    members: &[usize],
    panel: usize,
    confidence: Confidence,
) -> Vec<(usize, Severity)> {
    let size = members.len();
    let place = |rater: usize| members.binary_search(&rater).ok();
    let units: Vec<Vec<(usize, f64)>> = shared
        .iter()
        .map(|unit| unit.iter().filter_map(|&(rater, value)| Some((place(rater)?, value))).collect())
        .filter(|unit: &Vec<_>| !unit.is_empty())
        .collect();
    let mut matrix = vec![vec![1.0 / size as f64; size]; size];
    let mut pulls = vec![0.0; size];
    for unit in &units {
        let share = 1.0 / unit.len() as f64;
        let level = average(unit.iter().map(|&(_, value)| value));
        for &(rater, value) in unit {
            matrix[rater][rater] += 1.0;
            pulls[rater] += value - level;
            for &(other, _) in unit {
                matrix[rater][other] -= share;
            }
        }
    }
    let inverse = inverted(matrix);
    let values: Vec<f64> =
        inverse.iter().map(|row| row.iter().zip(&pulls).map(|(factor, pull)| factor * pull).sum()).collect();
    let ratings: usize = units.iter().map(Vec::len).sum();
    let residual: f64 = units.iter().map(|unit| unexplained(unit, &values)).sum();
    // A connected panel has at least units + raters - 1 ratings.
    let degrees = (ratings + 1).saturating_sub(units.len() + size);
    let errors: Option<Vec<f64>> = (degrees > 0).then(|| {
        let noise = residual / degrees as f64;
        (0..size).map(|rater| (noise * (inverse[rater][rater] - 1.0 / size as f64).max(0.0)).sqrt()).collect()
    });
    let between = errors.as_ref().map(|errors| {
        let spread = values.iter().map(|value| value * value).sum::<f64>() / (size - 1) as f64;
        (spread - average(errors.iter().map(|error| error * error))).max(0.0)
    });
    let severity = |rater: usize| {
        let value = values[rater];
        let error = errors.as_ref().map(|errors| errors[rater]);
        let interval =
            error.map(|error| Interval::around(value, confidence.t(degrees as f64) * error).with(value));
        let shrunk = error.zip(between).map(|(error, between)| {
            let spread = between + error * error;
            if spread > 0.0 { value * between / spread } else { 0.0 }
        });
        let units = units.iter().filter(|unit| unit.iter().any(|&(other, _)| other == rater)).count();
        Severity { units, panel, value, interval, shrunk }
    };
    (0..size).map(|rater| (members[rater], severity(rater))).collect()
}

/// The squared residuals of one unit, its level being what fits best.
fn unexplained(unit: &[(usize, f64)], severities: &[f64]) -> f64 {
    let level = average(unit.iter().map(|&(rater, value)| value - severities[rater]));
    unit.iter().map(|&(rater, value)| (value - severities[rater] - level).powi(2)).sum()
}

pub(crate) fn average(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count.max(1))
}

/// Gauss-Jordan with row pivots. The matrix is symmetric and positive definite, so that no pivot is 0.
fn inverted(mut matrix: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let size = matrix.len();
    for (place, row) in matrix.iter_mut().enumerate() {
        row.extend((0..size).map(|other| f64::from(u8::from(other == place))));
    }
    for step in 0..size {
        let pivot = (step..size).max_by(|&a, &b| matrix[a][step].abs().total_cmp(&matrix[b][step].abs()));
        matrix.swap(step, pivot.unwrap_or(step));
        let lead = matrix[step][step];
        for value in &mut matrix[step] {
            *value /= lead;
        }
        let chosen = matrix[step].clone();
        for (place, row) in matrix.iter_mut().enumerate() {
            let factor = row[step];
            if place != step && factor != 0.0 {
                for (value, from) in row.iter_mut().zip(&chosen) {
                    *value -= factor * from;
                }
            }
        }
    }
    matrix.into_iter().map(|mut row| row.split_off(size)).collect()
}
