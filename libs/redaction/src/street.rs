//! English street addresses: a house number, the street's name, its kind; with flat, town, state and code if they follow.

use crate::{Finding, Kind, add};

/// Kinds of streets that are taken in any spelling.
const PLAIN: &[&str] = &["street", "avenue", "boulevard", "road", "lane"];
/// Kinds that are also everyday words or titles: taken only with a capital.
const CAPITAL: &[&str] = &[
    "St", "Ave", "Rd", "Blvd", "Ln", "Drive", "Dr", "Court", "Ct", "Place", "Pl", "Square", "Sq", "Terrace",
    "Way", "Parkway", "Pkwy", "Highway", "Hwy", "Close", "Crescent",
];
/// Words that don't stand in a street's name: what counts, measures or leads somewhere.
const NOT_NAMES: &[&str] = &[
    "a",
    "am",
    "an",
    "and",
    "at",
    "block",
    "blocks",
    "by",
    "credits",
    "days",
    "dollars",
    "feet",
    "floor",
    "for",
    "from",
    "guests",
    "hour",
    "hours",
    "in",
    "is",
    "it",
    "kilometers",
    "km",
    "left",
    "m",
    "meters",
    "mile",
    "miles",
    "min",
    "mins",
    "minute",
    "minutes",
    "more",
    "of",
    "off",
    "on",
    "onto",
    "or",
    "people",
    "per",
    "pm",
    "right",
    "than",
    "that",
    "the",
    "then",
    "this",
    "to",
    "turn",
    "via",
    "yards",
];
const FLAT: &[&str] = &["apt", "apartment", "suite", "ste", "unit", "flat", "floor", "#"];
/// Words of a street's name, its kind not counted.
const NAME_WORDS_MAX: usize = 3;

pub(crate) fn find(text: &str, findings: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let mut place = 0;
    while let Some(offset) = bytes[place..].iter().position(u8::is_ascii_digit) {
        let start = place + offset;
        let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        place = start + digits;
        let alone = start == 0
            || !(bytes[start - 1].is_ascii_alphanumeric() || b".,:/-$".contains(&bytes[start - 1]));
        if !alone || digits > 5 {
            continue;
        }
        // 221B Baker Street
        let letter = usize::from(bytes.get(place).is_some_and(u8::is_ascii_alphabetic));
        if let Some(end) = street(text, place + letter) {
            add(findings, Kind::Address, start..end);
            place = end;
        }
    }
}

/// The end of the street whose house number ends at `place`.
fn street(text: &str, place: usize) -> Option<usize> {
    let mut end = place;
    for words in 0..=NAME_WORDS_MAX {
        let (start, word) = next_word(text, end)?;
        end = start + word.len();
        let lower = word.to_ascii_lowercase();
        let kind = PLAIN.contains(&lower.as_str()) || CAPITAL.contains(&word);
        if words > 0 && kind && !is_title(text, word, end) {
            return Some(details(text, end));
        }
        if NOT_NAMES.contains(&lower.as_str()) {
            return None;
        }
    }
    None
}

/// "2 Good Dr. Alexis" is no street.
fn is_title(text: &str, word: &str, end: usize) -> bool {
    let rest = text[end..].strip_prefix(". ").or_else(|| text[end..].strip_prefix(' ')).unwrap_or("");
    (word == "Dr" || word == "St")
        && text[end..].starts_with(". ")
        && rest.starts_with(|first: char| first.is_uppercase())
}

/// Takes in the flat, and the town if a state or a code proves it one.
fn details(text: &str, end: usize) -> usize {
    let end = flat(text, end).unwrap_or(end);
    town(text, end).unwrap_or(end)
}

fn flat(text: &str, end: usize) -> Option<usize> {
    let rest = text[end..].trim_start_matches(['.', ',', ' ']);
    let lower = rest.to_ascii_lowercase();
    let word = FLAT.iter().find(|word| lower.starts_with(**word))?;
    let number = rest[word.len()..].trim_start_matches(['.', ' ', '#']);
    let length = number.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-').count();
    let named = length > 0
        && length <= 6
        && number[..length].bytes().any(|byte| byte.is_ascii_digit() || length == 1);
    named.then(|| text.len() - number.len() + length)
}

fn town(text: &str, end: usize) -> Option<usize> {
    let mut place = end + usize::from(text[end..].starts_with(','));
    for _ in 0..4 {
        let (start, word) = next_word(text, place)?;
        place = start + word.len();
        let state = word.len() == 2 && word.bytes().all(|byte| byte.is_ascii_uppercase());
        if state {
            return Some(code(text, place).unwrap_or(place));
        }
        if !word.starts_with(|first: char| first.is_ascii_uppercase()) {
            return None;
        }
        place += usize::from(text[place..].starts_with(','));
    }
    None
}

/// A ZIP code, five digits or five and four.
fn code(text: &str, place: usize) -> Option<usize> {
    let rest = text[place..].strip_prefix(' ')?;
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    if digits(rest) != 5 {
        return None;
    }
    let more = rest[5..].strip_prefix('-').is_some_and(|rest| digits(rest) == 4);
    Some(place + 6 + if more { 5 } else { 0 })
}

/// The next word after a single blank: letters, or an ordinal such as 5th.
fn next_word(text: &str, place: usize) -> Option<(usize, &str)> {
    let rest = text.get(place..)?.strip_prefix(' ')?;
    let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'\'').count();
    let word = &rest[..length];
    (length > 0 && word.bytes().any(|byte| byte.is_ascii_alphabetic())).then_some((place + 1, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut findings = Vec::new();
        find(text, &mut findings);
        findings.into_iter().map(|finding| &text[finding.range]).collect()
    }

    #[test]
    fn streets_are_found_with_what_belongs_to_them() {
        for (text, expected) in [
            ("I live at 33 East Road.", "33 East Road"),
            ("221B Baker Street, please", "221B Baker Street"),
            (
                "send it to 12 Oak Ave Apt 4, Springfield, IL 62704 today",
                "12 Oak Ave Apt 4, Springfield, IL 62704",
            ),
            ("350 5th Ave, New York, NY 10118-0110", "350 5th Ave, New York, NY 10118-0110"),
            ("at 7 elm street now", "7 elm street"),
            ("1600 Pennsylvania Avenue NW", "1600 Pennsylvania Avenue NW"),
            ("9 Martin Luther King Blvd Suite 200", "9 Martin Luther King Blvd Suite 200"),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
    }

    #[test]
    fn directions_people_and_tables_are_no_streets() {
        for text in [
            "Drive for 700 meters until you reach Wilkins Avenue",
            "turn left in 20 feet onto Murray Avenue",
            "booked at 6 with Dr. Alexis",
            "It is only a 3-4 hour drive",
            "a table for 2 at Times Square",
            "2 Good Dr. Johnson",
            "5 minutes drive",
            "Open Time Hour: 7 am Close Time Hour: 11 pm",
            "It costs $33 Main Street",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }
}
