//! How fast a checker of many words goes: `cargo run --release -p textcheck --example throughput -- PATTERNS TEXT`, files with
//! a pattern, and a message, per line. Prints the hits of one pass, and bytes per second of the median of nine.

use std::io::Write;
use std::time::Instant;
use std::{env, fs};

use textcheck::{Check, Checker, Conversation, ForbiddenWords, Message, Rule, Rules, Severity, Speaker};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [patterns, text] = arguments.as_slice() else {
        return Err("usage: throughput PATTERNS TEXT".into());
    };
    let (patterns, text) = (fs::read_to_string(patterns)?, fs::read_to_string(text)?);
    let words = ForbiddenWords {
        words: patterns.lines().map(str::to_owned).collect(),
        exceptions: Vec::new(),
        speakers: vec![Speaker::Agent],
        separators_max: 3,
        whole_words: true,
    };
    let rule = Rule {
        id: "words".into(),
        title: String::new(),
        severity: Severity::Minor,
        check: Check::ForbiddenWords(words),
    };
    let checker = Checker::new(&Rules { rules: vec![rule] })?;
    let message = |text| Message { speaker: Speaker::Agent, sent_at_ms: None, text, quick_reply: false };
    let messages: Vec<Message<'_>> = text.lines().map(message).collect();
    let pass = || messages.chunks(20).map(|chat| checker.check(&Conversation::of(chat)).len()).sum::<usize>();
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            pass();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let speed = text.len() as f64 / times[4] / 1e6;
    writeln!(std::io::stdout(), "{} hits, {speed:.1} MB/s", pass())?;
    Ok(())
}
