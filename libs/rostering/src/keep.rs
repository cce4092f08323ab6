//! Changing as little as possible: an earlier roster as wishes, and its first days as decided.

use serde::Serialize;

use crate::model::{Model, Wish};
use crate::problem::Problem;
use crate::roster::Roster;

/// Change as little as possible: each cell that differs from a roster costs.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The roster to stay close to; also the one to begin with, unless another is given.
    pub roster: Roster,
    /// Cost of a changed cell, at least 0.
    pub weight: i64,
    /// Cells of these days are kept as they are. Where a person's hard rules have no room for all of theirs, the fewest are
    /// let go: [`Kept::released`].
    pub frozen_days: usize,
}

/// A model with what is to be kept: a wish for each cell, and the frozen cells decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The model.
    pub model: Model,
    /// Frozen cells that could not be kept, by person and day.
    pub released: Vec<Released>,
}

/// A cell of a frozen day that hard rules leave no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Released {
    /// The person.
    pub person: usize,
    /// The day.
    pub day: usize,
    /// What the roster to keep has there.
    pub shift: Option<usize>,
}

impl Problem {
    /// A released cell in words: who, what, and what is against it.
    #[must_use]
    pub fn released_words(&self, released: &Released) -> String {
        let Released { person, day, shift } = *released;
        let one = &self.model.people[person];
        let was = self.cell_name(shift);
        // Cells that were decided before come first; those that were kept are no reason.
        let decided =
            one.fixed.iter().find(|fixed| fixed.day == day && !Wish::Keep(shift).granted(fixed.shift));
        let why = match (shift, decided) {
            (_, Some(fixed)) => format!("{} is decided now", self.cell_name(fixed.shift)),
            (Some(_), None) if one.leave.iter().any(|leave| leave.day == day) => "on leave now".to_owned(),
            (Some(shift), None) if one.banned.iter().any(|ban| (ban.day, ban.shift) == (day, shift)) => {
                "banned now".to_owned()
            }
            (Some(shift), None) if !self.model.may_work(person, shift) => {
                "lacks a skill for it, or may work none".to_owned()
            }
            _ => "hard rules leave no room for it beside the others".to_owned(),
        };
        format!("{}: {was} on {} is not kept: {why}", one.id, self.day_name(day as isize))
    }
}
