//! Intervals, and the forms in which figures are handed out.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::Undefined;

/// How often an interval made this way holds the true value: 0.95 for 95 %.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// 95 %.
    pub const P95: Self = Self(0.95);

    /// A level from 0.5 to 0.9999.
    ///
    /// # Errors
    /// [`Undefined::OutOfRange`] for anything else.
    pub fn new(level: f64) -> Result<Self, Undefined> {
        if (0.5..=0.9999).contains(&level) {
            Ok(Self(level))
        } else {
            Err(Undefined::OutOfRange { what: "confidence", value: level })
        }
    }

    /// The share, between 0 and 1.
    pub fn level(self) -> f64 {
        self.0
    }

    /// Both tails together hold `1 - level`.
    fn upper_tail(self) -> f64 {
        f64::midpoint(1.0, self.0)
    }

    pub(crate) fn z(self) -> f64 {
        Normal::standard().inverse_cdf(self.upper_tail())
    }

    /// The quantile of Student's distribution; the normal one where the two can't be told apart.
    pub(crate) fn t(self, degrees: f64) -> f64 {
        match StudentsT::new(0.0, 1.0, degrees) {
            Ok(student) if degrees < 1e6 => student.inverse_cdf(self.upper_tail()),
            _ => self.z(),
        }
    }
}

/// From `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether the value lies in it.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether the two have a value in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    pub(crate) fn around(value: f64, half: f64) -> Self {
        Self { low: value - half, high: value + half }
    }

    pub(crate) fn within(self, low: f64, high: f64) -> Self {
        Self { low: self.low.clamp(low, high), high: self.high.clamp(low, high) }
    }

    /// Rounding must not put a figure outside its own interval.
    pub(crate) fn with(self, value: f64) -> Self {
        Self { low: self.low.min(value), high: self.high.max(value) }
    }
}

/// A figure and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Its interval; `value` lies in it.
    pub interval: Interval,
}

/// How an interval of agreement was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// From the large-sample standard error.
    Analytic,
    /// Percentiles over resampled units.
    Bootstrap {
        /// Resamples asked for.
        resamples: u32,
        /// Those in which the figure was undefined, left out.
        skipped: u32,
    },
    /// Nobody disagreed, so neither way would show any spread. The lower end is Wilson's for `n` of `n` units: with this
    /// confidence at most `z² / (n + z²)` of all units are rated as by chance.
    NoDisagreement,
    /// The ratings show no spread to judge by; the interval is everything from -1 to 1.
    Unknown,
}

/// Agreement beyond chance: 1 is perfect, 0 as by chance, below 0 less than by chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// The coefficient and its interval.
    pub estimate: Estimate,
    /// Units that were compared.
    pub units: usize,
    /// How the interval was made.
    pub method: Method,
}

impl Agreement {
    /// For ratings without a single disagreement.
    pub(crate) fn perfect(units: usize, confidence: Confidence) -> Self {
        let (n, z) = (units as f64, confidence.z());
        let interval = Interval { low: n / (n + z * z), high: 1.0 };
        Self { estimate: Estimate { value: 1.0, interval }, units, method: Method::NoDisagreement }
    }

    pub(crate) fn unknown(value: f64, units: usize) -> Self {
        let interval = Interval { low: -1.0, high: 1.0 }.with(value);
        Self { estimate: Estimate { value, interval }, units, method: Method::Unknown }
    }
}

/// The share `passed / total` with Wilson's score interval (Wilson 1927).
///
/// # Errors
/// [`Undefined`] without a total, or if more passed than there were.
pub fn wilson(passed: u64, total: u64, confidence: Confidence) -> Result<Estimate, Undefined> {
    if total == 0 {
        return Err(Undefined::TooFew { what: "trials", found: 0, needed: 1 });
    }
    if passed > total {
        return Err(Undefined::Part { stratum: 0, what: "passed", part: passed, whole: total });
    }
    Ok(wilson_share(passed as f64 / total as f64, total as f64, confidence))
}

/// Wilson's interval for a share that is as sure as one from `size` independent trials.
pub(crate) fn wilson_share(share: f64, size: f64, confidence: Confidence) -> Estimate {
    let z2 = confidence.z().powi(2);
    let scale = 1.0 + z2 / size;
    let middle = (share + z2 / (2.0 * size)) / scale;
    let half = (share * (1.0 - share) * z2 / size + (z2 / (2.0 * size)).powi(2)).sqrt() / scale;
    let interval = Interval::around(middle, half).within(0.0, 1.0).with(share);
    Estimate { value: share, interval }
}
