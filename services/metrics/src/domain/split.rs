//! Parts that add up to the whole: the method of the largest remainder.
//!
//! Each part gets the whole part of its exact quota (whole × weight ÷ all weights); what is then left goes, one unit
//! each, to the largest remainders, among equals to the lower key. So the parts add up, none is a unit or more away
//! from its quota, a greater weight never gets less, and the order in which parts are listed changes nothing.

/// One part to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share<K> {
    /// Decides between equal remainders.
    pub key: K,
    /// Not negative; only proportions count.
    pub weight: i64,
    /// What somebody set by hand: the part is this and the others share the rest.
    pub fixed: Option<i64>,
}

/// Why there is no split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Set by hand is more than there is.
    #[error("the parts set by hand are {excess} more than the whole")]
    Exceeded {
        /// How much too much, in units.
        excess: i128,
    },
    /// Something is left and nobody has a weight to take it.
    #[error("nobody has a weight to take what is left")]
    NothingWeighs,
}

/// The parts, in the order of `shares`. `whole` and weights must not be negative.
pub fn split<K: Ord>(whole: i64, shares: &[Share<K>]) -> Result<Vec<i64>, SplitError> {
    let fixed: i128 = shares.iter().filter_map(|share| share.fixed).map(i128::from).sum();
    let rest = i128::from(whole) - fixed;
    if rest < 0 {
        return Err(SplitError::Exceeded { excess: -rest });
    }
    let free = |share: &Share<K>| if share.fixed.is_some() { 0 } else { i128::from(share.weight) };
    let weights: i128 = shares.iter().map(free).sum();
    if weights == 0 && rest > 0 {
        return Err(SplitError::NothingWeighs);
    }
    let mut parts = Vec::with_capacity(shares.len());
    let mut remainders = Vec::with_capacity(shares.len());
    let mut left = rest;
    for (at, share) in shares.iter().enumerate() {
        let (quota, remainder) = match weights {
            0 => (0, 0),
            _ => (rest * free(share) / weights, rest * free(share) % weights),
        };
        left -= quota;
        parts.push(share.fixed.map_or(quota, i128::from));
        remainders.push((remainder, at));
    }
    remainders.sort_by(|(one, at), (other, beside)| {
        other.cmp(one).then_with(|| shares[*at].key.cmp(&shares[*beside].key))
    });
    for (_, at) in remainders.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        parts[at] += 1;
    }
    Ok(parts.into_iter().map(|part| i64::try_from(part).expect("no part exceeds the whole")).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(weights: &[i64]) -> Vec<Share<usize>> {
        weights.iter().enumerate().map(|(key, weight)| Share { key, weight: *weight, fixed: None }).collect()
    }

    fn check(whole: i64, weights: &[i64], expected: &[i64]) {
        assert_eq!(split(whole, &shares(weights)).as_deref(), Ok(expected), "{whole} by {weights:?}");
    }

    #[test]
    fn what_is_left_goes_to_the_largest_remainders() {
        check(100, &[1, 1, 1], &[34, 33, 33]);
        check(100, &[1, 2, 3], &[17, 33, 50]);
        check(10, &[0, 5, 5], &[0, 5, 5]);
        check(7, &[42], &[7]);
        // More people than cents.
        check(2, &[1, 1, 1, 1], &[1, 1, 0, 0]);
        check(0, &[0, 0], &[0, 0]);
        check(i64::MAX, &[i64::MAX, i64::MAX], &[i64::MAX / 2 + 1, i64::MAX / 2]);
    }

    #[test]
    fn parts_set_by_hand_leave_the_rest_to_the_others() {
        let mut three = shares(&[1, 1, 2]);
        three[2].fixed = Some(10);
        assert_eq!(split(101, &three), Ok(vec![46, 45, 10]));
        three[0].fixed = Some(92);
        assert_eq!(split(101, &three), Err(SplitError::Exceeded { excess: 1 }));
        three[0].fixed = Some(90);
        three[1].fixed = Some(0);
        assert_eq!(split(101, &three), Err(SplitError::NothingWeighs));
        assert_eq!(split(100, &three), Ok(vec![90, 0, 10]));
    }

    #[test]
    fn nothing_can_be_given_to_nobody() {
        check(0, &[], &[]);
        assert_eq!(split(1, &shares(&[])), Err(SplitError::NothingWeighs));
        assert_eq!(split(1, &shares(&[0, 0])), Err(SplitError::NothingWeighs));
    }

    fn weighed() -> impl Strategy<Value = (i64, Vec<i64>)> {
        let weight = prop_oneof![2 => Just(0i64), 5 => 1..50i64, 1 => 0..=1_000_000_000_000i64];
        (prop_oneof![0..200i64, 0..=i64::MAX / 2], prop::collection::vec(weight, 1..40))
            .prop_filter("somebody weighs", |(_, weights)| weights.iter().any(|weight| *weight > 0))
    }

    proptest! {
        #[test]
        fn parts_add_up_and_stay_within_a_unit_of_their_quota((whole, weights) in weighed()) {
            let parts = split(whole, &shares(&weights)).expect("somebody weighs");
            prop_assert_eq!(parts.iter().map(|part| i128::from(*part)).sum::<i128>(), i128::from(whole));
            let all: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
            for (part, weight) in parts.iter().zip(&weights) {
                let away = i128::from(*part) * all - i128::from(whole) * i128::from(*weight);
                prop_assert!(away.abs() < all, "{part} for {weight}");
                prop_assert!(*weight > 0 || *part == 0);
            }
        }

        #[test]
        fn a_greater_weight_never_gets_less((whole, weights) in weighed()) {
            let parts = split(whole, &shares(&weights)).expect("somebody weighs");
            let mut by_weight: Vec<_> = weights.iter().zip(&parts).collect();
            by_weight.sort_unstable();
            for pair in by_weight.windows(2) {
                prop_assert!(pair[0].0 == pair[1].0 || pair[0].1 <= pair[1].1);
            }
        }

        #[test]
        fn the_order_of_parts_and_the_scale_of_weights_change_nothing(
            (whole, weights) in weighed(), scale in 1..1000i64, turn in 0..40usize,
        ) {
            let parts = split(whole, &shares(&weights)).expect("somebody weighs");
            let mut turned = shares(&weights);
            turned.iter_mut().for_each(|share| share.weight *= scale);
            let turn = turn % turned.len();
            turned.rotate_left(turn);
            let mut again = split(whole, &turned).expect("somebody weighs");
            again.rotate_right(turn);
            prop_assert_eq!(parts, again);
        }
    }
}
