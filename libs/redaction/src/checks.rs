//! Check digits and the other rules that tell a card from any long number. Digits are values 0 to 9.

/// Whether the last digit checks the others (ISO/IEC 7812, Luhn).
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2 == 1, u32::from(digit) * 2) {
            (false, _) => u32::from(digit),
            (true, double) => double / 10 + double % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether a number begins as a bank card of its length does: UnionPay and old Chinese cards, Visa, Mastercard, American
/// Express, JCB, Discover. Without this one long order number in ten would pass for a card.
pub(crate) fn card_prefix(digits: &[u8]) -> bool {
    let lead = digits.iter().take(4).fold(0_u32, |value, &digit| value * 10 + u32::from(digit));
    match digits.len() {
        15 => matches!(lead, 3400..=3499 | 3700..=3799),
        16 => {
            matches!(lead, 4000..=4999 | 5100..=5599 | 2221..=2720 | 3528..=3589 | 6011 | 6200..=6299 | 6440..=6599)
        }
        17..=19 => matches!(lead, 6200..=6299 | 9558),
        _ => false,
    }
}

/// Whether 18 places are an identity card (GB 11643): a region, a day, and the check digit, where `None` is `X`.
pub(crate) fn id_card(places: &[Option<u8>]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    if places.len() != 18 {
        return false;
    }
    let Some(digits) = places[..17].iter().copied().collect::<Option<Vec<u8>>>() else { return false };
    let number = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0_u32, |n, &digit| n * 10 + u32::from(digit))
    };
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(&digit, weight)| u32::from(digit) * weight).sum();
    // The remainders 0 to 10 stand for 1, 0, X, 9, 8 … 2.
    let expected = (12 - sum % 11) % 11;
    (11..=83).contains(&number(0..2))
        && (1850..=2100).contains(&number(6..10))
        && (1..=12).contains(&number(10..12))
        && (1..=31).contains(&number(12..14))
        && places[17].map_or(10, u32::from) == expected
}

/// Whether 13 digits are the bar code of a book (978, 979) or of Chinese goods (69): they name a product.
pub(crate) fn product_code(digits: &[u8]) -> bool {
    let sum: u32 =
        digits.iter().zip([1, 3].into_iter().cycle()).map(|(&digit, weight)| u32::from(digit) * weight).sum();
    digits.len() == 13 && matches!(digits, [9, 7, 8 | 9, ..] | [6, 9, ..]) && sum.is_multiple_of(10)
}

/// Whether digits are a date with or without a time of day: `YYYYMMDD`, then `hhmm`, then `ss`.
pub(crate) fn timestamp(digits: &[u8]) -> bool {
    let number = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0_u32, |n, &digit| n * 10 + u32::from(digit))
    };
    matches!(digits.len(), 8 | 12 | 14)
        && (1990..=2099).contains(&number(0..4))
        && (1..=12).contains(&number(4..6))
        && (1..=31).contains(&number(6..8))
        && (digits.len() < 12 || (number(8..10) < 24 && number(10..12) < 60))
        && (digits.len() < 14 || number(12..14) < 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    fn places(text: &str) -> Vec<Option<u8>> {
        text.bytes().map(|byte| byte.is_ascii_digit().then(|| byte - b'0')).collect()
    }

    #[test]
    fn luhn_finds_one_wrong_digit() {
        let card = digits("4111111111111111");
        assert!(luhn(&card) && card_prefix(&card));
        for place in 0..card.len() {
            let mut wrong = card.clone();
            wrong[place] = (wrong[place] + 1) % 10;
            assert!(!luhn(&wrong), "place {place}");
        }
    }

    #[test]
    fn identity_cards_are_checked() {
        // The examples of the standard.
        assert!(id_card(&places("11010519491231002X")));
        assert!(id_card(&places("440524188001010014")));
        assert!(!id_card(&places("110105194912310021")));
        // A check digit that fits doesn't make the 41st of a month a day.
        assert!(!id_card(&places("110105194912410029")));
        assert!(!id_card(&places("1101051949123100X2")));
    }

    #[test]
    fn product_codes_are_checked() {
        assert!(product_code(&digits("9787111054252")) && product_code(&digits("6901234567892")));
        assert!(!product_code(&digits("9787111054253")) && !product_code(&digits("1234567890128")));
    }

    #[test]
    fn timestamps_are_told_from_numbers() {
        assert!(timestamp(&digits("20201122")) && timestamp(&digits("20201122101530")));
        assert!(!timestamp(&digits("20201322")) && !timestamp(&digits("20201122251530")));
    }
}
