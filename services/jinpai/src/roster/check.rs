//! `jinpai roster check`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use rostering::{Certificate, Problem, Report, input_sha256};
use serde::Serialize;

use super::solve::Closeness;
use super::{PenaltyLine, files, penalties, picture};
use crate::cli::{DONE, FOUND, print};

/// What to check.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The problem.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The roster.
    #[arg(value_name = "SOLUTION")]
    pub solution: PathBuf,
    /// The roster that was to be kept, if it was solved with --keep-weight.
    #[arg(long, value_name = "SOLUTION")]
    pub warm: Option<PathBuf>,
    /// How close to stay to it.
    #[command(flatten)]
    pub keep: Closeness,
    /// List every hard rule with its slack, not only those that are broken.
    #[arg(long)]
    pub rules: bool,
    /// Write a page to look at or print there.
    #[arg(long, value_name = "OUT")]
    pub html: Option<PathBuf>,
    /// Don't draw the roster.
    #[arg(long)]
    pub no_picture: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Summary {
    feasible: bool,
    objective: i64,
    /// Hard rules that are broken, in words.
    broken: Vec<String>,
    /// Claims of the certificate that are false; empty if there is none.
    differences: Vec<String>,
    /// Whether there was a certificate.
    certified: bool,
    input_sha256: String,
    rules: Vec<RuleLine>,
    penalties: Vec<PenaltyLine>,
}

#[derive(Debug, Serialize)]
struct RuleLine {
    rule: &'static str,
    person: String,
    found: i64,
    limit: i64,
    slack: i64,
    text: String,
}

pub(super) fn run(options: &Options, json: bool) -> Result<u8> {
    let mut problem = files::problem(&options.file)?.problem;
    let solved = files::roster(&problem, &options.solution)?;
    let warm = options.warm.as_deref().map(|path| files::roster(&problem, path)).transpose()?;
    if let Some(keep) = options.keep.of(warm.as_ref().map(|warm| &warm.roster)) {
        ensure!(keep.weight >= 0, "--keep-weight takes at least 0");
        problem.model = keep.apply(&problem.model);
    }
    let report = rostering::check(&problem.model, &solved.roster);
    let certificate = solved.certificate.as_ref();
    if let Some(path) = &options.html {
        // A page must not repeat claims that are false.
        let believed =
            certificate.filter(|certificate| differences(&problem, &report, certificate).is_empty());
        files::write_html(path, &options.file, &problem, &solved.roster, &report, believed)?;
    }
    let summary = Summary {
        feasible: report.feasible,
        objective: report.objective,
        broken: report.broken().map(|line| problem.rule_words(line)).collect(),
        differences: certificate
            .map_or_else(Vec::new, |certificate| differences(&problem, &report, certificate)),
        certified: certificate.is_some(),
        input_sha256: input_sha256(&problem.model),
        rules: report.rules.iter().map(|line| rule(&problem, line)).collect(),
        penalties: penalties(&problem, &report),
    };
    print(json, &summary, |out| {
        if !options.no_picture {
            writeln!(out, "{}", rostering::picture(&problem, &solved.roster, &report, picture()))?;
        }
        told(out, &summary, options)
    })?;
    Ok(if summary.feasible && summary.differences.is_empty() { DONE } else { FOUND })
}

fn rule(problem: &Problem, line: &rostering::RuleLine) -> RuleLine {
    RuleLine {
        rule: line.rule.code(),
        person: problem.model.people[line.person].id.clone(),
        found: line.found,
        limit: line.limit,
        slack: line.slack,
        text: problem.rule_words(line),
    }
}

/// Claims that are false, as far as a checker can tell: the bound itself takes a solver to prove again.
fn differences(problem: &Problem, report: &Report, claimed: &Certificate) -> Vec<String> {
    let mut found = Vec::new();
    let input = input_sha256(&problem.model);
    if claimed.input_sha256 != input {
        let kept = if claimed.changes.is_some() {
            " (it was to stay close to a roster: give --warm and --keep-weight)"
        } else {
            ""
        };
        found.push(format!("solved for input {}, this one is {input}{kept}", claimed.input_sha256));
    }
    if claimed.objective != report.objective {
        found.push(format!("claims a cost of {}, it is {}", claimed.objective, report.objective));
    }
    if claimed.bound > report.objective {
        found.push(format!("claims that no roster costs less than {}, this one does", claimed.bound));
    }
    let gap = match claimed.objective {
        objective if objective == claimed.bound => 0.0,
        objective => (objective - claimed.bound) as f64 / objective as f64,
    };
    if (claimed.gap - gap).abs() > 1e-9 {
        found.push(format!("claims a gap of {}, cost and bound give {gap}", claimed.gap));
    }
    found
}

fn told(out: &mut dyn Write, summary: &Summary, options: &Options) -> Result<()> {
    if options.rules {
        for rule in &summary.rules {
            writeln!(out, "slack {:>6}  {}", rule.slack, rule.text)?;
        }
    }
    match summary.broken.len() {
        0 => writeln!(out, "every hard rule is kept, cost {}", summary.objective)?,
        broken => {
            writeln!(out, "{broken} hard rules are BROKEN, cost {}", summary.objective)?;
            for line in &summary.broken {
                writeln!(out, "  {line}")?;
            }
        }
    }
    for difference in &summary.differences {
        writeln!(out, "the certificate is WRONG: {difference}")?;
    }
    if summary.certified && summary.differences.is_empty() {
        writeln!(out, "the certificate agrees")?;
    }
    writeln!(out, "input SHA-256 {}", summary.input_sha256)?;
    Ok(())
}
