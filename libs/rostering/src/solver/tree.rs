//! The bound, further than the relaxation goes: branch and bound over the same multipliers.
//!
//! The relaxation mixes rosters, so heads missing need not be whole: it may miss five and a half. A branch decides that some
//! rows together miss at most five, the other that they miss at least six; where no such sum is broken, that a person
//! works a day, or doesn't. Every roster is in one branch, so no roster costs less than the least bound of all branches that
//! are left. The branch with the least bound is divided next.

use std::sync::Arc;

use super::board::Board;
use super::dual::{Ascent, Cut, Decision, Guide, Multipliers, Plan};
use super::problem::Problem;
use super::worker::Worker;

/// How often steps are halved, from round to round.
const SHARPEST: u32 = 7;
/// Fewest and most passes of a round.
const PASSES: (u32, u32) = (12, 120);
/// Passes for a branch.
const BRANCH: Plan = Plan { passes: 72, first: 0.008, last: 0.000_1 };

/// Steps in a branch are at most about this many times shorter than the first ones.
const BRANCH_SHARPEST: f64 = 8.0;

/// The work on the bound as it goes on.
#[derive(Default)]
pub(crate) struct Proof {
    round: u32,
    /// How often steps were halved.
    sharpness: u32,
    root: Option<Ascent>,
    open: Vec<Branch>,
    groups: Vec<Group>,
    /// The least bound of branches that can't be divided.
    stuck: Option<i64>,
}

struct Branch {
    decisions: Vec<Decision>,
    ascent: Ascent,
}

/// Rows whose missing heads are counted together.
struct Group {
    rows: Arc<[u32]>,
    under: i64,
}

impl Proof {
    /// Whether nothing more can be done.
    pub fn is_stuck(&self) -> bool {
        self.root.is_none() && self.open.is_empty() && self.round > 0
    }

    /// Does a part of the work: some seconds at most.
    pub fn go_on<'a>(&mut self, worker: &mut Worker<'a>, board: &Board<'a>) {
        if self.round == 0 || self.root.is_some() {
            self.improve_root(worker, board);
        } else {
            self.divide(worker, board);
        }
    }

    fn improve_root<'a>(&mut self, worker: &mut Worker<'a>, board: &Board<'a>) {
        let before = self.root.take().map(|root| root.multipliers);
        let old = before.as_ref().map_or(i64::MIN, |before| before.bound);
        let Some(passes) = passes(worker) else {
            self.round += 1;
            return;
        };
        let root = worker.raise_bound(board, before, self.sharpness, passes);
        worker.shared.set_guide(Guide { multipliers: root.multipliers.clone(), pool: worker.pool.legal() });
        self.round += 1;
        // Steps stay long while they lead far. A tree can't make up for a root that isn't done: the shortest steps come first.
        let far = rises(worker, old, &root.multipliers, if self.sharpness < SHARPEST { 5 } else { 40 });
        let done = self.sharpness == SHARPEST && !far;
        self.sharpness = if far { self.sharpness } else { (self.sharpness + 1).min(SHARPEST) };
        if !done {
            self.root = Some(root);
        } else {
            self.groups = groups(worker.problem);
            self.open.push(Branch { decisions: Vec::new(), ascent: root });
        }
    }

    /// Divides the branch with the least bound.
    fn divide<'a>(&mut self, worker: &mut Worker<'a>, board: &Board<'a>) {
        let least = (0..self.open.len()).min_by_key(|index| self.open[*index].ascent.multipliers.bound);
        let Some(least) = least else { return };
        let branch = self.open.swap_remove(least);
        let parts = self.parts(worker.problem, &branch);
        if parts.is_empty() {
            let bound = branch.ascent.multipliers.whole();
            self.stuck = Some(self.stuck.map_or(bound, |stuck| stuck.min(bound)));
        }
        for (multipliers, decisions) in parts {
            let ascent = climb(worker, board, multipliers, &decisions);
            if !ascent.empty && ascent.multipliers.whole() < worker.shared.cost() {
                self.open.push(Branch { decisions, ascent });
            }
        }
        let open = self.open.iter().map(|branch| branch.ascent.multipliers.whole());
        let bound = open.chain(self.stuck).min().unwrap_or(i64::MAX);
        worker.shared.raise_by_branches(bound.min(worker.shared.cost()));
    }

    /// The two parts of a branch: multipliers to begin with, and decisions. None if nothing in it is broken.
    fn parts(&self, problem: &Problem<'_>, branch: &Branch) -> Vec<(Multipliers, Vec<Decision>)> {
        let Branch { decisions, ascent } = branch;
        let missing = |row: u32| {
            let heads = problem.rows[row as usize].heads;
            heads.map_or(0.0, |(required, _)| (required as f32 - ascent.counts[row as usize]).max(0.0))
        };
        let broken = |number: f32| (number - number.floor()).min(number.ceil() - number);
        let sum = |group: &Group| group.rows.iter().map(|row| missing(*row)).sum::<f32>();
        // What many rows miss together says more than what one of them does.
        let worth = |group: &Group| {
            let sum = sum(group);
            let broken = broken(sum);
            if broken < 0.1 || ascent.multipliers.decides(&group.rows, sum.floor() as i64) {
                0.0
            } else {
                broken * (group.rows.len() as f32).sqrt()
            }
        };
        let best = self.groups.iter().max_by(|one, other| worth(one).total_cmp(&worth(other)));
        if let Some(group) = best.filter(|group| worth(group) > 0.0) {
            let most = sum(group).floor() as i64;
            let part = |least: bool, limit: i64| {
                let Group { rows, under } = group;
                let mut multipliers = ascent.multipliers.clone();
                multipliers.add(Arc::new(Cut { rows: Arc::clone(rows), limit, least, under: *under }));
                (multipliers, decisions.clone())
            };
            return vec![part(false, most), part(true, most + 1)];
        }
        let cells = 0..ascent.works.len();
        let cell =
            cells.max_by(|one, other| broken(ascent.works[*one]).total_cmp(&broken(ascent.works[*other])));
        let Some(cell) = cell.filter(|cell| broken(ascent.works[*cell]) > 0.02) else { return Vec::new() };
        let (person, day) = (cell / problem.days, cell % problem.days);
        let part = |works: bool| {
            let mut decisions = decisions.clone();
            decisions.push(Decision { person, day, works });
            (ascent.multipliers.clone(), decisions)
        };
        vec![part(false), part(true)]
    }
}

