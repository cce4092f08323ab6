//! What of an earlier roster can be kept.

use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::oracle::{NoOracle, Question};
use super::problem::{FORBIDDEN, Problem};
use super::program::Scratch;
use super::shared::Clock;
use super::{for_people, oracle};
use crate::keep::{Keep, Kept, Released};
use crate::model::{Fixed, Model, Request, Wish};
use crate::solve::{Continue, Options, Progress, SolveError};

/// How often a row that keeps much is looked for: bans choose at random, so that another try may find what one did not.
const TRIES: usize = 12;

impl Keep {
    /// The model in which keeping the roster is a wish for each cell, and frozen cells are decided. Of somebody whose hard
    /// rules leave no room for all of theirs, the fewest are let go (somebody who has no roster at all keeps none). Heeds the
    /// time limit, the threads, the cancel flag and the callback of a run; the outcome depends on none of them.
    ///
    /// # Errors
    ///
    /// A wrong model or option; a stop before it was known what can be kept.
    pub fn apply(
        &self,
        model: &Model,
        options: &Options,
        on_progress: &mut dyn FnMut(&Progress) -> Continue,
    ) -> Result<Kept, SolveError> {
        model.validate()?;
        Options { keep: Some(self.clone()), ..options.clone() }.validate(model)?;
        let clock = Clock::new(Instant::now(), options.time_limit, options.cancel.clone());
        let late = || SolveError::Stopped { seconds: clock.elapsed().as_secs_f64() };
        self.applied(model, &clock, options.threads, on_progress).ok_or_else(late)
    }

    /// The same; `None` if that took too long.
    pub(super) fn applied(
        &self,
        model: &Model,
        clock: &Clock,
        threads: usize,
        on_progress: &mut dyn FnMut(&Progress) -> Continue,
    ) -> Option<Kept> {
        let mut kept = Kept { model: model.clone(), released: Vec::new() };
        let frozen_days = self.frozen_days.min(model.days);
        if frozen_days > 0 {
            let mut frozen = model.clone();
            for (index, person) in frozen.people.iter_mut().enumerate() {
                let days = self.roster.row(index).enumerate().take(frozen_days);
                person.fixed.extend(days.map(|(day, shift)| Fixed { day, shift }));
            }
            let (open, frozen) = (Problem::new(model), Problem::new(&frozen));
            let stays = |person: usize| self.stays(&open, &frozen, person, frozen_days, clock);
            let stays = for_people(model.people.len(), threads, clock, || (None, 0), stays, on_progress);
            for (person, stays) in stays.into_iter().enumerate() {
                for (day, stays) in stays?.into_iter().enumerate() {
                    let shift = self.roster.get(person, day);
                    if stays {
                        kept.model.people[person].fixed.push(Fixed { day, shift });
                    } else {
                        kept.released.push(Released { person, day, shift });
                    }
                }
            }
        }
        for (index, person) in kept.model.people.iter_mut().enumerate() {
            for (day, cell) in self.roster.row(index).enumerate() {
                person.requests.push(Request { day, wish: Wish::Keep(cell), weight: self.weight });
            }
        }
        Some(kept)
    }

    /// Per frozen day, whether a person's cell stays: all do if there is a row with them, else those that the cheapest row
    /// has where each changed one costs 1. `None` if that took too long.
    fn stays(
        &self,
        open: &Problem<'_>,
        frozen: &Problem<'_>,
        person: usize,
        frozen_days: usize,
        clock: &Clock,
    ) -> Option<Vec<bool>> {
        match oracle(frozen, person, clock) {
            Ok(_) => return Some(vec![true; frozen_days]),
            Err(NoOracle::Late) => return None,
            Err(NoOracle::NoRoster | NoOracle::TooLarge) => {}
        }
        let none = Some(vec![false; frozen_days]);
        let mut oracle = match oracle(open, person, clock) {
            Ok(oracle) => oracle,
            Err(NoOracle::Late) => return None,
            // Solving will say so.
            Err(NoOracle::NoRoster | NoOracle::TooLarge) => return none,
        };
        let row: Vec<usize> = self.roster.row(person).map(|cell| cell.map_or(0, |shift| shift + 1)).collect();
        let choices = open.shifts + 1;
        let price = |(index, own): (usize, &i32)| {
            let (day, choice) = (index / choices, index % choices);
            let changed = day < frozen_days && row[day] != choice;
            if *own >= FORBIDDEN { FORBIDDEN } else { i32::from(changed) }
        };
        let prices: Vec<i32> = open.own(person).iter().enumerate().map(price).collect();
        let (scratch, random) = (&mut Scratch::default(), &mut SmallRng::seed_from_u64(0));
        let mut best: Option<Vec<bool>> = None;
        for _ in 0..TRIES {
            if clock.is_late() {
                return None;
            }
            // A question uses its prices up.
            let (prices, cells) = (&mut prices.clone(), &mut vec![0; open.days]);
            let question = &mut Question { problem: open, clock, prices, scratch, random, cells };
            if oracle.best(question).is_none() {
                continue;
            }
            let kept = |(cell, row): (&u16, &usize)| usize::from(*cell) == *row;
            let stays: Vec<bool> = question.cells.iter().zip(&row).take(frozen_days).map(kept).collect();
            let count = |stays: &[bool]| stays.iter().filter(|stays| **stays).count();
            if best.as_deref().is_none_or(|best| count(&stays) > count(best)) {
                best = Some(stays);
            }
        }
        best.or(none)
    }
}
