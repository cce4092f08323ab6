//! `jinpai roster check`.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use clap::Args;
use rostering::{Keep, Model, Problem, input_sha256};
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
    /// What the file says of its roster and is false; empty if it says nothing.
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

pub(super) async fn run(options: &Options, json: bool) -> Result<u8> {
    let mut problem = files::problem(&options.file)?.problem;
    let solved = files::roster(&problem, &options.solution)?;
    let warm = options.warm.as_deref().map(|path| files::roster(&problem, path)).transpose()?;
    let kept = options.keep.keep_weight.is_some();
    if let Some(keep) = options.keep.of(warm.as_ref().map(|warm| &warm.roster)) {
        problem.model = applied(keep, problem.model).await?;
    }
    let report = rostering::check(&problem.model, &solved.roster);
    let certificate = solved.certificate.as_ref();
    let differences = rostering::false_claims(
        &problem,
        &solved,
        &report,
        warm.as_ref().filter(|_| kept).map(|warm| &warm.roster),
    );
    if let Some(path) = &options.html {
        // A page must not repeat claims that are false.
        let believed = certificate.filter(|_| differences.is_empty());
        files::write_html(path, &options.file, &problem, &solved.roster, &report, believed)?;
    }
    let summary = Summary {
        feasible: report.feasible,
        objective: report.objective,
        broken: report.broken().map(|line| problem.rule_words(line)).collect(),
        differences,
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

/// The model that was solved with --keep-weight. Which frozen cells stay takes the solver's programmes, so this may last; Ctrl-C
/// ends it.
async fn applied(keep: Keep, model: Model) -> Result<Model> {
    let cancel = Arc::new(AtomicBool::new(false));
    let options = rostering::Options {
        time_limit: None,
        cancel: Some(Arc::clone(&cancel)),
        ..rostering::Options::default()
    };
    let mut applying =
        tokio::task::spawn_blocking(move || keep.apply(&model, &options, &mut |_| ControlFlow::Continue(())));
    let applied = tokio::select! {
        applied = &mut applying => applied,
        asked = tokio::signal::ctrl_c() => {
            asked.context("listen for Ctrl-C")?;
            cancel.store(true, Ordering::Relaxed);
            applying.await
        }
    };
    Ok(applied.context("it broke off")??.model)
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
        writeln!(out, "the file is WRONG: {difference}")?;
    }
    if summary.certified && summary.differences.is_empty() {
        writeln!(out, "the certificate agrees")?;
    }
    writeln!(out, "input SHA-256 {}", summary.input_sha256)?;
    Ok(())
}
