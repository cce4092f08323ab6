//! `jinpai roster`: rosters from files, with the pure library alone; no suite is needed.

mod check;
mod files;
mod solve;
mod template;

use std::io::IsTerminal;

use anyhow::Result;
use clap::Subcommand;
use rostering::{Conflict, Picture, Problem, Report};
use serde::Serialize;

/// What to do with a roster.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the best roster of a problem, and prove how good it is.
    ///
    /// Always holds a roster that breaks no hard rule, and gets better while it runs; Ctrl-C ends it with the best so far.
    /// Ends with status 3 and says why if people's own rules contradict each other, or if heads are missing.
    #[command(after_help = SOLVE_EXAMPLES)]
    Solve(solve::Options),
    /// Check a roster: every hard rule, every penalty, and what its certificate claims.
    ///
    /// Ends with status 3 if a hard rule is broken or a claim is false.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(check::Options),
    /// Write a ready-made problem.
    #[command(subcommand)]
    Template(template::Template),
}

const SOLVE_EXAMPLES: &str = "\
Examples:
  jinpai roster solve december.json --seconds 60 --threads 2 --out roster.json --html roster.html
  jinpai roster solve december.json --warm roster.json --keep-weight 5 --out changed.json
  jinpai roster solve Instance1.txt --seconds 10 --json
  jinpai roster solve december.json --steps 20000 --seed 7    the same roster each time

FILE is a problem as JSON (\"format\": \"jinpai.roster/1\") or in the public text format of shift scheduling instances.
";

const CHECK_EXAMPLES: &str = "\
Examples:
  jinpai roster check december.json roster.json
  jinpai roster check Instance1.txt roster.txt --json
  jinpai roster check december.json roster.json --html roster.html
";

/// Runs the command and says how it ended.
pub async fn run(command: &Command, json: bool) -> Result<u8> {
    match command {
        Command::Solve(options) => solve::run(options, json).await,
        Command::Check(options) => check::run(options, json).await,
        Command::Template(template) => template::run(template, json),
    }
}

/// A penalty as it is printed.
#[derive(Debug, Serialize)]
struct PenaltyLine {
    penalty: &'static str,
    cost: i64,
    text: String,
}

/// A conflict as it is printed.
#[derive(Debug, Serialize)]
struct ConflictLine {
    text: String,
    /// Heads that its needs want together; 0 if one person's rules contradict each other.
    required: u32,
    most: u32,
    minimal: bool,
}

impl From<Conflict> for ConflictLine {
    fn from(conflict: Conflict) -> Self {
        let Conflict { text, required, most, minimal, .. } = conflict;
        Self { text, required, most, minimal }
    }
}

fn penalties(problem: &Problem, report: &Report) -> Vec<PenaltyLine> {
    let line = |line: &rostering::PenaltyLine| PenaltyLine {
        penalty: line.penalty.code(),
        cost: line.cost,
        text: problem.penalty_words(line),
    };
    report.penalties.iter().map(line).collect()
}

/// A picture that suits standard output: its width, and colours if a person looks at it who wants them.
fn picture() -> Picture {
    let out = std::io::stdout();
    let columns = rustix::termios::tcgetwinsize(&out).ok().map(|size| usize::from(size.ws_col));
    let wants_color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Picture {
        color: out.is_terminal() && wants_color,
        width: columns.filter(|columns| *columns > 0).unwrap_or(Picture::default().width),
        ..Picture::default()
    }
}
