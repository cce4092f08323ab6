//! Who may rate for pay: the rule.

use crate::severity::average;
use crate::{Agreement, Confidence, Metric, Resampling, Severity, Undefined, alpha, severities};

/// When a rater counts as calibrated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationRule {
    /// Fewer shared units than this decide nothing.
    pub units_min: usize,
    /// How many points of the scale a rater may lie from the panel's consensus; 0 or more.
    pub severity_max: f64,
    /// The least alpha (interval metric) between a rater and the mean of the others, -1 to 1.
    pub agreement_min: f64,
}

/// What the rule says of a rater. It looks at intervals, not at values, so that nobody is flagged by chance alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calibration {
    /// The severity's interval lies within the limits, and the agreement's reaches the minimum.
    Calibrated,
    /// The severity's interval lies wholly outside the limits, or the agreement's wholly below the minimum.
    Uncalibrated {
        /// Too strict or too lenient.
        severity: bool,
        /// Too little in common with the others.
        agreement: bool,
    },
    /// The ratings are not enough to say either.
    Undecided,
    /// Fewer shared units than the rule asks for.
    TooFewUnits,
}

/// A rater's calibration and what it was judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RaterCalibration {
    /// Nothing if the rater shares no unit with anybody.
    pub severity: Option<Severity>,
    /// With the mean of the others; nothing where it is undefined.
    pub agreement: Option<Agreement>,
    /// The rule's answer.
    pub calibration: Calibration,
}

/// Judges each rater by the rule. `ratings` as in [`severities`].
///
/// # Errors
/// [`Undefined`] as in [`severities`], and for a rule out of range.
pub fn calibrate(
    ratings: &[Vec<Option<f64>>],
    rule: CalibrationRule,
    confidence: Confidence,
    resampling: Resampling,
) -> Result<Vec<RaterCalibration>, Undefined> {
    if !(rule.severity_max >= 0.0 && rule.severity_max.is_finite()) {
        return Err(Undefined::OutOfRange { what: "severity_max", value: rule.severity_max });
    }
    if !(-1.0..=1.0).contains(&rule.agreement_min) {
        return Err(Undefined::OutOfRange { what: "agreement_min", value: rule.agreement_min });
    }
    resampling.checked()?;
    let severities = severities(ratings, confidence)?;
    let judged = severities.into_iter().enumerate().map(|(rater, severity)| {
        let pairs = against_others(ratings, rater);
        let agreement = alpha(&pairs, Metric::Interval, confidence, resampling).ok();
        RaterCalibration { severity, agreement, calibration: judge(severity, agreement, rule) }
    });
    Ok(judged.collect())
}

fn judge(severity: Option<Severity>, agreement: Option<Agreement>, rule: CalibrationRule) -> Calibration {
    let Some(severity) = severity.filter(|severity| severity.units >= rule.units_min.max(1)) else {
        return Calibration::TooFewUnits;
    };
    let Some(bias) = severity.interval else {
        return Calibration::Undecided;
    };
    let biased = bias.low > rule.severity_max || bias.high < -rule.severity_max;
    let common = agreement.map(|agreement| agreement.estimate.interval);
    let apart = common.is_some_and(|common| common.high < rule.agreement_min);
    if biased || apart {
        return Calibration::Uncalibrated { severity: biased, agreement: apart };
    }
    let unbiased = bias.low >= -rule.severity_max && bias.high <= rule.severity_max;
    if unbiased && common.is_some() { Calibration::Calibrated } else { Calibration::Undecided }
}

/// Per unit the rater's value and the mean of the others'.
fn against_others(ratings: &[Vec<Option<f64>>], rater: usize) -> Vec<Vec<Option<f64>>> {
    let pair = |row: &Vec<Option<f64>>| {
        let own = row[rater]?;
        let others =
            || row.iter().enumerate().filter(|&(place, _)| place != rater).filter_map(|(_, value)| *value);
        others().next().map(|_| vec![Some(own), Some(average(others()))])
    };
    ratings.iter().filter_map(pair).collect()
}
