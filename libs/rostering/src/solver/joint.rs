//! Some people moved together, exactly: the cheapest rows for all of them at once while everybody else stays.
//!
//! The few are a problem of their own, with multipliers and a bound `b` like the whole one. A row whose price is `r` above its
//! person's least can only be in a roster of the few that costs at least `b + r`. What they cost now, less `b`, is seldom much, so
//! few rows are left; the programmes list them all. A search over these rows, person by person, ends where rows and counts that can no
//! longer be mended come to more than what is left. What it finds is the best there is, unless lists or search were cut short.

#[cfg(test)]
mod tests;

use rand::Rng;

use super::board::Board;
use super::dual::{Guide, Multipliers, exchange};
use super::problem::Problem;
use super::worker::Worker;

/// Passes over the programmes for the multipliers of a few, and passes over the pool that go with each.
const PASSES: u32 = 10;
const TURNS: u32 = 6;
/// How far a step goes in the first pass and in the last, in parts of the range of a multiplier.
const STEPS: (f64, f64) = (0.004, 0.000_2);
/// Most rows listed for a person.
const ROWS_MAX: usize = 2_000;
/// Most rows looked at in a search, and how many count as a step.
const LOOKS_MAX: u64 = 400_000;
const LOOKS_A_STEP: u64 = 1_000;
/// Fewest and most people who are moved together.
const FEW: (f32, f32) = (2.0, 9.0);

/// How many people are moved together: as many as can be searched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach(f32);

impl Default for Reach {
    fn default() -> Self {
        Self(3.0)
    }
}

/// A row that somebody may get.
struct Candidate {
    cells: Vec<u16>,
    /// By how much it costs more than their cheapest.
    more: i64,
    /// What it adds to which counts, each row once.
    adds: Vec<(u32, i32)>,
}

/// The search over the candidates of a few people.
struct Search {
    people: Vec<Vec<Candidate>>,
    /// What counts cost at least beyond the bound, per number of people placed, row, and count of those placed.
    least: Vec<Vec<Span>>,
    /// Counts of those placed.
    counts: Vec<i32>,
    /// What may be spent beyond the bound; shrinks as better ones are found.
    room: i64,
    scale: i64,
    looks: u64,
    chosen: Vec<usize>,
    best: Option<Vec<usize>>,
}

/// Numbers for counts from `low` on.
struct Span {
    low: i32,
    values: Vec<i64>,
}

impl Span {
    fn at(&self, count: i32) -> i64 {
        self.values[(count - self.low) as usize]
    }
}

/// A few people, and the counts of everybody else. Costs are those that the few add, in units of `1/scale`.
struct Few<'g> {
    people: &'g [usize],
    base: Vec<i32>,
}

impl<'a> Worker<'a> {
    /// Moves people together, some at a time, for about so many seconds; `best` gets the best board met.
    pub fn join(&mut self, board: &mut Board<'a>, best: &mut Board<'a>, guide: &Guide, seconds: f64) {
        let begin = self.spent();
        let mut in_vain = 0;
        while !self.over() && self.spent() - begin < seconds {
            let before = board.cost;
            let people = self.some_people();
            self.move_together(board, &people, guide);
            in_vain = if board.cost < before { 0 } else { in_vain + 1 };
            if board.cost < best.cost {
                best.clone_from(board);
                self.shared.offer(best, self.steps);
            }
            if in_vain > 8 * self.problem.people {
                in_vain = 0;
                board.clone_from(best);
                self.shake(board, guide);
            }
        }
    }

    /// Gives people the cheapest rows for all of them, if that costs less than those they have, or perhaps as much.
    fn move_together(&mut self, board: &mut Board<'a>, people: &[usize], guide: &Guide) {
        let before = board.cost;
        let rows: Vec<Vec<u16>> = people.iter().map(|person| board.row(*person).to_vec()).collect();
        people.iter().for_each(|person| board.remove(*person));
        let better = self.cheapest_of_few(board, people, &rows, before, guide);
        for (person, row) in people.iter().zip(better.as_ref().unwrap_or(&rows)) {
            board.insert(*person, row);
        }
        debug_assert!(board.cost <= before, "rows that were found cost what the search says");
    }

