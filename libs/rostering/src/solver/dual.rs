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
//! In a branch of the [`tree`](super::tree) some rows together miss at least, or at most, so many heads: a [`Cut`]. Its
//! multiplier `c`, not below 0 in the one case and not above it in the other, makes each head missing there cheaper by `c` and
//! adds `c·limit`: to no roster of the branch does that add anything.
//!
//! Multipliers are found by small corrections, after each few people: up where the people's answers give more than the row wants at
//! its multiplier, down where they give less, with a step that shrinks from pass to pass. What is evaluated is their moving
//! mean, which converges where the multipliers themselves only circle.

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use rand::Rng;

use super::board::Board;
use super::pool::Pool;
use super::problem::{FORBIDDEN, PRICE_SUM_MAX, Problem};
use super::worker::Worker;

/// How many times dearer a cut may make a missing head.
const DEAREST: i64 = 8;

/// Into how many parts people are divided; multipliers are corrected after each.
pub(crate) const BLOCKS: usize = 12;
/// Passes over the programmes between two evaluations.
const EVALUATED: u32 = 12;
/// Most passes over the pool for one over the programmes.
const TURNS_MAX: u64 = 4;
/// Rows of each person in the pool for which another pass over it comes.
const YOUNG: usize = 3;
/// People whose rows in the pool are looked at in the time of a step.
pub(crate) const PEOPLE_A_STEP: u64 = 8;

/// How many heads some rows miss together.
#[derive(Debug)]
pub(crate) struct Cut {
    pub rows: Arc<[u32]>,
    pub limit: i64,
    /// Whether they miss at least that many, else at most.
    pub least: bool,
    /// The least cost of a head missing in any of the rows.
    pub under: i64,
}

/// A day that a person works, or doesn't.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision {
    pub person: usize,
    pub day: usize,
    pub works: bool,
}

impl Decision {
    /// Whether a row of a person keeps it.
    pub fn allows(&self, person: usize, row: &[u16]) -> bool {
        self.person != person || (row[self.day] > 0) == self.works
    }
}

/// What a thread that works on the bound tells the others.
#[derive(Debug)]
pub(crate) struct Guide {
    /// Of the best bound.
    pub multipliers: Multipliers,
    /// The rows that led to them.
    pub pool: Pool,
}

/// Multipliers per row, in units of `1/scale`.
#[derive(Debug, Clone)]
pub(crate) struct Multipliers {
    pub scale: i32,
    pub values: Vec<i32>,
    /// Cuts and their multipliers.
    cuts: Vec<(Arc<Cut>, i32)>,
    /// By how much a missing head of each row costs less: the multipliers of its cuts.
    relief: Vec<i32>,
    /// The part of it that is above 0.
    positive: Vec<i32>,
    /// The bound they prove, in units of `1/scale`.
    pub bound: i64,
}

/// What some passes came to.
pub(crate) struct Ascent {
    pub multipliers: Multipliers,
    /// No roster keeps the decisions.
    pub empty: bool,
    /// Mean count of each row in the relaxation.
    pub counts: Vec<f32>,
    /// How often each person works each day in it: 0 to 1.
    pub works: Vec<f32>,
}

