//! The day's secret and its commitment.

use chrono::NaiveDate;

use crate::layout::{Sink, bytes32, finish, tagged};

const COMMITMENT_TAG: &str = "jinpai.draw/1 commitment";

/// A merchant's secret of one day: 32 bytes from the operating system's generator, made outside this crate.
///
/// Whoever holds it can tell which chats will be drawn, so it never shows itself by accident: `Debug` hides it and
/// there is no `Display` and no serde. [`crate::Bundle`] carries it after the reveal.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Wraps secret random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Takes bytes as a database gives them; `None` unless there are exactly 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The secret itself, for storing it and for revealing it.
    pub const fn reveal(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Seed(hidden)")
    }
}

bytes32! {
    /// What is published before the day begins: it fixes the seed without telling it.
    Commitment
}

/// Commits to a day's seed.
pub fn commitment(merchant: &str, day: NaiveDate, seed: &Seed) -> Commitment {
    let mut hash = tagged(COMMITMENT_TAG);
    hash.field(merchant.as_bytes());
    hash.day(day);
    hash.field(seed.reveal());
    Commitment::from_bytes(finish(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_commitment_depends_on_merchant_day_and_seed() {
        let seed = Seed::new([7; 32]);
        let base = commitment("m", day("2026-11-21"), &seed);
        assert_eq!(base, commitment("m", day("2026-11-21"), &seed));
        assert_ne!(base, commitment("m2", day("2026-11-21"), &seed));
        assert_ne!(base, commitment("m", day("2026-11-22"), &seed));
        assert_ne!(base, commitment("m", day("2026-11-21"), &Seed::new([8; 32])));
    }

    #[test]
    fn a_seed_does_not_print_itself() {
        assert_eq!(format!("{:?}", Seed::new([7; 32])), "Seed(hidden)");
    }

    #[test]
    fn only_32_bytes_make_a_value() {
        assert!(Seed::from_slice(&[1; 31]).is_none());
        assert!(Commitment::from_slice(&[1; 33]).is_none());
        assert_eq!(Commitment::from_slice(&[1; 32]), Some(Commitment::from_bytes([1; 32])));
    }
}