    fn some_people(&mut self) -> Vec<usize> {
        let number = (self.reach.0 + self.random.random::<f32>()) as usize;
        let mut people: Vec<usize> = (0..self.problem.people).collect();
        let number = number.min(people.len());
        for index in 0..number {
            let other = self.random.random_range(index..people.len());
            people.swap(index, other);
        }
        people.truncate(number);
        people
    }

    /// Rows of people who are out that cost less, all together, than `before`; or as much, as chance has it. `None` if none were found.
    fn cheapest_of_few(
        &mut self,
        board: &Board<'a>,
        people: &[usize],
        rows: &[Vec<u16>],
        before: i64,
        guide: &Guide,
    ) -> Option<Vec<Vec<u16>>> {
        let problem = self.problem;
        let base: Vec<i32> = (0..problem.rows.len()).map(|row| board.count(row)).collect();
        let few = Few { people, base };
        let multipliers = self.balance(&few, rows, guide)?;
        let scale = i64::from(multipliers.scale);
        let people_least = self.least_of(&multipliers, people)?;
        let bound = few.least_of_rows(problem, &multipliers) + people_least.iter().sum::<i64>();
        let spent = (before - board.cost) * scale;
        // The same cost in another way may lead on.
        let room = spent - bound - if self.random.random::<bool>() { scale } else { 0 };
        if room < 0 {
            self.grow(0.01);
            return None;
        }
        let mut lists = Vec::with_capacity(people.len());
        for (person, least) in people.iter().zip(&people_least) {
            lists.push(self.candidates(&multipliers, *person, *least, room)?);
        }
        let mut order: Vec<usize> = (0..people.len()).collect();
        order.sort_by_key(|index| lists[*index].len());
        let mut sorted: Vec<Option<Vec<Candidate>>> = lists.into_iter().map(Some).collect();
        let lists = order.iter().filter_map(|index| sorted[*index].take()).collect();
        let mut search = Search::new(problem, &multipliers, &few, lists, room);
        search.place(0, 0);
        self.steps += search.looks / LOOKS_A_STEP;
        self.grow(if search.looks > LOOKS_MAX { -0.1 } else { 0.01 });
        let best = search.best?;
        let mut found: Vec<Vec<u16>> = rows.to_vec();
        for ((at, index), candidates) in order.iter().zip(&best).zip(&search.people) {
            found[*at].clone_from(&candidates[*index].cells);
        }
        Some(found)
    }

    fn grow(&mut self, by: f32) {
        self.reach.0 = (self.reach.0 + by).clamp(FEW.0, FEW.1);
    }

    /// Multipliers at which a few people balance, from those of everybody.
    fn balance(&mut self, few: &Few<'_>, rows: &[Vec<u16>], guide: &Guide) -> Option<Multipliers> {
        let problem = self.problem;
        let mut multipliers = guide.multipliers.clone();
        let mut exact: Vec<f64> = multipliers.values.iter().map(|value| f64::from(*value)).collect();
        let mut columns = rows.to_vec();
        let mut counts = few.base.clone();
        for (person, row) in few.people.iter().zip(rows) {
            exchange(problem, *person, &mut vec![0; problem.days], row, &mut counts);
        }
        let ranges: Vec<f64> =
            problem.rows.iter().map(|row| (row.slopes().1 - row.slopes().0) as f64).collect();
        let decay = (STEPS.1 / STEPS.0).powf(1.0 / f64::from(PASSES * TURNS));
        let mut step = STEPS.0 * f64::from(multipliers.scale);
        for pass in 0..PASSES * TURNS {
            if self.over() {
                return None;
            }
            for (person, column) in few.people.iter().zip(&mut columns) {
                self.pool.moved();
                if pass % TURNS == 0 {
                    self.bound_at(&multipliers, *person, &[])?;
                    exchange(problem, *person, column, &self.cells, &mut counts);
                } else if let Some(row) = self.pool.best(problem, &multipliers, *person, |_| true) {
                    exchange(problem, *person, column, row, &mut counts);
                }
                for (row, exact) in exact.iter_mut().enumerate() {
                    multipliers.correct(problem, row, exact, counts[row], step * ranges[row]);
                }
            }
            step *= decay;
        }
        Some(multipliers)
    }

