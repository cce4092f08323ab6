//! What the end of the period will be if things go on so.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};

use crate::domain::figure::DayRange;
use crate::domain::split::{Share, split};

/// Days of history before the period.
const HISTORY_DAYS: u64 = 28;
/// What the weights of a week add up to.
const WEEK_WEIGHT: i64 = 10_000;

/// Weights of the days of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Where the weights are from.
    pub history: DayRange,
    /// From Monday; together 10,000, or all 1 without a history.
    pub weekday_weights: [i64; 7],
    /// Whether there is no history.
    pub even: bool,
    /// Of the days through the day.
    pub elapsed_weight: i64,
    /// Of all days.
    pub whole_weight: i64,
}

/// The days whose figures say how a week goes: four weeks, so each day of the week four times.
pub fn history(period: DayRange) -> DayRange {
    let from = period.from.checked_sub_days(Days::new(HISTORY_DAYS)).unwrap_or(NaiveDate::MIN);
    DayRange { from, to: period.from.pred_opt().unwrap_or(NaiveDate::MIN) }
}

impl Forecast {
    /// For a period of which the days through `through` are over, after what each day of the history reached.
    pub fn new(period: DayRange, through: NaiveDate, reached: &BTreeMap<NaiveDate, i64>) -> Self {
        let history = history(period);
        let mut totals = [0i64; 7];
        for (day, value) in reached.range(history.from..=history.to) {
            totals[day.weekday().num_days_from_monday() as usize] += (*value).max(0);
        }
        let shares: Vec<_> = totals
            .iter()
            .enumerate()
            .map(|(key, weight)| Share { key, weight: *weight, fixed: None })
            .collect();
        // Only if nothing weighs is there no split.
        let weights = split(WEEK_WEIGHT, &shares).ok().and_then(|weights| weights.try_into().ok());
        let (weekday_weights, even) = weights.map_or(([1; 7], true), |weights: [i64; 7]| (weights, false));
        let weigh = |days: DayRange| {
            let days = days.from.iter_days().take_while(|day| *day <= days.to);
            days.map(|day| weekday_weights[day.weekday().num_days_from_monday() as usize]).sum()
        };
        Self {
            history,
            weekday_weights,
            even,
            elapsed_weight: weigh(DayRange { from: period.from, to: through }),
            whole_weight: weigh(period),
        }
    }

    /// actual × whole weight ÷ elapsed weight, rounded half up; `None` if the days gone weigh nothing.
    pub fn of(&self, actual: i64) -> Option<i64> {
        scaled(actual, self.whole_weight, self.elapsed_weight)
    }

    /// What of a whole is due through the day if nobody split it over the days: whole × elapsed weight ÷ whole weight,
    /// rounded half up.
    pub fn share_to_date(&self, whole: i64) -> i64 {
        scaled(whole, self.elapsed_weight, self.whole_weight).unwrap_or(whole)
    }
}

/// value × above ÷ below, rounded half up.
fn scaled(value: i64, above: i64, below: i64) -> Option<i64> {
    if below == 0 {
        return None;
    }
    let (exact, below) = (2 * i128::from(value) * i128::from(above), i128::from(below));
    i64::try_from((exact + below).div_euclid(2 * below)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    const JUNE: fn() -> DayRange = || DayRange { from: day("2020-06-01"), to: day("2020-06-30") };

    #[test]
    fn without_history_every_day_weighs_the_same() {
        let forecast = Forecast::new(JUNE(), day("2020-06-10"), &BTreeMap::new());
        assert!(forecast.even);
        assert_eq!((forecast.elapsed_weight, forecast.whole_weight), (10, 30));
        assert_eq!((forecast.of(100), forecast.of(0)), (Some(300), Some(0)));
    }

    #[test]
    fn weekends_that_sell_twice_weigh_twice() {
        let may = history(JUNE());
        assert_eq!((may.from, may.to), (day("2020-05-04"), day("2020-05-31")));
        let reached = may.from.iter_days().take(28);
        let reached = reached
            .map(|day| (day, if day.weekday().num_days_from_monday() > 4 { 20 } else { 10 }))
            .collect();
        // June 2020 begins on a Monday: through Friday, 5 of 30 + 8 weights.
        let forecast = Forecast::new(JUNE(), day("2020-06-05"), &reached);
        assert_eq!(forecast.weekday_weights.iter().sum::<i64>(), 10_000);
        assert_eq!(forecast.weekday_weights, [1_111, 1_111, 1_111, 1_111, 1_111, 2_223, 2_222]);
        let expected = 500 * forecast.whole_weight / forecast.elapsed_weight;
        assert!(forecast.of(500).is_some_and(|found| (found - expected).abs() <= 1));
        assert!((3_790..3_810).contains(&expected), "{expected}");
    }

    #[test]
    fn days_that_weigh_nothing_say_nothing() {
        let reached = BTreeMap::from([(day("2020-05-31"), 5)]);
        let forecast = Forecast::new(JUNE(), day("2020-06-05"), &reached);
        assert_eq!((forecast.even, forecast.of(7)), (false, None));
        let forecast = Forecast::new(JUNE(), day("2020-06-07"), &reached);
        assert_eq!(forecast.of(7), Some(28));
    }

    #[test]
    fn at_the_end_the_forecast_is_what_was_reached() {
        let forecast = Forecast::new(JUNE(), day("2020-06-30"), &BTreeMap::from([(day("2020-05-20"), 3)]));
        for actual in [0, 1, 999, i64::MAX / 4] {
            assert_eq!(forecast.of(actual), Some(actual));
        }
    }
}
