//! Amounts as whole numbers of the currency's smallest unit: sums of them are exact.

use serde::{Deserialize, Serialize};

/// The one currency of a merchant's amounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Currency {
    /// By ISO 4217, for example `CNY`.
    pub code: String,
    /// Digits after the point: 2 for yuan and fen, [`DECIMALS_MAX`] at most.
    pub decimals: u32,
}

/// More digits after the point than the billionths of the API have no currency can have; the settings refuse them.
pub const DECIMALS_MAX: u32 = 9;

/// Billionths in a whole.
const NANOS: i64 = 1_000_000_000;

impl Currency {
    /// Smallest units of an amount given as wholes and billionths, both of one sign; or what is wrong with it.
    pub fn minor_units(&self, code: &str, units: i64, nanos: i32) -> Result<i64, String> {
        if code != self.code {
            return Err(format!("must be in {}, not in {code:?}", self.code));
        }
        let (scale, nanos) = (self.scale(), i64::from(nanos));
        let one_sign = units == 0 || nanos == 0 || (units > 0) == (nanos > 0);
        if nanos.abs() >= NANOS || !one_sign {
            return Err("must have nanos below a whole and of the sign of units".to_owned());
        }
        if nanos % (NANOS / scale) != 0 {
            return Err(format!("must not have more than {} decimals", self.decimals));
        }
        units
            .checked_mul(scale)
            .and_then(|whole| whole.checked_add(nanos / (NANOS / scale)))
            .ok_or_else(|| "is too large".to_owned())
    }

    /// Wholes and billionths of an amount in smallest units.
    pub fn parts(&self, minor_units: i64) -> (i64, i32) {
        let scale = self.scale();
        let nanos = minor_units % scale * (NANOS / scale);
        // Below a billion: it fits.
        (minor_units / scale, nanos as i32)
    }

    /// An amount as people read it, for example `12.34 CNY`.
    pub fn text(&self, minor_units: i64) -> String {
        let (scale, minor) = (self.scale().unsigned_abs(), minor_units.unsigned_abs());
        let sign = if minor_units < 0 { "-" } else { "" };
        match usize::try_from(self.decimals) {
            Ok(digits) if digits > 0 => {
                format!("{sign}{}.{:0digits$} {}", minor / scale, minor % scale, self.code)
            }
            _ => format!("{sign}{minor} {}", self.code),
        }
    }

    /// Smallest units in a whole.
    pub fn scale(&self) -> i64 {
        10_i64.pow(self.decimals)
    }
}

/// An amount shared by a count, rounded to the smallest unit, halves away from zero. `None` if there is nobody.
pub fn per_head(minor_units: i64, count: i64) -> Option<i64> {
    if count <= 0 {
        return None;
    }
    let (whole, rest) = (minor_units / count, minor_units % count);
    let up = rest.unsigned_abs() * 2 >= count.unsigned_abs();
    Some(if up { whole + minor_units.signum() } else { whole })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn yuan() -> Currency {
        Currency { code: "CNY".to_owned(), decimals: 2 }
    }

    #[test]
    fn an_amount_is_read_to_its_last_fen_or_refused() {
        let check = |code: &str, units, nanos, expected: Result<i64, &str>| {
            let read = yuan().minor_units(code, units, nanos);
            assert_eq!(read.as_ref().copied().map_err(String::as_str), expected, "{code} {units} {nanos}");
        };
        check("CNY", 12, 340_000_000, Ok(1_234));
        check("CNY", -1, -750_000_000, Ok(-175));
        check("CNY", 0, 10_000_000, Ok(1));
        check("CNY", 0, 1_000_000, Err("must not have more than 2 decimals"));
        check("USD", 1, 0, Err("must be in CNY, not in \"USD\""));
        check("CNY", 1, -1, Err("must have nanos below a whole and of the sign of units"));
        check("CNY", 1, 1_000_000_000, Err("must have nanos below a whole and of the sign of units"));
        check("CNY", i64::MAX, 0, Err("is too large"));
        let yen = Currency { code: "JPY".to_owned(), decimals: 0 };
        assert_eq!(yen.minor_units("JPY", 7, 0), Ok(7));
    }

    #[test]
    fn people_read_amounts_with_all_their_decimals() {
        for (minor, text) in [(1_234, "12.34 CNY"), (5, "0.05 CNY"), (-205, "-2.05 CNY"), (0, "0.00 CNY")] {
            assert_eq!(yuan().text(minor), text);
        }
        assert_eq!(Currency { code: "JPY".to_owned(), decimals: 0 }.text(-7), "-7 JPY");
    }

    #[test]
    fn shares_are_rounded_at_the_half() {
        for (amount, count, share) in
            [(10, 4, Some(3)), (9, 4, Some(2)), (-10, 4, Some(-3)), (5, 0, None), (0, 3, Some(0))]
        {
            assert_eq!(per_head(amount, count), share, "{amount} / {count}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(minor in -1_000_000_000_000_i64..1_000_000_000_000) {
            let (units, nanos) = yuan().parts(minor);
            prop_assert_eq!(yuan().minor_units("CNY", units, nanos), Ok(minor));
        }
    }
}
