//! Figures from samples: vectors from the literature and by hand.

use agreement::{
    Confidence, Order, ScoreStratum, Stratum, Undefined, compare, detection_at_rate, detection_in, mean,
    rate, sample_for_detection, wilson,
};

fn near(value: f64, expected: f64, margin: f64) {
    assert!((value - expected).abs() <= margin, "{value} is not {expected}");
}

#[test]
fn wilson_gives_the_figures_of_the_requirements() {
    for (passed, total, low, high) in
        [(14, 15, 0.702, 0.988), (12, 15, 0.548, 0.930), (351, 390, 0.866, 0.926)]
    {
        let found = wilson(passed, total, Confidence::P95).unwrap().interval;
        near(found.low, low, 0.000_5);
        near(found.high, high, 0.000_5);
    }
}

/// Newcombe 1998, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17,
/// example (a): 56/70 and 48/80, method 10: .0524 to .3339.
#[test]
fn the_difference_is_newcombes() {
    let first = wilson(56, 70, Confidence::P95).unwrap();
    let second = wilson(48, 80, Confidence::P95).unwrap();
    let found = compare(first, second);
    near(found.difference.interval.low, 0.0524, 0.000_05);
    near(found.difference.interval.high, 0.3339, 0.000_05);
    assert_eq!(found.order, Order::Unclear, "the intervals overlap, and that decides");
}

#[test]
fn two_figures_are_told_apart_only_if_their_intervals_are() {
    let of = |passed| wilson(passed, 15, Confidence::P95).unwrap();
    assert_eq!(compare(of(14), of(12)).order, Order::Unclear);
    assert_eq!(compare(of(15), of(5)).order, Order::FirstHigher);
    assert_eq!(compare(of(5), of(15)).order, Order::SecondHigher);
}

#[test]
fn one_stratum_of_many_chats_is_wilson() {
    let endless = rate(&[Stratum { eligible: 1 << 50, reviewed: 15, passed: 14 }], Confidence::P95).unwrap();
    let plain = wilson(14, 15, Confidence::P95).unwrap();
    near(endless.estimate.interval.low, plain.interval.low, 1e-9);
    near(endless.estimate.interval.high, plain.interval.high, 1e-9);
}

#[test]
fn what_was_reviewed_wholly_is_certain() {
    let all =
        [Stratum { eligible: 7, reviewed: 7, passed: 6 }, Stratum { eligible: 3, reviewed: 3, passed: 3 }];
    let found = rate(&all, Confidence::P95).unwrap();
    near(found.estimate.value, 0.9, 1e-12);
    assert_eq!(
        (found.estimate.interval.low, found.estimate.interval.high),
        (found.estimate.value, found.estimate.value)
    );
    assert!(found.effective_size.is_infinite());
}

/// By hand: days of 100 and 300 chats, 10 reviewed of each, 10 and 5 passed. Rate ¼·1 + ¾·½; effective size
/// 1 / (¼²·0.9/10 + ¾²·(29/30)/10).
#[test]
fn a_chat_stands_for_as_many_as_its_chance_says() {
    let days = [
        Stratum { eligible: 100, reviewed: 10, passed: 10 },
        Stratum { eligible: 300, reviewed: 10, passed: 5 },
        Stratum { eligible: 40, reviewed: 0, passed: 0 },
    ];
    let found = rate(&days, Confidence::P95).unwrap();
    near(found.estimate.value, 0.625, 1e-12);
    near(found.effective_size, 1.0 / (0.0625 * 0.09 + 0.5625 * (29.0 / 30.0) / 10.0), 1e-9);
    assert_eq!((found.reviewed, found.covered, found.uncovered), (20, 400, 40));
    assert!(found.effective_size < 20.0, "unequal weights cost");
}

/// By hand: N 10 and 30, scores 1 3 and 2 4 6: variances 2 and 4; mean ¼·2 + ¾·4 = 3.5; squared error
/// ¼²·0.8·2/2 + ¾²·0.9·4/3 = 0.05 + 0.675.
#[test]
fn a_stratified_mean_by_hand() {
    let days = [
        ScoreStratum { eligible: 10, scores: &[1.0, 3.0] },
        ScoreStratum { eligible: 30, scores: &[2.0, 4.0, 6.0] },
    ];
    let found = mean(&days, Confidence::P95).unwrap();
    near(found.estimate.value, 3.5, 1e-12);
    near(found.standard_error, 0.725_f64.sqrt(), 1e-12);
    // Student's quantile for 3 degrees of freedom.
    near(found.estimate.interval.high, 3.5 + 3.182_446 * 0.725_f64.sqrt(), 1e-5);
}

#[test]
fn a_single_score_of_many_chats_has_no_interval() {
    let alone = [ScoreStratum { eligible: 10, scores: &[1.0] }];
    let few = Undefined::TooFew { what: "reviewed chats", found: 1, needed: 2 };
    assert_eq!(mean(&alone, Confidence::P95), Err(few));
    let whole = [ScoreStratum { eligible: 1, scores: &[1.0] }];
    assert_eq!(mean(&whole, Confidence::P95).unwrap().standard_error, 0.0);
}

#[test]
fn detection_gives_the_figures_of_the_requirements() {
    near(detection_at_rate(15, 0.01).unwrap(), 0.140, 0.000_5);
    near(detection_at_rate(390, 0.01).unwrap(), 0.980, 0.000_5);
    assert_eq!(sample_for_detection(0.01, 0.95), Ok(299));
}

/// Every sample of every small set, counted one by one.
#[test]
fn detection_equals_an_exhaustive_count() {
    for eligible in 1_u64..=10 {
        for faulty in 0..=eligible {
            for drawn in 0..=eligible {
                let samples = (0_u32..1 << eligible).filter(|set| u64::from(set.count_ones()) == drawn);
                let (mut seen, mut all) = (0, 0);
                for sample in samples {
                    all += 1;
                    seen += u32::from(sample & ((1 << faulty) - 1) != 0);
                }
                let found = detection_in(eligible, faulty, drawn).unwrap();
                near(found, f64::from(seen) / f64::from(all), 1e-12);
            }
        }
    }
}

#[test]
fn parts_are_not_larger_than_wholes() {
    let wrong = [Stratum { eligible: 5, reviewed: 6, passed: 0 }];
    let part = Undefined::Part { stratum: 0, what: "reviewed", part: 6, whole: 5 };
    assert_eq!(rate(&wrong, Confidence::P95), Err(part));
    assert!(detection_in(5, 6, 1).is_err());
    assert!(detection_at_rate(5, f64::NAN).is_err());
    assert!(Confidence::new(1.0).is_err());
}
