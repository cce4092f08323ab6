//! Abrupt messages.

use std::collections::HashSet;

use crate::checker::Sink;
use crate::normal::{invisible, normalise};
use crate::phrases::Found;
use crate::{AbruptTone, Conversation, Evidence, Kind, Speaker};

pub(crate) fn check(
    rule: &AbruptTone,
    whole: &HashSet<String>,
    chat: &Conversation<'_>,
    found: &[Found],
    sink: &mut Sink<'_, '_, '_>,
) {
    for phrase in found {
        sink.at(Kind::AbruptTone, phrase.message, phrase.bytes.clone(), Evidence::Text);
    }
    let longest = whole.iter().map(String::len).max().unwrap_or(0);
    for place in chat.by(Speaker::Agent) {
        let text = chat.messages[place].text;
        // A phrase has been told already.
        if found.binary_search_by_key(&place, |phrase| phrase.message).is_ok() {
            continue;
        }
        let curt = || {
            let normal = normalise(text);
            normal.len() <= longest && whole.contains(&normal)
        };
        if (rule.marks_alone && marks_alone(text)) || curt() {
            sink.whole(Kind::AbruptTone, place, Evidence::Text);
        }
    }
}

/// Whether there is nothing but question marks, full stops and the like. Emoji are more than that.
fn marks_alone(text: &str) -> bool {
    let mut marks = false;
    for character in text.chars().filter(|&character| !character.is_whitespace() && !invisible(character)) {
        if !matches!(
            character,
            '?' | '？' | '。' | '.' | '．' | '…' | '!' | '！' | '｡' | '⋯' | '¿' | '‽' | ',' | '，' | '、'
        ) {
            return false;
        }
        marks = true;
    }
    marks
}
