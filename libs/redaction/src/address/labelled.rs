//! Addresses that are called so: behind 地址 a weaker form is enough.

use super::elements;
use crate::{Finding, Kind, add};

const LABELS: &[&str] = &["地址", "住址"];
/// What may stand between the label and the address.
const LINKS: &[char] = &['是', '在', '为', '于', '就', '：', ':', ' '];
/// A clause that begins so talks about the address and doesn't give it.
const TALK: &[char] = &[
    '不', '对', '错', '哪', '什', '多', '吗', '有', '没', '怎', '能', '可', '写', '填', '改', '的', '我',
    '你', '您',
];
/// What ends it.
const ENDS: &[char] = &['。', '，', '；', '！', '？', ',', ';', '!', '?', '\n', '、'];
const LENGTH_MAX: usize = 50;

pub(super) fn find(text: &str, findings: &mut Vec<Finding>) {
    for label in LABELS {
        for (place, label) in text.match_indices(label) {
            let rest = &text[place + label.len()..];
            let clause = rest.trim_start_matches(LINKS);
            let start = text.len() - clause.len();
            let clause = clause.split(ENDS).next().unwrap_or(clause).trim_end();
            if !clause.starts_with(TALK)
                && clause.chars().count() <= LENGTH_MAX
                && (has_number(clause) || super::chain(text, start, findings).is_some())
            {
                add(findings, Kind::Address, start..start + clause.len());
            }
        }
    }
}

/// Whether some element of an address has a number: 3号, 二单元.
fn has_number(clause: &str) -> bool {
    clause.char_indices().any(|(place, _)| elements::number(&clause[place..], false, false).is_some())
}