    /// The least price of a row of each person.
    fn least_of(&mut self, multipliers: &Multipliers, people: &[usize]) -> Option<Vec<i64>> {
        people.iter().map(|person| self.bound_at(multipliers, *person, &[])).collect()
    }

    /// Rows of a person that cost at most `room` above the least, or less where those are too many; the cheapest first. `None` if there are none.
    fn candidates(
        &mut self,
        multipliers: &Multipliers,
        person: usize,
        least: i64,
        room: i64,
    ) -> Option<Vec<Candidate>> {
        let problem = self.problem;
        let mut room = room;
        let rows = loop {
            match self.rows_near(multipliers, person, least + room, ROWS_MAX) {
                Some(rows) => break rows,
                None if room == 0 => return None,
                None => {
                    self.grow(-0.02);
                    room /= 2;
                }
            }
        };
        let candidate = |(price, cells): (i64, Vec<u16>)| {
            let mut adds: Vec<(u32, i32)> = Vec::new();
            for (day, cell) in cells.iter().enumerate().filter(|(_, cell)| **cell > 0) {
                let entries = problem.entries(person, day, usize::from(*cell) - 1);
                adds.extend(entries.iter().map(|entry| (entry.row, entry.factor)));
            }
            adds.sort_unstable_by_key(|(row, _)| *row);
            adds.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                kept.1 += if same { next.1 } else { 0 };
                same
            });
            Candidate { cells, more: price - least, adds }
        };
        let mut candidates: Vec<Candidate> = rows.into_iter().map(candidate).collect();
        candidates.sort_by_key(|candidate| candidate.more);
        (!candidates.is_empty()).then_some(candidates)
    }
}

impl Few<'_> {
    /// The least that rows cost, beyond what they cost for the others, at any counts that the few can bring about.
    fn least_of_rows(&self, problem: &Problem<'_>, multipliers: &Multipliers) -> i64 {
        (0..problem.rows.len()).map(|row| self.least_of_row(problem, multipliers, row)).sum()
    }

    /// That of one row. It is convex in the count, and the first count at which it no longer falls has the least.
    fn least_of_row(&self, problem: &Problem<'_>, multipliers: &Multipliers, row: usize) -> i64 {
        let (low, high) = self.most(problem, row);
        let price = |count: i32| self.price(problem, multipliers, row, count);
        (low..=high).map(price).min().unwrap_or(0)
    }

    /// What a row costs with a count of the few added to that of the others, their multiplier taken off.
    fn price(&self, problem: &Problem<'_>, multipliers: &Multipliers, row: usize, count: i32) -> i64 {
        let cost = problem.rows[row].change(self.base[row], count);
        i64::from(multipliers.scale) * cost - i64::from(multipliers.values[row]) * i64::from(count)
    }

    /// Fewest and most that the few can add to a row: within what the row can count at all.
    fn most(&self, problem: &Problem<'_>, row: usize) -> (i32, i32) {
        let of = &problem.rows[row];
        let (low, high) = (of.low - self.base[row], of.low + of.costs.len() as i32 - 1 - self.base[row]);
        if of.heads.is_some() { (low.max(0), high.min(self.people.len() as i32)) } else { (low, high) }
    }
}

