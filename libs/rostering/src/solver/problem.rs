//! The model as the solver sees it: rules per person on one side, rows that couple cells on the other.
//!
//! Everything that is neither a rule of one person nor a wish about one cell becomes a row: a count of cells, each with a
//! whole factor, and a convex cost of that count. Cover counts a shift of a day; demand, all cells present in an
//! interval; fairness, the cells of one person; a pairing, the trainee's cell less the mentor's.

use std::collections::HashMap;

use crate::model::Model;

/// Price of what must not be: larger than any sum of prices, small enough to be added to one.
pub(crate) const FORBIDDEN: i32 = 1 << 30;
/// No sum of prices along one person's days may reach this.
pub(crate) const PRICE_SUM_MAX: i64 = 1 << 28;

/// A count with a convex cost.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Smallest count any roster can reach.
    pub low: i32,
    /// Cost at `low`, `low + 1` and so on, up to the largest count any roster can reach.
    pub costs: Vec<i64>,
    /// Heads wanted and the cost of each one missing; none if the row counts something else.
    pub heads: Option<(i32, i64)>,
}

/// Part of a row: a cell adds `factor` to the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub row: u32,
    pub factor: i32,
}

/// Where the slopes of a row stand: from the count `low` to the next, up to the one from `last` on.
#[derive(Debug, Clone, Copy)]
struct Steps {
    begin: u32,
    low: i32,
    last: i32,
}

#[derive(Debug)]
pub(crate) struct Problem<'a> {
    pub model: &'a Model,
    pub days: usize,
    pub people: usize,
    pub shifts: usize,
    pub rows: Vec<Row>,
    /// The rows' changes by one, close together for those who ask a million times a second.
    steps: Vec<Steps>,
    slopes: Vec<i32>,
    /// Per person, day and choice (0 off, else shift + 1): cost of wishes, or [`FORBIDDEN`].
    own: Vec<i32>,
    /// Per person: which of the lists of entries is theirs. Most people share one.
    lists: Vec<u32>,
    /// Begin of the entries of each list, day and shift; one more at the end.
    begins: Vec<u32>,
    entries: Vec<Entry>,
    /// Rows that several cells of one person fill and nobody else's: per person, and whether a row is one.
    alone: Vec<Vec<u32>>,
    is_alone: Vec<bool>,
    /// The largest sum of absolute prices along the days of one person.
    pub price_sum: i64,
}

impl Row {
    fn of(low: i32, high: i32, cost: impl Fn(i64) -> i64) -> Self {
        Self { low, costs: (low..=high).map(|count| cost(i64::from(count))).collect(), heads: None }
    }

    /// Heads missing at a count.
    pub fn missing(&self, count: i32) -> i32 {
        self.heads.map_or(0, |(required, _)| (required - count).max(0))
    }

    pub fn cost(&self, count: i32) -> i64 {
        self.costs[(count - self.low) as usize]
    }

    /// Change of cost when the count goes from `count` to `count + by`. Outside what can be reached the last slope goes on.
    pub fn change(&self, count: i32, by: i32) -> i64 {
        self.extended(count + by) - self.extended(count)
    }

    fn extended(&self, count: i32) -> i64 {
        let index = i64::from(count - self.low);
        let last = self.costs.len() as i64 - 1;
        if (0..=last).contains(&index) {
            return self.costs[index as usize];
        }
        if last == 0 {
            return self.costs[0];
        }
        if index < 0 {
            self.costs[0] + (self.costs[0] - self.costs[1]) * -index
        } else {
            let end = last as usize;
            self.costs[end] + (self.costs[end] - self.costs[end - 1]) * (index - last)
        }
    }

    /// The first count of the least cost.
    pub fn cheapest(&self) -> i32 {
        let least = (0..self.costs.len()).min_by_key(|index| self.costs[*index]);
        self.low + least.unwrap_or(0) as i32
    }

    /// Smallest and largest slope: no multiplier outside them can help a bound.
    pub fn slopes(&self) -> (i64, i64) {
        let slope = |pair: &[i64]| pair[1] - pair[0];
        match (self.costs.windows(2).next(), self.costs.windows(2).last()) {
            (Some(first), Some(last)) => (slope(first), slope(last)),
            _ => (0, 0),
        }
    }
}

