//! Rosters side by side with CP-SAT, on public instances and the same machine, one after the other; and problems of our own.
//!
//! `make bench-rosters` starts it; `--help` names the options. Every roster, the peer's too, is looked at by this crate's
//! checker and those of public instances by the instances' own; where the two differ, a roster breaks a rule, or a bound is above
//! the cost of any roster that is known, the run fails.

mod options;
mod peer;
mod table;

use std::error::Error;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use options::{Instance, Options};
use peer::{Peer, PeerResult};
use rostering::{BoundProof, Model, check, read_json, read_model, solve, write_roster};
use serde::Serialize;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A row of the report: an instance and a time limit.
#[derive(Debug, Serialize)]
struct Row {
    instance: Instance,
    /// Time limit of each run.
    seconds: f64,
    threads: usize,
    /// Seed of the run with the median cost.
    seed: u64,
    /// Median cost over the seeds; of an even number the higher of the two in the middle.
    ours: i64,
    /// Best proven bound over the seeds.
    bound: i64,
    /// Share of the median cost that this bound leaves open.
    gap: f64,
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
    let mut rows = Vec::new();
    for seconds in options.seconds.iter().copied() {
        say(&table::head(&options, seconds))?;
        for instance in &options.instances {
            let row = match *instance {
                Instance::Public(number) => public(&options, &mut peer, number, seconds, &best_known)?,
                Instance::Own(_) => Some(own(&options, *instance, seconds)?),
            };
            rows.extend(row);
            // After each instance: a run that is cut leaves what it has.
            std::fs::write(&options.out, serde_json::to_string_pretty(&rows)? + "\n")?;
        }
    }
    say(&table::foot(&rows, &options))
}

/// A public instance; `None` if it is a default one that is not there.
fn public(
    options: &Options,
    peer: &mut Peer,
    number: u32,
    seconds: f64,
    best_known: &[(u32, i64)],
) -> Outcome<Option<Row>> {
    let file = options.folder.join(format!("instances/Instance{number}.txt"));
    if options.default_instances && !file.exists() {
        say(&format!("{number:>8} is not there: {}\n", file.display()))?;
        return Ok(None);
    }
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let model = read_model(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let theirs = peer.solve(number, seconds, &file, &model)?;
    let instance = Instance::Public(number);
    let known = best_known.iter().find(|(known, _)| *known == number).map(|(_, cost)| *cost);
    let mut runs = Vec::new();
    for seed in 1..=options.seeds {
        let (run, roster) = ours(options, seconds, instance, &model, seed)?;
        let path = options.solutions.join(format!("Instance{number}-{seed}.txt"));
        std::fs::write(&path, write_roster(&model, &roster)?)?;
        peer.verify(&file, &path, run.cost)?;
        runs.push(run);
    }
    row(options, seconds, instance, runs, theirs, known).map(Some)
}

/// A problem of our own: without a peer, and without a best known cost.
fn own(options: &Options, instance: Instance, seconds: f64) -> Outcome<Row> {
    let text = instance.json().ok_or("a public instance is no problem of our own")?;
    let model = read_json(text).map_err(|error| format!("{instance}: {error}"))?.model;
    let run = |seed| ours(options, seconds, instance, &model, seed).map(|(run, _)| run);
    let runs = (1..=options.seeds).map(run).collect::<Outcome<_>>()?;
    row(options, seconds, instance, runs, None, None)
}

fn row(
    options: &Options,
    seconds: f64,
    instance: Instance,
    runs: Vec<Run>,
    theirs: Option<PeerResult>,
    best_known: Option<i64>,
) -> Outcome<Row> {
    let mut sorted = runs.clone();
    sorted.sort_by_key(|run| run.cost);
    let median = sorted[sorted.len() / 2].clone();
    let bound = runs.iter().map(|run| run.bound).max().unwrap_or(0);
    let cpsat = theirs.as_ref().and_then(|theirs| theirs.cost);
    // A bound holds for every roster there is, whoever found it.
    let known = [("ours", Some(sorted[0].cost)), ("CP-SAT", cpsat), ("the best known", best_known)];
    for (whose, cost) in known {
        if cost.is_some_and(|cost| bound > cost) {
            let cost = cost.unwrap_or_default();
            return Err(
                format!("instance {instance}: the bound {bound} is false, {whose} costs {cost}").into()
            );
        }
    }
    let row = Row {
        instance,
        seconds,
        threads: options.threads,
        seed: median.seed,
        ours: median.cost,
        bound,
        gap: if median.cost == bound { 0.0 } else { (median.cost - bound) as f64 / median.cost as f64 },
        cpsat,
        cpsat_cached: theirs.is_some_and(|theirs| theirs.cached),
        best_known,
        first_feasible_seconds: median.first_feasible_seconds,
        runs,
    };
    say(&table::row(&row))?;
    Ok(row)
}

fn ours(
    options: &Options,
    seconds: f64,
    instance: Instance,
    model: &Model,
    seed: u64,
) -> Outcome<(Run, rostering::Roster)> {
    let how = rostering::Options {
        time_limit: Some(Duration::from_secs_f64(seconds)),
        threads: options.threads,
        seed,
        ..rostering::Options::default()
    };
    let solution = solve(model, &how, &mut |_| ControlFlow::Continue(()))?;
    if solution.bound_proof == BoundProof::Refuted {
        return Err(
            format!("instance {instance}, seed {seed}: a bound came out above a roster's cost").into()
        );
    }
    let report = check(model, &solution.roster);
    if !report.feasible || report.objective != solution.objective {
        return Err(format!("instance {instance}, seed {seed}: the solver's claims are false").into());
    }
    let run = Run {
        seed,
        cost: solution.objective,
        bound: solution.bound,
        seconds: solution.seconds,
        first_feasible_seconds: solution.first_feasible_seconds,
    };
    Ok((run, solution.roster))
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
