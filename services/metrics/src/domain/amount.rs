//! Amounts that people set: of goals and coupons.

use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::money::Currency;

/// An amount of one currency, not negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Of which.
    pub currency: Currency,
    /// In the smallest unit: fen for CNY.
    pub minor: i64,
}

impl Amount {
    /// From whole units and billionths, as messages have it. Only `currency` is taken. `field` is named in what is
    /// wrong.
    pub fn of(
        field: &str,
        code: &str,
        (units, nanos): (i64, i32),
        currency: &Currency,
    ) -> Result<Self, Violation> {
        let wrong = |at: &str, description: String| Violation { field: format!("{field}{at}"), description };
        if code != currency.code {
            return Err(wrong(".currency_code", format!("must be {}, not {code:?}", currency.code)));
        }
        if units < 0 {
            return Err(wrong(".units", "must not be negative".to_owned()));
        }
        if nanos < 0 {
            return Err(wrong(".nanos", "must not be negative".to_owned()));
        }
        let minor = currency.minor_units(code, units, nanos).map_err(|why| wrong("", why))?;
        Ok(Self { currency: currency.clone(), minor })
    }

    /// Whole units and billionths.
    pub fn parts(&self) -> (i64, i32) {
        self.currency.parts(self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str, decimals: u32) -> Currency {
        Currency { code: code.to_owned(), decimals }
    }

    #[test]
    fn amounts_come_back_as_they_were() {
        for (code, decimals, units, nanos, minor) in [
            ("CNY", 2, 1_234, 560_000_000, 123_456),
            ("CNY", 2, 0, 10_000_000, 1),
            ("JPY", 0, 99, 0, 99),
            ("KWD", 3, 1, 234_000_000, 1_234),
        ] {
            let amount =
                Amount::of("goal", code, (units, nanos), &currency(code, decimals)).expect("an amount");
            assert_eq!((amount.minor, amount.parts()), (minor, (units, nanos)));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_field() {
        for (code, units, nanos, field) in [
            ("USD", 1, 0, "goal.currency_code"),
            ("", 1, 0, "goal.currency_code"),
            ("CNY", 1, 1, "goal"),
            ("CNY", 1, 1_000_000_000, "goal"),
            ("CNY", 1, -10_000_000, "goal.nanos"),
            ("CNY", -1, 0, "goal.units"),
            ("CNY", i64::MAX, 0, "goal"),
        ] {
            let refused = Amount::of("goal", code, (units, nanos), &currency("CNY", 2));
            assert_eq!(refused.expect_err("is refused").field, field);
        }
    }
}
