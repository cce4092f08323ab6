//! Figures with their intervals on the wire.

use agreement::{Estimate, Interval};
use proto::qa::v1 as pb;

use crate::domain::calibration::report::Figure;

/// A figure that may be unsure.
pub(super) fn value(value: f64, interval: Option<Interval>) -> pb::Estimate {
    let (low, high) = interval.map_or((None, None), |interval| (Some(interval.low), Some(interval.high)));
    pb::Estimate { value: Some(value), low, high, undefined: String::new() }
}

/// A figure with its interval.
pub(super) fn estimate(estimate: Estimate) -> pb::Estimate {
    value(estimate.value, Some(estimate.interval))
}

/// No figure, and why.
pub(super) fn undefined(why: impl std::fmt::Display) -> pb::Estimate {
    pb::Estimate { undefined: why.to_string(), ..pb::Estimate::default() }
}

/// A figure, or why there is none.
pub(super) fn figure(figure: Figure) -> pb::Estimate {
    figure.map_or_else(undefined, |agreement| estimate(agreement.estimate))
}