/// Passes over all people, and how far a step goes in the first and in the last, in parts of the range of a multiplier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub passes: u32,
    pub first: f64,
    pub last: f64,
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
        let none = vec![0; problem.rows.len()];
        let mut multipliers =
            Self { scale, values, cuts: Vec::new(), relief: none.clone(), positive: none, bound: i64::MIN };
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

    /// What rows cost a person per day and choice, without wishes. What nobody on the person's list of entries can work may be any number.
    pub fn row_prices(&self, problem: &Problem<'_>, person: usize, prices: &mut Vec<i32>) {
        prices.clear();
        for day in 0..problem.days {
            prices.push(0);
            prices.extend((0..problem.shifts).map(|shift| {
                let entries = problem.entries(person, day, shift).iter();
                let costs = entries.map(|entry| self.values[entry.row as usize].wrapping_mul(entry.factor));
                costs.fold(0, i32::wrapping_add)
            }));
        }
    }

    /// Adds a cut with a multiplier of 0.
    pub fn add(&mut self, cut: Arc<Cut>) {
        self.cuts.push((cut, 0));
    }

    /// Whether a cut says already that rows miss at most `most`, or at least one more.
    pub fn decides(&self, rows: &[u32], most: i64) -> bool {
        let says =
            |cut: &Cut| *cut.rows == *rows && if cut.least { cut.limit > most } else { cut.limit <= most };
        self.cuts.iter().any(|(cut, _)| says(cut))
    }

    /// Gives a cut a multiplier: as far as costs stay convex and sums of prices small enough. Returns what it got.
    fn relieve(&mut self, problem: &Problem<'_>, index: usize, value: f64) -> f64 {
        let (cut, old) = (Arc::clone(&self.cuts[index].0), self.cuts[index].1);
        let under = cut.under * i64::from(self.scale);
        let (low, high) = if cut.least {
            let others = cut.rows.iter().map(|row| self.positive[*row as usize] - old).max().unwrap_or(0);
            (0, (under - i64::from(others)).max(0))
        } else {
            // All cuts together may take prices as far as these sums go.
            let room = PRICE_SUM_MAX / (problem.price_sum.max(1) * i64::from(self.scale)) - 1;
            (-under * room.min(DEAREST) / self.cuts.len() as i64, 0)
        };
        let value = value.clamp(low as f64, high as f64);
        let new = value.round() as i32;
        for row in cut.rows.iter().map(|row| *row as usize) {
            // Where heads are missing the multiplier stands at the first slope, and goes with it.
            let first = problem.rows[row].slopes().0 * i64::from(self.scale) + i64::from(self.relief[row]);
            if i64::from(self.values[row]) <= first + under / 50 {
                self.values[row] += new - old;
            }
            self.relief[row] += new - old;
            self.positive[row] += new.max(0) - old.max(0);
        }
        self.cuts[index].1 = new;
        value
    }

    /// The bound as a whole cost: rounded up, since costs are whole.
    pub fn whole(&self) -> i64 {
        if self.bound == i64::MIN { 0 } else { -(-self.bound).div_euclid(i64::from(self.scale)) }
    }

    /// What the relaxation pays for rows and cuts.
    fn outside(&self, problem: &Problem<'_>) -> i64 {
        let rows: i64 = (0..problem.rows.len()).map(|row| self.conjugate(problem, row)).sum();
        let cuts: i64 = self.cuts.iter().map(|(cut, multiplier)| i64::from(*multiplier) * cut.limit).sum();
        rows + cuts
    }

    /// The least of `scale·cost(count) − relief·missing(count) − m·count` over the counts of a row.
    fn conjugate(&self, problem: &Problem<'_>, row: usize) -> i64 {
        let answer = self.answer(problem, row, 0);
        let missing = problem.rows[row].missing(answer);
        i64::from(self.scale) * problem.rows[row].cost(answer)
            - i64::from(self.relief[row]) * i64::from(missing)
            - i64::from(self.values[row]) * i64::from(answer)
    }

    /// The count nearest to `near` among those of the least cost as [`conjugate`](Self::conjugate) counts it. That is convex,
    /// so they lie from the first slope that is not below the multiplier up to the first above it.
    fn answer(&self, problem: &Problem<'_>, row: usize, near: i32) -> i32 {
        let (costs, low) = (&problem.rows[row].costs, problem.rows[row].low);
        let required = problem.rows[row].heads.map_or(i32::MIN, |(required, _)| required);
        let slope = |index: usize| {
            let relief = if low + (index as i32) < required { i64::from(self.relief[row]) } else { 0 };
            i64::from(self.scale) * (costs[index + 1] - costs[index]) + relief
        };
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

    /// Corrects the multiplier of a row by `by` for each head that a count has above what the row answers. `exact` holds its part
    /// behind the point. Returns the answer.
    pub fn correct(
        &mut self,
        problem: &Problem<'_>,
        row: usize,
        exact: &mut f64,
        count: i32,
        by: f64,
    ) -> i32 {
        let answer = self.answer(problem, row, count);
        *exact += by * f64::from(count - answer);
        self.values[row] = exact.round() as i32;
        self.clamp(problem, row);
        let value = f64::from(self.values[row]);
        *exact = exact.clamp(value - 0.5, value + 0.5);
        answer
    }

    /// Keeps a multiplier among the slopes of its row.
    fn clamp(&mut self, problem: &Problem<'_>, row: usize) {
        let (low, high) = problem.rows[row].slopes();
        let scale = i64::from(self.scale);
        let low = (low * scale + i64::from(self.relief[row])).min(high * scale);
        self.values[row] = i64::from(self.values[row]).clamp(low, high * scale) as i32;
    }
}

