//! Monthly shift rosters: the model, a checker, and a solver that is always feasible, gets better while it runs, and says
//! how far from the best it can be at most.
//!
//! Pure: no files, no database, no clock but a stop-watch.
//!
//! Reading order: [`Model`], [`Roster`], [`check()`], [`solve`](solve()) with [`Options`] and [`Solution`]; then the solver from the inside
//! out, see the README.
//!
//! Invariants: the solver never returns a roster the checker refuses; a bound is never above the cost of any roster (where one
//! comes out so, it is thrown away and the solution says [`BoundProof::Refuted`]); the checker uses nothing of the solver.

#[cfg(test)]
extern crate self as rostering;

mod check;
mod conflict;
mod deadline;
mod grid;
mod html;
mod json;
mod keep;
mod model;
mod picture;
mod problem;
mod reach;
mod roster;
mod solve;
mod solver;
mod template;
mod text;
mod text_write;
mod validate;
mod words;

pub use check::{Penalty, PenaltyLine, Report, Rule, RuleLine, check};
pub use conflict::{Conflict, Effort, Explanation, Need, explain, explain_people};
pub use html::html;
pub use json::{
    Certificate, JsonError, PenaltyRow, RuleRow, SolvedRoster, Verdict, false_claims, read_json,
    read_solution, write_json, write_solution,
};
pub use keep::{Keep, Kept, Released};
pub use model::{
    Banned, Cover, DAY_MINUTES, DayKind, Demand, Fairness, Fixed, Leave, Model, Pairing, Person, Request,
    Rules, Share, Shift, Wish,
};
pub use picture::{Picture, picture};
pub use problem::Problem;
pub use reach::Cause;
pub use roster::Roster;
pub use solve::{BoundProof, Continue, Options, Progress, Solution, SolveError, Stop, input_sha256};
pub use solver::solve;
pub use template::{Rotation, RotationError, rotation};
pub use text::{NoPlace, TextError, read_model, read_roster, write_roster};
pub use text_write::write_model;
pub use validate::{ModelError, SIZE_MAX, WEIGHT_MAX};
