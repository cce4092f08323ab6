//! The solver: exact rosters of one person at a time, against prices that stand for everybody else.
//!
//! From the inside out: [`automaton`] and [`counters`] say what one person's rules allow, [`program`] finds the cheapest roster
//! they allow, [`oracle`] adds caps; [`problem`] holds what couples people, [`board`] a roster being worked on; [`anneal`]
//! searches, [`dual`] proves bounds, [`worker`] is one thread doing both, [`shared`] what threads share.

mod anneal;
mod automaton;
mod board;
mod compile;
mod counters;
mod dive;
mod dual;
mod moves;
mod oracle;
mod problem;
mod program;
mod shared;
mod tally;
mod tree;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::check::check;
use crate::model::{Fixed, Model, Request, Wish};
use crate::roster::Roster;
use crate::solve::{BoundProof, Continue, Keep, Options, Progress, Solution, SolveError, Stop, input_sha256};
use crate::validate::ModelError;
use oracle::{NoOracle, Oracle, Question};
use problem::{PRICE_SUM_MAX, Problem};
use program::Scratch;
use shared::Shared;
use tally::Laws;
use worker::Worker;

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// Solves a model: the best roster found within the limits, and how far from the best it can be.
///
/// `on_progress` is called on the caller's thread about ten times a second; returning `Break` stops the run with the
/// best roster so far. With a [`Keep`], what is solved is [`Keep::apply`]'s model, to which objective, bound, hash and
/// verdict belong.
///
/// # Errors
///
/// A wrong model or option; people whose hard rules leave no roster; a stop before the first roster.
pub fn solve(
    model: &Model,
    options: &Options,
    on_progress: &mut dyn FnMut(&Progress) -> Continue,
) -> Result<Solution, SolveError> {
    let begin = Instant::now();
    model.validate()?;
    options.validate(model)?;
    let kept = options.keep.as_ref().map(|keep| keep.apply(model));
    let model = kept.as_ref().unwrap_or(model);
    let problem = Problem::new(model);
    if problem.price_sum > PRICE_SUM_MAX / i64::from(2 * worker::FINE) {
        let reason = format!(
            "costs of one person's days may come to {}, which is too much to compute with",
            problem.price_sum
        );
        return Err(ModelError { field: "weights".into(), reason }.into());
    }
    let oracles = oracles(&problem, options)?;
    let laws = Arc::new(Laws::new(model));
    let shared =
        Shared::new(options.threads, temperatures(&problem), begin, options.time_limit, options.step_limit);
    let start = options.start.as_ref().or(options.keep.as_ref().map(|keep| &keep.roster)).map(rows);
    let (mut steps, mut cancelled) = (0, false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads)
            .map(|index| {
                let mut worker =
                    Worker::new(&problem, &shared, (oracles.clone(), Arc::clone(&laws)), index, options.seed);
                let start = start.as_deref();
                scope.spawn(move || {
                    worker.run(start);
                    worker.steps
                })
            })
            .collect();
        while !workers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let asked = options.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed));
            let progress = Progress {
                seconds: begin.elapsed().as_secs_f64(),
                objective: shared.best().map(|best| best.cost),
                bound: shared.bound(),
            };
            if asked || (on_progress(&progress).is_break()) {
                cancelled = true;
                shared.stop();
            }
            std::thread::park_timeout(
                TOLD_EVERY.min(Duration::from_millis(2 + begin.elapsed().as_millis() as u64 / 4)),
            );
        }
        for worker in workers {
            steps += worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    let seconds = begin.elapsed().as_secs_f64();
    let Some(best) = shared.best() else { return Err(SolveError::Stopped { seconds }) };
    let roster = roster(&problem, &best.rows);
    let verdict = check(model, &roster);
    assert!(verdict.feasible && verdict.objective == best.cost, "solver and checker agree on every roster");
    let bound = shared.bound().min(best.cost);
    Ok(Solution {
        changes: options.keep.as_ref().map(|keep| keep.roster.changes(&roster)),
        objective: best.cost,
        bound,
        bound_proof: match bound {
            0 => BoundProof::Trivial,
            _ if shared.is_branched() => BoundProof::Branches,
            _ => BoundProof::Lagrangian,
        },
        stopped: match cancelled {
            _ if bound == best.cost => Stop::Optimal,
            true => Stop::Cancelled,
            false if shared.time_is_over() => Stop::TimeLimit,
            false => Stop::StepLimit,
        },
        first_feasible_seconds: shared.first().map_or(seconds, |first| first.as_secs_f64()),
        seconds,
        steps,
        input_sha256: input_sha256(model),
        version: env!("CARGO_PKG_VERSION").into(),
        seed: options.seed,
        threads: options.threads,
        verdict,
        roster,
    })
}

