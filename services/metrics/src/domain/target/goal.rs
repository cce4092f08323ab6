//! What is to be reached, and whether it is.

use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::explanation::Measure;
use crate::domain::money::Amount;

/// Millionths: how exactly rates and times are kept.
const MICROS: f64 = 1_000_000.0;

/// On which side of its value a goal is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The more the better.
    AtLeast,
    /// The less the better.
    AtMost,
}

/// Which amounts count as sales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SalesBasis {
    /// 付款金额.
    Paid,
    /// 下单金额.
    Ordered,
}

/// How a figure's value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// How many: adds up, so it is split.
    Count,
    /// Numerator ÷ denominator.
    Ratio,
    /// Milliseconds ÷ how many; goals are in seconds.
    Time,
}

/// How a measure's value is read.
pub fn unit(measure: Measure) -> Unit {
    match measure {
        Measure::FirstResponse | Measure::Response | Measure::Length => Unit::Time,
        measure if measure.sums().1.is_none() => Unit::Count,
        _ => Unit::Ratio,
    }
}

/// A value for one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndicatorGoal {
    /// Which figure.
    pub measure: Measure,
    /// On which side it is reached.
    pub direction: Direction,
    /// A count as it is; a ratio or seconds in millionths.
    pub value: i64,
}

impl IndicatorGoal {
    /// From a value in the figure's own unit. `field` is named in what is wrong.
    pub fn of(field: &str, measure: Measure, direction: Direction, value: f64) -> Result<Self, Violation> {
        let wrong = |description: &str| {
            Err(Violation { field: format!("{field}.value"), description: description.to_owned() })
        };
        let scaled = match unit(measure) {
            Unit::Count if value.fract() != 0.0 => return wrong("must be a whole number for a count"),
            Unit::Count => value,
            Unit::Ratio | Unit::Time => (value * MICROS).round(),
        };
        // At most 10^18, by the rules of the proto: exact enough, and an i64.
        if !(1.0..=1e18).contains(&scaled) {
            return wrong("must be more than nothing and at most 10^12");
        }
        Ok(Self { measure, direction, value: scaled as i64 })
    }

    /// The value in the figure's own unit.
    pub fn in_units(&self) -> f64 {
        match unit(self.measure) {
            Unit::Count => self.value as f64,
            Unit::Ratio | Unit::Time => self.value as f64 / MICROS,
        }
    }
}

/// What a target is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// An amount to sell.
    Sales {
        /// How much.
        amount: Amount,
        /// Counted how.
        basis: SalesBasis,
    },
    /// A value for a figure.
    Indicator(IndicatorGoal),
}

/// Which actual figures answer a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actuals {
    /// A figure of conversations.
    Measure(Measure),
    /// Sales.
    Sales(SalesBasis),
}

impl Goal {
    /// The whole in the units that parts are made of: minor units, a count, or millionths.
    pub fn units(&self) -> i64 {
        match self {
            Self::Sales { amount, .. } => amount.minor,
            Self::Indicator(goal) => goal.value,
        }
    }

    /// Whether parts add up to the whole; else each has the whole's value.
    pub fn adds_up(&self) -> bool {
        match self {
            Self::Sales { .. } => true,
            Self::Indicator(goal) => unit(goal.measure) == Unit::Count,
        }
    }

    /// What is to be compared with it.
    pub fn actuals(&self) -> Actuals {
        match self {
            Self::Sales { basis, .. } => Actuals::Sales(*basis),
            Self::Indicator(goal) => Actuals::Measure(goal.measure),
        }
    }

