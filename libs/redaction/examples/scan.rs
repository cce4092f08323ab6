//! Shows what is found in the lines of standard input, and how long redacting them takes:
//! `cargo run --release --example scan -p redaction < TEXTS`.

#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::{io::Read, time::Instant};

use redaction::{Redactor, find};

fn main() -> std::io::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    for line in text.lines() {
        for finding in find(line) {
            println!("{:?}\t{}\t{line}", finding.kind, &line[finding.range]);
        }
    }
    let redactor = Redactor::new(b"example");
    let start = Instant::now();
    let changed =
        text.lines().filter(|line| matches!(redactor.redact(line), std::borrow::Cow::Owned(_))).count();
    println!(
        "{changed} of {} lines changed, {} bytes in {:.3?}",
        text.lines().count(),
        text.len(),
        start.elapsed()
    );
    Ok(())
}
