//! Seeded resampling of units.

use crate::{Agreement, Confidence, Estimate, Interval, Method, Undefined};

/// How a bootstrap is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// The same seed gives the same interval.
    pub seed: u64,
    /// How often the units are drawn anew, 200 to 100,000.
    pub resamples: u32,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { seed: 0, resamples: 2_000 }
    }
}

/// Below this many usable resamples the tails are guesswork.
const USABLE_MIN: usize = 100;

impl Resampling {
    pub(crate) fn checked(self) -> Result<Self, Undefined> {
        if (200..=100_000).contains(&self.resamples) {
            Ok(self)
        } else {
            Err(Undefined::OutOfRange { what: "resamples", value: f64::from(self.resamples) })
        }
    }

    /// The interval of a coefficient: `again` computes it from drawn units, or says that it is undefined there.
    pub(crate) fn agreement(
        self,
        value: f64,
        units: usize,
        confidence: Confidence,
        mut again: impl FnMut(&[usize]) -> Option<f64>,
    ) -> Agreement {
        let mut random = SplitMix(self.seed);
        let mut drawn = vec![0; units];
        let mut values = Vec::with_capacity(self.resamples as usize);
        for _ in 0..self.resamples {
            drawn.fill_with(|| random.below(units));
            values.extend(again(&drawn));
        }
        if values.len() < USABLE_MIN {
            return Agreement::unknown(value, units);
        }
        values.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - confidence.level()) / 2.0;
        let cut = (tail * values.len() as f64) as usize;
        let interval = Interval { low: values[cut], high: values[values.len() - 1 - cut] }.with(value);
        let skipped = self.resamples - values.len() as u32;
        let method = Method::Bootstrap { resamples: self.resamples, skipped };
        Agreement { estimate: Estimate { value, interval }, units, method }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): eight lines whose output no library version can change, which a published
/// interval needs.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform below `limit` but for a bias of `limit / 2^64`.
    fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::SplitMix;

    #[test]
    fn the_generator_is_the_published_one() {
        // First outputs for seed 1234567, as in the reference C code's published check values.
        let mut random = SplitMix(1_234_567);
        assert_eq!(
            [random.next(), random.next(), random.next()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }
}
