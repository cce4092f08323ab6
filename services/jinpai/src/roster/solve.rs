//! `jinpai roster solve`.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rostering::{Certificate, Effort, Explanation, Keep, Problem, Progress, Roster, Solution, SolveError};
use serde::Serialize;

use super::files::{self, Input};
use super::{ConflictLine, PenaltyLine, penalties, picture};
use crate::cli::{DONE, FOUND, print};

/// What to solve, and how.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The problem.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Stop after so many seconds; without it after 60, or never if --steps is given.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub seconds: Option<f64>,
    /// Stop after so many steps of the search, in each thread: with one thread two runs then give the same roster.
    #[arg(long)]
    pub steps: Option<u64>,
    /// Threads to use.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write the roster there: as text if the name ends in .txt, as JSON with its certificate if it ends in .json, or else in
    /// the problem's form.
    #[arg(long, value_name = "SOLUTION")]
    pub out: Option<PathBuf>,
    /// Write a page to look at or print there.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Begin with this roster.
    #[arg(long, value_name = "SOLUTION")]
    pub warm: Option<PathBuf>,
    /// How close to stay to it.
    #[command(flatten)]
    pub keep: Closeness,
    /// Spend so many seconds at most on saying why heads are missing or somebody has no roster; 0 leaves it out.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "10")]
    pub explain_seconds: f64,
    /// Don't draw the roster.
    #[arg(long)]
    pub no_picture: bool,
}

/// How close to stay to the --warm roster.
#[derive(Debug, Clone, Args)]
pub struct Closeness {
    /// Change as little as possible: what each cell that differs from the --warm roster costs.
    #[arg(long, value_name = "N", requires = "warm")]
    pub keep_weight: Option<i64>,
    /// Days from the first on that stay as they are in the --warm roster; where hard rules leave no room, the fewest cells are
    /// let go, and named.
    #[arg(long, value_name = "DAYS", requires = "keep_weight", default_value_t = 0)]
    pub frozen_days: usize,
}

