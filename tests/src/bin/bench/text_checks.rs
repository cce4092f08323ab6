//! Ten thousand forbidden words in all chats, normalisation included, against GNU grep on the same words and text.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use textcheck::{
    Check, Checker, Conversation, ForbiddenWords, Message, Rule, Rules, Severity, Speaker, normalise,
};

use crate::report::{Row, median};

const WORDS: usize = 10_000;
const BYTES: usize = 32 << 20;
const MESSAGES_OF_A_CHAT: usize = 20;
const PASSES: usize = 5;
/// Real Chinese sentences that come with the checks.
const SENTENCES: &str = include_str!("../../../../libs/textcheck/data/held_out.tsv");

/// The row `text_checks`.
pub fn row() -> Result<Row> {
    let mut random = StdRng::seed_from_u64(20_261_122);
    let clauses: Vec<&str> = SENTENCES
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .flat_map(|(_, text)| text.split_inclusive(['，', '。', '！', ',', '!', ' ']))
        .collect();
    let (text, words) = (text(&clauses, &mut random), words(&clauses, &mut random));
    let folder = tempfile::tempdir()?;
    let (text_file, words_file) = (folder.path().join("text"), folder.path().join("words"));
    fs::write(&text_file, &text)?;
    fs::write(&words_file, words.join("\n"))?;
    let peer = f64::max(grep("C", &words_file, &text_file)?, grep("C.UTF-8", &words_file, &text_file)?);

    let checker = checker(words)?;
    let message = |text| Message { speaker: Speaker::Agent, sent_at_ms: None, text, quick_reply: false };
    let messages: Vec<Message<'_>> = text.lines().map(message).collect();
    let mut hits = 0;
    let ours = median_speed(text.len(), || {
        hits = messages
            .chunks(MESSAGES_OF_A_CHAT)
            .map(|chat| checker.check(&Conversation::of(chat)).len())
            .sum();
        Ok(())
    })?;
    ensure!(hits > 0, "the bench's words are never said");
    let size = format!(
        "{WORDS} words, {} MiB in {} messages, {hits} hits, one core; peer: grep -F -o -b -f, the faster of two locales",
        BYTES >> 20,
        messages.len()
    );
    Ok(Row::higher("text_checks", ours, peer, "MB/s", size))
}

/// Messages of one to four clauses, a line each.
fn text(clauses: &[&str], random: &mut StdRng) -> String {
    let mut text = String::with_capacity(BYTES + 1_000);
    while text.len() < BYTES {
        for _ in 0..random.random_range(1..=4) {
            text.push_str(clauses.choose(random).copied().unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

/// Words of three to five characters whose beginnings are everyday language, as those of real lists are: a piece of a clause, its
/// last character from another one. Most are never said.
fn words(clauses: &[&str], random: &mut StdRng) -> Vec<String> {
    let normal: Vec<Vec<char>> = clauses.iter().map(|clause| normalise(clause).chars().collect()).collect();
    let long: Vec<&Vec<char>> = normal.iter().filter(|clause| clause.len() >= 5).collect();
    let mut piece = |length: usize| -> Vec<char> {
        let clause = long.choose(random).expect("the extract has long clauses");
        let start = random.random_range(0..=clause.len() - length);
        clause[start..start + length].to_vec()
    };
    let mut words = BTreeSet::new();
    while words.len() < WORDS {
        let length = 2 + words.len() % 3;
        let word: String = piece(length).into_iter().chain(piece(1)).collect();
        if !word.is_ascii() {
            words.insert(word);
        }
    }
    words.into_iter().collect()
}

fn checker(words: Vec<String>) -> Result<Checker> {
    let words = ForbiddenWords {
        words,
        exceptions: Vec::new(),
        speakers: vec![Speaker::Agent],
        separators_max: 3,
        whole_words: true,
    };
    let check = Check::ForbiddenWords(words);
    let rule = Rule { id: "words".to_owned(), title: String::new(), severity: Severity::Minor, check };
    Ok(Checker::new(&Rules { rules: vec![rule] })?)
}

/// MB/s. The answer goes through a pipe: into nothing, grep would stop at its first find.
fn grep(locale: &str, words: &Path, text: &Path) -> Result<f64> {
    let size = fs::metadata(text)?.len() as usize;
    median_speed(size, || {
        let mut grep = Command::new("grep")
            .env("LC_ALL", locale)
            .args(["-a", "-F", "-o", "-b", "-f"])
            .args([words, text])
            .stdout(Stdio::piped())
            .spawn()
            .context("grep is needed for this row")?;
        let mut out = grep.stdout.take().context("grep has an output")?;
        let mut answer = Vec::new();
        out.read_to_end(&mut answer)?;
        ensure!(grep.wait()?.success() && !answer.is_empty(), "grep found nothing");
        Ok(())
    })
}

fn median_speed(bytes: usize, mut pass: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut speeds = Vec::with_capacity(PASSES);
    for _ in 0..PASSES {
        let start = Instant::now();
        pass()?;
        speeds.push(bytes as f64 / 1e6 / start.elapsed().as_secs_f64());
    }
    Ok(median(speeds))
}
