//! Bounds by Lagrangian relaxation of everything that couples people.
//!
//! For multipliers `m`, one per row, in units of `1/scale`, no roster costs less than
//!
//! ```text
//! ( Σ_person min over legal rosters ( scale·wishes + Σ m·count )  +  Σ_row min over counts ( scale·cost(count) − m·count ) ) / scale
//! ```
//!
//! because for the best roster each bracket is at least its minimum, and the terms with `m` cancel. The first minimum is
//! the oracle's, the second a look at a table; all numbers are whole, so nothing is lost to rounding, and since costs are
//! whole the quotient is rounded up. How multipliers are found matters for the size of the bound, never for its truth.
//!
//! They are found by small corrections, after each few people: up where the people's answers give more than the row wants at
//! its multiplier, down where they give less, with a step that shrinks from pass to pass. What is evaluated is their moving
//! mean, which converges where the multipliers themselves only circle.

use rand::Rng;

use super::board::Board;
use super::problem::{FORBIDDEN, Problem};
use super::worker::Worker;

/// Passes over all people in one go.
const PASSES: u32 = 120;

/// Multipliers per row, in units of `1/scale`.
#[derive(Debug, Clone)]
pub(crate) struct Multipliers {
    pub scale: i32,
    pub values: Vec<i32>,
    /// The bound they prove, in units of `1/scale`.
    pub bound: i64,
}

impl Multipliers {
    /// What the rows' costs say at the counts of a board: near the price at which the last head is worth keeping.
    pub fn of(problem: &Problem<'_>, board: &Board<'_>) -> Self {
        let scale = problem.price_scale();
        let value = |row: usize| {
            let count = board.count(row);
            let (up, down) = (problem.rows[row].change(count, 1), -problem.rows[row].change(count, -1));
            // At a kink every price between is right; a cheap one is the better guess where most rows can be met.
            (i64::from(scale) * (up * 4 + down) / 5) as i32
        };
        let values = (0..problem.rows.len()).map(value).collect();
        let mut multipliers = Self { scale, values, bound: i64::MIN };
        for row in 0..problem.rows.len() {
            multipliers.clamp(problem, row);
        }
        multipliers
    }

    /// Prices per day and choice for a person.
    pub fn prices(&self, problem: &Problem<'_>, person: usize, prices: &mut Vec<i32>) {
        prices.clear();
        let own = problem.own(person);
        for day in 0..problem.days {
            let of_day = &own[day * (problem.shifts + 1)..][..problem.shifts + 1];
            prices.push(if of_day[0] >= FORBIDDEN { FORBIDDEN } else { of_day[0] * self.scale });
            for shift in 0..problem.shifts {
                let mut price = of_day[shift + 1];
                if price < FORBIDDEN {
                    price *= self.scale;
                    for entry in problem.entries(person, day, shift) {
                        price += self.values[entry.row as usize] * entry.factor;
                    }
                }
                prices.push(price);
            }
        }
    }

    /// The least of `scale·cost(count) − m·count` over the counts of a row.
    fn conjugate(&self, problem: &Problem<'_>, row: usize) -> i64 {
        let answer = self.answer(problem, row, 0);
        i64::from(self.scale) * problem.rows[row].cost(answer)
            - i64::from(self.values[row]) * i64::from(answer)
    }

    /// The count nearest to `near` among those with the least `scale·cost(count) − m·count`. The cost is convex, so they lie
    /// from the first slope that is not below the multiplier up to the first above it.
    fn answer(&self, problem: &Problem<'_>, row: usize, near: i32) -> i32 {
        let (costs, low) = (&problem.rows[row].costs, problem.rows[row].low);
        let slope = |index: usize| i64::from(self.scale) * (costs[index + 1] - costs[index]);
        let value = i64::from(self.values[row]);
        let mut at = (near.max(low) - low).min(costs.len() as i32 - 1) as usize;
        while at > 0 && slope(at - 1) > value {
            at -= 1;
        }
        while at + 1 < costs.len() && slope(at) < value {
            at += 1;
        }
        low + at as i32
    }

    /// Keeps a multiplier among the slopes of its row.
    fn clamp(&mut self, problem: &Problem<'_>, row: usize) {
        let (low, high) = problem.rows[row].slopes();
        let scale = i64::from(self.scale);
        self.values[row] = i64::from(self.values[row]).clamp(low * scale, high * scale) as i32;
    }
}