    /// Whether both are about the same thing, so that one can take the other's place.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sales { amount, basis }, Self::Sales { amount: other, basis: counted }) => {
                amount.currency == other.currency && basis == counted
            }
            (Self::Indicator(one), Self::Indicator(other)) => {
                (one.measure, one.direction) == (other.measure, other.direction)
            }
            _ => false,
        }
    }

    fn direction(&self) -> Direction {
        match self {
            Self::Sales { .. } => Direction::AtLeast,
            Self::Indicator(goal) => goal.direction,
        }
    }

    /// An actual figure (numerator, denominator) in the units of the goal; `None` of nothing.
    pub fn level(&self, (above, below): (i64, i64)) -> Option<f64> {
        match self {
            Self::Indicator(goal) if !self.adds_up() => {
                let per_unit = if unit(goal.measure) == Unit::Time { MICROS / 1_000.0 } else { MICROS };
                (below != 0).then(|| above as f64 * per_unit / below as f64)
            }
            _ => Some(above as f64),
        }
    }

    /// How much of `wanted` units a level is; 1 is exactly reached.
    pub fn attainment(&self, level: f64, wanted: i64) -> Option<f64> {
        let (above, below) = match self.direction() {
            Direction::AtLeast => (level, wanted as f64),
            Direction::AtMost => (wanted as f64, level),
        };
        (below != 0.0).then(|| above / below)
    }

    /// Whether a level reaches `wanted` units.
    pub fn reaches(&self, level: f64, wanted: i64) -> bool {
        match self.direction() {
            Direction::AtLeast => level >= wanted as f64,
            Direction::AtMost => level <= wanted as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indicator(measure: Measure, direction: Direction, value: f64) -> Goal {
        Goal::Indicator(IndicatorGoal::of("goal", measure, direction, value).expect("a goal"))
    }

    #[test]
    fn goals_are_kept_in_their_figures_unit() {
        let count = indicator(Measure::Conversations, Direction::AtLeast, 120.0);
        assert_eq!((count.units(), count.adds_up()), (120, true));
        let rate = indicator(Measure::Satisfaction, Direction::AtLeast, 0.985);
        assert_eq!((rate.units(), rate.adds_up()), (985_000, false));
        let time = indicator(Measure::FirstResponse, Direction::AtMost, 30.0);
        assert_eq!(time.units(), 30_000_000);
        let refused = IndicatorGoal::of("goal", Measure::Conversations, Direction::AtLeast, 1.5);
        assert_eq!(refused.expect_err("is no count").field, "goal.value");
        IndicatorGoal::of("goal", Measure::Satisfaction, Direction::AtLeast, 1e-9).expect_err("is nothing");
    }

    #[test]
    fn attainment_is_one_where_the_goal_is_just_reached() {
        let check = |goal: &Goal, actual: (i64, i64), attained: f64, reached: bool| {
            let level = goal.level(actual).expect("something");
            let found = goal.attainment(level, goal.units()).expect("something");
            assert!((found - attained).abs() < 1e-9, "{found} for {goal:?}");
            assert_eq!(goal.reaches(level, goal.units()), reached);
        };
        check(&indicator(Measure::Conversations, Direction::AtLeast, 100.0), (50, 0), 0.5, false);
        check(&indicator(Measure::Satisfaction, Direction::AtLeast, 0.9), (9, 10), 1.0, true);
        check(&indicator(Measure::FirstResponse, Direction::AtMost, 30.0), (120_000, 2), 0.5, false);
        check(&indicator(Measure::FirstResponse, Direction::AtMost, 30.0), (60_000, 2), 1.0, true);
        let nothing = indicator(Measure::Satisfaction, Direction::AtLeast, 0.9);
        assert_eq!(nothing.level((0, 0)), None);
    }

    #[test]
    fn only_like_goals_take_each_others_place() {
        let sales = |currency: &str| Goal::Sales {
            amount: Amount { currency: currency.to_owned(), minor: 1 },
            basis: SalesBasis::Paid,
        };
        assert!(sales("CNY").is_like(&sales("CNY")) && !sales("CNY").is_like(&sales("JPY")));
        let satisfied = indicator(Measure::Satisfaction, Direction::AtLeast, 0.9);
        assert!(satisfied.is_like(&indicator(Measure::Satisfaction, Direction::AtLeast, 0.8)));
        assert!(!satisfied.is_like(&indicator(Measure::Completion, Direction::AtLeast, 0.9)));
        assert!(!satisfied.is_like(&sales("CNY")));
    }
}
