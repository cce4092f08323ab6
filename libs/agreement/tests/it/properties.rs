//! What holds for any ratings.

use agreement::{
    Agreement, Confidence, Metric, Resampling, ScoreStratum, Stratum, Undefined, Weights, alpha, cohen,
    compare, detection_at_rate, detection_in, fleiss, mean, rate, severities, wilson,
};
use proptest::prelude::*;

const QUICK: Resampling = Resampling { seed: 7, resamples: 200 };
const ALL_METRICS: [Metric; 4] = [Metric::Nominal, Metric::Ordinal, Metric::Interval, Metric::Ratio];
const ALL_WEIGHTS: [Weights; 3] = [Weights::Plain, Weights::Linear, Weights::Quadratic];

fn sound(found: Result<Agreement, Undefined>) -> Result<f64, TestCaseError> {
    let Ok(Agreement { estimate, .. }) = found else {
        return Ok(f64::NEG_INFINITY);
    };
    prop_assert!(estimate.value.is_finite() && estimate.value <= 1.0 + 1e-12);
    prop_assert!(estimate.interval.contains(estimate.value), "{estimate:?}");
    prop_assert!(estimate.interval.low.is_finite() && estimate.interval.high <= 1.0 + 1e-12);
    Ok(estimate.value)
}

fn same(first: f64, second: f64) -> bool {
    first == second || (first - second).abs() < 1e-9
}

fn pairs() -> impl Strategy<Value = Vec<[usize; 2]>> {
    prop::collection::vec([0_usize..5, 0_usize..5], 0..40)
}

fn rows() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
    let value = prop::option::of((0_u8..6).prop_map(f64::from));
    prop::collection::vec(prop::collection::vec(value, 4), 0..15)
}

