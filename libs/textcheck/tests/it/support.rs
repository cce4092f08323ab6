//! Chats and rules in a line each.

use textcheck::{Checker, Conversation, Hit, Message, Rules, Speaker};

/// A checker of one rule, `check` being its JSON.
pub fn checker(check: &str) -> Checker {
    Checker::new(&Rules::from_json(&one_rule(check)).unwrap()).unwrap()
}

pub fn one_rule(check: &str) -> String {
    format!(r#"{{"rules": [{{"id": "r", "severity": "major", "check": {check}}}]}}"#)
}

/// Messages as `(who, second, text)`: `c` the customer, `a` the agent, `q` the agent's quick reply, `b` the bot.
pub fn chat<'t>(lines: &[(char, i64, &'t str)]) -> Vec<Message<'t>> {
    let message = |&(who, second, text)| Message {
        speaker: match who {
            'c' => Speaker::Customer,
            'b' => Speaker::Bot,
            _ => Speaker::Agent,
        },
        sent_at_ms: Some(second * 1_000),
        text,
        quick_reply: who == 'q',
    };
    lines.iter().map(message).collect()
}

/// What was found, as `(message, text found)`.
pub fn found<'t>(checker: &Checker, messages: &[Message<'t>]) -> Vec<(usize, &'t str)> {
    hits(checker, messages)
        .iter()
        .map(|hit| (hit.message, &messages[hit.message].text[hit.bytes.clone()]))
        .collect()
}

pub fn hits<'c>(checker: &'c Checker, messages: &[Message<'_>]) -> Vec<Hit<'c>> {
    checker.check(&Conversation::of(messages))
}

/// What is found in one message of the agent.
pub fn in_text<'t>(checker: &Checker, text: &'t str) -> Vec<&'t str> {
    found(checker, &chat(&[('a', 0, text)])).into_iter().map(|(_, text)| text).collect()
}
