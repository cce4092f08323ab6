//! A figure's value: exact for programs, rounded once for people.

use crate::domain::any_measure::AnyMeasure;
use crate::domain::bucket::{self, Bucket};
use crate::domain::explanation::{Measure, Unit};
use crate::domain::money::{Currency, per_head};
use crate::domain::report::document::Figure;
use crate::domain::trade_measure::TradeMeasure;

/// How a figure is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A whole number.
    Count,
    /// An amount, to the currency's smallest unit.
    Amount,
    /// An amount per buyer, likewise.
    PerHead,
    /// A share of a hundred.
    Percent,
    /// A quotient with two decimals.
    Ratio,
    /// A duration in seconds.
    Seconds,
}

impl Style {
    /// The style of a figure.
    pub fn of(measure: AnyMeasure) -> Self {
        use TradeMeasure as T;
        match measure {
            AnyMeasure::Timelines(
                T::OrderedAmount
                | T::PaidAmount
                | T::RefundedAmount
                | T::NetAmount
                | T::CompletedRefundAmount
                | T::CartAmount
                | T::CartLeftAmount,
            ) => Self::Amount,
            AnyMeasure::Timelines(T::AverageOrderValue) => Self::PerHead,
            AnyMeasure::Timelines(
                T::SatisfactionScore
                | T::ItemScore
                | T::ServiceScore
                | T::DeliveryScore
                | T::ReceivedPerHead
                | T::ConversationsPerHour,
            )
            | AnyMeasure::Conversations(Measure::ReplyRatio) => Self::Ratio,
            measure => match measure.unit() {
                Unit::Count => Self::Count,
                Unit::Rate => Self::Percent,
                Unit::Milliseconds => Self::Seconds,
            },
        }
    }

    /// Its name in files for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Amount | Self::PerHead => "amount",
            Self::Percent => "rate",
            Self::Ratio => "ratio",
            Self::Seconds => "seconds",
        }
    }
}

/// A value to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A quotient of nothing.
    Nothing,
    /// A whole number.
    Count(i64),
    /// Smallest units, and how many digits stand after the point.
    Amount(i64, u32),
    /// A share of a hundred.
    Percent(i64, i64),
    /// A quotient.
    Ratio(i64, i64),
    /// Milliseconds, shared by a count.
    Seconds(i64, i64),
    /// The duration that a fixed bucket stands for.
    Bucket(Bucket),
}

impl Value {
    /// The value of a figure.
    pub fn of(measure: AnyMeasure, figure: Figure, currency: &Currency) -> Self {
        let Figure { above, below, .. } = figure;
        match Style::of(measure) {
            Style::Count => Self::Count(above),
            Style::Amount => Self::Amount(above, currency.decimals),
            Style::PerHead => {
                per_head(above, below).map_or(Self::Nothing, |share| Self::Amount(share, currency.decimals))
            }
            _ if below == 0 => Self::Nothing,
            Style::Percent => Self::Percent(above, below),
            Style::Ratio => Self::Ratio(above, below),
            Style::Seconds => Self::Seconds(above, below),
        }
    }

    /// The number, as the API gives it; `None` of nothing.
    pub fn number(self) -> Option<f64> {
        Some(match self {
            Self::Nothing => return None,
            Self::Count(count) => count as f64,
            Self::Amount(minor, decimals) => minor as f64 / 10_f64.powi(i32::try_from(decimals).unwrap_or(0)),
            Self::Percent(above, below) | Self::Ratio(above, below) => above as f64 / below as f64,
            Self::Seconds(ms, count) => ms as f64 / 1_000.0 / count as f64,
            Self::Bucket(bucket) => bucket::representative_ms(bucket) / 1_000.0,
        })
    }

    /// Every digit, without separators or signs of units; empty for nothing.
    pub fn exact(self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Amount(minor, decimals) => decimal(minor.into(), 10_i128.pow(decimals), decimals),
            value => value.number().map(|number| number.to_string()).unwrap_or_default(),
        }
    }

    /// To be read: rounded at the half, with separators; a dash for nothing.
    pub fn shown(self) -> String {
        match self {
            Self::Nothing => "–".to_owned(),
            Self::Count(count) => grouped(&count.to_string()),
            Self::Amount(minor, decimals) => grouped(&decimal(minor.into(), 10_i128.pow(decimals), decimals)),
            Self::Percent(above, below) => {
                format!("{}%", grouped(&decimal(i128::from(above) * 100, below.into(), 2)))
            }
            Self::Ratio(above, below) => grouped(&decimal(above.into(), below.into(), 2)),
            Self::Seconds(ms, count) => grouped(&decimal(ms.into(), i128::from(count) * 1_000, 1)),
            Self::Bucket(bucket) => {
                // A bucket stands for its middle: a whole or a half of a millisecond.
                let halves = (bucket::representative_ms(bucket) * 2.0).round() as i128;
                grouped(&decimal(halves, 2_000, 1))
            }
        }
    }
}

/// `above ÷ below` with some decimals, rounded at the half, away from zero.
pub fn decimal(above: i128, below: i128, decimals: u32) -> String {
    let scale = 10_i128.pow(decimals);
    let (above, below) = if below < 0 { (-above, -below) } else { (above, below.max(1)) };
    let scaled = above.unsigned_abs() * scale.unsigned_abs();
    let (mut whole, rest) = (scaled / below.unsigned_abs(), scaled % below.unsigned_abs());
    if rest * 2 >= below.unsigned_abs() {
        whole += 1;
    }
    let sign = if above < 0 && whole != 0 { "-" } else { "" };
    let (units, parts) = (whole / scale.unsigned_abs(), whole % scale.unsigned_abs());
    if decimals == 0 {
        return format!("{sign}{units}");
    }
    format!("{sign}{units}.{parts:0width$}", width = decimals as usize)
}

