//! Replies that only look like answers.

use crate::checker::Sink;
use crate::normal::normalise;
use crate::similarity::{Shape, common, topics};
use crate::{CannedReply, Conversation, Evidence, Kind, RepeatedReply, Speaker};

pub(crate) fn canned(rule: &CannedReply, chat: &Conversation<'_>, sink: &mut Sink<'_, '_, '_>) {
    let mut asked: Vec<usize> = Vec::new();
    let mut answers: Vec<usize> = Vec::new();
    for (place, message) in chat.messages.iter().enumerate() {
        match message.speaker {
            Speaker::Customer => {
                if let [answer] = answers[..]
                    && misses(rule, chat, &asked, answer)
                {
                    sink.whole(Kind::CannedReply, answer, Evidence::Text);
                }
                if !answers.is_empty() {
                    asked.clear();
                    answers.clear();
                }
                asked.push(place);
            }
            Speaker::Agent if !asked.is_empty() => answers.push(place),
            Speaker::Agent | Speaker::Bot | Speaker::System => {}
        }
    }
}

fn misses(rule: &CannedReply, chat: &Conversation<'_>, asked: &[usize], answer: usize) -> bool {
    let reply = chat.messages[answer];
    let since = asked.last().and_then(|&last| chat.messages[last].sent_at_ms);
    let (Some(since), Some(sent_at)) = (since, reply.sent_at_ms) else {
        return false;
    };
    if sent_at.saturating_sub(since) > i64::from(rule.seconds_max) * 1_000 {
        return false;
    }
    let stock = || chat.stock.is_some_and(|stock| stock.hold(&Shape::of(reply.text), rule.similarity_min));
    if !reply.quick_reply && !stock() {
        return false;
    }
    let question: Vec<&str> = asked.iter().map(|&place| chat.messages[place].text).collect();
    let question = question.join("\n");
    normalise(&question).chars().count() >= usize::from(rule.question_length_min)
        && asks(&question)
        && common(&topics(&question), &topics(reply.text)) == 0
}

/// Whether a text asks for something: a question mark or a question word.
fn asks(text: &str) -> bool {
    const CHINESE: [&str; 14] =
        ["吗", "呢", "么", "多少", "哪", "几", "谁", "如何", "为何", "为啥", "啥", "能否", "是否", "多久"];
    const ENGLISH: [&str; 12] =
        ["how", "what", "when", "where", "why", "which", "who", "can", "could", "does", "is", "are"];
    let normal = || normalise(text);
    let word = |word: &str| ENGLISH.iter().any(|question| word.eq_ignore_ascii_case(question));
    text.contains(['?', '？'])
        || text.split(|character: char| !character.is_alphanumeric()).any(word)
        || CHINESE.iter().any(|question| normal().contains(question))
}

/// How many different replies of a chat are remembered.
const REMEMBERED: usize = 256;

pub(crate) fn repeated(rule: &RepeatedReply, chat: &Conversation<'_>, sink: &mut Sink<'_, '_, '_>) {
    let mut said: Vec<(Shape, usize, u32)> = Vec::new();
    for place in chat.by(Speaker::Agent) {
        let shape = Shape::of(chat.messages[place].text);
        if shape.letters() < usize::from(rule.length_min) {
            continue;
        }
        let same = said.iter_mut().rev().take(REMEMBERED);
        match same.into_iter().find(|said| said.0.likeness(&shape) >= rule.similarity_min) {
            Some((_, first, times)) => {
                *times += 1;
                if *times >= u32::from(rule.times) {
                    sink.whole(Kind::RepeatedReply, place, Evidence::Repeats(*first));
                }
            }
            None => said.push((shape, place, 1)),
        }
    }
}
