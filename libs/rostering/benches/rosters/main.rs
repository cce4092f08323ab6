//! Rosters side by side with CP-SAT, on public instances and the same machine, one after the other.
//!
//! `make bench-rosters` starts it; `--help` names the options. Every roster, the peer's too, is looked at by this crate's
//! checker and by the instances' own; where the two differ, or a roster breaks a rule, the run fails.

mod options;
mod peer;
mod table;

use std::error::Error;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use options::Options;
use peer::{Peer, PeerResult};
use rostering::{Model, check, read_model, solve, write_roster};
use serde::Serialize;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A row of the report: an instance.
#[derive(Debug, Serialize)]
struct Row {
    instance: u32,
    /// Time limit of each run.
    seconds: f64,
    threads: usize,
    /// Seed of the run with the median cost.
    seed: u64,
    /// Median cost over the seeds; of an even number the higher of the two in the middle.
    ours: i64,
    /// Best proven bound over the seeds.
    bound: i64,
    cpsat: Option<i64>,
    /// Whether the peer's figures were measured at another time.
    cpsat_cached: bool,
    best_known: Option<i64>,
    /// Of the run with the median cost.
    first_feasible_seconds: f64,
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Serialize)]
struct Run {
    seed: u64,
    cost: i64,
    bound: i64,
    seconds: f64,
    first_feasible_seconds: f64,
}

fn main() -> Outcome<()> {
    let Some(options) = Options::from_args(std::env::args().skip(1))? else {
        return say(options::HELP);
    };
    let mut peer = Peer::new(&options)?;
    let best_known = best_known(&options.folder)?;
    std::fs::create_dir_all(&options.solutions)?;
    say(&table::head(&options))?;
    let mut rows = Vec::new();
    for instance in &options.instances {
        let file = options.folder.join(format!("instances/Instance{instance}.txt"));
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let model = read_model(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        let theirs = peer.solve(*instance, &file, &model)?;
        let mut runs = Vec::new();
        for seed in 1..=options.seeds {
            runs.push(ours(&options, &peer, *instance, &file, &model, seed)?);
        }
        let known = best_known.iter().find(|(number, _)| number == instance).map(|(_, cost)| *cost);
        let row = row(&options, *instance, runs, theirs, known);
        say(&table::row(&row))?;
        rows.push(row);
        // After each instance: a run that is cut leaves what it has.
        std::fs::write(&options.out, serde_json::to_string_pretty(&rows)? + "\n")?;
    }
    say(&table::foot(&rows, &options))
}

fn row(
    options: &Options,
    instance: u32,
    runs: Vec<Run>,
    theirs: Option<PeerResult>,
    best_known: Option<i64>,
) -> Row {
    let mut sorted = runs.clone();
    sorted.sort_by_key(|run| run.cost);
    let median = sorted[sorted.len() / 2].clone();
    Row {
        instance,
        seconds: options.seconds,
        threads: options.threads,
        seed: median.seed,
        ours: median.cost,
        bound: runs.iter().map(|run| run.bound).max().unwrap_or(0),
        cpsat: theirs.as_ref().and_then(|theirs| theirs.cost),
        cpsat_cached: theirs.is_some_and(|theirs| theirs.cached),
        best_known,
        first_feasible_seconds: median.first_feasible_seconds,
        runs,
    }
}

fn ours(
    options: &Options,
    peer: &Peer,
    instance: u32,
    file: &Path,
    model: &Model,
    seed: u64,
) -> Outcome<Run> {
    let how = rostering::Options {
        time_limit: Some(Duration::from_secs_f64(options.seconds)),
        threads: options.threads,
        seed,
        ..rostering::Options::default()
    };
    let solution = solve(model, &how, &mut |_| ControlFlow::Continue(()))?;
    let report = check(model, &solution.roster);
    if !report.feasible || report.objective != solution.objective || solution.bound > solution.objective {
        return Err(format!("instance {instance}, seed {seed}: the solver's claims are false").into());
    }
    let path = options.solutions.join(format!("Instance{instance}-{seed}.txt"));
    std::fs::write(&path, write_roster(model, &solution.roster))?;
    peer.verify(file, &path, report.objective)?;
    Ok(Run {
        seed,
        cost: solution.objective,
        bound: solution.bound,
        seconds: solution.seconds,
        first_feasible_seconds: solution.first_feasible_seconds,
    })
}

/// Instance and cost, from `best_known.csv`.
fn best_known(folder: &Path) -> Outcome<Vec<(u32, i64)>> {
    let path: PathBuf = folder.join("best_known.csv");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let row = |line: &str| {
        let mut fields = line.split(',');
        let (instance, cost) = (fields.next()?.trim().parse().ok()?, fields.next()?.trim().parse().ok()?);
        Some((instance, cost))
    };
    Ok(text.lines().skip(1).filter_map(row).collect())
}

fn say(text: &str) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