impl Options {
    fn validate(&self, model: &Model) -> Result<(), SolveError> {
        let wrong = |field, reason: String| Err(SolveError::Option { field, reason });
        if !(1..=256).contains(&self.threads) {
            return wrong("threads", format!("{} is not within 1..=256", self.threads));
        }
        let fits = |roster: &Roster| (roster.people(), roster.days()) == (model.people.len(), model.days);
        let known = |roster: &Roster| {
            (0..roster.people())
                .all(|person| roster.row(person).flatten().all(|shift| shift < model.shifts.len()))
        };
        let rosters = [("start", self.start.as_ref()), ("keep", self.keep.as_ref().map(|keep| &keep.roster))];
        for (field, roster) in rosters {
            if let Some(roster) = roster.filter(|roster| !fits(roster) || !known(roster)) {
                let (people, days) = (roster.people(), roster.days());
                return wrong(
                    field,
                    format!("{people} people, {days} days and its shifts are not those of the model"),
                );
            }
        }
        match &self.keep {
            Some(keep) if !(0..=crate::WEIGHT_MAX).contains(&keep.weight) => {
                wrong("keep", format!("weight {} is not within 0..={}", keep.weight, crate::WEIGHT_MAX))
            }
            _ => Ok(()),
        }
    }
}

impl Keep {
    /// The model in which keeping the roster is a wish for each cell, and frozen days are fixed for everybody whose rules
    /// allow it.
    #[must_use]
    pub fn apply(&self, model: &Model) -> Model {
        let mut kept = model.clone();
        for (index, person) in kept.people.iter_mut().enumerate() {
            for (day, cell) in self.roster.row(index).enumerate() {
                person.requests.push(Request { day, wish: Wish::Keep(cell), weight: self.weight });
            }
        }
        if self.frozen_days == 0 {
            return kept;
        }
        let mut frozen = kept.clone();
        for (index, person) in frozen.people.iter_mut().enumerate() {
            let days = self.roster.row(index).enumerate().take(self.frozen_days);
            person.fixed.extend(days.map(|(day, shift)| Fixed { day, shift }));
        }
        let problem = Problem::new(&frozen);
        for index in 0..model.people.len() {
            if problem_of(&problem, index).is_ok() {
                kept.people[index].fixed.clone_from(&frozen.people[index].fixed);
            }
        }
        kept
    }
}

/// A person's oracle, once it is clear that there is a roster for them.
fn problem_of(problem: &Problem<'_>, person: usize) -> Result<Oracle, NoOracle> {
    let oracle = Oracle::new(problem, person)?;
    oracle.prove(&mut Question {
        problem,
        prices: &mut problem.own(person).to_vec(),
        scratch: &mut Scratch::default(),
        random: &mut SmallRng::seed_from_u64(0),
        cells: &mut vec![0; problem.days],
    })?;
    Ok(oracle)
}

/// Everybody's oracle, compiled by all threads.
fn oracles(problem: &Problem<'_>, options: &Options) -> Result<Vec<Oracle>, SolveError> {
    let share = problem.people.div_ceil(options.threads);
    let people: Vec<usize> = (0..problem.people).collect();
    let results: Vec<Result<Oracle, NoOracle>> = std::thread::scope(|scope| {
        let parts: Vec<_> = people
            .chunks(share)
            .map(|some| {
                scope
                    .spawn(move || some.iter().map(|person| problem_of(problem, *person)).collect::<Vec<_>>())
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    let without = |kind: NoOracle| -> Vec<usize> {
        let has_none = |person: &usize| results[*person].as_ref().is_err_and(|error| *error == kind);
        people.iter().copied().filter(has_none).collect()
    };
    let stuck = without(NoOracle::NoRoster);
    if !stuck.is_empty() {
        return Err(SolveError::NoRoster { people: stuck });
    }
    if let Some(person) = without(NoOracle::TooLarge).first() {
        let field = format!("people[{person}].rules");
        let reason = "count more than can be searched: fewer or coarser limits are needed".into();
        return Err(ModelError { field, reason }.into());
    }
    Ok(results.into_iter().flatten().collect())
}

/// First and last temperature of a cooling: from a fifth of the largest weight, or twice the smallest, down to a
/// quarter of that.
fn temperatures(problem: &Problem<'_>) -> (f64, f64) {
    let requests =
        problem.model.people.iter().flat_map(|person| &person.requests).map(|request| request.weight);
    let slopes = problem.rows.iter().flat_map(|row| [row.slopes().0.abs(), row.slopes().1.abs()]);
    let weights: Vec<i64> = requests.chain(slopes).filter(|weight| *weight > 0).collect();
    let least = weights.iter().min().copied().unwrap_or(1) as f64;
    let most = weights.iter().max().copied().unwrap_or(1) as f64;
    ((most / 5.0).max(2.0 * least), least / 4.0)
}

fn rows(roster: &Roster) -> Vec<Vec<u16>> {
    let cell = |cell: Option<usize>| cell.map_or(0, |shift| shift as u16 + 1);
    (0..roster.people()).map(|person| roster.row(person).map(cell).collect()).collect()
}

fn roster(problem: &Problem<'_>, rows: &[Vec<u16>]) -> Roster {
    let mut roster = Roster::of(problem.model);
    for (person, row) in rows.iter().enumerate() {
        for (day, cell) in row.iter().enumerate() {
            roster.set(person, day, usize::from(*cell).checked_sub(1));
        }
    }
    roster
}
