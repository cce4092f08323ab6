//! Amounts in the smallest unit of their currency.

use serde::{Deserialize, Serialize};
use status::Violation;

const NANOS: i64 = 1_000_000_000;

/// An amount of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// ISO 4217.
    pub currency: String,
    /// In the smallest unit: fen for CNY.
    pub minor: i64,
}

impl Amount {
    /// From whole units and billionths, as messages have it. `field` is named in what is wrong.
    pub fn of(field: &str, currency: &str, units: i64, nanos: i32) -> Result<Self, Violation> {
        let wrong = |at: &str, description: &str| Violation {
            field: format!("{field}.{at}"),
            description: description.to_owned(),
        };
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong("currency_code", "must be three capital letters, for example CNY"));
        }
        let nanos = i64::from(nanos);
        if !(0..NANOS).contains(&nanos) {
            return Err(wrong("nanos", "must be from 0 to 999,999,999"));
        }
        let scale = scale(currency);
        let step = NANOS / scale;
        if nanos % step != 0 {
            return Err(wrong("nanos", "has more decimals than the currency"));
        }
        let minor = units.checked_mul(scale).and_then(|minor| minor.checked_add(nanos / step));
        let minor = minor.filter(|minor| *minor >= 0);
        let minor = minor.ok_or_else(|| wrong("units", "must be neither negative nor too large"))?;
        Ok(Self { currency: currency.to_owned(), minor })
    }

    /// Whole units and billionths.
    pub fn parts(&self) -> (i64, i32) {
        let scale = scale(&self.currency);
        let nanos = self.minor % scale * (NANOS / scale);
        (self.minor / scale, i32::try_from(nanos).expect("less than a unit in billionths"))
    }
}

/// Smallest units in one unit, by ISO 4217: 100 but for the currencies that have none or a thousand.
fn scale(currency: &str) -> i64 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 1,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 1_000,
        _ => 100,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_come_back_as_they_were() {
        for (currency, units, nanos, minor) in [
            ("CNY", 1_234, 560_000_000, 123_456),
            ("CNY", 0, 10_000_000, 1),
            ("JPY", 99, 0, 99),
            ("KWD", 1, 234_000_000, 1_234),
        ] {
            let amount = Amount::of("goal", currency, units, nanos).expect("an amount");
            assert_eq!((amount.minor, amount.parts()), (minor, (units, nanos)));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_field() {
        for (currency, units, nanos, field) in [
            ("cny", 1, 0, "goal.currency_code"),
            ("", 1, 0, "goal.currency_code"),
            ("CNY", 1, 1, "goal.nanos"),
            ("CNY", 1, 1_000_000_000, "goal.nanos"),
            ("JPY", 1, 500_000_000, "goal.nanos"),
            ("CNY", 1, -10_000_000, "goal.nanos"),
            ("CNY", -1, 0, "goal.units"),
            ("CNY", i64::MAX, 0, "goal.units"),
        ] {
            assert_eq!(Amount::of("goal", currency, units, nanos).expect_err("is refused").field, field);
        }
    }
}