impl<'a> Problem<'a> {
    pub fn new(model: &'a Model) -> Self {
        let (days, people, shifts) = (model.days, model.people.len(), model.shifts.len());
        let mut rows = Rows { days, shifts, rows: Vec::new(), cells: Vec::new() };
        rows.cover(model);
        rows.demand(model);
        rows.fairness(model);
        rows.pairings(model);
        let Rows { rows, mut cells, .. } = rows;
        cells.sort_unstable_by_key(|(cell, entry)| (*cell, entry.row));
        let (lists, begins, entries) = shared_lists(people, days * shifts, &cells);
        let own = own_costs(model);
        let (steps, slopes) = steps(&rows);
        let (alone, is_alone) = (vec![Vec::new(); people], vec![false; rows.len()]);
        let mut problem = Self {
            model,
            days,
            people,
            shifts,
            rows,
            steps,
            slopes,
            own,
            lists,
            begins,
            entries,
            alone,
            is_alone,
            price_sum: 0,
        };
        problem.find_alone();
        problem.price_sum = problem.price_sums(0..people);
        problem
    }

    /// Cost of wishes of a person, per day and choice (0 off, else shift + 1), or [`FORBIDDEN`].
    pub fn own(&self, person: usize) -> &[i32] {
        let size = self.days * (self.shifts + 1);
        &self.own[person * size..][..size]
    }

    /// What a cell adds to which rows.
    pub fn entries(&self, person: usize, day: usize, shift: usize) -> &[Entry] {
        let cell = (self.lists[person] as usize * self.days + day) * self.shifts + shift;
        &self.entries[self.begins[cell] as usize..self.begins[cell + 1] as usize]
    }

    /// Change of a row's cost when its count goes from `count` to `count + by`.
    pub fn change(&self, row: u32, count: i32, by: i32) -> i64 {
        let Steps { begin, low, last } = self.steps[row as usize];
        let slope =
            |count: i32| i64::from(self.slopes[(begin as i32 + count.clamp(low, last) - low) as usize]);
        match by {
            1 => slope(count),
            -1 => -slope(count - 1),
            _ => self.rows[row as usize].change(count, by),
        }
    }

    /// How many lists of entries there are.
    pub fn lists(&self) -> usize {
        self.lists.iter().max().map_or(0, |last| *last as usize + 1)
    }

    /// Which of the lists of entries is a person's.
    pub fn list(&self, person: usize) -> usize {
        self.lists[person] as usize
    }

    /// Whether two people add the same to the same rows by what they work.
    pub fn are_alike(&self, one: usize, other: usize) -> bool {
        self.lists[one] == self.lists[other]
    }

    /// Rows that several cells of a person fill and nobody else's.
    pub fn alone(&self, person: usize) -> &[u32] {
        &self.alone[person]
    }

    /// Whether one person alone fills a row.
    pub fn is_alone(&self, row: usize) -> bool {
        self.is_alone[row]
    }

    fn find_alone(&mut self) {
        // Per row: the person so far, or the number of people once there is a second.
        let mut only: Vec<Option<usize>> = vec![None; self.rows.len()];
        for person in 0..self.people {
            for cell in 0..self.days * self.shifts {
                for entry in self.entries(person, cell / self.shifts, cell % self.shifts) {
                    let only = &mut only[entry.row as usize];
                    *only = Some(only.map_or(person, |one| if one == person { one } else { self.people }));
                }
            }
        }
        for (row, only) in only.into_iter().enumerate() {
            if let Some(person) = only.filter(|person| *person < self.people) {
                self.alone[person].push(row as u32);
                self.is_alone[row] = true;
            }
        }
    }

    /// Wishes and slopes of rows of a person, the worst day by day.
    pub fn price_sum_of(&self, person: usize) -> i64 {
        self.price_sums(std::iter::once(person))
    }

