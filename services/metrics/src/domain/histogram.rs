//! How many durations fell into each bucket: adds up and takes back like a count, and yields medians.

use crate::domain::bucket::Bucket;
use crate::domain::varint::{Damaged, get, get_i64, put};

/// Counts by bucket. A change may hold negative counts; all changes of a day together never do.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    /// By bucket, as far as any was ever counted.
    counts: Vec<i64>,
}

impl Histogram {
    /// Changes the count of a bucket.
    pub fn change(&mut self, bucket: Bucket, by: i64) {
        let at = usize::try_from(bucket).unwrap_or(0);
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += by;
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Takes another one away; what is left may be negative.
    pub fn subtract(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine -= theirs);
    }

    /// Adds a packed histogram.
    pub fn add_packed(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        let mut rest = bytes;
        let mut bucket = 0_u64;
        while !rest.is_empty() {
            bucket = bucket.checked_add(get(&mut rest)?).ok_or(Damaged)?;
            let bucket = Bucket::try_from(bucket).map_err(|_| Damaged)?;
            let by = match get_i64(&mut rest)? {
                0 => get_i64(&mut rest)?.checked_neg().ok_or(Damaged)?,
                count => count,
            };
            self.change(bucket, by);
        }
        Ok(())
    }

    /// The packed form: for each bucket that counts, its distance to the one before and its count; before the size of
    /// a negative count stands a 0, which is no count itself.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut last = 0;
        for (at, count) in self.counts.iter().enumerate().filter(|(_, count)| **count != 0) {
            put(&mut out, (at - last) as u64);
            if *count < 0 {
                put(&mut out, 0);
            }
            put(&mut out, count.unsigned_abs());
            last = at;
        }
        out
    }

    /// How many of the values are in the bucket or below it.
    pub fn through(&self, bucket: Bucket) -> i64 {
        let end = usize::try_from(bucket).map_or(0, |at| at + 1).min(self.counts.len());
        self.counts[..end].iter().sum()
    }

    /// The bucket of the value that `tenths` of all values don't exceed (nearest rank); `None` if there are none.
    pub fn nearest_rank(&self, tenths: i64) -> Option<Bucket> {
        let total: i64 = self.counts.iter().sum();
        // Rounded up: the rank is that of a value that is there.
        let rank = (total * tenths + 9) / 10;
        let mut through = 0;
        let at = self.counts.iter().position(|count| {
            through += count;
            through >= rank
        });
        at.filter(|_| total > 0).and_then(|at| Bucket::try_from(at).ok())
    }
}

impl PartialEq for Histogram {
    /// Trailing zeros make no difference.
    fn eq(&self, other: &Self) -> bool {
        let (short, long) =
            if self.counts.len() < other.counts.len() { (self, other) } else { (other, self) };
        let (same, rest) = long.counts.split_at(short.counts.len());
        same == short.counts && rest.iter().all(|count| *count == 0)
    }
}

impl Eq for Histogram {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(entries: &[(Bucket, i64)]) -> Histogram {
        let mut histogram = Histogram::default();
        entries.iter().for_each(|(bucket, by)| histogram.change(*bucket, *by));
        histogram
    }

    proptest! {
        #[test]
        fn packed_histograms_add_up(
            one in prop::collection::vec((0..1_107_i16, -5_000..5_000_i64), 0..40),
            two in prop::collection::vec((0..1_107_i16, -5_000..5_000_i64), 0..40),
        ) {
            let mut sum = Histogram::default();
            sum.add_packed(&of(&one).pack())?;
            sum.add_packed(&of(&two).pack())?;
            let both: Vec<_> = one.iter().chain(&two).copied().collect();
            prop_assert_eq!(&sum, &of(&both));
            let mut added = of(&one);
            added.add(&of(&two));
            prop_assert_eq!(added, sum);
        }

        #[test]
        fn what_was_given_is_taken_back(given in prop::collection::vec((0..1_107_i16, 1..9_i64), 0..40)) {
            let mut histogram = of(&given);
            given.iter().for_each(|(bucket, by)| histogram.change(*bucket, -by));
            prop_assert!(histogram.is_empty());
            prop_assert_eq!(histogram.pack(), Vec::<u8>::new());
        }

        #[test]
        fn ranks_are_those_of_the_sorted_values(values in prop::collection::vec(0..300_i16, 1..60), tenths in 1..=10_i64) {
            let entries: Vec<_> = values.iter().map(|value| (*value, 1)).collect();
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = (values.len() * tenths as usize).div_ceil(10);
            prop_assert_eq!(of(&entries).nearest_rank(tenths), Some(sorted[rank - 1]));
        }
    }

    #[test]
    fn values_up_to_a_bucket_are_counted() {
        let histogram = of(&[(2, 1), (5, 3), (9, 2)]);
        for (bucket, count) in [(-1, 0), (1, 0), (2, 1), (5, 4), (8, 4), (9, 6), (1_106, 6)] {
            assert_eq!(histogram.through(bucket), count, "through {bucket}");
        }
    }

    #[test]
    fn nothing_has_no_median() {
        assert_eq!(Histogram::default().nearest_rank(5), None);
        assert_eq!(of(&[(3, 1), (3, -1)]).nearest_rank(5), None);
    }

    #[test]
    fn the_layout_is_fixed_and_damage_is_noticed() {
        assert_eq!(of(&[(2, -3), (4, 1)]).pack(), [2, 0, 3, 2, 1]);
        let packed = of(&[(2, 1), (300, 200)]).pack();
        assert_eq!(packed, [2, 1, 0xaa, 2, 0xc8, 1]);
        for cut in [1, 3, 5] {
            assert_eq!(Histogram::default().add_packed(&packed[..cut]), Err(Damaged), "cut at {cut}");
        }
        assert_eq!(Histogram::default().add_packed(&[0xff; 12]), Err(Damaged));
    }
}
