//! Raters with a known bias are recovered, and flagged only when the ratings bear it.

use agreement::{
    Calibration, CalibrationRule, Confidence, Metric, Resampling, Undefined, alpha, calibrate, severities,
};

/// A small repeatable noise between -0.5 and 0.5.
fn noise(unit: usize, rater: usize) -> f64 {
    let mixed = (unit as u64 * 31 + rater as u64 * 17 + 7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as f64 / f64::from(1 << 24) - 0.5
}

/// Units of different difficulty, rated with these biases; `who` says who rates what.
fn panel(
    units: usize,
    biases: &[f64],
    spread: f64,
    who: impl Fn(usize, usize) -> bool,
) -> Vec<Vec<Option<f64>>> {
    let rating = |unit: usize, rater: usize| {
        50.0 + (unit % 7) as f64 * 5.0 + biases[rater] + spread * noise(unit, rater)
    };
    (0..units)
        .map(|unit| (0..biases.len()).map(|rater| who(unit, rater).then(|| rating(unit, rater))).collect())
        .collect()
}

const BIASES: [f64; 4] = [-6.0, 1.0, 2.0, 3.0];

#[test]
fn known_biases_come_back_from_a_full_panel() {
    let found = severities(&panel(40, &BIASES, 4.0, |_, _| true), Confidence::P95).unwrap();
    for (severity, bias) in found.iter().zip(BIASES) {
        let severity = severity.unwrap();
        assert!(severity.interval.unwrap().contains(bias), "{severity:?} for {bias}");
        assert!((severity.value - bias).abs() < 0.6);
        let shrunk = severity.shrunk.unwrap();
        assert!(shrunk.abs() <= severity.value.abs() && shrunk * severity.value >= 0.0);
    }
}

/// The first rater gets only hard chats, shared with one colleague: plain differences from all means would mislead.
#[test]
fn who_rated_what_does_not_matter() {
    let who = |unit: usize, rater: usize| match rater {
        0 => unit.is_multiple_of(7),
        1 => true,
        2 => unit.is_multiple_of(2),
        _ => unit % 2 == 1,
    };
    let found = severities(&panel(70, &BIASES, 0.0, who), Confidence::P95).unwrap();
    for (severity, bias) in found.iter().zip(BIASES) {
        assert!((severity.unwrap().value - bias).abs() < 1e-9);
    }
}

#[test]
fn raters_who_share_nothing_are_not_compared() {
    let rows = vec![
        vec![Some(1.0), Some(3.0), None, None, None],
        vec![Some(2.0), Some(4.0), None, None, None],
        vec![None, None, Some(9.0), Some(7.0), None],
        vec![None, None, None, None, Some(5.0)],
    ];
    let found = severities(&rows, Confidence::P95).unwrap();
    let of = |rater: usize| found[rater].map(|severity| (severity.panel, severity.value));
    assert_eq!([of(0), of(1)], [Some((0, -1.0)), Some((0, 1.0))]);
    assert_eq!([of(2), of(3)], [Some((1, 1.0)), Some((1, -1.0))]);
    assert_eq!(found[4], None);
    assert_eq!(found[2].unwrap().interval, None, "one shared unit leaves nothing to judge the spread by");
    assert_eq!(found[0].unwrap().units, 2);
}

#[test]
fn the_rule_looks_at_intervals() {
    let rule = CalibrationRule { units_min: 10, severity_max: 4.0, agreement_min: 0.5 };
    let judge = |rows: &[Vec<Option<f64>>]| -> Vec<Calibration> {
        let found = calibrate(rows, rule, Confidence::P95, Resampling::default()).unwrap();
        found.iter().map(|rater| rater.calibration).collect()
    };
    let strict = Calibration::Uncalibrated { severity: true, agreement: false };
    let all = [strict, Calibration::Calibrated, Calibration::Calibrated, Calibration::Calibrated];
    assert_eq!(judge(&panel(60, &BIASES, 4.0, |_, _| true)), all);
    assert_eq!(judge(&panel(9, &BIASES, 4.0, |_, _| true)), [Calibration::TooFewUnits; 4]);
    let unsure = judge(&panel(10, &BIASES, 60.0, |_, _| true));
    assert!(unsure.iter().all(|rater| !matches!(rater, Calibration::Calibrated)), "{unsure:?}");
}

#[test]
fn a_rater_who_rates_at_random_is_flagged_without_a_bias() {
    let mut rows = panel(60, &[0.0; 4], 1.0, |_, _| true);
    for (unit, row) in rows.iter_mut().enumerate() {
        row[3] = Some(65.0 + 40.0 * noise(unit * 5 + 3, 11));
    }
    let rule = CalibrationRule { units_min: 10, severity_max: 8.0, agreement_min: 0.6 };
    let found = calibrate(&rows, rule, Confidence::P95, Resampling::default()).unwrap();
    assert!(
        matches!(found[3].calibration, Calibration::Uncalibrated { agreement: true, severity: false }),
        "{found:?}"
    );
    assert!(found[..3].iter().all(|rater| !matches!(rater.calibration, Calibration::Uncalibrated { .. })));
}

#[test]
fn a_rule_out_of_range_is_refused() {
    let rows = panel(10, &BIASES, 1.0, |_, _| true);
    let rule = CalibrationRule { units_min: 1, severity_max: f64::NAN, agreement_min: 0.5 };
    let refused = calibrate(&rows, rule, Confidence::P95, Resampling::default());
    assert!(matches!(refused, Err(Undefined::OutOfRange { what: "severity_max", .. })));
    let few = Resampling { seed: 1, resamples: 3 };
    assert!(matches!(
        alpha(&rows, Metric::Interval, Confidence::P95, few),
        Err(Undefined::OutOfRange { what: "resamples", .. })
    ));
}
