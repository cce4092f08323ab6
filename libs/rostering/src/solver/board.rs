//! A roster while it is worked on: cells, counts of the rows, cost.

use super::dual::Multipliers;
use super::problem::{FORBIDDEN, Problem, Row};

#[derive(Debug, Clone)]
pub(crate) struct Board<'a> {
    problem: &'a Problem<'a>,
    /// 0 off, else shift + 1; a row of a person who is out is of no meaning.
    cells: Vec<u16>,
    counts: Vec<i32>,
    /// Count of each row of one person alone when that person was last taken out.
    usual: Vec<i32>,
    out: Vec<bool>,
    /// Cost of rows and of wishes of those who are in.
    pub cost: i64,
}

impl<'a> Board<'a> {
    /// With everybody out.
    pub fn new(problem: &'a Problem<'a>) -> Self {
        Self {
            problem,
            cells: vec![0; problem.people * problem.days],
            counts: vec![0; problem.rows.len()],
            usual: problem.rows.iter().map(Row::cheapest).collect(),
            out: vec![true; problem.people],
            cost: problem.rows.iter().map(|row| row.cost(0)).sum(),
        }
    }

    pub fn row(&self, person: usize) -> &[u16] {
        &self.cells[person * self.problem.days..][..self.problem.days]
    }

    pub fn count(&self, row: usize) -> i32 {
        self.counts[row]
    }

    /// All rows of cells.
    pub fn rows(&self) -> Vec<Vec<u16>> {
        (0..self.problem.people).map(|person| self.row(person).to_vec()).collect()
    }

    /// Takes a person out.
    pub fn remove(&mut self, person: usize) {
        debug_assert!(!self.out[person], "nobody is taken out twice");
        self.out[person] = true;
        for row in self.problem.alone(person) {
            self.usual[*row as usize] = self.counts[*row as usize];
        }
        self.apply(person, -1);
    }

    /// Puts a person in.
    pub fn insert(&mut self, person: usize, cells: &[u16]) {
        debug_assert!(self.out[person], "nobody is put in twice");
        self.out[person] = false;
        self.cells[person * self.problem.days..][..self.problem.days].copy_from_slice(cells);
        self.apply(person, 1);
    }

    /// Changes a cell of a person who is in, as part of an exchange that leaves all counts as they are.
    pub fn pass_on(&mut self, person: usize, day: usize, cell: u16) {
        let problem = self.problem;
        let own = &problem.own(person)[day * (problem.shifts + 1)..][..=problem.shifts];
        let old = std::mem::replace(&mut self.cells[person * problem.days + day], cell);
        self.cost += i64::from(own[usize::from(cell)]) - i64::from(own[usize::from(old)]);
    }

    /// Changes a cell of a person who is in.
    pub fn change(&mut self, person: usize, day: usize, cell: u16) {
        let problem = self.problem;
        let old = self.cells[person * problem.days + day];
        self.pass_on(person, day, cell);
        for (cell, sign) in [(old, -1), (cell, 1)] {
            if let Some(shift) = usize::from(cell).checked_sub(1) {
                for entry in problem.entries(person, day, shift) {
                    let count = &mut self.counts[entry.row as usize];
                    let by = sign * entry.factor;
                    self.cost += problem.change(entry.row, *count, by);
                    *count += by;
                }
            }
        }
    }

    fn apply(&mut self, person: usize, sign: i32) {
        let problem = self.problem;
        let own = problem.own(person);
        for day in 0..problem.days {
            let cell = usize::from(self.cells[person * problem.days + day]);
            self.cost += i64::from(sign) * i64::from(own[day * (problem.shifts + 1) + cell]);
            if let Some(shift) = cell.checked_sub(1) {
                for entry in problem.entries(person, day, shift) {
                    let count = &mut self.counts[entry.row as usize];
                    let by = sign * entry.factor;
                    self.cost += problem.change(entry.row, *count, by);
                    *count += by;
                }
            }
        }
    }

    /// What each cell of a person who is out would add to the cost, times `scale`, per day and choice.
    ///
    /// A row that this person alone fills, such as a fair share, has no price per cell: its first cells cost less than its
    /// last. There a slope near the usual count stands for all: `lean` says where between those below and above it.
    pub fn marginal(&self, person: usize, scale: i32, lean: f32, prices: &mut Vec<i32>) {
        self.price(person, scale, lean, prices, |row, factor| {
            scale * self.problem.change(row as u32, self.counts[row], factor) as i32
        });
    }

    /// Like [`marginal`](Self::marginal), while somebody else is out too and will be put in later. What both could do is
    /// worth something between being done by one and being done by both: where in between, the multiplier says, as far as
    /// `part` goes (0 to 1).
    pub fn marginal_of_two(
        &self,
        person: usize,
        lean: f32,
        multipliers: Option<&Multipliers>,
        part: f32,
        scale: i32,
        prices: &mut Vec<i32>,
    ) {
        self.price(person, scale, lean, prices, |row, factor| {
            let change = |count: i32| self.problem.change(row as u32, count, factor) as f32;
            let (alone, both) =
                (scale as f32 * change(self.counts[row]), scale as f32 * change(self.counts[row] + factor));
            let between = multipliers.map_or(alone.midpoint(both), |multipliers| {
                (multipliers.values[row] * factor) as f32 * scale as f32 / multipliers.scale as f32
            });
            (alone + part * (between.clamp(alone, both.max(alone)) - alone)) as i32
        });
    }

    /// Fills in prices per day and choice; `of_row` prices a cell's part in a row that several people fill.
    fn price(
        &self,
        person: usize,
        scale: i32,
        lean: f32,
        prices: &mut Vec<i32>,
        of_row: impl Fn(usize, i32) -> i32,
    ) {
        let problem = self.problem;
        prices.clear();
        let own = problem.own(person);
        for day in 0..problem.days {
            let of_day = &own[day * (problem.shifts + 1)..][..problem.shifts + 1];
            prices.push(if of_day[0] >= FORBIDDEN { FORBIDDEN } else { of_day[0] * scale });
            for shift in 0..problem.shifts {
                let mut price = of_day[shift + 1];
                if price < FORBIDDEN {
                    price *= scale;
                    for entry in problem.entries(person, day, shift) {
                        let row = entry.row as usize;
                        price += if problem.is_alone(row) {
                            let (costs, usual) = (&problem.rows[row], self.usual[row]);
                            let (below, above) =
                                (-costs.change(usual, -1) as f32, costs.change(usual, 1) as f32);
                            entry.factor * (scale as f32 * (below + lean * (above - below))) as i32
                        } else {
                            of_row(row, entry.factor)
                        };
                    }
                }
                prices.push(price);
            }
        }
    }
}