/// The same with a comma before every third digit of the whole part.
pub fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, parts) = digits.split_once('.').map_or((digits, None), |(whole, parts)| (whole, Some(parts)));
    let mut text = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(parts) = parts {
        text.push('.');
        text.push_str(parts);
    }
    text
}

/// How a value changed: relative, or for shares of a hundred in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// Relative to before.
    Relative(f64),
    /// In hundredths.
    Points(f64),
}

impl Change {
    /// Of a figure since before; `None` if a side has no value, or there is nothing to be relative to.
    pub fn of(measure: AnyMeasure, now: Figure, before: Figure) -> Option<Self> {
        let value = |figure: Figure| {
            let Figure { above, below, .. } = figure;
            match measure.unit() {
                Unit::Count => Some(above as f64),
                _ if below == 0 => None,
                Unit::Rate => Some(above as f64 / below as f64),
                Unit::Milliseconds => Some(above as f64 / 1_000.0 / below as f64),
            }
        };
        let (now, before) = (value(now)?, value(before)?);
        match Style::of(measure) {
            Style::Percent => Some(Self::Points(now - before)),
            _ => (before != 0.0).then(|| Self::Relative((now - before) / before)),
        }
    }

    /// The number: a fraction.
    pub fn number(self) -> f64 {
        match self {
            Self::Relative(part) | Self::Points(part) => part,
        }
    }

    /// To be read, with its sign.
    pub fn shown(self, points: &str) -> String {
        let number = self.number() * 100.0;
        match self {
            Self::Relative(_) => format!("{}%", signed(number, 1)),
            Self::Points(_) => format!("{} {points}", signed(number, 2)),
        }
    }
}

fn signed(number: f64, decimals: usize) -> String {
    let text = format!("{number:+.decimals$}");
    // What rounds to nothing has no sign.
    if text.chars().any(|c| c.is_ascii_digit() && c != '0') { text } else { text[1..].to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn yuan() -> Currency {
        Currency { code: "CNY".to_owned(), decimals: 2 }
    }

    fn figure(above: i64, below: i64) -> Figure {
        Figure { above, below, median: None, p90: None }
    }

    #[test]
    fn whatever_is_called_an_amount_is_money() {
        for measure in AnyMeasure::all() {
            assert_eq!(
                Style::of(measure) == Style::Amount,
                measure.name().ends_with("_AMOUNT"),
                "{}",
                measure.name()
            );
        }
    }

    #[test]
    fn values_are_rounded_once_and_at_the_half() {
        let check = |measure: AnyMeasure, above, below, shown: &str, exact: &str| {
            let value = Value::of(measure, figure(above, below), &yuan());
            assert_eq!(
                (value.shown().as_str(), value.exact().as_str()),
                (shown, exact),
                "{}",
                measure.name()
            );
        };
        check(Measure::Conversations.into(), 1_234_567, 0, "1,234,567", "1234567");
        check(TradeMeasure::PaidAmount.into(), 123_456_705, 0, "1,234,567.05", "1234567.05");
        check(TradeMeasure::NetAmount.into(), -5, 0, "-0.05", "-0.05");
        check(TradeMeasure::AverageOrderValue.into(), 10_000, 3, "33.33", "33.33");
        check(TradeMeasure::AverageOrderValue.into(), 0, 0, "–", "");
        check(Measure::ReplyRate.into(), 1, 3, "33.33%", "0.3333333333333333");
        check(Measure::ReplyRate.into(), 2, 3, "66.67%", "0.6666666666666666");
        check(Measure::ReplyRate.into(), 0, 0, "–", "");
        check(TradeMeasure::ServiceScore.into(), 39, 8, "4.88", "4.875");
        check(Measure::Response.into(), 45_250, 2, "22.6", "22.625");
        check(Measure::ReplyRatio.into(), 0, 7, "0.00", "0");
    }

    #[test]
    fn changes_of_shares_are_told_in_points() {
        let change = |measure: AnyMeasure, now, before| {
            Change::of(measure, now, before).map(|change| change.shown("pp"))
        };
        let rate = Measure::ReplyRate.into();
        assert_eq!(change(rate, figure(9, 10), figure(8, 10)).as_deref(), Some("+10.00 pp"));
        assert_eq!(change(rate, figure(9, 10), figure(0, 0)), None);
        let count = Measure::Conversations.into();
        assert_eq!(change(count, figure(90, 0), figure(120, 0)).as_deref(), Some("-25.0%"));
        assert_eq!(change(count, figure(90, 0), figure(90, 0)).as_deref(), Some("0.0%"));
        assert_eq!(change(count, figure(90, 0), figure(0, 0)), None);
    }

    proptest! {
        #[test]
        fn decimals_are_never_more_than_half_a_digit_off(above in -1_000_000_i64..1_000_000, below in 1_i64..100_000) {
            let read: f64 = decimal(above.into(), below.into(), 3).parse().expect("a number");
            prop_assert!((read - above as f64 / below as f64).abs() <= 0.000_5 + 1e-9);
        }

        #[test]
        fn separators_take_nothing_away(number in any::<i64>()) {
            prop_assert_eq!(grouped(&number.to_string()).replace(',', ""), number.to_string());
        }
    }
}
