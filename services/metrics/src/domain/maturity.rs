//! When figures of a day are settled: each measure by its own window.

use chrono::{Days, NaiveDate};

use crate::domain::any_measure::AnyMeasure;
use crate::domain::definition::Rules;

/// How long figures of a day may change as a matter of course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// The definition's maturation days.
    Usual,
    /// Those of conversions.
    Conversions,
    /// Those of refunds.
    Refunds,
}

impl Window {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Usual, Self::Conversions, Self::Refunds];

    /// How many further business days have to be over.
    pub fn days(self, rules: &Rules) -> i32 {
        match self {
            Self::Usual => rules.maturation_days,
            Self::Conversions => rules.trade.maturation_days,
            Self::Refunds => rules.trade.refund_maturation_days,
        }
    }

    /// The last day of a business day's window.
    pub fn last_day(self, day: NaiveDate, rules: &Rules) -> NaiveDate {
        let days = Days::new(u64::from(self.days(rules).unsigned_abs()));
        day.checked_add_days(days).unwrap_or(NaiveDate::MAX)
    }
}

impl AnyMeasure {
    /// By which window it matures.
    pub fn window(self) -> Window {
        match self {
            Self::Conversations(_) => Window::Usual,
            Self::Timelines(measure) => measure.window(),
        }
    }
}