proptest! {
    #[test]
    fn cohens_kappa(pairs in pairs(), turn in 0_usize..40) {
        for weights in ALL_WEIGHTS {
            let of = |pairs: &[[usize; 2]]| cohen(pairs, 5, weights, Confidence::P95);
            let value = sound(of(&pairs))?;
            prop_assert!(value == f64::NEG_INFINITY || value >= -1.0 - 1e-12);
            let swapped: Vec<_> = pairs.iter().map(|[a, b]| [*b, *a]).collect();
            prop_assert!(same(value, sound(of(&swapped))?), "the raters can change places");
            let mut turned = pairs.clone();
            turned.rotate_left(turn % pairs.len().max(1));
            prop_assert!(same(value, sound(of(&turned))?), "the order of units doesn't matter");
            let upside_down: Vec<_> = pairs.iter().map(|[a, b]| [4 - a, 4 - b]).collect();
            prop_assert!(same(value, sound(of(&upside_down))?), "the scale can be turned round");
        }
        let relabelled: Vec<_> = pairs.iter().map(|pair| pair.map(|category| (category * 2) % 5)).collect();
        let plain = |pairs: &[[usize; 2]]| cohen(pairs, 5, Weights::Plain, Confidence::P95);
        prop_assert!(same(sound(plain(&pairs))?, sound(plain(&relabelled))?), "names of categories don't matter");
    }

    #[test]
    fn two_categories_leave_no_room_for_weights(pairs in prop::collection::vec([0_usize..2, 0_usize..2], 0..40)) {
        let of = |weights| cohen(&pairs, 2, weights, Confidence::P95);
        prop_assert_eq!(of(Weights::Plain), of(Weights::Linear));
        prop_assert_eq!(of(Weights::Plain), of(Weights::Quadratic));
    }

    #[test]
    fn fleiss_kappa(ratings in prop::collection::vec([0_usize..4, 0_usize..4, 0_usize..4], 0..20)) {
        let counts = |relabel: fn(usize) -> usize| -> Vec<Vec<u32>> {
            let count = |row: &[usize; 3], category| row.iter().filter(|&&own| relabel(own) == category).count() as u32;
            ratings.iter().map(|row| (0..4).map(|category| count(row, category)).collect()).collect()
        };
        let of = |counts: &[Vec<u32>]| fleiss(counts, Confidence::P95, QUICK);
        let value = sound(of(&counts(|category| category)))?;
        prop_assert!(same(value, sound(of(&counts(|category| 3 - category)))?));
        let mut turned = counts(|category| category);
        turned.reverse();
        prop_assert!(same(value, sound(of(&turned))?));
    }

    #[test]
    fn krippendorffs_alpha(rows in rows()) {
        for metric in ALL_METRICS {
            let of = |rows: &[Vec<Option<f64>>]| alpha(rows, metric, Confidence::P95, QUICK);
            let value = sound(of(&rows))?;
            let turned: Vec<Vec<_>> = rows.iter().rev().map(|row| row.iter().rev().copied().collect()).collect();
            prop_assert!(same(value, sound(of(&turned))?), "neither units nor raters have an order");
            let mut padded = rows.clone();
            padded.push(vec![Some(3.0), None, None, None]);
            prop_assert!(same(value, sound(of(&padded))?), "a lone rating tells nothing");
            let scaled = |factor: f64, shift: f64| -> Vec<Vec<Option<f64>>> {
                rows.iter().map(|row| row.iter().map(|value| value.map(|value| value * factor + shift)).collect()).collect()
            };
            prop_assert!(same(value, sound(of(&scaled(8.0, 0.0)))?), "units of measure don't matter");
            if metric != Metric::Ratio {
                prop_assert!(same(value, sound(of(&scaled(1.0, 100.0)))?), "nor does where the scale begins");
            }
        }
    }

    #[test]
    fn any_numbers_are_answered(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of(any::<f64>()), 0..5), 0..8),
    ) {
        for metric in ALL_METRICS {
            sound(alpha(&rows, metric, Confidence::P95, QUICK))?;
        }
        for severity in severities(&rows, Confidence::P95).into_iter().flatten().flatten() {
            prop_assert!(severity.value.is_finite());
        }
    }

    #[test]
    fn severities_sum_to_nothing_in_each_panel(rows in rows()) {
        let Ok(found) = severities(&rows, Confidence::P95) else {
            return Ok(());
        };
        for panel in 0..4 {
            let sum: f64 = found.iter().flatten().filter(|s| s.panel == panel).map(|s| s.value).sum();
            prop_assert!(sum.abs() < 1e-9, "{found:?}");
        }
        let shifted: Vec<Vec<Option<f64>>> = rows
            .iter()
            .enumerate()
            .map(|(unit, row)| row.iter().map(|value| value.map(|value| value + unit as f64)).collect())
            .collect();
        for (one, other) in found.iter().zip(severities(&shifted, Confidence::P95).unwrap()) {
            prop_assert!(same(one.map_or(0.0, |s| s.value), other.map_or(0.0, |s| s.value)), "how good a chat is doesn't matter");
        }
    }

    #[test]
    fn rates(days in prop::collection::vec((0_u64..40, 0_u64..20, 0_u64..20), 0..10)) {
        let strata: Vec<Stratum> = days
            .iter()
            .map(|&(more, failed, passed)| Stratum { eligible: more + failed + passed, reviewed: failed + passed, passed })
            .collect();
        let found = rate(&strata, Confidence::P95);
        prop_assert_eq!(found.is_err(), strata.iter().all(|day| day.reviewed == 0));
        let Ok(found) = found else {
            return Ok(());
        };
        prop_assert!(found.estimate.interval.contains(found.estimate.value));
        prop_assert!(found.estimate.interval.low >= 0.0 && found.estimate.interval.high <= 1.0);
        prop_assert_eq!(found.covered + found.uncovered, strata.iter().map(|day| day.eligible).sum::<u64>());
        prop_assert!(found.effective_size > 0.0);
        let opposite: Vec<Stratum> =
            strata.iter().map(|day| Stratum { passed: day.reviewed - day.passed, ..*day }).collect();
        let failed = rate(&opposite, Confidence::P95).unwrap().estimate;
        prop_assert!(same(failed.value, 1.0 - found.estimate.value));
        prop_assert!((failed.interval.low - (1.0 - found.estimate.interval.high)).abs() < 1e-9);
    }

    #[test]
    fn means(days in prop::collection::vec((0_u64..9, prop::collection::vec(-5.0..5.0_f64, 0..6)), 0..8)) {
        let strata: Vec<ScoreStratum<'_>> = days
            .iter()
            .map(|(more, scores)| ScoreStratum { eligible: more + scores.len() as u64, scores })
            .collect();
        if let Ok(found) = mean(&strata, Confidence::P95) {
            prop_assert!(found.estimate.interval.contains(found.estimate.value));
            prop_assert!(found.standard_error.is_finite() && found.estimate.value.abs() <= 5.0 + 1e-9);
        }
    }

    #[test]
    fn a_comparison_is_its_mirror(passed in 0_u64..=30, other in 0_u64..=30) {
        let of = |passed| wilson(passed, 30, Confidence::P95).unwrap();
        let (there, back) = (compare(of(passed), of(other)), compare(of(other), of(passed)));
        prop_assert!(same(there.difference.value, -back.difference.value));
        prop_assert!(same(there.difference.interval.low, -back.difference.interval.high));
        prop_assert!(there.difference.interval.contains(there.difference.value));
    }

    #[test]
    fn detection(eligible in 0_u64..5_000, faulty in 0_u64..5_000, drawn in 0_u64..5_000) {
        let found = detection_in(eligible, faulty, drawn);
        prop_assert_eq!(found.is_ok(), faulty <= eligible && drawn <= eligible);
        if let Ok(found) = found {
            prop_assert!((0.0..=1.0).contains(&found));
            let endless = detection_at_rate(drawn, faulty as f64 / eligible.max(1) as f64).unwrap();
            prop_assert!(found >= endless - 1e-9, "without replacement nothing is looked at twice");
        }
    }
}
