//! One thread of the solver: what it owns, and in which order it does what.
//!
//! A worker builds a roster person by person, then goes on in rounds: some passes over the multipliers for the bound, dives, one
//! cooling of the search, again. Where only steps have a limit, their number stands for the time, so that with one thread two runs are
//! the same; else rounds last as long as the clock says.

use std::ops::Range;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::board::Board;
use super::dual::{Decision, Guide, Multipliers};
use super::joint::Reach;
use super::oracle::{Oracle, Question};
use super::pool::Pool;
use super::problem::{FORBIDDEN, Problem};
use super::program::Scratch;
use super::shared::Shared;
use super::tally::Laws;
use super::tree::Proof;

/// Prices while searching, in parts of a cost of 1: so fine is the noise.
pub(crate) const FINE: i32 = 8;

/// Where every other cooling begins, as a part of the first temperature: it keeps most of what is there.
const AGAIN: f64 = 0.25;
/// Part of a cooling's time that goes to dives before it, and up to which part of the best cost it begins from one of them.
const DIVES: f64 = 0.25;
const NEAR: f64 = 1.15;
/// The same where the bound is near: what is left are wishes, which the multipliers know better than any cooling.
const DIVES_NEAR: f64 = 0.6;
/// A cooling after a dive begins at so many times the last temperature: it mends what was decided too early, and leaves the rest.
const MENDS: f64 = 6.0;
/// Part of a cooling from the best roster whose time goes to moving people together before it; all of it where the bound is near.
const JOINED: f64 = 0.3;
/// The first cooling's part of all time, a minute at most.
const FIRST_COOLING: f64 = 0.01;
/// The bound's part of all time, a minute at most, before the first cooling, if another thread searches.
const FIRST_BOUND: f64 = 0.04;

pub(crate) struct Worker<'a> {
    pub problem: &'a Problem<'a>,
    pub shared: &'a Shared,
    pub oracles: Vec<Oracle>,
    pub laws: Arc<Laws>,
    pub random: SmallRng,
    /// Steps so far: questions to an oracle, and packs of small moves.
    pub steps: u64,
    /// Whether this one works on the bound.
    pub bounds: bool,
    /// The answers of the relaxation.
    pub pool: Pool,
    /// How many people are moved together.
    pub reach: Reach,
    scratch: Scratch,
    prices: Vec<i32>,
    pub cells: Vec<u16>,
}

