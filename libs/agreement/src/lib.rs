//! How far raters agree, how strict each of them is, and how sure a figure is that comes from a sample.
//!
//! Pure: numbers in, numbers out. Nothing here knows chats, people, scorecards or storage. Every figure carries its
//! interval; what can't be computed is an [`Undefined`] that says why, never a NaN. Resampled intervals are seeded: the
//! same ratings, seed and count give the same bytes on every machine.
//!
//! Reading order: [`Estimate`] and [`Confidence`]; agreement by [`cohen`], [`fleiss`] and [`alpha`]; raters by
//! [`severities`] and [`calibrate`]; samples by [`wilson`], [`rate`], [`mean`], [`compare`] and the `detection` functions.
//!
//! Invariants: the order of units, and of raters where they are exchangeable, never matters beyond rounding; a figure
//! lies in its interval.

mod alpha;
mod calibration;
mod cohen;
mod comparison;
mod detection;
mod fleiss;
mod interval;
mod resampling;
mod severity;
mod stratified;
mod undefined;

pub use alpha::{Metric, alpha};
pub use calibration::{Calibration, CalibrationRule, RaterCalibration, calibrate};
pub use cohen::{Weights, cohen};
pub use comparison::{Comparison, Order, compare};
pub use detection::{detection_at_rate, detection_in, sample_for_detection};
pub use fleiss::fleiss;
pub use interval::{Agreement, Confidence, Estimate, Interval, Method, wilson};
pub use resampling::Resampling;
pub use severity::{Severity, severities};
pub use stratified::{Mean, Rate, ScoreStratum, Stratum, mean, rate};
pub use undefined::Undefined;