impl<'a> Worker<'a> {
    /// Some passes from where the last ones ended. The step begins at a hundredth of the range of a multiplier, or half of that
    /// for each of `sharpness`, and shrinks to a hundredth of itself.
    pub fn raise_bound(
        &mut self,
        board: &Board<'a>,
        before: Option<Multipliers>,
        sharpness: u32,
        passes: u32,
    ) -> Ascent {
        let start = before.unwrap_or_else(|| Multipliers::of(self.problem, board));
        let first = 0.01 / f64::from(1 << sharpness.min(8));
        self.passes(board, start, &[], Plan { passes, first, last: first / 100.0 })
    }

    /// Multipliers for a branch of the problem. Ends early once the bound shows that nothing better is in it.
    pub fn passes(
        &mut self,
        board: &Board<'a>,
        start: Multipliers,
        decisions: &[Decision],
        plan: Plan,
    ) -> Ascent {
        let problem = self.problem;
        let (people, rows) = (problem.people, problem.rows.len());
        let mut columns: Vec<Vec<u16>> = (0..people).map(|person| board.row(person).to_vec()).collect();
        let mut counts: Vec<i32> = (0..rows).map(|row| board.count(row)).collect();
        let mut exact: Vec<f64> = start.values.iter().map(|value| f64::from(*value)).collect();
        let mut mean = exact.clone();
        let mut relief: Vec<f64> = start.cuts.iter().map(|(_, multiplier)| f64::from(*multiplier)).collect();
        let mut mean_relief = relief.clone();
        let range = |row: usize| (problem.rows[row].slopes().1 - problem.rows[row].slopes().0) as f64;
        let ranges: Vec<f64> = (0..rows).map(|row| range(row) * f64::from(start.scale)).collect();
        let mut multipliers = start.clone();
        let mut missing = vec![0_i32; rows];
        let mut best = Ascent {
            multipliers: start,
            empty: false,
            counts: counts.iter().map(|count| *count as f32).collect(),
            works: columns.iter().flatten().map(|cell| if *cell > 0 { 1.0 } else { 0.0 }).collect(),
        };
        let block = (people / BLOCKS).max(1);
        let mut order: Vec<usize> = (0..people).collect();
        for (person, row) in columns.iter().enumerate() {
            self.pool.add(problem, person, row, true);
        }
        let decay = (plan.last / plan.first).powf(1.0 / f64::from(plan.passes));
        let mut step = plan.first;
        for pass in 1..=plan.passes {
            // A pool of a few rows balances far from where all rows do.
            let turns = self.turns().min(1 + (self.pool.size() / people / YOUNG) as u32);
            for turn in 0..turns {
                // The first of the turns asks the programmes, the others the pool.
                let asks = turn == 0;
                if !asks {
                    self.steps += (people as u64).div_ceil(PEOPLE_A_STEP);
                }
                for index in (1..people).rev() {
                    order.swap(index, self.random.random_range(0..=index));
                }
                for some in order.chunks(block) {
                    if self.over() {
                        return best;
                    }
                    self.pool.moved();
                    for person in some {
                        if !asks {
                            let fits =
                                |row: &[u16]| decisions.iter().all(|decision| decision.allows(*person, row));
                            if let Some(row) = self.pool.best(problem, &multipliers, *person, fits) {
                                exchange(problem, *person, &mut columns[*person], row, &mut counts);
                            }
                            continue;
                        }
                        if self.bound_at(&multipliers, *person, decisions).is_none() {
                            best.empty = true;
                            return best;
                        }
                        exchange(problem, *person, &mut columns[*person], &self.cells, &mut counts);
                        let works = &mut best.works[person * problem.days..][..problem.days];
                        for (works, cell) in works.iter_mut().zip(&self.cells) {
                            *works += 0.1 * (f32::from(u8::from(*cell > 0)) - *works);
                        }
                    }
                    let step = step * some.len() as f64 / block as f64;
                    for row in 0..rows {
                        let by = step * ranges[row];
                        let answer = multipliers.correct(problem, row, &mut exact[row], counts[row], by);
                        missing[row] = problem.rows[row].missing(answer);
                        mean[row] += 0.02 * (exact[row] - mean[row]);
                        best.counts[row] += 0.01 * (counts[row] as f32 - best.counts[row]);
                    }
                    let before = multipliers.values.clone();
                    for (index, relief) in relief.iter_mut().enumerate() {
                        let cut = &multipliers.cuts[index].0;
                        let found: i64 = cut.rows.iter().map(|row| i64::from(missing[*row as usize])).sum();
                        let range = (cut.under * i64::from(multipliers.scale)) as f64;
                        let by = step * range * (cut.limit - found) as f64;
                        *relief = multipliers.relieve(problem, index, *relief + by);
                        mean_relief[index] += 0.02 * (*relief - mean_relief[index]);
                    }
                    for (row, before) in before.into_iter().enumerate() {
                        let moved = f64::from(multipliers.values[row] - before);
                        exact[row] += moved;
                    }
                }
                step *= decay.powf(1.0 / f64::from(turns));
            }
            if pass % EVALUATED == 0 {
                let mut candidate = multipliers.clone();
                for (index, mean) in mean_relief.iter().enumerate() {
                    candidate.relieve(problem, index, *mean);
                }
                for (row, mean) in mean.iter().enumerate() {
                    candidate.values[row] = mean.round() as i32;
                    candidate.clamp(problem, row);
                }
                if self.evaluate(&mut candidate, decisions) && candidate.bound > best.multipliers.bound {
                    best.multipliers = candidate;
                    if best.multipliers.whole() >= self.shared.cost() {
                        return best;
                    }
                }
            }
        }
        best
    }

