//! What is to be reached, and whether it is.

use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::amount::Amount;
use crate::domain::any_measure::AnyMeasure;
use crate::domain::explanation::Unit;
use crate::domain::trade_measure::TradeMeasure;

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
    /// 付款金额 less what was refunded of it.
    Net,
}

/// A value for one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndicatorGoal {
    /// Which figure.
    pub measure: AnyMeasure,
    /// On which side it is reached.
    pub direction: Direction,
    /// A count as it is; a ratio or seconds in millionths.
    pub value: i64,
}

impl IndicatorGoal {
    /// From a value in the figure's own unit; amounts in the smallest unit of the currency, times in seconds. `field` is named in what is wrong.
    pub fn of(field: &str, measure: AnyMeasure, direction: Direction, value: f64) -> Result<Self, Violation> {
        let wrong = |description: &str| {
            Err(Violation { field: format!("{field}.value"), description: description.to_owned() })
        };
        if measure == TradeMeasure::AgentsShareOfSales.into() {
            let why = "must be one that is reached day by day: a share of all sales is not";
            return Err(Violation { field: format!("{field}.measure"), description: why.to_owned() });
        }
        let scaled = match measure.unit() {
            Unit::Count if value.fract() != 0.0 => return wrong("must be a whole number for a count"),
            Unit::Count => value,
            Unit::Rate | Unit::Milliseconds => (value * MICROS).round(),
        };
        // At most 10^18, by the rules of the proto: exact enough, and an i64.
        if !(1.0..=1e18).contains(&scaled) {
            return wrong("must be more than nothing and at most 10^12");
        }
        Ok(Self { measure, direction, value: scaled as i64 })
    }

    /// The value in the figure's own unit.
    pub fn in_units(&self) -> f64 {
        match self.measure.unit() {
            Unit::Count => self.value as f64,
            Unit::Rate | Unit::Milliseconds => self.value as f64 / MICROS,
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
            Self::Indicator(goal) => goal.measure.unit() == Unit::Count,
        }
    }

    /// The figure that is compared with it.
    pub fn measure(&self) -> AnyMeasure {
        let sales = match self {
            Self::Indicator(goal) => return goal.measure,
            Self::Sales { basis: SalesBasis::Paid, .. } => TradeMeasure::PaidAmount,
            Self::Sales { basis: SalesBasis::Ordered, .. } => TradeMeasure::OrderedAmount,
            Self::Sales { basis: SalesBasis::Net, .. } => TradeMeasure::NetAmount,
        };
        sales.into()
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
                let per_unit =
                    if goal.measure.unit() == Unit::Milliseconds { MICROS / 1_000.0 } else { MICROS };
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
    use crate::domain::explanation::Measure;
    use crate::domain::money::Currency;

    fn indicator(measure: impl Into<AnyMeasure>, direction: Direction, value: f64) -> Goal {
        Goal::Indicator(IndicatorGoal::of("goal", measure.into(), direction, value).expect("a goal"))
    }

    #[test]
    fn goals_are_kept_in_their_figures_unit() {
        let count = indicator(Measure::Conversations, Direction::AtLeast, 120.0);
        assert_eq!((count.units(), count.adds_up()), (120, true));
        let rate = indicator(Measure::Satisfaction, Direction::AtLeast, 0.985);
        assert_eq!((rate.units(), rate.adds_up()), (985_000, false));
        let time = indicator(Measure::FirstResponse, Direction::AtMost, 30.0);
        assert_eq!(time.units(), 30_000_000);
        let handled = indicator(TradeMeasure::OrderHandling, Direction::AtMost, 1.5);
        assert_eq!((handled.units(), handled.adds_up()), (1_500_000, false));
        let net = indicator(TradeMeasure::NetAmount, Direction::AtLeast, 100_000.0);
        assert_eq!((net.units(), net.adds_up()), (100_000, true));
        let share = TradeMeasure::AgentsShareOfSales.into();
        let refused =
            IndicatorGoal::of("goal", share, Direction::AtLeast, 0.5).expect_err("no days of its own");
        assert_eq!(refused.field, "goal.measure");
        let refused = IndicatorGoal::of("goal", Measure::Conversations.into(), Direction::AtLeast, 1.5);
        assert_eq!(refused.expect_err("is no count").field, "goal.value");
        IndicatorGoal::of("goal", Measure::Satisfaction.into(), Direction::AtLeast, 1e-9)
            .expect_err("is nothing");
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
            amount: Amount { currency: Currency { code: currency.to_owned(), decimals: 2 }, minor: 1 },
            basis: SalesBasis::Paid,
        };
        assert!(sales("CNY").is_like(&sales("CNY")) && !sales("CNY").is_like(&sales("JPY")));
        let satisfied = indicator(Measure::Satisfaction, Direction::AtLeast, 0.9);
        assert!(satisfied.is_like(&indicator(Measure::Satisfaction, Direction::AtLeast, 0.8)));
        assert!(!satisfied.is_like(&indicator(Measure::Completion, Direction::AtLeast, 0.9)));
        assert!(!satisfied.is_like(&sales("CNY")));
    }
}
