//! Fleiss' kappa for a fixed number of raters per unit.

use crate::{Agreement, Confidence, Resampling, Undefined};

/// Fleiss' kappa (Fleiss 1971). A row per unit: how many of its ratings went to each category; each row has the same
/// length (2 or more) and the same sum (2 or more). The raters of one unit need not be those of another. Its interval:
/// percentiles over resampled units, because the published standard error holds only without any agreement.
///
/// # Errors
/// [`Undefined`] for fewer than two units, uneven rows, or if everything went to one category.
pub fn fleiss(
    counts: &[Vec<u32>],
    confidence: Confidence,
    resampling: Resampling,
) -> Result<Agreement, Undefined> {
    let resampling = resampling.checked()?;
    let raters = check(counts)?;
    let units: Vec<usize> = (0..counts.len()).collect();
    let agreeing: Vec<f64> = counts.iter().map(|row| agreeing_pairs(row, raters)).collect();
    let kappa = |units: &[usize]| -> Option<f64> {
        let mut totals = vec![0_u64; counts[0].len()];
        for &unit in units {
            for (total, &count) in totals.iter_mut().zip(&counts[unit]) {
                *total += u64::from(count);
            }
        }
        let all = raters as f64 * units.len() as f64;
        let by_chance: f64 = totals.iter().map(|&total| (total as f64 / all).powi(2)).sum();
        let varied = totals.iter().filter(|&&total| total > 0).count() > 1;
        let agreed = units.iter().map(|&unit| agreeing[unit]).sum::<f64>() / units.len() as f64;
        varied.then(|| (agreed - by_chance) / (1.0 - by_chance))
    };
    let value = kappa(&units).ok_or(Undefined::NoVariation)?;
    if counts.iter().all(|row| row.iter().filter(|&&count| count > 0).count() == 1) {
        return Ok(Agreement::perfect(counts.len(), confidence));
    }
    Ok(resampling.agreement(value, counts.len(), confidence, kappa))
}

/// The share of a unit's pairs of ratings that agree.
fn agreeing_pairs(row: &[u32], raters: u64) -> f64 {
    let pairs: f64 = row.iter().map(|&count| f64::from(count) * (f64::from(count) - 1.0)).sum();
    pairs / (raters as f64 * (raters as f64 - 1.0))
}

fn check(counts: &[Vec<u32>]) -> Result<u64, Undefined> {
    let (categories, raters) = counts.first().map_or((0, 0), |row| (row.len(), sum(row)));
    if counts.len() < 2 {
        return Err(Undefined::TooFew { what: "units", found: counts.len(), needed: 2 });
    }
    if categories < 2 {
        return Err(Undefined::TooFew { what: "categories", found: categories, needed: 2 });
    }
    if raters < 2 {
        return Err(Undefined::TooFew { what: "ratings per unit", found: raters as usize, needed: 2 });
    }
    for (unit, row) in counts.iter().enumerate() {
        if row.len() != categories {
            return Err(Undefined::Uneven {
                unit,
                what: "categories",
                found: row.len(),
                expected: categories,
            });
        }
        if sum(row) != raters {
            let (found, expected) = (sum(row) as usize, raters as usize);
            return Err(Undefined::Uneven { unit, what: "ratings", found, expected });
        }
    }
    Ok(raters)
}

fn sum(row: &[u32]) -> u64 {
    row.iter().map(|&count| u64::from(count)).sum()
}