/// Rounds a bound in units of `1/scale` up to a whole cost.
fn whole(bound: i64, scale: i32) -> i64 {
    -(-bound).div_euclid(i64::from(scale))
}

impl<'a> Worker<'a> {
    /// Some passes from where the last ones ended; the number says how many went before. The step begins at a hundredth of the
    /// range of a multiplier, later lower, and shrinks to a hundredth of itself.
    pub fn raise_bound(
        &mut self,
        board: &Board<'a>,
        before: Option<(Multipliers, u32)>,
    ) -> (Multipliers, u32) {
        let (start, round) = before.unwrap_or_else(|| (Multipliers::of(self.problem, board), 0));
        let first = 0.01 / f64::from(1 << round.min(8));
        let best = self.passes(board, start, first, first / 100.0);
        (best, round + 1)
    }

    fn passes(&mut self, board: &Board<'a>, start: Multipliers, first: f64, last: f64) -> Multipliers {
        let problem = self.problem;
        let people = problem.people;
        let rows = problem.rows.len();
        let mut columns: Vec<Vec<u16>> = (0..people).map(|person| board.row(person).to_vec()).collect();
        let mut counts: Vec<i32> = (0..rows).map(|row| board.count(row)).collect();
        let mut exact: Vec<f64> = start.values.iter().map(|value| f64::from(*value)).collect();
        let mut mean = exact.clone();
        let range = |row: usize| (problem.rows[row].slopes().1 - problem.rows[row].slopes().0) as f64;
        let ranges: Vec<f64> = (0..rows).map(|row| range(row) * f64::from(start.scale)).collect();
        let mut multipliers = start.clone();
        let mut best = start;
        let block = (people / 12).max(1);
        let mut order: Vec<usize> = (0..people).collect();
        let decay = (last / first).powf(1.0 / f64::from(PASSES));
        let mut step = first;
        for pass in 1..=PASSES {
            for index in (1..people).rev() {
                order.swap(index, self.random.random_range(0..=index));
            }
            for some in order.chunks(block) {
                if self.over() {
                    return best;
                }
                for person in some {
                    self.bound_at(&multipliers, *person);
                    exchange(problem, *person, &mut columns[*person], &self.cells, &mut counts);
                }
                let step = step * some.len() as f64 / block as f64;
                for row in 0..rows {
                    let surplus = counts[row] - multipliers.answer(problem, row, counts[row]);
                    exact[row] += step * ranges[row] * f64::from(surplus);
                    multipliers.values[row] = exact[row].round() as i32;
                    multipliers.clamp(problem, row);
                    let value = f64::from(multipliers.values[row]);
                    exact[row] = exact[row].clamp(value - 0.5, value + 0.5);
                    mean[row] += 0.02 * (exact[row] - mean[row]);
                }
            }
            step *= decay;
            if pass % 12 == 0 {
                let mut candidate = multipliers.clone();
                for (row, mean) in mean.iter().enumerate() {
                    candidate.values[row] = mean.round() as i32;
                    candidate.clamp(problem, row);
                }
                if self.evaluate(&mut candidate) && candidate.bound > best.bound {
                    best = candidate;
                }
            }
        }
        best
    }

    /// Works out the bound that multipliers prove. Returns whether there was time to.
    fn evaluate(&mut self, multipliers: &mut Multipliers) -> bool {
        let rows = 0..self.problem.rows.len();
        let mut total: i64 = rows.map(|row| multipliers.conjugate(self.problem, row)).sum();
        for person in 0..self.problem.people {
            if self.over() {
                return false;
            }
            total += self.bound_at(multipliers, person);
        }
        multipliers.bound = total;
        self.shared.raise(whole(total, multipliers.scale));
        true
    }
}

/// Puts a new column of a person in the place of the old one.
fn exchange(problem: &Problem<'_>, person: usize, old: &mut [u16], new: &[u16], counts: &mut [i32]) {
    for (day, (old, new)) in old.iter_mut().zip(new).enumerate() {
        if old == new {
            continue;
        }
        for (cell, sign) in [(*old, -1), (*new, 1)] {
            if let Some(shift) = usize::from(cell).checked_sub(1) {
                for entry in problem.entries(person, day, shift) {
                    counts[entry.row as usize] += sign * entry.factor;
                }
            }
        }
        *old = *new;
    }
}
