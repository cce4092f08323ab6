//! Slow replies, by rounds.

use crate::checker::Sink;
use crate::{Conversation, Evidence, Kind, Message, SlowReply, Speaker};

pub(crate) fn check(rule: &SlowReply, chat: &Conversation<'_>, sink: &mut Sink<'_, '_, '_>) {
    let mut asked: Option<(usize, i64)> = None;
    let mut limit = rule.first_seconds_max.unwrap_or(rule.seconds_max);
    for (place, message) in chat.messages.iter().enumerate() {
        let Some(sent_at) = message.sent_at_ms else {
            continue;
        };
        if message.speaker == Speaker::Customer {
            asked = asked.or(Some((place, sent_at)));
        } else if answers(rule, message)
            && let Some((_, since)) = asked.take()
        {
            let waited = sent_at.saturating_sub(since);
            if waited > i64::from(limit) * 1_000 {
                sink.whole(Kind::SlowReply, place, Evidence::Waited(waited));
            }
            limit = rule.seconds_max;
        }
    }
    if let (true, Some((place, since)), Some(closed_at)) = (rule.unanswered, asked, chat.closed_at_ms) {
        let waited = closed_at.saturating_sub(since);
        if waited > i64::from(limit) * 1_000 {
            sink.whole(Kind::SlowReply, place, Evidence::Waited(waited));
        }
    }
}

fn answers(rule: &SlowReply, message: &Message<'_>) -> bool {
    let speaks = message.speaker == Speaker::Agent || (rule.bots_answer && message.speaker == Speaker::Bot);
    speaks && (rule.quick_replies_answer || !message.quick_reply)
}
