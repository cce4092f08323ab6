//! Whether two figures can be told apart.

use crate::{Estimate, Interval};

/// Which of two figures is higher, as far as can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first is higher.
    FirstHigher,
    /// The second is higher.
    SecondHigher,
    /// Not distinguishable: the intervals overlap.
    Unclear,
}

/// Two figures side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// First minus second, with the interval that follows from both (Newcombe 1998, method 10; Zou and Donner 2008):
    /// each end is reached from the nearer ends of the two.
    pub difference: Estimate,
    /// By overlap of the two intervals. That is stricter than asking whether the difference's interval holds 0, and is
    /// meant to be: where agents are compared, many pairs are looked at, and the order may decide pay.
    pub order: Order,
}

/// Compares two figures that were judged from different chats.
pub fn compare(first: Estimate, second: Estimate) -> Comparison {
    let value = first.value - second.value;
    let root = |a: f64, b: f64| a.hypot(b);
    let low = value - root(first.value - first.interval.low, second.interval.high - second.value);
    let high = value + root(first.interval.high - first.value, second.value - second.interval.low);
    let order = if first.interval.overlaps(second.interval) {
        Order::Unclear
    } else if first.value > second.value {
        Order::FirstHigher
    } else {
        Order::SecondHigher
    };
    Comparison { difference: Estimate { value, interval: Interval { low, high } }, order }
}
