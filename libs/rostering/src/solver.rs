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
mod dear;
mod dive;
mod dual;
mod joint;
mod keep;
mod moves;
mod oracle;
mod pool;
mod problem;
mod program;
mod shared;
mod tally;
mod tree;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::check::check;
use crate::keep::Kept;
use crate::model::Model;
use crate::roster::Roster;
use crate::solve::{BoundProof, Continue, Options, Progress, Solution, SolveError, Stop, input_sha256};
use crate::validate::ModelError;
use oracle::{NoOracle, Oracle, Question};
use problem::Problem;
use program::Scratch;
use shared::{Clock, Shared};
use tally::Laws;
use worker::Worker;

/// How often progress is told.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// Solves a model: the best roster found within the limits, and how far from the best it can be.
///
/// `on_progress` is called on the caller's thread about ten times a second; returning `Break` stops the run with the
/// best roster so far. With a [`Keep`](crate::Keep), what is solved is [`Keep::apply`](crate::Keep::apply)'s model, to which
/// objective, bound, hash and verdict belong: [`Solution::model`].
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
    let clock = Arc::new(Clock::new(begin, options.time_limit, options.cancel.clone()));
    let late = || SolveError::Stopped { seconds: clock.elapsed().as_secs_f64() };
    let Kept { model, released } = match &options.keep {
        Some(keep) => keep.applied(model, &clock, options.threads, on_progress).ok_or_else(late)?,
        None => Kept { model: model.clone(), released: Vec::new() },
    };
    let problem = Problem::new(&model);
    dear::check_prices(&problem)?;
    let shared = Shared::new(options.threads, temperatures(&problem), Arc::clone(&clock), options.step_limit);
    let oracles = oracles(&problem, &shared, on_progress)?;
    let laws = Arc::new(Laws::new(&model));
    let start = options.start.as_ref().or(options.keep.as_ref().map(|keep| &keep.roster)).map(rows);
    let mut steps = 0;
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
        tell(&clock, || (shared.best().map(|best| best.cost), shared.bound()), &workers, on_progress);
        for worker in workers {
            steps += worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    let seconds = begin.elapsed().as_secs_f64();
    let Some(best) = shared.best() else { return Err(late()) };
    let roster = roster(&problem, &best.rows);
    let verdict = check(&model, &roster);
    assert!(verdict.feasible && verdict.objective == best.cost, "solver and checker agree on every roster");
    let is_proven = shared.is_proven();
    debug_assert!(!shared.is_refuted(), "a bound came out above {}, the cost of a roster", best.cost);
    let bound = shared.bound();
    Ok(Solution {
        changes: options.keep.as_ref().map(|keep| keep.roster.changes(&roster)),
        released,
        objective: best.cost,
        bound,
        bound_proof: match bound {
            _ if shared.is_refuted() => BoundProof::Refuted,
            0 => BoundProof::Trivial,
            _ if shared.is_branched() => BoundProof::Branches,
            _ => BoundProof::Lagrangian,
        },
        stopped: match clock.is_stopped() {
            _ if is_proven => Stop::Optimal,
            true => Stop::Cancelled,
            false if clock.is_over() => Stop::TimeLimit,
            false => Stop::StepLimit,
        },
        first_feasible_seconds: shared.first().map_or(seconds, |first| first.as_secs_f64()),
        seconds,
        steps,
        input_sha256: input_sha256(&model),
        version: env!("CARGO_PKG_VERSION").into(),
        seed: options.seed,
        threads: options.threads,
        verdict,
        roster,
        model,
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

/// A person's oracle, once it is clear that there is a roster for them.
fn oracle(problem: &Problem<'_>, person: usize, clock: &Clock) -> Result<Oracle, NoOracle> {
    let mut question = Question {
        problem,
        clock,
        prices: &mut problem.own(person).to_vec(),
        scratch: &mut Scratch::default(),
        random: &mut SmallRng::seed_from_u64(0),
        cells: &mut vec![0; problem.days],
    };
    Oracle::new(person, &mut question)
}

/// Tells progress until all threads are done; stops them if it is asked to. `state` says cost and bound.
fn tell<T>(
    clock: &Clock,
    state: impl Fn() -> (Option<i64>, i64),
    threads: &[std::thread::ScopedJoinHandle<'_, T>],
    on_progress: &mut dyn FnMut(&Progress) -> Continue,
) {
    while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
        let seconds = clock.elapsed().as_secs_f64();
        let (objective, bound) = state();
        if on_progress(&Progress { seconds, objective, bound }).is_break() {
            clock.stop();
        }
        std::thread::park_timeout(TOLD_EVERY.min(Duration::from_secs_f64(0.001 + seconds / 4.0)));
    }
}

/// Does something for everybody, shared out among threads; the answers in the order of the people.
fn for_people<T: Send>(
    people: usize,
    threads: usize,
    clock: &Clock,
    state: impl Fn() -> (Option<i64>, i64),
    answer: impl Fn(usize) -> T + Sync,
    on_progress: &mut dyn FnMut(&Progress) -> Continue,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let some = &|| -> Vec<(usize, T)> {
        let mine = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        mine.take_while(|person| *person < people).map(|person| (person, answer(person))).collect()
    };
    let mut answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.min(people)).map(|_| scope.spawn(some)).collect();
        tell(clock, state, &threads, on_progress);
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    answers.sort_unstable_by_key(|(person, _)| *person);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Everybody's oracle, compiled by all threads.
fn oracles(
    problem: &Problem<'_>,
    shared: &Shared,
    on_progress: &mut dyn FnMut(&Progress) -> Continue,
) -> Result<Vec<Oracle>, SolveError> {
    let people: Vec<usize> = (0..problem.people).collect();
    let compile = |person: usize| oracle(problem, person, &shared.clock);
    let state = || (None, shared.bound());
    let results = for_people(problem.people, shared.threads, &shared.clock, state, compile, on_progress);
    let without = |kind: NoOracle| -> Vec<usize> {
        let has_none = |person: &usize| results[*person].as_ref().is_err_and(|error| *error == kind);
        people.iter().copied().filter(has_none).collect()
    };
    let stuck = without(NoOracle::NoRoster);
    if !stuck.is_empty() {
        return Err(SolveError::NoRoster { people: stuck });
    }
    if !without(NoOracle::Late).is_empty() {
        return Err(SolveError::Stopped { seconds: shared.clock.elapsed().as_secs_f64() });
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
