//! Whether a figure is unusual against its own history.
//!
//! Robust z-scores by median and median absolute deviation (Iglewicz and Hoaglin, How to Detect and Handle Outliers,
//! 1993): a single odd day neither hides the next nor makes ordinary ones look odd.

/// Fewer days than this say nothing.
pub const DAYS_MIN: usize = 5;
/// Beyond this a figure is unusual, as Iglewicz and Hoaglin recommend.
const Z_MAX: f64 = 3.5;
/// Makes the median absolute deviation comparable with a standard deviation of normal values.
const MAD_FACTOR: f64 = 0.6745;
/// Does the same for the mean absolute deviation.
const MEAN_FACTOR: f64 = 1.253_314;

/// What is said about a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Beyond the band, below.
    UnusuallyLow,
    /// Beyond the band, above.
    UnusuallyHigh,
    /// Within the band.
    Ordinary,
    /// Too little history.
    TooFew,
}

/// A figure held against its history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// What is said.
    pub verdict: Verdict,
    /// The figure.
    pub value: f64,
    /// Days of history.
    pub days: usize,
    /// Middle and band of the history; `None` with [`Verdict::TooFew`].
    pub band: Option<Band>,
}

/// What is ordinary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The middle.
    pub median: f64,
    /// Lowest and highest ordinary value.
    pub ends: (f64, f64),
    /// How far away the figure is; `None` if the history never varied.
    pub z: Option<f64>,
}

/// Holds `value` against `history`.
pub fn judge(value: f64, history: &[f64]) -> Judgement {
    let days = history.len();
    if days < DAYS_MIN {
        return Judgement { verdict: Verdict::TooFew, value, days, band: None };
    }
    let middle = median(history.to_vec());
    let deviations: Vec<f64> = history.iter().map(|past| (past - middle).abs()).collect();
    let mean = deviations.iter().sum::<f64>() / days as f64;
    let mad = median(deviations);
    // More than half of the days are alike: the mean still tells how the others vary.
    let scale = if mad > 0.0 { mad / MAD_FACTOR } else { mean * MEAN_FACTOR };
    let ends = (middle - Z_MAX * scale, middle + Z_MAX * scale);
    let verdict = if value < ends.0 {
        Verdict::UnusuallyLow
    } else if value > ends.1 {
        Verdict::UnusuallyHigh
    } else {
        Verdict::Ordinary
    };
    let z = (scale > 0.0).then(|| (value - middle) / scale);
    Judgement { verdict, value, days, band: Some(Band { median: middle, ends, z }) }
}

impl Judgement {
    /// How unusual it is, for sorting; a figure that left a history without variation is the most unusual.
    pub fn distance(&self) -> f64 {
        match (self.verdict, self.band.and_then(|band| band.z)) {
            (Verdict::TooFew, _) => -1.0,
            (_, Some(z)) => z.abs(),
            (Verdict::Ordinary, None) => 0.0,
            (_, None) => f64::INFINITY,
        }
    }
}

/// The middle value, or the mean of the two middle ones. Not of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(value: f64, history: &[f64]) -> Verdict {
        judge(value, history).verdict
    }

    #[test]
    fn one_odd_day_in_the_history_hides_nothing() {
        let history = [20.0, 21.0, 19.0, 20.0, 22.0, 18.0, 500.0];
        assert_eq!(verdict(21.0, &history), Verdict::Ordinary);
        assert_eq!(verdict(40.0, &history), Verdict::UnusuallyHigh);
        assert_eq!(verdict(2.0, &history), Verdict::UnusuallyLow);
    }

    #[test]
    fn the_score_is_that_of_the_formula() {
        // Median 3, deviations 2 1 0 1 2: MAD 1.
        let judged = judge(8.0, &[1.0, 2.0, 3.0, 4.0, 5.0]).band.expect("enough days");
        assert!((judged.z.expect("varies") - 0.6745 * 5.0).abs() < 1e-12);
        assert!((judged.median - 3.0).abs() < 1e-12 && (judged.ends.1 - (3.0 + 3.5 / 0.6745)).abs() < 1e-9);
    }

    #[test]
    fn a_history_that_hardly_varies_is_still_judged() {
        let mostly = [5.0, 5.0, 5.0, 5.0, 6.0];
        assert_eq!(verdict(5.5, &mostly), Verdict::Ordinary);
        assert_eq!(verdict(9.0, &mostly), Verdict::UnusuallyHigh);
        let never = judge(5.1, &[5.0; 6]);
        assert_eq!((never.verdict, never.band.and_then(|b| b.z)), (Verdict::UnusuallyHigh, None));
        assert!(never.distance() > judge(1e9, &mostly).distance());
        assert_eq!(verdict(5.0, &[5.0; 6]), Verdict::Ordinary);
    }

    #[test]
    fn few_days_say_nothing() {
        let judged = judge(1.0, &[9.0; 4]);
        assert_eq!((judged.verdict, judged.days, judged.band), (Verdict::TooFew, 4, None));
    }
}
