//! Trains and measures the model that comes with the crate.
//!
//! `cargo run --release -p textcheck --example train_sentiment -- POSITIVE NEGATIVE [FOLDER]`, the files with a text per
//! line. Texts that occur twice are taken once, texts in both files not at all; one in five, by its hash, is held out. With a
//! folder: writes `sentiment.bin` and an extract of what was held out, `held_out.tsv`, into it.

use std::collections::BTreeSet;
use std::io::Write;
use std::{env, fs, path::Path};

use textcheck::SentimentModel;

/// Held-out texts of each kind that are kept with the crate.
const EXTRACT: usize = 500;
const EXTRACT_CHARACTERS_MAX: usize = 120;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [positive, negative, rest @ ..] = arguments.as_slice() else {
        return Err("usage: train_sentiment POSITIVE NEGATIVE [FOLDER]".into());
    };
    let (positive, negative) = (fs::read_to_string(positive)?, fs::read_to_string(negative)?);
    let (positive, negative) = (texts(&positive), texts(&negative));
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    for (own, other, kind) in [(&positive, &negative, true), (&negative, &positive, false)] {
        for text in own.difference(other) {
            let list = if hash(text).is_multiple_of(5) { &mut held_out } else { &mut train };
            list.push((*text, kind));
        }
    }
    // By hash: mixed, and the same every time.
    train.sort_by_key(|(text, _)| hash(text));
    held_out.sort_by_key(|(text, _)| hash(text) / 5);
    let model = SentimentModel::train(&train);
    let mut out = std::io::stdout().lock();
    report(&mut out, "trained on", &model, &train)?;
    report(&mut out, "held out", &model, &held_out)?;
    let short: Vec<_> = held_out.iter().copied().filter(|(text, _)| text.chars().count() <= 20).collect();
    report(&mut out, "held out, up to 20 characters", &model, &short)?;
    if let [folder] = rest {
        let folder = Path::new(folder);
        fs::write(folder.join("sentiment.bin"), model.to_bytes())?;
        let mut extract = Vec::new();
        for kind in [true, false] {
            let fitting = |text: &str| text.chars().count() <= EXTRACT_CHARACTERS_MAX && !text.contains('\t');
            extract.extend(held_out.iter().filter(|(text, own)| *own == kind && fitting(text)).take(EXTRACT));
        }
        report(&mut out, "extract of it", &model, &extract)?;
        let line = |(text, kind): &(&str, bool)| format!("{}\t{text}\n", if *kind { '+' } else { '-' });
        let extract: String = extract.iter().map(line).collect();
        fs::write(folder.join("held_out.tsv"), extract)?;
    }
    Ok(())
}

fn texts(file: &str) -> BTreeSet<&str> {
    file.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn hash(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // FNV's low bits are poor.
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8
}

fn report(
    out: &mut impl Write,
    name: &str,
    model: &SentimentModel,
    texts: &[(&str, bool)],
) -> std::io::Result<()> {
    let mut table = [[0_u32; 2]; 2];
    for &(text, positive) in texts {
        let said = model.sentiment(text).is_some_and(|sentiment| sentiment > 0.0);
        table[usize::from(positive)][usize::from(said)] += 1;
    }
    let [[rejected, wrongly], [missed, accepted]] = table;
    let accuracy = f64::from(rejected + accepted) / texts.len().max(1) as f64;
    writeln!(
        out,
        "{name}: {} texts, accuracy {accuracy:.4}; positive: {accepted} right, {missed} wrong; negative: {rejected} right, \
         {wrongly} wrong",
        texts.len()
    )
}
