//! What the threads of one run share: the best roster, the bound, the limits.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::board::Board;
use super::dual::Guide;
use super::problem::Problem;

/// Seconds that a step counts for where there is no clock.
const STEP: f64 = 20e-6;

/// How much longer than the limit a run may take for its first roster: without one all time was for nothing.
const FIRST_LATER: f64 = 1.25;

/// When to stop: what long parts look at that know nothing of a roster yet.
#[derive(Debug)]
pub(crate) struct Clock {
    begin: Instant,
    limit: Option<Duration>,
    stop: AtomicBool,
    cancel: Option<Arc<AtomicBool>>,
}

impl Clock {
    pub fn new(begin: Instant, limit: Option<Duration>, cancel: Option<Arc<AtomicBool>>) -> Self {
        Self { begin, limit, stop: AtomicBool::new(false), cancel }
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked to stop.
    pub fn is_stopped(&self) -> bool {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        is_set(&self.stop) || self.cancel.as_deref().is_some_and(is_set)
    }

    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Whether the time is over.
    pub fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.elapsed() >= limit)
    }

    /// Whether to give up even without a roster.
    pub fn is_late(&self) -> bool {
        self.is_stopped() || self.limit.is_some_and(|limit| self.elapsed() >= limit.mul_f64(FIRST_LATER))
    }
}

/// A roster as rows of cells, with its cost.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub cost: i64,
    pub rows: Vec<Vec<u16>>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub threads: usize,
    /// Of a cooling: first and last.
    pub temperatures: (f64, f64),
    pub clock: Arc<Clock>,
    step_limit: Option<u64>,
    cost: AtomicI64,
    best: Mutex<Option<Found>>,
    bound: AtomicI64,
    /// Whether the bound is that of branches.
    branched: AtomicBool,
    /// Whether a bound came out above the cost of a roster.
    refuted: AtomicBool,
    steps: AtomicU64,
    first: Mutex<Option<Duration>>,
    guide: Mutex<Option<Arc<Guide>>>,
}

impl Shared {
    pub fn new(threads: usize, temperatures: (f64, f64), clock: Arc<Clock>, step_limit: Option<u64>) -> Self {
        Self {
            threads,
            temperatures,
            clock,
            step_limit,
            cost: AtomicI64::new(i64::MAX),
            best: Mutex::new(None),
            bound: AtomicI64::new(0),
            branched: AtomicBool::new(false),
            refuted: AtomicBool::new(false),
            steps: AtomicU64::new(0),
            first: Mutex::new(None),
            guide: Mutex::new(None),
        }
    }

    /// Whether a worker that made `steps` steps is to stop.
    pub fn over(&self, steps: u64) -> bool {
        self.clock.is_stopped()
            || self.step_limit.is_some_and(|limit| steps >= limit)
            || self.is_proven()
            || self.clock.is_over()
    }

    /// Seconds that a worker has spent after `steps` steps. Where only steps have a limit, a step counts as a fixed part of a
    /// second, so that nothing depends on the clock.
    pub fn spent(&self, steps: u64) -> f64 {
        if self.clock.limit.is_some() { self.clock.elapsed().as_secs_f64() } else { steps as f64 * STEP }
    }

    /// Seconds that a worker still has, as [`spent`](Self::spent) counts them; infinite without any limit.
    pub fn left(&self, steps: u64) -> f64 {
        let spent = self.spent(steps);
        let by_time = self.clock.limit.map_or(f64::INFINITY, |limit| limit.as_secs_f64() - spent);
        // At the rate so far.
        let rate = if steps > 0 && spent > 0.0 { spent / steps as f64 } else { STEP };
        let by_steps =
            self.step_limit.map_or(f64::INFINITY, |limit| limit.saturating_sub(steps) as f64 * rate);
        by_time.min(by_steps).max(0.0)
    }

    pub fn cost(&self) -> i64 {
        self.cost.load(Ordering::Relaxed)
    }

    /// The best proven bound; 0, which holds for every roster, once one was refuted.
    pub fn bound(&self) -> i64 {
        if self.is_refuted() { 0 } else { self.bound.load(Ordering::Relaxed) }
    }

    /// Whether the best roster is proven to be the best there is. A bound above its cost proves nothing: it is false.
    pub fn is_proven(&self) -> bool {
        if self.bound.load(Ordering::Relaxed) > self.cost() {
            self.refuted.store(true, Ordering::Relaxed);
        }
        !self.is_refuted() && self.bound() == self.cost()
    }

    /// Whether a roster costs less than a bound said that any can: an error of the solver, after which no bound is believed.
    pub fn is_refuted(&self) -> bool {
        self.refuted.load(Ordering::Relaxed)
    }

    /// A proven bound.
    pub fn raise(&self, bound: i64) {
        self.bound.fetch_max(bound, Ordering::Relaxed);
    }

    /// A proven bound: the least of branches.
    pub fn raise_by_branches(&self, bound: i64) {
        if self.bound.fetch_max(bound, Ordering::Relaxed) < bound {
            self.branched.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the bound is that of branches.
    pub fn is_branched(&self) -> bool {
        self.branched.load(Ordering::Relaxed)
    }

    /// A legal roster, to be kept if it is the best.
    pub fn offer(&self, board: &Board<'_>, steps: u64) {
        self.steps.fetch_max(steps, Ordering::Relaxed);
        if board.cost >= self.cost() {
            return;
        }
        let mut best = self.best.lock().unwrap_or_else(PoisonError::into_inner);
        if best.as_ref().is_none_or(|best| board.cost < best.cost) {
            if best.is_none() {
                *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clock.elapsed());
            }
            *best = Some(Found { cost: board.cost, rows: board.rows() });
            self.cost.store(board.cost, Ordering::Relaxed);
        }
    }

    /// The best of all, if it is better than a board.
    pub fn better_than(&self, board: &Board<'_>) -> Option<Found> {
        if self.cost() >= board.cost { None } else { self.best() }
    }

    pub fn best(&self) -> Option<Found> {
        self.best.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the work on the bound knows.
    pub fn guide(&self) -> Option<Arc<Guide>> {
        self.guide.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_guide(&self, guide: Guide) {
        *self.guide.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(guide));
    }

    /// When the first legal roster was there.
    pub fn first(&self) -> Option<Duration> {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    pub fn board<'a>(&self, problem: &'a Problem<'a>) -> Board<'a> {
        let mut board = Board::new(problem);
        for (person, row) in self.rows.iter().enumerate() {
            board.insert(person, row);
        }
        board
    }
}
