//! Worked examples with their sources.

use agreement::{Confidence, Metric, Resampling, Undefined, Weights, alpha, cohen, fleiss};

fn near(value: f64, published: f64, digits: i32) {
    let rounded = 0.5 * 10_f64.powi(-digits) + 1e-9;
    assert!((value - published).abs() <= rounded, "{value} is not {published}");
}

/// A table of counts as pairs.
fn pairs(table: [[usize; 3]; 3]) -> Vec<[usize; 2]> {
    let cells = (0..3).flat_map(|i| (0..3).map(move |j| (i, j)));
    cells.flat_map(|(i, j)| std::iter::repeat_n([i, j], table[i][j])).collect()
}

/// Cohen 1960, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20: 200 cases
/// with the proportions .44 .07 .09 / .05 .20 .05 / .01 .03 .06: po .70, pe .41, kappa .492.
#[test]
fn cohen_1960() {
    let pairs = pairs([[88, 14, 18], [10, 40, 10], [2, 6, 12]]);
    let plain = cohen(&pairs, 3, Weights::Plain, Confidence::P95).unwrap();
    near(plain.estimate.value, 0.492, 3);
    // His own standard error, .055, leaves out how the margins vary: his limits .384 and .600 are near, not the same.
    assert!((plain.estimate.interval.low - 0.384).abs() < 0.02);
    assert!((plain.estimate.interval.high - 0.600).abs() < 0.02);
}

/// Cohen 1960, first example: proportions .25 .13 .12 / .12 .02 .16 / .03 .15 .02: po .29, pe .35, kappa -.09.
#[test]
fn cohen_1960_below_chance() {
    let pairs = pairs([[25, 13, 12], [12, 2, 16], [3, 15, 2]]);
    near(cohen(&pairs, 3, Weights::Plain, Confidence::P95).unwrap().estimate.value, -0.09, 2);
}

/// Fleiss, Cohen and Everitt 1969, "Large sample standard errors of kappa and weighted kappa", Psychological Bulletin
/// 72: 200 cases .53 .05 .02 / .11 .14 .05 / .01 .06 .03: kappa .429 with the variance .002885.
#[test]
fn fleiss_cohen_everitt_1969() {
    let pairs = pairs([[106, 10, 4], [22, 28, 10], [2, 12, 6]]);
    let plain = cohen(&pairs, 3, Weights::Plain, Confidence::P95).unwrap();
    near(plain.estimate.value, 0.429, 3);
    let error = (plain.estimate.interval.high - plain.estimate.value) / 1.959_964;
    near(error * error, 0.002_885, 6);
}

/// Weighted kappa by hand from the same table: with linear weights the observed disagreement is
/// (.05 + .11 + .05 + .06)/2 + .02 + .01 = .165; with quadratic ones (.05 + .11 + .05 + .06)/4 + .03 = .0975. Chance,
/// from the margins .60 .30 .10 and .65 .25 .10: .325 and .22.
#[test]
fn weighted_kappa_by_hand() {
    let pairs = pairs([[106, 10, 4], [22, 28, 10], [2, 12, 6]]);
    let (rows, columns) = ([0.60, 0.30, 0.10], [0.65, 0.25, 0.10]);
    let near_by: f64 =
        rows[0] * columns[1] + rows[1] * columns[0] + rows[1] * columns[2] + rows[2] * columns[1];
    let far: f64 = rows[0] * columns[2] + rows[2] * columns[0];
    let linear = cohen(&pairs, 3, Weights::Linear, Confidence::P95).unwrap().estimate.value;
    near(linear, 1.0 - 0.165 / (near_by / 2.0 + far), 9);
    let quadratic = cohen(&pairs, 3, Weights::Quadratic, Confidence::P95).unwrap().estimate.value;
    near(quadratic, 1.0 - 0.0975 / (near_by / 4.0 + far), 9);
}

