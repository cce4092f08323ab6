use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::board::Board;
use super::dual::{Multipliers, whole};
use super::oracle::Oracle;
use super::problem::{FORBIDDEN, Problem};
use super::program::Scratch;

pub(crate) struct Worker<'a> {
    pub problem: &'a Problem<'a>,
    pub oracles: Vec<Oracle>,
    pub scratch: Scratch,
    pub random: SmallRng,
    pub prices: Vec<i32>,
    pub cells: Vec<u16>,
    pub steps: u64,
}

impl<'a> Worker<'a> {
    pub fn new(problem: &'a Problem<'a>, oracles: Vec<Oracle>, seed: u64) -> Self {
        Self {
            problem,
            oracles,
            scratch: Scratch::default(),
            random: SmallRng::seed_from_u64(seed),
            prices: Vec::new(),
            cells: vec![0; problem.days],
            steps: 0,
        }
    }

    pub fn insert_best(&mut self, board: &mut Board<'_>, person: usize, noise: i32, dual: Option<(&Multipliers, i32)>) {
        const SCALE: i32 = 16;
        board.marginal(person, SCALE, &mut self.prices);
        if let Some((dual, percent)) = dual {
            let mut other = Vec::new();
            dual.prices(self.problem, person, &mut other);
            for (price, other) in self.prices.iter_mut().zip(&other) {
                if *price < FORBIDDEN {
                    let d = i64::from(*other) * i64::from(SCALE) / i64::from(dual.scale);
                    *price = ((i64::from(*price) * i64::from(100 - percent) + d * i64::from(percent)) / 100) as i32;
                }
            }
        }
        if noise > 0 {
            for price in &mut self.prices {
                if *price < FORBIDDEN {
                    *price += self.random.random_range(-noise..=noise);
                }
            }
        }
        self.steps += 1;
        self.oracles[person]
            .best(self.problem, &mut self.prices, &mut self.scratch, &mut self.random, &mut self.cells)
            .expect("has a roster");
        board.insert(person, &self.cells);
    }

    pub fn construct(&mut self) -> Board<'a> {
        let mut board = Board::new(self.problem);
        for person in 0..self.problem.people {
            self.insert_best(&mut board, person, 0, None);
        }
        board
    }

    pub fn descend(&mut self, board: &mut Board<'_>) {
        loop {
            let before = board.cost;
            for person in 0..self.problem.people {
                board.remove(person);
                self.insert_best(board, person, 0, None);
            }
            if board.cost >= before {
                return;
            }
        }
    }

    pub fn dual(&mut self, multipliers: &mut Multipliers, upper: i64, iterations: usize, trace: bool) -> (i64, Multipliers) {
        let problem = self.problem;
        let scale = i64::from(multipliers.scale);
        let mut best = (i64::MIN, multipliers.clone());
        let mut factor = 1.0_f64;
        let mut stalled = 0;
        let mut direction = vec![0.0_f64; problem.rows.len()];
        let mut center: Vec<f64> = multipliers.values.iter().map(|v| f64::from(*v)).collect();
        for iteration in 0..iterations {
            let mut total = 0_i64;
            let mut counts = vec![0_i32; problem.rows.len()];
            for person in 0..problem.people {
                multipliers.prices(problem, person, &mut self.prices);
                self.steps += 1;
                let answer = self.oracles[person]
                    .best(problem, &mut self.prices, &mut self.scratch, &mut self.random, &mut self.cells)
                    .expect("has a roster");
                total += answer.least;
                for (day, cell) in self.cells.iter().enumerate() {
                    if let Some(shift) = usize::from(*cell).checked_sub(1) {
                        for entry in problem.entries(person, day, shift) {
                            counts[entry.row as usize] += entry.factor;
                        }
                    }
                }
            }
            let mut norm = 0.0;
            for row in 0..problem.rows.len() {
                let (value, count) = multipliers.conjugate(problem, row);
                total += value;
                let gradient = f64::from(counts[row] - count);
                direction[row] = 0.7 * direction[row] + 0.3 * gradient;
                norm += direction[row] * direction[row];
            }
            if total > best.0 {
                best = (total, multipliers.clone());
                stalled = 0;
                factor *= 1.02;
            } else {
                stalled += 1;
                if stalled >= 12 {
                    stalled = 0;
                    factor *= 0.6;
                    for (c, v) in center.iter_mut().zip(&best.1.values) {
                        *c = f64::from(*v);
                    }
                }
            }
            if trace && (iteration + 1) % 50 == 0 {
                eprintln!("   dual {} value {} best {} factor {factor:.4}", iteration + 1, total / scale, whole(best.0, multipliers.scale));
            }
            if whole(best.0, multipliers.scale) >= upper || norm == 0.0 {
                break;
            }
            let target = (upper * scale - total).max(scale) as f64;
            let step = factor * target / norm;
            for row in 0..problem.rows.len() {
                center[row] += step * direction[row];
                multipliers.values[row] = center[row].round() as i32;
                multipliers.clamp(problem, row);
                center[row] = center[row].clamp(f64::from(multipliers.values[row]) - 1.0, f64::from(multipliers.values[row]) + 1.0);
            }
        }
        best
    }

    pub fn search(&mut self, board: &mut Board<'a>, best: &mut Board<'a>, until: &dyn Fn() -> bool, temperature: impl Fn() -> f64, dual: Option<&Multipliers>, mode: u32) {
        let n = self.problem.people;
        while !until() {
            let before = board.cost;
            let t = temperature();
            let k = match mode { 0 => 1, 1 => 2, _ => self.random.random_range(1..=mode as usize) }.min(n);
            let mut chosen: Vec<usize> = Vec::new();
            while chosen.len() < k {
                let p = self.random.random_range(0..n);
                if !chosen.contains(&p) { chosen.push(p); }
            }
            let saved: Vec<Vec<u16>> = chosen.iter().map(|p| board.row(*p).to_vec()).collect();
            for p in &chosen { board.remove(*p); }
            for (i, p) in chosen.iter().enumerate() {
                let last = i + 1 == k;
                let noise = if last && k > 1 { 0 } else { (t * 16.0) as i32 };
                let percent = if last { 0 } else { self.random.random_range(0..=100) };
                self.insert_best(board, *p, noise, dual.filter(|_| percent > 0).map(|d| (d, percent)));
            }
            let accept = board.cost <= before || self.random.random::<f64>() < (-((board.cost - before) as f64) / t.max(0.01)).exp();
            if !accept {
                for p in &chosen { board.remove(*p); }
                for (p, row) in chosen.iter().zip(&saved) { board.insert(*p, row); }
            }
            if board.cost < best.cost { *best = board.clone(); }
        }
    }
}
