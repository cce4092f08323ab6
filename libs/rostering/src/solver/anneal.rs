//! The search: a cooling of small moves, mixed with exact moves of one or two people.
//!
//! An exact move puts people back where they cost the least for prices that are a little disturbed. A price is what the cell
//! adds to the cost of the roster as it stands. Disturbing prices by a noise that shrinks finds rosters that are nearly as good
//! now and better later; at the end of a cooling the moves are exact.

use std::sync::Arc;

use rand::Rng;

use super::board::Board;
use super::dual::{Guide, Multipliers};
use super::moves::Moves;
use super::tally::Tallies;
use super::worker::{FINE, Worker};

/// Small moves that count as a step.
const SMALL: u32 = 64;
/// About how many nanoseconds they take.
const SMALL_WORK: f64 = 64.0 * 150.0;
/// Cells of a roster that is copied in no time, and rows that are looked at in no time.
const FEW_CELLS: usize = 4_096;
const FEW_ROWS: u64 = 512;
/// How many times the last temperature a roster is shaken at, and seconds of the cooling after it for each cell.
const SHAKEN: f64 = 8.0;
const SHAKE_SECONDS: f64 = 3e-4;
/// Part of the time for exact moves.
const EXACT: f64 = 0.3;

impl<'a> Worker<'a> {
    /// One cooling of `seconds`, as the worker spends them, from the temperature `hot` on. `best` gets the best board met.
    pub fn cool(
        &mut self,
        board: &mut Board<'a>,
        best: &mut Board<'a>,
        seconds: f64,
        guide: Option<&Multipliers>,
        hot: f64,
    ) {
        let people = self.problem.people;
        let cold = self.shared.temperatures.1;
        let mut tallies = Tallies::new(Arc::clone(&self.laws), (0..people).map(|person| board.row(person)));
        let mut moves = Moves::new(self.problem);
        // Over a year it takes longer to copy a roster, or to look where heads are missing, than to make some hundred moves.
        let few = people * self.problem.days <= FEW_CELLS;
        let look_every = 1 + self.problem.model.cover.len() as u64 / FEW_ROWS;
        let begin = self.spent();
        while !self.over() {
            let gone = (self.spent() - begin) / seconds;
            if gone >= 1.0 {
                break;
            }
            let temperature = hot * (cold / hot).powf(gone);
            self.steps += 1;
            if self.steps.is_multiple_of(look_every) {
                moves.look(board);
            }
            for _ in 0..SMALL {
                moves.step(board, &mut tallies, temperature, &mut self.random);
                if few && board.cost < best.cost {
                    best.clone_from(board);
                }
            }
            let person = self.random.random_range(0..people);
            if self.random.random::<f64>() < self.chance_of_exact(person) {
                self.exact_move(board, &mut tallies, person, temperature, guide);
            }
            if board.cost < best.cost {
                best.clone_from(board);
            }
            if best.cost < self.shared.cost() {
                self.shared.offer(best, self.steps);
            }
        }
        board.clone_from(best);
    }

    /// Small moves at a low temperature, then a short cooling: another roster nearly as good.
    pub fn shake(&mut self, board: &mut Board<'a>, guide: &Guide) {
        let cells = self.problem.people * self.problem.days;
        let hot = self.shared.temperatures.1 * SHAKEN;
        let mut tallies =
            Tallies::new(Arc::clone(&self.laws), (0..self.problem.people).map(|person| board.row(person)));
        let mut moves = Moves::new(self.problem);
        for _ in 0..cells {
            moves.step(board, &mut tallies, hot, &mut self.random);
        }
        self.steps += (cells as u64).div_ceil(u64::from(SMALL));
        let mut mended = board.clone();
        self.cool(board, &mut mended, cells as f64 * SHAKE_SECONDS, Some(&guide.multipliers), hot);
    }

    /// How often small moves are followed by an exact one of a person.
    fn chance_of_exact(&self, person: usize) -> f64 {
        let work = self.oracles[person].work() as f64;
        (EXACT / (1.0 - EXACT) * SMALL_WORK / work.max(1.0)).min(1.0)
    }

    /// Moves a person, or that one and another, exactly.
    fn exact_move(
        &mut self,
        board: &mut Board<'a>,
        tallies: &mut Tallies,
        person: usize,
        temperature: f64,
        guide: Option<&Multipliers>,
    ) {
        let (people, days) = (self.problem.people, self.problem.days);
        let noise = (temperature * f64::from(FINE)) as i32;
        // Fair shares ask for small changes: a price per cell can't say "exactly as many as now".
        let shares = !self.problem.alone(person).is_empty();
        // Two at a time pays where few people share the work.
        let by_two = (12.0 / people as f64).min(0.5);
        if shares && self.random.random::<f64>() < 0.5 {
            let from = self.random.random_range(0..days);
            let longest = (days - from).min(3);
            let days = from..from + self.random.random_range(1..=longest);
            self.move_days(board, person, days, noise, temperature);
        } else if people > 1 && self.random.random::<f64>() < by_two {
            let other = (person + self.random.random_range(1..people)) % people;
            self.move_two(board, [person, other], noise, temperature, guide);
            tallies.set(other, board.row(other));
        } else {
            self.move_one(board, person, noise, temperature);
        }
        tallies.set(person, board.row(person));
    }
}
