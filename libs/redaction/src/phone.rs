//! Telephone numbers that a form asks for: kept as a token and shown masked.

use hmac::Mac;

use crate::numbers::digit;
use crate::{Redactor, TOKEN_BYTES};

/// What may be kept of a telephone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// 12 hexadecimal digits: the same for the same number under the same key, however the number is written.
    pub token: String,
    /// Enough for its owner to recognise it: `138****5678`.
    pub masked: String,
}

/// Fewer or more digits are no telephone number.
const DIGITS: std::ops::RangeInclusive<usize> = 5..=20;
/// Digits of a Chinese mobile.
const MOBILE: usize = 11;

impl Redactor {
    /// What may be kept of a telephone number by itself, as a form asks for it; `None` if the text is none: anything but
    /// 5 to 20 digits with blanks, dashes, dots, brackets and one leading plus between them. A leading +86 or 0086 of a
    /// mobile does not make it another number.
    pub fn phone(&self, number: &str) -> Option<Phone> {
        let digits = digits(number.trim())?;
        let mut mac = self.key.clone();
        mac.update(b"jinpai.redaction/1 phone\0");
        mac.update(digits.as_bytes());
        let token = hex::encode(&mac.finalize().into_bytes()[..TOKEN_BYTES]);
        Some(Phone { token, masked: masked(&digits) })
    }
}

/// The digits alone, without the country's number in front of a mobile.
fn digits(number: &str) -> Option<String> {
    let mut digits = String::new();
    for (at, character) in number.chars().enumerate() {
        match digit(character) {
            Some(value) => digits.push(char::from(b'0' + value)),
            None if matches!(character, ' ' | '-' | '.' | '(' | ')' | '（' | '）') => {}
            None if at == 0 && matches!(character, '+' | '＋') => {}
            None => return None,
        }
    }
    let home = ["0086", "86"].into_iter().find_map(|country| digits.strip_prefix(country));
    let mobile = home.filter(|rest| rest.len() == MOBILE && rest.starts_with('1')).map(str::to_owned);
    Some(mobile.unwrap_or(digits)).filter(|digits| DIGITS.contains(&digits.len()))
}

/// Eleven and more digits keep three in front and four behind, others only some behind.
fn masked(digits: &str) -> String {
    let (front, behind) = match digits.len() {
        MOBILE.. => (3, 4),
        8.. => (0, 4),
        _ => (0, 2),
    };
    format!("{}****{}", &digits[..front], &digits[digits.len() - behind..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(number: &str) -> Option<Phone> {
        Redactor::for_merchant(b"key", "m").phone(number)
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written_and_never_whole() {
        let first = phone("13812345678").expect("a number");
        assert_eq!(first.masked, "138****5678");
        for other in ["+86 138 1234 5678", "0086-138-1234-5678", " 138.1234.5678 ", "１３８１２３４５６７８"]
        {
            assert_eq!(phone(other).as_ref(), Some(&first), "{other}");
        }
        assert_eq!(first.token.len(), 2 * TOKEN_BYTES);
        assert_ne!(Redactor::for_merchant(b"key", "n").phone("13812345678"), Some(first));
    }

    #[test]
    fn short_numbers_show_less_and_what_is_no_number_nothing() {
        let shown = |number: &str| phone(number).map(|phone| phone.masked);
        assert_eq!(shown("(0571) 8888-1234").as_deref(), Some("057****1234"));
        assert_eq!(shown("8888-1234").as_deref(), Some("****1234"));
        assert_eq!(shown("12315").as_deref(), Some("****15"));
        for text in ["", "1234", "138****5678", "call me", "138 12345678 or mail", "1+3812345678"] {
            assert_eq!(shown(text), None, "{text}");
        }
        assert_eq!(shown(&"1".repeat(21)), None);
        // A mask may stand in a text: nothing is left to take out.
        assert_eq!(Redactor::new(b"key").redact("打138****5678"), "打138****5678");
    }
}
