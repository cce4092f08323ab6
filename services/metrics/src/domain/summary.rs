//! How measures spread over the members of a group: sum, mean, and by nearest rank median and p90.

use crate::domain::any_measure::AnyMeasure;
use crate::domain::explanation::Unit;
use crate::domain::figure::{DayRange, RowPlace};

/// A group's members in one run of days.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Where their rows stand.
    pub place: RowPlace,
    /// The days.
    pub days: DayRange,
    /// How many members.
    pub members: i64,
    /// In the order of [`AnyMeasure::all`].
    pub measures: Vec<MeasureSummary>,
}

/// How one measure spreads over members.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasureSummary {
    /// Which.
    pub measure: AnyMeasure,
    /// Members with a value.
    pub members: i64,
    /// Above and below the line, added up.
    pub total: (i64, i64),
    /// Of counts the sum for each member, else the quotient of the sums.
    pub mean: Option<f64>,
    /// The value in the middle, the lower of two.
    pub median: Option<f64>,
    /// The value that nine tenths don't exceed.
    pub p90: Option<f64>,
}

impl MeasureSummary {
    /// Of each member's numbers above and below the line.
    pub fn of(measure: AnyMeasure, members: impl Iterator<Item = (i64, i64)>) -> Self {
        let mut total = (0, 0);
        let mut values: Vec<f64> = Vec::new();
        for (above, below) in members {
            total = (total.0 + above, total.1 + below);
            values.extend(measure.value_of((above, below)));
        }
        values.sort_by(f64::total_cmp);
        let mean = match measure.unit() {
            Unit::Count if values.is_empty() => None,
            Unit::Count => Some(total.0 as f64 / values.len() as f64),
            Unit::Rate | Unit::Milliseconds => measure.value_of(total),
        };
        let ranked =
            |tenths: usize| values.get((values.len() * tenths).div_ceil(10).saturating_sub(1)).copied();
        let (median, p90) = (ranked(5), ranked(9));
        Self { measure, members: values.len() as i64, total, mean, median, p90 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::explanation::Measure;
    use crate::domain::trade_measure::TradeMeasure;

    #[test]
    fn counts_are_shared_and_rates_weighed() {
        let of = |measure: AnyMeasure, members: &[(i64, i64)]| {
            let found = MeasureSummary::of(measure, members.iter().copied());
            (found.members, found.total, found.mean, found.median, found.p90)
        };
        let counts = [(1, 0), (2, 0), (6, 0), (7, 0)];
        let expected = (4, (16, 0), Some(4.0), Some(2.0), Some(7.0));
        assert_eq!(of(Measure::Conversations.into(), &counts), expected);
        // Whoever has nothing below the line has no rate, and one with much weighs much.
        let rates = [(1, 1), (0, 0), (0, 3)];
        assert_eq!(of(Measure::ReplyRate.into(), &rates), (2, (1, 4), Some(0.25), Some(0.0), Some(1.0)));
        let times = [(2_000, 1), (9_000, 3)];
        assert_eq!(of(Measure::Response.into(), &times), (2, (11_000, 4), Some(2.75), Some(2.0), Some(3.0)));
        assert_eq!(of(TradeMeasure::PaidAmount.into(), &[]), (0, (0, 0), None, None, None));
        assert_eq!(of(Measure::ReplyRate.into(), &[(0, 0)]), (0, (0, 0), None, None, None));
    }

    proptest! {
        #[test]
        fn ranks_are_values_of_members_with_enough_at_or_below(values in prop::collection::vec(0..50_i64, 1..40)) {
            let measure = Measure::Conversations.into();
            let found = MeasureSummary::of(measure, values.iter().map(|value| (*value, 0)));
            for (tenths, rank) in [(5, found.median), (9, found.p90)] {
                let rank = rank.expect("there are members");
                let through = |limit: f64| values.iter().filter(|value| **value as f64 <= limit).count();
                prop_assert!(values.contains(&(rank as i64)));
                prop_assert!(through(rank) * 10 >= values.len() * tenths);
                prop_assert!(through(rank - 1.0) * 10 < values.len() * tenths);
            }
        }
    }
}
