//! What the default rules find in real chats, and whether the customer's sentiment goes with their answer.
//!
//! `… | cargo run --release -p textcheck --example survey -- en|zh [RULE]`: conversations as JSON Lines on standard input, as
//! the suite ingests them. Prints hits per rule, or with a rule's id what it found, and the share of pairs of a satisfied and
//! an unsatisfied customer in which the satisfied one sounds better (the area under the ROC curve).

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::time::Instant;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use textcheck::{Checker, Conversation, Language, Message, Speaker, default_rules, sentiment};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chat {
    closed_at: Option<DateTime<Utc>>,
    messages: Vec<Line>,
    satisfied: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    sent_at: Option<DateTime<Utc>>,
    sender: String,
    text: String,
    #[serde(default)]
    quick_reply: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let language = match arguments.first().map(String::as_str) {
        Some("en") => Language::English,
        Some("zh") => Language::Chinese,
        _ => return Err("usage: survey en|zh [RULE]".into()),
    };
    let rules = default_rules(language)?;
    let checker = Checker::new(&rules)?;
    let shown = arguments.get(1);
    let mut out = std::io::stdout().lock();
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut chats, mut messages, mut moods) = (0_usize, 0_usize, [Vec::new(), Vec::new()]);
    let mut seconds = 0.0;
    for line in std::io::stdin().lock().lines() {
        let chat: Chat = serde_json::from_str(&line?)?;
        let lines: Vec<Message<'_>> = chat.messages.iter().map(message).collect();
        let conversation = Conversation {
            messages: &lines,
            closed_at_ms: chat.closed_at.map(|at| at.timestamp_millis()),
            stock: None,
        };
        let start = Instant::now();
        let hits = checker.check(&conversation);
        seconds += start.elapsed().as_secs_f64();
        chats += 1;
        messages += lines.len();
        let mut seen: Vec<&str> = Vec::new();
        for hit in &hits {
            if shown.is_some_and(|id| id == hit.rule_id) {
                writeln!(
                    out,
                    "{:?}\t{}",
                    &lines[hit.message].text[hit.bytes.clone()],
                    lines[hit.message].text
                )?;
            }
            let count = counts.entry(hit.rule_id).or_default();
            count.0 += 1;
            if !seen.contains(&hit.rule_id) {
                seen.push(hit.rule_id);
                count.1 += 1;
            }
        }
        if let Some(satisfied) = chat.satisfied {
            let own = lines.iter().filter(|line| line.speaker == Speaker::Customer);
            let own: Vec<f64> = own.filter_map(|line| sentiment(line.text)).collect();
            if !own.is_empty() {
                moods[usize::from(satisfied)].push(own.iter().sum::<f64>() / own.len() as f64);
            }
        }
    }
    writeln!(
        out,
        "{chats} chats, {messages} messages, {:.1} µs a message",
        seconds * 1e6 / messages.max(1) as f64
    )?;
    for (rule, (hits, of_chats)) in counts {
        writeln!(out, "{rule}: {hits} hits in {of_chats} chats")?;
    }
    let [unsatisfied, satisfied] = moods;
    if !unsatisfied.is_empty() && !satisfied.is_empty() {
        let pairs = || unsatisfied.iter().flat_map(|bad| satisfied.iter().map(move |good| (bad, good)));
        let better = pairs().filter(|(bad, good)| bad < good).count() as f64;
        let same = pairs().filter(|(bad, good)| bad == good).count() as f64;
        let (bad, good) = (unsatisfied.len(), satisfied.len());
        let area = (better + same / 2.0) / (bad * good) as f64;
        writeln!(out, "sentiment against the answer: {area:.3} ({good} satisfied, {bad} not)")?;
    }
    Ok(())
}

fn message(line: &Line) -> Message<'_> {
    let speaker = match line.sender.as_str() {
        "CUSTOMER" => Speaker::Customer,
        "AGENT" => Speaker::Agent,
        "BOT" => Speaker::Bot,
        _ => Speaker::System,
    };
    Message {
        speaker,
        sent_at_ms: line.sent_at.map(|at| at.timestamp_millis()),
        text: &line.text,
        quick_reply: line.quick_reply,
    }
}