    /// The largest of these sums of some people.
    fn price_sums(&self, people: impl Iterator<Item = usize>) -> i64 {
        let steepest = |row: &Row| row.slopes().0.abs().max(row.slopes().1.abs());
        let slopes: Vec<i64> = self.rows.iter().map(steepest).collect();
        let of_day = |person: usize, day: usize| {
            let own = &self.own(person)[day * (self.shifts + 1)..][..self.shifts + 1];
            let most = own.iter().filter(|cost| **cost < FORBIDDEN).max().copied().unwrap_or(0);
            let possible = (0..self.shifts).filter(|shift| own[shift + 1] < FORBIDDEN);
            let coupled = possible.map(|shift| {
                let entries = self.entries(person, day, shift).iter();
                entries.map(|entry| slopes[entry.row as usize] * i64::from(entry.factor.abs())).sum::<i64>()
            });
            i64::from(most) + coupled.max().unwrap_or(0)
        };
        people.map(|person| (0..self.days).map(|day| of_day(person, day)).sum()).max().unwrap_or(0)
    }
}

impl Problem<'_> {
    /// Parts of a cost of 1 that multipliers are counted in: as fine as sums of prices allow.
    pub fn price_scale(&self) -> i32 {
        (PRICE_SUM_MAX / self.price_sum.max(1)).clamp(1, 1024) as i32
    }
}

/// Where each row's slopes stand, and all slopes; a row with one count has one of 0.
fn steps(rows: &[Row]) -> (Vec<Steps>, Vec<i32>) {
    let mut slopes = Vec::new();
    let of_row = |row: &Row| {
        let begin = slopes.len();
        slopes.extend(row.costs.windows(2).map(|pair| (pair[1] - pair[0]) as i32));
        if slopes.len() == begin {
            slopes.push(0);
        }
        Steps { begin: begin as u32, low: row.low, last: row.low + (slopes.len() - begin) as i32 - 1 }
    };
    (rows.iter().map(of_row).collect(), slopes)
}

struct Rows {
    days: usize,
    shifts: usize,
    rows: Vec<Row>,
    cells: Vec<(u32, Entry)>,
}

/// Lists of entries by cell of a person, each kept once: list per person, begins, entries.
fn shared_lists(people: usize, size: usize, cells: &[(u32, Entry)]) -> (Vec<u32>, Vec<u32>, Vec<Entry>) {
    let (mut lists, mut begins, mut entries) = (Vec::new(), vec![0_u32], Vec::new());
    let mut known: HashMap<Vec<(u32, Entry)>, u32> = HashMap::new();
    let mut rest = cells;
    for person in 0..people {
        let first = (person * size) as u32;
        let (own, others) = rest.split_at(rest.partition_point(|(cell, _)| *cell < first + size as u32));
        rest = others;
        let own: Vec<_> = own.iter().map(|(cell, entry)| (cell - first, *entry)).collect();
        let count = known.len() as u32;
        let list = *known.entry(own).or_insert_with_key(|own| {
            let mut at = 0;
            for cell in 0..size as u32 {
                while let Some((_, entry)) = own.get(at).filter(|(of, _)| *of == cell) {
                    entries.push(*entry);
                    at += 1;
                }
                begins.push(entries.len() as u32);
            }
            count
        });
        lists.push(list);
    }
    (lists, begins, entries)
}

impl Rows {
    /// A row and its cells (person, day, shift, factor); those that nobody may work do no harm.
    fn add(&mut self, row: Row, cells: impl Iterator<Item = (usize, usize, usize, i32)>) {
        let index = self.rows.len() as u32;
        for (person, day, shift, factor) in cells {
            let cell = ((person * self.days + day) * self.shifts + shift) as u32;
            self.cells.push((cell, Entry { row: index, factor }));
        }
        self.rows.push(row);
    }

    fn with_skill(model: &Model, skill: Option<usize>) -> Vec<usize> {
        let has = |person: &usize| skill.is_none_or(|skill| model.people[*person].skills.contains(&skill));
        (0..model.people.len()).filter(has).collect()
    }

    /// Heads wanted of those in the horizon; below 0 where more are there already.
    fn heads(wanted: i64, under: i64, over: i64, most: usize) -> Row {
        let cost = |count: i64| (wanted - count).max(0) * under + (count - wanted).max(0) * over;
        let heads = i32::try_from(wanted).ok().map(|wanted| (wanted, under));
        Row { heads, ..Row::of(0, most as i32, cost) }
    }

