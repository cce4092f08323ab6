//! Rows that were answers before: what the programmes would say at other multipliers, in a fraction of their time.
//!
//! Multipliers move a little at a time, and the cheapest row at most of them was an answer before. So between two questions to
//! a programme multipliers are corrected many times by the cheapest of the rows that are kept here: the programmes find new rows, the pool finds
//! the multipliers at which those that are known balance. No bound is taken from here, since the cheapest row may be missing.

use super::dual::Multipliers;
use super::problem::Problem;

/// Most rows kept of a person; who was not an answer for the longest time makes room.
const KEPT: usize = 64;
/// About how many nanoseconds it takes to look at a cell of a row, and to correct a multiplier.
const CELL_WORK: u64 = 1;
const ROW_WORK: u64 = 15;

/// The rows of one person, one after the other.
#[derive(Debug, Clone, Default)]
struct Rows {
    /// Days of each: 0 off, else shift + 1.
    cells: Vec<u16>,
    /// The same as places in a list of prices per day and choice.
    places: Vec<u32>,
    about: Vec<About>,
}

#[derive(Debug, Clone, Copy)]
struct About {
    /// Cost of wishes.
    own: i32,
    /// When it was an answer last.
    used: u64,
    /// Whether it keeps all rules, not only those of a relaxation.
    legal: bool,
}

/// Everybody's rows.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    days: usize,
    people: Vec<Rows>,
    /// Goes on when multipliers move.
    time: u64,
    /// What rows cost per day and choice, for each list of entries, and when that was worked out.
    prices: Vec<(u64, Vec<i32>)>,
}

impl Rows {
    fn push(&mut self, cells: &[u16], choices: usize, about: About) {
        self.cells.extend_from_slice(cells);
        self.places.extend(places(cells, choices));
        self.about.push(about);
    }
}

fn places(cells: &[u16], choices: usize) -> impl Iterator<Item = u32> {
    cells.iter().enumerate().map(move |(day, cell)| (day * choices) as u32 + u32::from(*cell))
}

impl Pool {
    pub fn new(problem: &Problem<'_>) -> Self {
        let prices = vec![(0, Vec::new()); problem.lists()];
        Self { days: problem.days, people: vec![Rows::default(); problem.people], time: 1, prices }
    }

    /// About how many nanoseconds a pass over everybody takes, with `blocks` corrections of all multipliers.
    pub fn work(problem: &Problem<'_>, blocks: u64) -> u64 {
        (problem.people * KEPT * problem.days) as u64 * CELL_WORK
            + problem.rows.len() as u64 * blocks * ROW_WORK
    }

    /// How many rows there are.
    pub fn size(&self) -> usize {
        self.people.iter().map(|rows| rows.about.len()).sum()
    }

    /// Multipliers moved: prices are worked out anew.
    pub fn moved(&mut self) {
        self.time += 1;
    }

    /// Keeps a row that was an answer now.
    pub fn add(&mut self, problem: &Problem<'_>, person: usize, cells: &[u16], legal: bool) {
        let (days, choices, used) = (self.days, problem.shifts + 1, self.time);
        let rows = &mut self.people[person];
        if let Some(known) = rows.cells.chunks_exact(days).position(|row| row == cells) {
            rows.about[known].used = used;
            rows.about[known].legal |= legal;
            return;
        }
        let own = problem.own(person);
        let own = places(cells, choices).map(|place| own[place as usize]).sum();
        let about = About { own, used, legal };
        if rows.about.len() < KEPT {
            return rows.push(cells, choices, about);
        }
        let oldest = (0..KEPT).min_by_key(|row| rows.about[*row].used).unwrap_or_default();
        let at = oldest * days..(oldest + 1) * days;
        rows.cells[at.clone()].copy_from_slice(cells);
        rows.places[at].iter_mut().zip(places(cells, choices)).for_each(|(old, new)| *old = new);
        rows.about[oldest] = about;
    }

    /// The cheapest row of a person at multipliers among those that fit. They must be the same until [`moved`](Self::moved) is called.
    pub fn best(
        &mut self,
        problem: &Problem<'_>,
        multipliers: &Multipliers,
        person: usize,
        fits: impl Fn(&[u16]) -> bool,
    ) -> Option<&[u16]> {
        let Self { days, people, time, prices } = self;
        let (worked_out, prices) = &mut prices[problem.list(person)];
        if *worked_out != *time {
            multipliers.row_prices(problem, person, prices);
            *worked_out = *time;
        }
        let rows = &mut people[person];
        let mut best: Option<(i32, usize)> = None;
        for (index, places) in rows.places.chunks_exact(*days).enumerate() {
            let coupled: i32 = places.iter().map(|place| prices[*place as usize]).sum();
            let cost = coupled + rows.about[index].own * multipliers.scale;
            if best.is_none_or(|(least, _)| cost < least) && fits(&rows.cells[index * *days..][..*days]) {
                best = Some((cost, index));
            }
        }
        let (_, index) = best?;
        rows.about[index].used = *time;
        Some(&rows.cells[index * *days..][..*days])
    }

    /// The rows that keep all rules.
    pub fn legal(&self) -> Self {
        let mut all = self.clone();
        all.people.iter_mut().for_each(|rows| rows.retain(self.days, |about, _| about.legal));
        all
    }

    /// Drops the rows of a person that don't fit.
    pub fn retain(&mut self, person: usize, fits: impl Fn(&[u16]) -> bool) {
        self.people[person].retain(self.days, |_, cells| fits(cells));
    }
}

impl Rows {
    fn retain(&mut self, days: usize, stays: impl Fn(&About, &[u16]) -> bool) {
        let mut kept = 0;
        for row in 0..self.about.len() {
            let from = row * days..(row + 1) * days;
            if stays(&self.about[row], &self.cells[from.clone()]) {
                self.cells.copy_within(from.clone(), kept * days);
                self.places.copy_within(from, kept * days);
                self.about[kept] = self.about[row];
                kept += 1;
            }
        }
        self.cells.truncate(kept * days);
        self.places.truncate(kept * days);
        self.about.truncate(kept);
    }
}