/// Multipliers of a branch: rounds of passes, with shorter steps where the bound no longer rises.
fn climb<'a>(
    worker: &mut Worker<'a>,
    board: &Board<'a>,
    start: Multipliers,
    decisions: &[Decision],
) -> Ascent {
    let mut plan = BRANCH;
    let mut old = start.bound;
    let mut ascent = worker.passes(board, start, decisions, plan);
    loop {
        ascent.multipliers.bound = ascent.multipliers.bound.max(old);
        if ascent.empty || worker.over() || ascent.multipliers.whole() >= worker.shared.cost() {
            return ascent;
        }
        if !rises(worker, old, &ascent.multipliers, 10) {
            if plan.first < BRANCH.first / BRANCH_SHARPEST {
                return ascent;
            }
            plan = Plan { first: plan.first / 4.0, last: plan.last / 4.0, ..plan };
        }
        old = ascent.multipliers.bound;
        ascent = worker.passes(board, ascent.multipliers, decisions, plan);
    }
}

/// Passes of a round: as many as a quarter of the time left allows. `None` if that is too few to lead anywhere.
fn passes(worker: &Worker<'_>) -> Option<u32> {
    let passes = (0.25 * worker.left() / worker.pass_seconds().max(1e-9)) as u32;
    (passes >= PASSES.0).then_some(passes.min(PASSES.1))
}

/// Whether a bound rose by more than a part of what is left to the best roster, and is still below that.
fn rises(worker: &Worker<'_>, before: i64, multipliers: &Multipliers, part: i64) -> bool {
    if multipliers.bound == i64::MIN {
        return false;
    }
    let left = worker.shared.cost() * i64::from(multipliers.scale) - multipliers.bound;
    let rose = if before == i64::MIN { left } else { multipliers.bound - before };
    !worker.over() && multipliers.whole() < worker.shared.cost() && rose * part > left
}

/// All rows of heads, those of each shift, week, and day, and each alone.
fn groups(problem: &Problem<'_>) -> Vec<Group> {
    let model = problem.model;
    let heads = problem.rows.iter().enumerate().filter_map(|(row, of)| Some((row as u32, of.heads?.1)));
    let heads: Vec<(u32, i64)> = heads.filter(|(_, under)| *under > 0).collect();
    // Rows stand in the order of cover, then demand.
    let place = |row: u32| -> (usize, Option<usize>) {
        let row = row as usize;
        match model.cover.get(row) {
            Some(cover) => (cover.day, Some(cover.shift)),
            None => (model.demand[row - model.cover.len()].day, None),
        }
    };
    let mut groups: Vec<Group> = Vec::new();
    let mut add = |chosen: &dyn Fn(u32) -> bool| {
        let some: Vec<&(u32, i64)> = heads.iter().filter(|(row, _)| chosen(*row)).collect();
        let rows: Arc<[u32]> = some.iter().map(|(row, _)| *row).collect();
        let under = some.iter().map(|(_, under)| *under).min();
        if let Some(under) = under.filter(|_| groups.iter().all(|group| group.rows != rows)) {
            groups.push(Group { rows, under });
        }
    };
    add(&|_| true);
    (0..problem.shifts).for_each(|shift| add(&|row| place(row).1 == Some(shift)));
    for (week, _) in model.weeks() {
        add(&|row| week.contains(&place(row).0));
    }
    for weekend in model.weekends() {
        add(&|row| weekend.contains(&place(row).0));
    }
    (0..problem.days).for_each(|day| add(&|row| place(row).0 == day));
    heads.iter().for_each(|(only, _)| add(&|row| row == *only));
    groups
}