    fn cover(&mut self, model: &Model) {
        for cover in &model.cover {
            let people = Self::with_skill(model, cover.skill);
            let able = people.iter().filter(|person| model.may_work(**person, cover.shift)).count();
            let row = Self::heads(cover.required.into(), cover.under, cover.over, able);
            self.add(row, people.into_iter().map(|person| (person, cover.day, cover.shift, 1)));
        }
    }

    fn demand(&mut self, model: &Model) {
        for demand in &model.demand {
            let cells = model.cells_of_demand(demand);
            let people = Self::with_skill(model, demand.skill);
            // Two shifts of one person overlap in no legal roster, so nobody counts twice.
            let still_there = people.iter().filter(|person| model.is_still_there(demand, **person));
            let wanted = i64::from(demand.required) - still_there.count() as i64;
            let row = Self::heads(wanted, demand.under, demand.over, people.len());
            let mut all = Vec::new();
            for person in people {
                all.extend(cells.iter().map(|(day, shift)| (person, *day, *shift, 1)));
            }
            self.add(row, all.into_iter());
        }
    }

    fn fairness(&mut self, model: &Model) {
        for term in &model.fairness {
            let counts = |shift: &usize| term.shifts.is_empty() || term.shifts.contains(shift);
            let days: Vec<usize> = (0..model.days).filter(|day| model.is_kind(*day, term.days)).collect();
            for share in &term.shares {
                let may = |shift: &usize| counts(shift) && model.may_work(share.person, *shift);
                let mut cells = Vec::new();
                for day in &days {
                    cells.extend(
                        (0..model.shifts.len()).filter(may).map(|shift| (share.person, *day, shift, 1)),
                    );
                }
                let row = Row::of(0, days.len() as i32, |count| {
                    let outside = (i64::from(share.low) - count).max(count - i64::from(share.high)).max(0);
                    term.weight * outside * (outside + 1) / 2
                });
                self.add(row, cells.into_iter());
            }
        }
    }

    fn pairings(&mut self, model: &Model) {
        for pairing in &model.pairings {
            for day in pairing.from..=pairing.to {
                for shift in (0..model.shifts.len()).filter(|shift| model.may_work(pairing.trainee, *shift)) {
                    let row = Row::of(-1, 1, |count| count.max(0) * pairing.weight);
                    let trainee = (pairing.trainee, day, shift, 1);
                    let mentor = (pairing.mentor, day, shift, -1);
                    let mentor = model.may_work(pairing.mentor, shift).then_some(mentor);
                    self.add(row, std::iter::once(trainee).chain(mentor));
                }
            }
        }
    }
}

fn own_costs(model: &Model) -> Vec<i32> {
    let choices = model.shifts.len() + 1;
    let mut all = Vec::with_capacity(model.people.len() * model.days * choices);
    for (index, person) in model.people.iter().enumerate() {
        let mut own = vec![0_i64; model.days * choices];
        for request in &person.requests {
            for (choice, cost) in own[request.day * choices..][..choices].iter_mut().enumerate() {
                let missed = !request.wish.granted(choice.checked_sub(1));
                *cost += if missed { request.weight } else { 0 };
            }
        }
        let mut forbid = |day: usize, choice: usize| own[day * choices + choice] = i64::from(FORBIDDEN);
        for shift in (0..model.shifts.len()).filter(|shift| !model.may_work(index, *shift)) {
            (0..model.days).for_each(|day| forbid(day, shift + 1));
        }
        for leave in &person.leave {
            (1..choices).for_each(|choice| forbid(leave.day, choice));
        }
        for ban in &person.banned {
            forbid(ban.day, ban.shift + 1);
        }
        for fixed in &person.fixed {
            let decided = fixed.shift.map_or(0, |shift| shift + 1);
            (0..choices).filter(|choice| *choice != decided).for_each(|choice| forbid(fixed.day, choice));
        }
        all.extend(own.into_iter().map(|cost| cost.min(i64::from(FORBIDDEN)) as i32));
    }
    all
}
