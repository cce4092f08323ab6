//! The search: one person at a time is moved, exactly, to the cheapest roster for prices that are a little disturbed.
//!
//! A price is what the cell adds to the cost of the roster as it stands. Disturbing prices by a noise that shrinks finds rosters
//! that are nearly as good now and better later; at the end of a cooling the moves are exact.

use rand::Rng;

use super::board::Board;
use super::dual::Multipliers;
use super::worker::{FINE, Worker};

impl<'a> Worker<'a> {
    /// One cooling of `length` steps, or what is left. `best` gets the best board met.
    pub fn cool(
        &mut self,
        board: &mut Board<'a>,
        best: &mut Board<'a>,
        length: u64,
        guide: Option<&Multipliers>,
    ) {
        let people = self.problem.people;
        let (hot, cold) = self.shared.temperatures;
        // Fair shares ask for exchanges and for small changes: a price per cell can't say "exactly as many as now".
        let shares = (0..people).any(|person| !self.problem.alone(person).is_empty());
        // Two at a time pays where few people share the work.
        let by_two = (12.0 / people as f64).min(0.5);
        let begin = self.steps;
        let left = self.shared.steps_left(self.steps);
        // A rest too short for a cooling of its own is better spent on this one.
        let length = if left < length * 5 / 2 { left } else { length }.max(people as u64);
        while !self.over() && self.steps - begin < length {
            let gone = (self.steps - begin) as f64 / length as f64;
            let temperature = hot * (cold / hot).powf(gone);
            let noise = (temperature * f64::from(FINE)) as i32;
            let person = self.random.random_range(0..people);
            let other = (person + self.random.random_range(1..people.max(2))) % people;
            if shares && self.random.random::<f64>() < 0.2 {
                let from = self.random.random_range(0..self.problem.days);
                let longest = (self.problem.days - from).min(3);
                let days = from..from + self.random.random_range(1..=longest);
                self.move_days(board, person, days, noise, temperature);
            } else if people > 1 && shares && self.random.random::<f64>() < 0.5 {
                let from = self.random.random_range(0..self.problem.days);
                let longest = (self.problem.days - from).min(7);
                let days = from..from + self.random.random_range(1..=longest);
                self.swap_days(board, [person, other], days, temperature);
            } else if people > 1 && self.random.random::<f64>() < by_two {
                self.move_two(board, [person, other], noise, temperature, guide);
            } else {
                self.move_one(board, person, noise, temperature);
            }
            if board.cost < best.cost {
                best.clone_from(board);
                self.shared.offer(best, self.steps);
            }
        }
        board.clone_from(best);
    }
}