/// Fleiss 1971, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76: 30 patients, 6
/// psychiatrists, 5 diagnoses: kappa .430.
#[test]
fn fleiss_1971_diagnoses() {
    #[rustfmt::skip]
    let rows = [
        [0,0,0,6,0], [0,3,0,0,3], [0,1,4,0,1], [0,0,0,0,6], [0,3,0,3,0], [2,0,4,0,0], [0,0,4,0,2], [2,0,3,1,0],
        [2,0,0,4,0], [0,0,0,0,6], [1,0,0,5,0], [1,1,0,4,0], [0,3,3,0,0], [1,0,0,5,0], [0,2,0,3,1], [0,0,5,0,1],
        [3,0,0,1,2], [5,1,0,0,0], [0,2,0,4,0], [1,0,2,0,3], [0,0,0,0,6], [0,1,0,5,0], [0,2,0,1,3], [2,0,0,4,0],
        [1,0,0,4,1], [0,5,0,1,0], [4,0,0,0,2], [0,2,0,4,0], [1,0,5,0,0], [0,0,0,0,6],
    ];
    let counts: Vec<Vec<u32>> = rows.iter().map(|row| row.to_vec()).collect();
    let kappa = fleiss(&counts, Confidence::P95, Resampling::default()).unwrap();
    near(kappa.estimate.value, 0.430, 3);
    assert!(kappa.estimate.interval.low > 0.25 && kappa.estimate.interval.high < 0.60, "{kappa:?}");
}

/// The example of 14 raters, 10 subjects and 5 categories that goes with Fleiss' kappa in textbooks and encyclopedias:
/// kappa .210.
#[test]
fn fleiss_fourteen_raters() {
    #[rustfmt::skip]
    let rows = [
        [0,0,0,0,14], [0,2,6,4,2], [0,0,3,5,6], [0,3,9,2,0], [2,2,8,1,1],
        [7,7,0,0,0], [3,2,6,3,0], [2,5,3,2,2], [6,5,2,1,0], [0,2,2,3,7],
    ];
    let counts: Vec<Vec<u32>> = rows.iter().map(|row| row.to_vec()).collect();
    near(fleiss(&counts, Confidence::P95, Resampling::default()).unwrap().estimate.value, 0.210, 3);
}

/// Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section D: four observers, twelve units, gaps:
/// nominal .743, ordinal .815, interval .849, ratio .797.
#[test]
fn krippendorff_2011() {
    let observers = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."];
    let observers: Vec<Vec<Option<f64>>> = observers
        .iter()
        .map(|row| row.chars().map(|sign| sign.to_digit(10).map(f64::from)).collect())
        .collect();
    let units: Vec<Vec<Option<f64>>> =
        (0..12).map(|unit| observers.iter().map(|values| values[unit]).collect()).collect();
    for (metric, published) in [
        (Metric::Nominal, 0.743),
        (Metric::Ordinal, 0.815),
        (Metric::Interval, 0.849),
        (Metric::Ratio, 0.797),
    ] {
        let found = alpha(&units, metric, Confidence::P95, Resampling::default()).unwrap();
        near(found.estimate.value, published, 3);
        assert_eq!(found.units, 11, "the twelfth unit has a single value");
        assert!(found.estimate.interval.contains(found.estimate.value));
    }
}

/// Krippendorff 2011, section A: two observers, ten units, nominal data of two kinds: alpha .095.
#[test]
fn krippendorff_2011_binary() {
    let first = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0];
    let second = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0];
    let units: Vec<Vec<Option<f64>>> =
        first.iter().zip(second).map(|(a, b)| vec![Some(f64::from(*a)), Some(f64::from(b))]).collect();
    let found = alpha(&units, Metric::Nominal, Confidence::P95, Resampling::default()).unwrap();
    near(found.estimate.value, 0.095, 3);
}

#[test]
fn what_has_no_value_says_why() {
    let level = Confidence::P95;
    let same = [[1, 1], [1, 1], [1, 1]];
    assert_eq!(cohen(&same, 3, Weights::Plain, level), Err(Undefined::NoVariation));
    let strange = cohen(&[[0, 1], [0, 7]], 3, Weights::Plain, level);
    assert_eq!(strange, Err(Undefined::Category { unit: 1, category: 7, categories: 3 }));
    assert_eq!(fleiss(&[vec![3, 0], vec![3, 0]], level, Resampling::default()), Err(Undefined::NoVariation));
    let uneven = fleiss(&[vec![3, 0], vec![2, 0]], level, Resampling::default());
    assert_eq!(uneven, Err(Undefined::Uneven { unit: 1, what: "ratings", found: 2, expected: 3 }));
    let alone = vec![vec![Some(1.0), None], vec![None, Some(2.0)]];
    let few = Undefined::TooFew { what: "units with two ratings", found: 0, needed: 2 };
    assert_eq!(alpha(&alone, Metric::Nominal, level, Resampling::default()), Err(few));
    let strange = vec![vec![Some(f64::NAN), None]];
    let value = Undefined::Value { unit: 0, place: 0 };
    assert_eq!(alpha(&strange, Metric::Interval, level, Resampling::default()), Err(value));
}