impl<'a> Worker<'a> {
    pub fn new(
        problem: &'a Problem<'a>,
        shared: &'a Shared,
        (oracles, laws): (Vec<Oracle>, Arc<Laws>),
        index: usize,
        seed: u64,
    ) -> Self {
        Self {
            problem,
            shared,
            oracles,
            laws,
            random: SmallRng::seed_from_u64(seed ^ (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            steps: 0,
            bounds: index == 0,
            pool: Pool::new(problem),
            reach: Reach::default(),
            scratch: Scratch::default(),
            prices: Vec::new(),
            cells: vec![0; problem.days],
        }
    }

    /// Seconds spent so far.
    pub fn spent(&self) -> f64 {
        self.shared.spent(self.steps)
    }

    /// Seconds left.
    pub fn left(&self) -> f64 {
        self.shared.left(self.steps)
    }

    /// Whether to stop now.
    pub fn over(&self) -> bool {
        self.shared.over(self.steps)
    }

    fn ask<T>(
        &mut self,
        person: usize,
        ask: impl FnOnce(&mut Oracle, &mut Question<'_>) -> Option<T>,
    ) -> Option<T> {
        self.steps += 1;
        let Self { problem, shared, scratch, random, cells, prices, .. } = self;
        let clock = &*shared.clock;
        ask(&mut self.oracles[person], &mut Question { problem, clock, prices, scratch, random, cells })
    }

    /// The bound of a person at multipliers; the cells of the relaxation are left in [`cells`](Self::cells). `None` if no row
    /// keeps the decisions.
    pub fn bound_at(
        &mut self,
        multipliers: &Multipliers,
        person: usize,
        decisions: &[Decision],
    ) -> Option<i64> {
        multipliers.prices(self.problem, person, &mut self.prices);
        let choices = self.problem.shifts + 1;
        for decision in decisions.iter().filter(|decision| decision.person == person) {
            let of_day = &mut self.prices[decision.day * choices..][..choices];
            if decision.works { &mut of_day[..1] } else { &mut of_day[1..] }.fill(FORBIDDEN);
        }
        let bound = self.ask(person, Oracle::bound)?;
        let is_legal = self.oracles[person].keeps_rules(&self.cells);
        self.pool.add(self.problem, person, &self.cells, is_legal);
        Some(bound)
    }

    /// The cheapest legal row of a person at multipliers that keeps what is decided (per day: 0 off, else shift + 1, more if
    /// open), left in [`cells`](Self::cells). Returns whether one was found.
    pub fn answer(&mut self, multipliers: &Multipliers, person: usize, decided: &[u16]) -> bool {
        multipliers.prices(self.problem, person, &mut self.prices);
        let choices = self.problem.shifts + 1;
        for (of_day, decided) in self.prices.chunks_exact_mut(choices).zip(decided) {
            if usize::from(*decided) < choices {
                let price = of_day[usize::from(*decided)];
                of_day.fill(FORBIDDEN);
                of_day[usize::from(*decided)] = price;
            }
        }
        self.ask(person, Oracle::best).is_some()
    }

    /// Legal rows of a person that cost at most `limit` at multipliers, with what they cost; `None` if there are more than `most`.
    pub fn rows_near(
        &mut self,
        multipliers: &Multipliers,
        person: usize,
        limit: i64,
        most: usize,
    ) -> Option<Vec<(i64, Vec<u16>)>> {
        multipliers.prices(self.problem, person, &mut self.prices);
        self.ask(person, |oracle, question| oracle.near(question, limit, most))
    }

    /// Puts somebody who is out where they cost the least, prices disturbed by up to `noise`. Returns whether there was a
    /// way that keeps caps; there always is one, but with bans it need not be found.
    pub fn place(&mut self, board: &mut Board<'_>, person: usize, noise: i32) -> bool {
        let lean = self.random.random();
        board.marginal(person, FINE, lean, &mut self.prices);
        self.place_at_prices(board, person, noise)
    }

    fn place_at_prices(&mut self, board: &mut Board<'_>, person: usize, noise: i32) -> bool {
        if noise > 0 {
            let Self { random, prices, .. } = self;
            for price in prices.iter_mut().filter(|price| **price < FORBIDDEN) {
                *price += random.random_range(-noise..=noise);
            }
        }
        let found = self.ask(person, Oracle::best).is_some();
        if found {
            board.insert(person, &self.cells);
        }
        found
    }

    /// Puts somebody who is out as near to a row as the rules allow. With `None`, wherever it is cheapest.
    pub fn place_near(&mut self, board: &mut Board<'_>, person: usize, row: Option<&[u16]>) -> bool {
        let Some(row) = row else { return self.place(board, person, 0) };
        let choices = self.problem.shifts + 1;
        self.prices.clear();
        for (index, own) in self.problem.own(person).iter().enumerate() {
            let kept = usize::from(row[index / choices]) == index % choices;
            self.prices.push(if *own >= FORBIDDEN { FORBIDDEN } else { i32::from(!kept) });
        }
        let found = self.ask(person, Oracle::best).is_some();
        if found {
            board.insert(person, &self.cells);
        }
        found
    }

    /// Works until it is over. `start` is a row per person to begin with.
    pub fn run(&mut self, start: Option<&[Vec<u16>]>) {
        let Some(mut board) = self.first(start) else { return };
        self.shared.offer(&board, self.steps);
        if start.is_none() || !self.bounds {
            self.descend(&mut board);
        }
        let mut best = board.clone();
        // Each cooling twice as long as the one before: the last has about half of the time.
        let minute = (self.spent() + self.left()).min(60.0);
        let (mut length, early) = (minute * FIRST_COOLING, minute * FIRST_BOUND);
        let mut proof = Proof::default();
        let mut coolings = 0_usize;
        let (mut for_bounds, begin) = (0.0, self.spent());
        while !self.over() {
            // A quarter of the time goes to the bound; half, if another thread searches; little, once it is near.
            let near = self.shared.cost() - self.shared.bound() <= self.shared.cost() / 100;
            let share = if near {
                5.0
            } else if self.shared.threads > 1 {
                2.0
            } else {
                4.0
            };
            // With a thread that searches anyway the bound comes first: where it proves the first rosters best, that is all there is to do.
            let first = self.shared.threads > 1 && coolings == 0 && for_bounds < early;
            let due = first || for_bounds * share <= self.spent() - begin;
            if self.bounds && due && !proof.is_stuck() {
                let before = self.spent();
                proof.go_on(self, &best);
                for_bounds += self.spent() - before;
                continue;
            }
            let guide = self.shared.guide();
            // A rest too short for a cooling of its own is better spent on this one.
            let left = self.left();
            let seconds = if left < length * 2.5 { left } else { length };
            // By turns, and the threads not at the same time.
            let from_best = coolings > 0 && (coolings + usize::from(self.bounds)) % 2 == 1;
            match guide.as_deref() {
                Some(guide) if from_best => self.turn_from_best(&mut best, guide, seconds, near),
                guide => self.turn_anew(&mut board, &mut best, guide, seconds, (from_best, near)),
            }
            coolings += 1;
            length *= 2.0;
            if let Some(better) = self.shared.better_than(&best) {
                board = better.board(self.problem);
                best = board.clone();
            }
        }
    }

    /// People are moved together in the best roster; where the bound is far a cool cooling follows.
    fn turn_from_best(&mut self, best: &mut Board<'a>, guide: &Guide, seconds: f64, near: bool) {
        let mut board = best.clone();
        self.join(&mut board, best, guide, if near { seconds } else { seconds * JOINED });
        if !near {
            board.clone_from(best);
            let hot = self.shared.temperatures.0 * AGAIN;
            self.cool(&mut board, best, seconds, Some(&guide.multipliers), hot);
        }
    }

    /// A cooling, from a dive if there is a good one.
    fn turn_anew(
        &mut self,
        board: &mut Board<'a>,
        best: &mut Board<'a>,
        guide: Option<&Guide>,
        seconds: f64,
        (again, near): (bool, bool),
    ) {
        let part = if near { DIVES_NEAR } else { DIVES };
        let dived = guide.and_then(|guide| self.dives(best, guide, seconds * part));
        let dived = dived.filter(|dived| dived.cost as f64 <= best.cost as f64 * NEAR);
        let cool = if again || dived.is_some() { AGAIN } else { 1.0 };
        if let Some(dived) = dived {
            board.clone_from(&dived);
        }
        let hot = self.shared.temperatures.0 * cool;
        self.cool(board, best, seconds, guide.map(|guide| &guide.multipliers), hot);
    }

    /// The best of some dives, in about so many seconds.
    fn dives(&mut self, board: &Board<'a>, guide: &Guide, seconds: f64) -> Option<Board<'a>> {
        let begin = self.spent();
        let mut best: Option<Board<'a>> = None;
        while !self.over() && self.spent() - begin < seconds {
            let before = self.spent();
            let Some(mut dived) = self.dive(board, guide, seconds) else { break };
            let taken = self.spent() - before;
            let mut mended = dived.clone();
            let hot = self.shared.temperatures.1 * MENDS;
            self.cool(&mut dived, &mut mended, taken, Some(&guide.multipliers), hot);
            self.shared.offer(&dived, self.steps);
            if best.as_ref().is_none_or(|best| dived.cost < best.cost) {
                best = Some(dived);
            }
            // No time for another one.
            if 2.0 * self.spent() - before - begin > seconds {
                break;
            }
        }
        best
    }

    /// A legal roster: near `start`, or person by person.
    fn first(&mut self, start: Option<&[Vec<u16>]>) -> Option<Board<'a>> {
        let mut board = Board::new(self.problem);
        let mut order: Vec<usize> = (0..self.problem.people).collect();
        if !self.bounds {
            for index in (1..order.len()).rev() {
                order.swap(index, self.random.random_range(0..=index));
            }
        }
        for person in order {
            // Bans choose at random: another try may find what one did not.
            let mut tries = 0;
            if self.shared.clock.is_late() {
                return None;
            }
            while !self.place_near(&mut board, person, start.map(|rows| &rows[person][..])) {
                tries += 1;
                if self.over() || tries > 1_000 {
                    return None;
                }
            }
        }
        Some(board)
    }

    /// Everybody in turn to where they cost the least, until that helps nobody.
    pub fn descend(&mut self, board: &mut Board<'a>) {
        loop {
            let before = board.cost;
            for person in 0..self.problem.people {
                if self.over() {
                    return;
                }
                self.move_one(board, person, 0, 0.0);
            }
            self.shared.offer(board, self.steps);
            if board.cost >= before {
                return;
            }
        }
    }

    /// Takes two people out; puts the first in at prices that come in part, or all, from multipliers, the second at exact
    /// ones. What costs more stays with the chance that `temperature` gives.
    pub fn move_two(
        &mut self,
        board: &mut Board<'a>,
        people: [usize; 2],
        noise: i32,
        temperature: f64,
        multipliers: Option<&Multipliers>,
    ) {
        let before = board.cost;
        let rows = people.map(|person| board.row(person).to_vec());
        people.iter().for_each(|person| board.remove(*person));
        // What the second can do as well is worth little to the first.
        let part = (2.0 * self.random.random::<f32>()).min(1.0);
        let lean = self.random.random();
        board.marginal_of_two(people[0], lean, multipliers, part, FINE, &mut self.prices);
        let first = self.place_at_prices(board, people[0], noise);
        let second = first && self.place(board, people[1], 0);
        if first && second && self.stays(board.cost - before, temperature) {
            return;
        }
        for ((person, row), inside) in people.iter().zip(&rows).zip([first, second]) {
            if inside {
                board.remove(*person);
            }
            board.insert(*person, row);
        }
    }

    /// Moves one person on some days, the others kept: a price per cell can't say "one more and no further", a few days can.
    pub fn move_days(
        &mut self,
        board: &mut Board<'a>,
        person: usize,
        days: Range<usize>,
        noise: i32,
        temperature: f64,
    ) {
        let before = board.cost;
        let row = board.row(person).to_vec();
        board.remove(person);
        let lean = self.random.random();
        board.marginal(person, FINE, lean, &mut self.prices);
        let choices = self.problem.shifts + 1;
        for (index, price) in self.prices.iter_mut().enumerate() {
            let (day, choice) = (index / choices, index % choices);
            if !days.contains(&day) && usize::from(row[day]) != choice {
                *price = FORBIDDEN;
            }
        }
        if !self.place_at_prices(board, person, noise) {
            board.insert(person, &row);
        } else if !self.stays(board.cost - before, temperature) {
            board.remove(person);
            board.insert(person, &row);
        }
    }

    fn stays(&mut self, worse: i64, temperature: f64) -> bool {
        worse <= 0 || self.random.random::<f64>() < (-(worse as f64) / temperature.max(1e-9)).exp()
    }

    /// Moves one person at disturbed prices; a roster that costs more stays with the chance that `temperature` gives.
    pub fn move_one(&mut self, board: &mut Board<'a>, person: usize, noise: i32, temperature: f64) {
        let before = board.cost;
        let row = board.row(person).to_vec();
        board.remove(person);
        if !self.place(board, person, noise) {
            board.insert(person, &row);
            return;
        }
        if !self.stays(board.cost - before, temperature) {
            board.remove(person);
            board.insert(person, &row);
        }
    }
}