impl Closeness {
    pub(super) fn of(&self, warm: Option<&Roster>) -> Option<Keep> {
        let (weight, roster) = self.keep_weight.zip(warm)?;
        Some(Keep { roster: roster.clone(), weight, frozen_days: self.frozen_days })
    }
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Summary {
    /// Whether there is a roster.
    solved: bool,
    /// Everything that is claimed of it.
    #[serde(flatten)]
    certificate: Option<Certificate>,
    /// People whose own hard rules leave them no roster.
    stuck: Vec<String>,
    /// Frozen cells that could not be kept, in words.
    released: Vec<String>,
    /// Heads missing, over all needs.
    heads_missing: u64,
    /// Why heads are missing, or why there is no roster.
    conflicts: Vec<ConflictLine>,
    /// Needs that are short for no reason that was found.
    unexplained: Vec<String>,
    penalties: Vec<PenaltyLine>,
    out: Option<PathBuf>,
    html: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is no number of seconds"))?;
    if (0.0..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err("takes 0 to 86400".to_owned()) }
}

pub(super) async fn run(options: &Options, json: bool) -> Result<u8> {
    let mut input = files::problem(&options.file)?;
    let engine = engine(options, &input)?;
    let solution = match solved(&input, engine, json).await? {
        Ok(solution) => solution,
        Err(SolveError::NoRoster { people }) => return stuck(&input, people, options, json).await,
        Err(error) => bail!(error),
    };
    // What was solved, and what the certificate is about.
    input.problem.model.clone_from(&solution.model);
    let certificate = Certificate::from(&solution);
    if let Some(path) = &options.out {
        files::write_roster(path, &input, &solution.roster, &solution.verdict, &certificate)?;
    }
    if let Some(path) = &options.html {
        let Solution { roster, verdict, .. } = &solution;
        files::write_html(path, &options.file, &input.problem, roster, verdict, Some(&certificate))?;
    }
    let found = if missing(&input, &solution) > 0 {
        let roster = solution.roster.clone();
        explained(&input, options, move |problem, effort| rostering::explain(problem, Some(&roster), effort))
            .await?
    } else {
        Explanation { conflicts: Vec::new(), unexplained: Vec::new() }
    };
    let summary = summary(&input, Some((&solution, certificate)), found, options);
    print(json, &summary, |out| {
        if !options.no_picture {
            let drawn = rostering::picture(&input.problem, &solution.roster, &solution.verdict, picture());
            writeln!(out, "{drawn}")?;
        }
        told(out, &summary)
    })?;
    Ok(if summary.heads_missing > 0 { FOUND } else { DONE })
}

/// Says who has no roster, and why as far as there is time.
async fn stuck(input: &Input, people: Vec<usize>, options: &Options, json: bool) -> Result<u8> {
    let names: Vec<String> =
        people.iter().map(|person| input.problem.model.people[*person].id.clone()).collect();
    let explain =
        move |problem: &Problem, effort: Effort| rostering::explain_people(problem, &people, effort);
    let found = explained(input, options, explain).await?;
    let summary = Summary { stuck: names, ..summary(input, None, found, options) };
    print(json, &summary, |out| {
        let names = summary.stuck.join(", ");
        writeln!(
            out,
            "there is no roster, whoever else works what: hard rules contradict each other for {names}"
        )?;
        conflicts(out, &summary)
    })?;
    Ok(FOUND)
}

fn engine(options: &Options, input: &Input) -> Result<rostering::Options> {
    ensure!(options.threads > 0, "--threads takes at least 1");
    let warm = options.warm.as_deref().map(|path| files::roster(&input.problem, path)).transpose()?;
    let warm = warm.map(|solved| solved.roster);
    let keep = options.keep.of(warm.as_ref());
    let time = match (options.seconds, options.steps) {
        (Some(seconds), _) => Some(seconds),
        (None, Some(_)) => None,
        (None, None) => Some(60.0),
    };
    Ok(rostering::Options {
        time_limit: time.map(Duration::from_secs_f64),
        step_limit: options.steps,
        threads: options.threads,
        seed: options.seed,
        start: warm,
        keep,
        cancel: Some(Arc::new(AtomicBool::new(false))),
    })
}

/// Runs the solver beside a progress line. The first Ctrl-C asks it to stop, the second ends the program.
async fn solved(
    input: &Input,
    engine: rostering::Options,
    quiet: bool,
) -> Result<Result<Solution, SolveError>> {
    let bar = progress_bar(&engine, quiet)?;
    let cancel = engine.cancel.clone().context("the solver can be cancelled")?;
    let model = input.problem.model.clone();
    let line = bar.clone();
    let mut solving = tokio::task::spawn_blocking(move || {
        rostering::solve(&model, &engine, &mut |progress| {
            show(&line, progress);
            ControlFlow::Continue(())
        })
    });
    let outcome = tokio::select! {
        outcome = &mut solving => outcome,
        asked = tokio::signal::ctrl_c() => {
            asked.context("listen for Ctrl-C")?;
            cancel.store(true, Ordering::Relaxed);
            tokio::select! {
                outcome = &mut solving => outcome,
                _ = tokio::signal::ctrl_c() => bail!("stopped, without a roster"),
            }
        }
    };
    bar.finish_and_clear();
    outcome.context("the solver broke off")
}

/// Indicatif draws on a terminal only.
fn progress_bar(engine: &rostering::Options, quiet: bool) -> Result<ProgressBar> {
    if quiet {
        return Ok(ProgressBar::hidden());
    }
    let bar = match engine.time_limit {
        Some(limit) => ProgressBar::new(limit.as_millis().try_into().unwrap_or(u64::MAX).max(1)),
        None => ProgressBar::new_spinner(),
    };
    let style = "{bar:20} {elapsed:>4}  {msg}";
    bar.set_style(ProgressStyle::with_template(style).context("the bar's template")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.set_message("looking for a first roster");
    Ok(bar)
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_position((progress.seconds * 1000.0) as u64);
    if let Some(objective) = progress.objective {
        let open = objective - progress.bound;
        let gap = if objective > 0 { 100.0 * open as f64 / objective as f64 } else { 0.0 };
        bar.set_message(format!("cost {objective}, none below {}, gap {gap:.2} %", progress.bound));
    }
}

/// Runs an explanation; Ctrl-C ends it with what it has.
async fn explained(
    input: &Input,
    options: &Options,
    explain: impl FnOnce(&Problem, Effort) -> Explanation + Send + 'static,
) -> Result<Explanation> {
    let cancel = Arc::new(AtomicBool::new(false));
    let time = Duration::from_secs_f64(options.explain_seconds);
    let effort = Effort { time, cancel: Some(Arc::clone(&cancel)), ..Effort::default() };
    let problem = input.problem.clone();
    let mut explaining = tokio::task::spawn_blocking(move || explain(&problem, effort));
    let found = tokio::select! {
        found = &mut explaining => found,
        asked = tokio::signal::ctrl_c() => {
            asked.context("listen for Ctrl-C")?;
            cancel.store(true, Ordering::Relaxed);
            explaining.await
        }
    };
    found.context("the explanation broke off")
}

fn missing(input: &Input, solution: &Solution) -> u64 {
    let model = &input.problem.model;
    let heads = solution.verdict.penalties.iter().map(|line| match line.penalty {
        rostering::Penalty::Cover { cover, present } => model.cover[cover].required.saturating_sub(present),
        rostering::Penalty::Demand { demand, present } => {
            model.demand[demand].required.saturating_sub(present)
        }
        _ => 0,
    });
    heads.map(u64::from).sum()
}

fn summary(
    input: &Input,
    solved: Option<(&Solution, Certificate)>,
    found: Explanation,
    options: &Options,
) -> Summary {
    let unexplained = found.unexplained.iter().map(|need| input.problem.need_words(*need)).collect();
    let released = solved.as_ref().map_or_else(Vec::new, |(solution, _)| {
        solution.released.iter().map(|released| input.problem.released_words(released)).collect()
    });
    Summary {
        solved: solved.is_some(),
        stuck: Vec::new(),
        released,
        heads_missing: solved.as_ref().map_or(0, |(solution, _)| missing(input, solution)),
        penalties: solved
            .as_ref()
            .map_or_else(Vec::new, |(solution, _)| penalties(&input.problem, &solution.verdict)),
        out: options.out.clone().filter(|_| solved.is_some()),
        html: options.html.clone().filter(|_| solved.is_some()),
        certificate: solved.map(|(_, certificate)| certificate),
        conflicts: found.conflicts.into_iter().map(ConflictLine::from).collect(),
        unexplained,
    }
}

fn told(out: &mut dyn Write, summary: &Summary) -> Result<()> {
    let Some(certificate) = &summary.certificate else { return Ok(()) };
    let Certificate { objective, bound, gap, seconds, first_feasible_seconds, .. } = certificate;
    let proof = certificate.proof_words();
    if certificate.is_proven() {
        writeln!(out, "cost {objective}, proven best ({proof})")?;
    } else if certificate.bound_proof == "refuted" {
        writeln!(out, "cost {objective}; nothing is proven ({proof}): please report it with the problem")?;
    } else {
        let open = 100.0 * gap;
        writeln!(out, "cost {objective}; no roster costs less than {bound} ({proof}): gap {open:.2} %")?;
    }
    writeln!(
        out,
        "{} after {seconds:.1} s, first roster after {first_feasible_seconds:.2} s; seed {}, {} threads",
        certificate.stopped.replace('_', " "),
        certificate.seed,
        certificate.threads
    )?;
    if let Some(changes) = certificate.changes {
        writeln!(out, "{changes} cells changed")?;
    }
    for released in &summary.released {
        writeln!(out, "  {released}")?;
    }
    writeln!(out, "input SHA-256 {}", certificate.input_sha256)?;
    for path in [&summary.out, &summary.html].into_iter().flatten() {
        writeln!(out, "written to {}", path.display())?;
    }
    if summary.heads_missing > 0 {
        let heads = if summary.heads_missing == 1 { "head is" } else { "heads are" };
        writeln!(out, "\n{} {heads} missing:", summary.heads_missing)?;
        conflicts(out, summary)?;
    }
    Ok(())
}

/// Needs named without a reason; more are counted.
const UNEXPLAINED_MAX: usize = 10;

fn conflicts(out: &mut dyn Write, summary: &Summary) -> Result<()> {
    for conflict in &summary.conflicts {
        writeln!(out, "  {}", conflict.text)?;
    }
    if !summary.unexplained.is_empty() {
        let named = summary.unexplained.len().min(UNEXPLAINED_MAX);
        let more = match summary.unexplained.len() - named {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let names = summary.unexplained[..named].join(", ");
        writeln!(out, "  {names}{more}: no single conflict was found; other needs or wishes may be dearer")?;
    }
    Ok(())
}