    /// How many passes go with one over the programmes, itself included: those over the pool take no longer than that one.
    pub fn turns(&self) -> u32 {
        let pool = Pool::work(self.problem, BLOCKS as u64);
        1 + (self.pass_work() / pool.max(1)).min(TURNS_MAX) as u32
    }

    /// About how many seconds a pass takes, with those over the pool that go with it.
    pub fn pass_seconds(&self) -> f64 {
        let pool = Pool::work(self.problem, BLOCKS as u64) * u64::from(self.turns() - 1);
        (self.pass_work() + pool) as f64 * 1e-9
    }

    /// About how many nanoseconds a pass over the programmes takes.
    fn pass_work(&self) -> u64 {
        self.oracles.iter().map(|oracle| 2 * oracle.work()).sum()
    }

    /// Works out the bound that multipliers prove. Returns whether there was time to.
    fn evaluate(&mut self, multipliers: &mut Multipliers, decisions: &[Decision]) -> bool {
        let mut total = multipliers.outside(self.problem);
        for person in 0..self.problem.people {
            if self.over() {
                return false;
            }
            match self.bound_at(multipliers, person, decisions) {
                Some(bound) => total += bound,
                None => return false,
            }
        }
        multipliers.bound = total;
        if multipliers.cuts.is_empty() && decisions.is_empty() {
            self.shared.raise(multipliers.whole());
        }
        true
    }
}

/// Puts a new column of a person in the place of the old one.
pub(crate) fn exchange(
    problem: &Problem<'_>,
    person: usize,
    old: &mut [u16],
    new: &[u16],
    counts: &mut [i32],
) {
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
