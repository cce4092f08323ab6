//! Fixed buckets for durations, so that medians and percentiles can be added up like counts.
//!
//! Up to 50 ms each millisecond is a bucket; above, each bucket is at most 2 % wide and stands for its middle, which
//! is never more than 1 % away from any duration in it. The bounds are made of integers alone: the same duration
//! falls into the same bucket on every machine and in every version, or a revision could not take back what the old
//! one gave.

use std::sync::LazyLock;

/// Number of a bucket.
pub type Bucket = i16;

/// Lower bounds in milliseconds, ascending; the last bucket is open.
static BOUNDS: LazyLock<Vec<i64>> = LazyLock::new(|| {
    let mut bounds = vec![0];
    let mut bound = 0_i64;
    while bound < MAX_MS {
        bound += (bound / 50).max(1);
        bounds.push(bound);
    }
    bounds
});

/// 400 days: longer conversations don't exist, and if one does its exact length is of no interest.
const MAX_MS: i64 = 400 * 86_400_000;

/// The bucket of a duration.
pub fn of(ms: i64) -> Bucket {
    let above = BOUNDS.partition_point(|bound| *bound <= ms.max(0));
    // There are fewer than two thousand bounds, and the first is 0, so the point is never 0.
    Bucket::try_from(above - 1).unwrap_or(Bucket::MAX)
}

/// The longest duration of a bucket, in milliseconds; of the last, which is open, its lower bound.
pub fn last_ms(bucket: Bucket) -> i64 {
    let at = usize::try_from(bucket).unwrap_or(0).min(BOUNDS.len() - 1);
    BOUNDS.get(at + 1).map_or(BOUNDS[at], |next| next - 1)
}

/// The duration that a bucket stands for, in milliseconds.
pub fn representative_ms(bucket: Bucket) -> f64 {
    let at = usize::try_from(bucket).unwrap_or(0).min(BOUNDS.len() - 1);
    let low = BOUNDS[at];
    let high = BOUNDS.get(at + 1).map_or(low, |next| next - 1);
    (low + high) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_duration_is_more_than_one_percent_from_its_representative() {
        let mut ms = 0_i64;
        while ms < MAX_MS {
            let error = (representative_ms(of(ms)) - ms as f64).abs();
            assert!(error <= ms as f64 * 0.01, "{ms} ms is off by {error}");
            ms += 1 + ms / 777;
        }
    }

    #[test]
    fn both_ends_of_every_bucket_are_in_it() {
        for (at, low) in BOUNDS.iter().enumerate() {
            assert_eq!(usize::try_from(of(*low)), Ok(at));
            if let Some(next) = BOUNDS.get(at + 1) {
                assert_eq!(usize::try_from(of(next - 1)), Ok(at));
                assert!(next - 1 - low <= low / 50, "bucket from {low} is too wide");
            }
        }
    }

    #[test]
    fn known_durations_stay_where_they_are() {
        // Changing the bounds would make stored counts lie: these are for ever.
        assert_eq!(BOUNDS.len(), 1107);
        for (ms, bucket) in
            [(-5, 0), (0, 0), (49, 49), (50, 50), (1_000, 228), (180_000, 491), (i64::MAX, 1106)]
        {
            assert_eq!(of(ms), bucket, "{ms} ms");
        }
    }
}