impl Search {
    fn new(
        problem: &Problem<'_>,
        multipliers: &Multipliers,
        few: &Few<'_>,
        people: Vec<Vec<Candidate>>,
        room: i64,
    ) -> Self {
        let rows = problem.rows.len();
        // Fewest and most that each person's candidates add to each row.
        let ranges: Vec<Vec<(i32, i32)>> = people.iter().map(|candidates| ranges(candidates, rows)).collect();
        let sum = |from: usize, to: usize, row: usize| {
            ranges[from..to].iter().fold((0, 0), |sum, of| (sum.0 + of[row].0, sum.1 + of[row].1))
        };
        let least = (0..=people.len())
            .map(|placed| {
                (0..rows)
                    .map(|row| {
                        let (mut low, mut high) = sum(0, placed.saturating_sub(1), row);
                        if let Some(last) = placed.checked_sub(1) {
                            // Also before that person's candidate is added, from where it is looked at what it changes.
                            let (fewest, most) = ranges[last][row];
                            (low, high) = (low + fewest.min(0), high + most.max(0));
                        }
                        let (fewest, most) = sum(placed, people.len(), row);
                        let floor = few.least_of_row(problem, multipliers, row);
                        let price = |count: i32| few.price(problem, multipliers, row, count) - floor;
                        let at_best =
                            |count: i32| (count + fewest..=count + most).map(price).min().unwrap_or(0);
                        Span { low, values: (low..=high).map(at_best).collect() }
                    })
                    .collect()
            })
            .collect();
        let chosen = vec![0; people.len()];
        let scale = i64::from(multipliers.scale);
        Self { people, least, counts: vec![0; rows], room, scale, looks: 0, chosen, best: None }
    }

    /// Places the people from `at` on; those before cost `more` beyond their least.
    fn place(&mut self, at: usize, more: i64) {
        if at == self.people.len() {
            let cost: i64 = self.least[at].iter().zip(&self.counts).map(|(of, count)| of.at(*count)).sum();
            // Costs are whole: what is better is so by one at least.
            self.room = more + cost - self.scale;
            self.best = Some(self.chosen.clone());
            return;
        }
        let least = &self.least[at + 1];
        let rest: i64 = least.iter().zip(&self.counts).map(|(of, count)| of.at(*count)).sum();
        let mut open: Vec<(i64, usize)> = Vec::new();
        for (index, candidate) in self.people[at].iter().enumerate() {
            if more + candidate.more > self.room {
                break;
            }
            self.looks += 1;
            let mut all = more + candidate.more + rest;
            for (row, add) in &candidate.adds {
                let (of, count) = (&least[*row as usize], self.counts[*row as usize]);
                all += of.at(count + add) - of.at(count);
            }
            if all <= self.room {
                open.push((all, index));
            }
        }
        // The likeliest first: what is found early leaves less room.
        open.sort_unstable();
        for (all, index) in open {
            if all > self.room || self.looks > LOOKS_MAX {
                return;
            }
            self.chosen[at] = index;
            let more = more + self.people[at][index].more;
            self.count(at, index, 1);
            self.place(at + 1, more);
            self.count(at, index, -1);
        }
    }

    fn count(&mut self, at: usize, index: usize, sign: i32) {
        for (row, add) in &self.people[at][index].adds {
            self.counts[*row as usize] += sign * add;
        }
    }
}

/// Fewest and most that somebody's candidates add to each row.
fn ranges(candidates: &[Candidate], rows: usize) -> Vec<(i32, i32)> {
    let mut ranges = vec![(i32::MAX, i32::MIN); rows];
    let mut seen = vec![0; rows];
    for candidate in candidates {
        for (row, add) in &candidate.adds {
            let (range, seen) = (&mut ranges[*row as usize], &mut seen[*row as usize]);
            *range = (range.0.min(*add), range.1.max(*add));
            *seen += 1;
        }
    }
    for (range, seen) in ranges.iter_mut().zip(seen) {
        if seen < candidates.len() {
            *range = (range.0.min(0), range.1.max(0));
        }
    }
    ranges
}
