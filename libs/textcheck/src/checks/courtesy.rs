//! Greeting and closing.

use crate::checker::Sink;
use crate::phrases::Found;
use crate::{Conversation, Courtesy, Evidence, Kind, Speaker};

pub(crate) fn greeting(
    rule: &Courtesy,
    chat: &Conversation<'_>,
    found: &[Found],
    sink: &mut Sink<'_, '_, '_>,
) {
    let first: Vec<usize> = speaking(rule, chat).take(usize::from(rule.messages)).collect();
    missing(rule, chat, &first, found, Kind::MissingGreeting, sink);
}

pub(crate) fn closing(
    rule: &Courtesy,
    chat: &Conversation<'_>,
    found: &[Found],
    sink: &mut Sink<'_, '_, '_>,
) {
    let last: Vec<usize> = speaking(rule, chat).rev().take(usize::from(rule.messages)).collect();
    missing(rule, chat, &last, found, Kind::MissingClosing, sink);
}

fn speaking(rule: &Courtesy, chat: &Conversation<'_>) -> impl DoubleEndedIterator<Item = usize> {
    let bots_count = rule.bots_count;
    let speaks = move |speaker| speaker == Speaker::Agent || (bots_count && speaker == Speaker::Bot);
    (0..chat.messages.len()).filter(move |&message| speaks(chat.messages[message].speaker))
}

/// The hit is at the outermost message by the agent: the first one for a greeting, the last one for a closing.
fn missing(
    rule: &Courtesy,
    chat: &Conversation<'_>,
    looked_at: &[usize],
    found: &[Found],
    kind: Kind,
    sink: &mut Sink<'_, '_, '_>,
) {
    if chat.by(Speaker::Agent).count() < usize::from(rule.agent_messages_min) {
        return;
    }
    if found.iter().any(|found| looked_at.contains(&found.message)) {
        return;
    }
    let mut agents = chat.by(Speaker::Agent);
    let place = if kind == Kind::MissingGreeting { agents.next() } else { agents.next_back() };
    if let Some(place) = place {
        sink.whole(kind, place, Evidence::Text);
    }
}
