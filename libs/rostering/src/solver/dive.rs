//! A roster out of the relaxation: cells are decided a few at a time, those first on which the people's answers agree.
//!
//! With good multipliers the answers of many passes are, on average, near the best mix of rosters. Most cells in it are the same
//! in nearly all answers. Those are fixed, and everybody answers again, so that the multipliers can follow: what is left is
//! decided by what was decided before. An answer is always a legal row that keeps what was fixed, since only cells of a person's last
//! answer are fixed. In the end the answers are a roster.

use rand::Rng;

use super::board::Board;
use super::dual::{BLOCKS, Guide, Multipliers, PEOPLE_A_STEP, exchange};
use super::pool::Pool;
use super::worker::Worker;

/// In how many rounds all cells are decided: more of them help more than more passes in each.
const ROUNDS: u32 = 64;
/// Fewest and most passes over all people in a round.
const PASSES: (u32, u32) = (1, 6);
/// How far a step goes in the first round and in the last, in parts of the range of a multiplier.
const STEPS: (f64, f64) = (0.002, 0.001);
/// What the last answer counts for in the mean of a cell.
const RECENT: f32 = 0.12;
/// A cell that is not decided.
const OPEN: u16 = u16::MAX;

/// People's answers as a dive goes on.
struct Answers {
    /// Last answer, and what is decided, per person and day: 0 off, else shift + 1.
    cells: Vec<u16>,
    decided: Vec<u16>,
    /// How often each person and day had each choice of late: 0 to 1.
    often: Vec<f32>,
    /// What the last answer counts for in that.
    recent: f32,
    /// Rows that keep what is decided.
    pool: Pool,
}

impl<'a> Worker<'a> {
    /// Dives from a board and multipliers, in about so many seconds. `None` if that is too short.
    pub fn dive(&mut self, board: &Board<'a>, guide: &Guide, seconds: f64) -> Option<Board<'a>> {
        let problem = self.problem;
        let (people, days, choices) = (problem.people, problem.days, problem.shifts + 1);
        let mut multipliers = guide.multipliers.clone();
        let turns = self.turns();
        let mut exact: Vec<f64> = multipliers.values.iter().map(|value| f64::from(*value)).collect();
        let mut counts: Vec<i32> = (0..problem.rows.len()).map(|row| board.count(row)).collect();
        let mut answers = Answers {
            cells: board.rows().concat(),
            decided: vec![OPEN; people * days],
            often: vec![0.0; people * days * choices],
            recent: RECENT / (1.0 + (turns - 1) as f32 / 3.0),
            pool: guide.pool.clone(),
        };
        for (at, cell) in answers.cells.iter().enumerate() {
            answers.often[at * choices + usize::from(*cell)] = 0.5;
        }
        for person in 0..people {
            answers.pool.add(problem, person, board.row(person), true);
        }
        let begin = self.spent();
        let (mut passes, mut made) = (PASSES.0, 0);
        for round in 0..ROUNDS {
            let gone = f64::from(round) / f64::from(ROUNDS);
            let step = STEPS.0 * (STEPS.1 / STEPS.0).powf(gone);
            for turn in 0..passes * turns {
                let asks = turn % turns == 0;
                self.answer_all(&mut answers, &mut multipliers, &mut exact, &mut counts, (step, asks));
                if self.over() {
                    return None;
                }
            }
            made += passes;
            // As many as there is time for, as far as the first ones tell.
            let gone = self.spent() - begin;
            let affordable = (seconds - gone) * f64::from(made) / gone.max(1e-9) / f64::from(ROUNDS - round);
            if affordable < 1.0 && round == 0 {
                return None;
            }
            passes = (affordable as u32).clamp(PASSES.0, PASSES.1);
            answers.decide(days, choices, ROUNDS - round);
        }
        let mut board = Board::new(problem);
        for (person, row) in answers.cells.chunks_exact(days).enumerate() {
            board.insert(person, row);
        }
        self.descend(&mut board);
        Some(board)
    }

    /// Everybody's answer, once, and multipliers corrected on the way.
    fn answer_all(
        &mut self,
        answers: &mut Answers,
        multipliers: &mut Multipliers,
        exact: &mut [f64],
        counts: &mut [i32],
        (step, asks): (f64, bool),
    ) {
        let problem = self.problem;
        let (people, days, choices) = (problem.people, problem.days, problem.shifts + 1);
        if !asks {
            self.steps += (people as u64).div_ceil(PEOPLE_A_STEP);
        }
        let mut order: Vec<usize> = (0..people).collect();
        for index in (1..people).rev() {
            order.swap(index, self.random.random_range(0..=index));
        }
        let block = (people / BLOCKS).max(1);
        for some in order.chunks(block) {
            answers.pool.moved();
            for person in some.iter().copied() {
                let cells = person * days..(person + 1) * days;
                if answers.decided[cells.clone()].iter().all(|cell| *cell != OPEN) {
                    continue;
                }
                if asks {
                    if !self.answer(multipliers, person, &answers.decided[cells.clone()]) {
                        continue;
                    }
                    answers.pool.add(problem, person, &self.cells, true);
                } else {
                    let Some(row) = answers.pool.best(problem, multipliers, person, |_| true) else {
                        continue;
                    };
                    self.cells.copy_from_slice(row);
                }
                exchange(problem, person, &mut answers.cells[cells.clone()], &self.cells, counts);
                let often = &mut answers.often[cells.start * choices..cells.end * choices];
                for (often, cell) in often.chunks_exact_mut(choices).zip(&self.cells) {
                    often.iter_mut().for_each(|often| *often *= 1.0 - answers.recent);
                    often[usize::from(*cell)] += answers.recent;
                }
            }
            let step = step * some.len() as f64 / block as f64;
            for (row, exact) in exact.iter_mut().enumerate() {
                let (low, high) = problem.rows[row].slopes();
                let by = step * (high - low) as f64 * f64::from(multipliers.scale);
                multipliers.correct(problem, row, exact, counts[row], by);
            }
        }
    }
}

impl Answers {
    /// Decides one of so many equal parts of the open cells, the surest ones: each becomes what its person answered last.
    fn decide(&mut self, days: usize, choices: usize, parts: u32) {
        let mut open: Vec<usize> = (0..self.cells.len()).filter(|at| self.decided[*at] == OPEN).collect();
        let number = open.len().div_ceil(parts as usize);
        let sure = |at: usize| self.often[at * choices + usize::from(self.cells[at])];
        open.sort_by(|one, other| sure(*other).total_cmp(&sure(*one)));
        for at in open.into_iter().take(number) {
            self.decided[at] = self.cells[at];
        }
        for (person, decided) in self.decided.chunks_exact(days).enumerate() {
            let keeps = |row: &[u16]| {
                row.iter().zip(decided).all(|(cell, decided)| *decided == OPEN || decided == cell)
            };
            self.pool.retain(person, keeps);
        }
    }
}
