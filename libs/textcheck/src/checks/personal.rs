//! Personal data, or the marks that redaction left of it.

use std::ops::Range;

use crate::checker::Sink;
use crate::{Conversation, Evidence, Kind, Personal, PersonalData};

/// The marks of `redaction::Redactor`; an order's goes on with its token.
const MARKS: [(&str, Personal); 6] = [
    ("[phone]", Personal::Phone),
    ("[id-card]", Personal::IdCard),
    ("[bank-card]", Personal::BankCard),
    ("[mail]", Personal::Mail),
    ("[address]", Personal::Address),
    ("[order:", Personal::Order),
];

pub(crate) fn check(rule: &PersonalData, chat: &Conversation<'_>, sink: &mut Sink<'_, '_, '_>) {
    for (place, message) in chat.messages.iter().enumerate() {
        if !rule.speakers.contains(&message.speaker) {
            continue;
        }
        let raw =
            redaction::find(message.text).into_iter().map(|finding| (personal(finding.kind), finding.range));
        for (kind, range) in raw.chain(marks(message.text)) {
            if rule.kinds.contains(&kind) {
                sink.at(Kind::PersonalData, place, range, Evidence::Text);
            }
        }
    }
}

fn personal(kind: redaction::Kind) -> Personal {
    match kind {
        redaction::Kind::Phone => Personal::Phone,
        redaction::Kind::IdCard => Personal::IdCard,
        redaction::Kind::BankCard => Personal::BankCard,
        redaction::Kind::Mail => Personal::Mail,
        redaction::Kind::Address => Personal::Address,
        redaction::Kind::Order => Personal::Order,
    }
}

fn marks(text: &str) -> impl Iterator<Item = (Personal, Range<usize>)> {
    text.match_indices('[').filter_map(|(start, _)| {
        let rest = &text[start..];
        let (mark, kind) = MARKS.iter().find(|(mark, _)| rest.starts_with(mark))?;
        let end = if *kind == Personal::Order { rest.find(']')? + 1 } else { mark.len() };
        Some((*kind, start..start + end))
    })
}
