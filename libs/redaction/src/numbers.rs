//! Everything made of digits. The text is cut into groups of digits; groups that a single blank, dash, dot or bracket
//! joins make a run; at each group of a run the known shapes are tried, from the surest to the vaguest.

mod groups;
mod shapes;

use crate::{Finding, Kind, add, checks, in_token, labels, numbers::groups::Join};

pub(crate) use groups::digit;
use groups::{Numbers, Run};

/// Fewer digits than this in a run are never personal by themselves.
const DIGITS_MIN: usize = 5;
/// Fewer digits than this in a whole text make no order number either.
const TEXT_DIGITS_MIN: usize = 4;
/// A number without any label is a reference from this length on.
const BARE_MIN: usize = 10;
/// Letters in front of a long number that belong to it, as in the tracking number SF1234567890123.
const PREFIX_MAX: usize = 4;
/// What makes a number a quantity.
const UNITS: &[&str] = &[
    "元", "块", "万", "亿", "个", "件", "分", "角", "米", "公里", "千", "克", "斤", "天", "小时", "年", "月",
    "日", "次", "人", "度", "%", "％", "km", "kg", "ml", "credits", "dollars", "points", "bucks", "yuan",
    "rmb",
];
const MONEY: &[char] = &['¥', '￥', '$', '€', '£'];

pub(crate) fn find(text: &str, findings: &mut Vec<Finding>) {
    let numbers = Numbers::scan(text);
    if numbers.digits.len() < TEXT_DIGITS_MIN {
        return;
    }
    words(text, findings);
    let links = links(text);
    for run in numbers.runs().filter(|run| run.digits(run.len()).len() >= DIGITS_MIN) {
        let mut run = run;
        while run.len() > 0 {
            let start = run.start();
            let used = if in_token(text, start) {
                None
            } else if let Some(link) = links.iter().find(|link| link.contains(&start)) {
                in_link(&run, link.start).inspect(|kind| add(findings, *kind, start..run.end(1))).map(|_| 1)
            } else {
                one(&run, findings)
            };
            run = run.skip(used.unwrap_or(1));
        }
    }
}

/// Tries the first groups of a run; returns how many were used.
fn one(run: &Run<'_>, findings: &mut Vec<Finding>) -> Option<usize> {
    let hit = shapes::surest(run).or_else(|| labelled(run)).or_else(|| bare(run))?;
    add(findings, hit.kind, hit.start..hit.end);
    Some(hit.groups)
}

/// What a scanner recognised at the start of a run.
pub(crate) struct Hit {
    kind: Kind,
    start: usize,
    end: usize,
    groups: usize,
}

/// A number that only the words before it explain.
fn labelled(run: &Run<'_>) -> Option<Hit> {
    let digits = run.digits(1);
    if !run.is_whole(1) || quantity(run) || digits.len() < DIGITS_MIN {
        return None;
    }
    let date = checks::timestamp(digits);
    let kind = match labels::before(run.text, run.start())? {
        Kind::Phone if (7..=9).contains(&digits.len()) && !date => Kind::Phone,
        Kind::BankCard if (8..=19).contains(&digits.len()) => Kind::BankCard,
        Kind::IdCard if matches!(digits.len(), 15 | 18) => Kind::IdCard,
        Kind::Order if digits.len() >= 8 && !date => Kind::Order,
        Kind::Order if labels::directly_before(run.text, run.start()) == Some(Kind::Order) => Kind::Order,
        _ => return None,
    };
    Some(Hit { kind, start: run.start(), end: run.end(1), groups: 1 })
}

/// A number so long that it names one thing: an order, a parcel, a payment.
fn bare(run: &Run<'_>) -> Option<Hit> {
    let digits = run.digits(1);
    if digits.len() < BARE_MIN || run.letters_after(1) > 0 || checks::timestamp(digits) || quantity(run) {
        return None;
    }
    if checks::product_code(digits) {
        return None;
    }
    let letters = run.letters_before();
    let head = &run.text[..run.start() - letters];
    // Digits before the letters: a piece of a hash or an id, not a number.
    if letters > 0 && head.ends_with(|last: char| last.is_ascii_digit()) {
        return None;
    }
    let prefix = if letters <= PREFIX_MAX { letters } else { 0 };
    Some(Hit { kind: Kind::Order, start: run.start() - prefix, end: run.end(1), groups: 1 })
}

/// A price, a fraction, a measure.
fn quantity(run: &Run<'_>) -> bool {
    let after = &run.text[run.end(1)..];
    let after = after.strip_prefix(' ').unwrap_or(after).get(..8).unwrap_or(after).to_ascii_lowercase();
    let before = run.text[..run.start()].trim_end_matches(' ');
    run.join(0) == Join::Dot
        || run.join(1) == Join::Dot
        || UNITS.iter().any(|unit| after.starts_with(unit))
        || before.ends_with(MONEY)
}

/// Order numbers with letters or dashes in them, directly behind a word that says so.
fn words(text: &str, findings: &mut Vec<Finding>) {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let bytes = text.as_bytes();
    let mut place = 0;
    while let Some(offset) = bytes[place..].iter().position(|byte| part(*byte)) {
        let start = place + offset;
        place = start + bytes[start..].iter().take_while(|byte| part(**byte)).count();
        let word = text[start..place].trim_end_matches(['-', '_']);
        let digits: Vec<u8> = word.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
        let letters = word.bytes().any(|byte| byte.is_ascii_alphabetic());
        let long = if letters {
            word.len() >= 6 && digits.len() >= TEXT_DIGITS_MIN
        } else {
            digits.len() >= 8 && word.contains('-')
        };
        if long
            && !checks::timestamp(&digits)
            && !in_token(text, start)
            && labels::directly_before(text, start) == Some(Kind::Order)
        {
            add(findings, Kind::Order, start..start + word.len());
        }
    }
}

/// Where web addresses stand. The numbers in them name goods and pages; only named parameters are taken.
fn links(text: &str) -> Vec<std::ops::Range<usize>> {
    let starts = text.match_indices("://").chain(text.match_indices("www."));
    starts
        .map(|(start, _)| {
            let length = text[start..].bytes().take_while(u8::is_ascii_graphic).count();
            start..start + length
        })
        .collect()
}

fn in_link(run: &Run<'_>, link: usize) -> Option<Kind> {
    let name = run.text[link..run.start()].strip_suffix('=')?;
    let length = name.bytes().rev().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let name = name[name.len() - length..].to_ascii_lowercase();
    let named = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if named(&["phone", "mobile", "tel"]) {
        Some(Kind::Phone)
    } else if named(&["order", "trade", "tid", "waybill", "mailno"]) {
        Some(Kind::Order)
    } else {
        None
    }
}
