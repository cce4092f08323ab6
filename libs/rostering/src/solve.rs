//! What goes into the solver and what comes out.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Serialize;

use crate::check::Report;
use crate::keep::{Keep, Released};
use crate::model::Model;
use crate::roster::Roster;
use crate::validate::ModelError;

/// How to solve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Stops after this time. `None`: no limit.
    pub time_limit: Option<Duration>,
    /// Stops after this many steps of the search, in each thread. With one thread and no other limit two runs of the
    /// same seed give the same roster; a time limit ends them wherever the clock says.
    pub step_limit: Option<u64>,
    /// Threads, at least 1. More than one are faster and no longer repeatable.
    pub threads: usize,
    /// Seed of every random choice.
    pub seed: u64,
    /// A roster to begin with. It may break rules and be half empty: what can't stay is put right.
    pub start: Option<Roster>,
    /// Stay close to a roster.
    pub keep: Option<Keep>,
    /// Set it from any thread to stop.
    pub cancel: Option<Arc<AtomicBool>>,
}

/// How far the solver has come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Progress {
    /// Seconds since the begin.
    pub seconds: f64,
    /// Cost of the best roster so far; `None` while there is none.
    pub objective: Option<i64>,
    /// Proven: no roster costs less.
    pub bound: i64,
}

/// Whether to go on: `ControlFlow::Break(())` stops with the best roster so far.
pub type Continue = ControlFlow<()>;

/// A roster and what is proven about it.
#[derive(Debug, Clone, Serialize)]
pub struct Solution {
    /// The roster; it breaks no hard rule.
    pub roster: Roster,
    /// Its cost, as the checker found it.
    pub objective: i64,
    /// No roster costs less than this.
    pub bound: i64,
    /// How the bound was proven.
    pub bound_proof: BoundProof,
    /// Why the solver stopped.
    pub stopped: Stop,
    /// Seconds until the first roster that breaks no rule.
    pub first_feasible_seconds: f64,
    /// Seconds in all.
    pub seconds: f64,
    /// Steps of the search, over all threads.
    pub steps: u64,
    /// SHA-256, in hex, of the model as JSON.
    pub input_sha256: String,
    /// Version of this crate.
    pub version: String,
    /// Seed of the run.
    pub seed: u64,
    /// Threads of the run.
    pub threads: usize,
    /// Cells changed against the roster to keep, if there was one.
    pub changes: Option<usize>,
    /// Frozen cells of the roster to keep for which hard rules left no room.
    pub released: Vec<Released>,
    /// The checker's verdict.
    pub verdict: Report,
    /// The model that was solved, to which everything here belongs: the given one, or what a [`Keep`] made of it.
    #[serde(skip)]
    pub model: Model,
}

/// How a bound was proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum BoundProof {
    /// No cost can be negative.
    Trivial,
    /// Lagrangian relaxation of what couples people, in whole numbers, rounded up.
    Lagrangian,
    /// The same in branches that leave no roster out: the least of their bounds.
    Branches,
    /// Nothing is proven: a bound came out above the cost of a roster that the checker passed, so it was false and none of
    /// this run is believed. The bound is given as 0. It is an error of the solver, never of the problem.
    Refuted,
}

/// Why the solver stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Stop {
    /// The objective equals the bound.
    Optimal,
    /// The time was over.
    TimeLimit,
    /// The steps were over.
    StepLimit,
    /// Somebody asked for it.
    Cancelled,
}

/// Why there is no solution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SolveError {
    /// The model is wrong.
    #[error("the model is wrong: {0}")]
    Model(#[from] ModelError),
    /// An option is wrong.
    #[error("option {field}: {reason}")]
    Option {
        /// The option.
        field: &'static str,
        /// What it should be.
        reason: String,
    },
    /// The hard rules of these people contradict each other: there is no roster for them, whoever else works what.
    #[error("the hard rules of {} people can't be met together, beginning with person {}", .people.len(), .people[0])]
    NoRoster {
        /// The people.
        people: Vec<usize>,
    },
    /// Stopped before there was a roster that breaks no rule.
    #[error("stopped after {seconds:.1} s before there was a roster")]
    Stopped {
        /// Seconds until then.
        seconds: f64,
    },
}

impl Default for Options {
    fn default() -> Self {
        Self {
            time_limit: Some(Duration::from_secs(60)),
            step_limit: None,
            threads: 1,
            seed: 1,
            start: None,
            keep: None,
            cancel: None,
        }
    }
}

impl Solution {
    /// Share of the objective that the bound leaves open: 0 is proven optimal.
    #[must_use]
    pub fn gap(&self) -> f64 {
        gap(self.objective, self.bound)
    }
}

pub(crate) fn gap(objective: i64, bound: i64) -> f64 {
    if objective == bound { 0.0 } else { (objective - bound) as f64 / objective as f64 }
}

/// SHA-256, in hex, of the model as JSON: field order is that of the types, lists are in the model's order.
#[must_use]
pub fn input_sha256(model: &Model) -> String {
    use sha2::{Digest, Sha256};
    let bytes = serde_json::to_vec(model).expect("a model has no map and no number that JSON can't hold");
    hex::encode(Sha256::digest(bytes))
}
