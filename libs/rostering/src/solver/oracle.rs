//! The cheapest legal roster of one person, caps of single shifts included.
//!
//! Counting every capped shift would multiply the programme for nothing: few caps ever bind. So a programme counts no cap
//! at first; when its best roster breaks one, the next level counts that one too. Where that would make it too large, the
//! shift is banned on some days instead. Every level is a relaxation: its least cost is a lower bound.
//!
//! Over very long horizons the programme would not fit into memory. There the rosters of a corridor are searched, in
//! which minutes and weekends grow about evenly, the narrowest in which a roster keeps all caps; and the bound comes from a
//! programme that does not count weekends.

use std::sync::{Arc, OnceLock};

use rand::Rng;
use rand::rngs::SmallRng;

use super::compile::{Corridor, Limits, Source};
use super::problem::{FORBIDDEN, Problem};
use super::program::{Program, Scratch};
use super::shared::Clock;

/// Operations up to which a programme may grow by counting caps; of everybody's together, and of each.
const TRACKED_MAX: usize = 4_000_000;
const TRACKED_MAX_EACH: usize = 200_000;
/// Operations up to which a programme is compiled without a corridor.
const WHOLE_MAX: usize = 150_000;
/// Operations up to which a programme may grow at all.
const OPS_MAX: usize = 4_000_000;
/// Widths of corridors, in sixths of the longest shift, from the first to be tried on; and how often each is asked for a roster that keeps all caps.
const WIDTHS: [i32; 4] = [8, 16, 32, 64];
const TRIES: u32 = 8;
/// A level whose best roster breaks a cap more often than this is passed over.
const BROKEN_OFTEN: f32 = 0.4;

/// One person's oracle. Clones share the compiled programmes.
#[derive(Debug, Clone)]
pub(crate) struct Oracle {
    person: usize,
    /// Shifts with a cap that could bind, and the cap.
    capped: Vec<(usize, usize)>,
    /// Programmes that count more and more caps, from none on.
    levels: Vec<Level>,
    /// What bounds are taken from, if not the levels: without a corridor. Compiled when it is first asked; empty if it would
    /// be too large.
    loose: Option<Arc<OnceLock<Option<Program>>>>,
    /// No more caps can be counted.
    full: bool,
    /// How often, of late, a programme was run for an answer.
    runs: f32,
}

#[derive(Debug, Clone)]
struct Level {
    tracked: Vec<usize>,
    program: Arc<Program>,
    /// How often, of late, its best roster broke a cap: 0 to 1.
    broken: f32,
}

/// Why somebody has no oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoOracle {
    /// Their rules leave no roster.
    NoRoster,
    /// Their programme would be too large.
    TooLarge,
    /// There was no time to find out.
    Late,
}

/// What a question goes to.
pub(crate) struct Question<'a> {
    pub problem: &'a Problem<'a>,
    pub clock: &'a Clock,
    pub prices: &'a mut [i32],
    pub scratch: &'a mut Scratch,
    pub random: &'a mut SmallRng,
    /// The answer: 0 off, else shift + 1.
    pub cells: &'a mut [u16],
}

impl Question<'_> {
    fn ask(&mut self, program: &Program) -> Option<i64> {
        program.best(self.prices, self.scratch, self.random, self.cells)
    }

    /// Each day's cheapest cell, whatever the rules say: nothing costs less.
    fn without_rules(&mut self) -> Option<i64> {
        let choices = self.problem.shifts + 1;
        let mut sum = 0;
        for (cell, of_day) in self.cells.iter_mut().zip(self.prices.chunks_exact(choices)) {
            let (choice, price) = of_day.iter().enumerate().min_by_key(|(_, price)| **price)?;
            (*cell, sum) = (choice as u16, sum + i64::from(*price));
        }
        (sum < i64::from(FORBIDDEN / 2)).then_some(sum)
    }
}

impl Oracle {
    /// A person's oracle, once it is shown that rules and caps leave them a roster. What the question holds is used up.
    pub fn new(person: usize, question: &mut Question<'_>) -> Result<Self, NoOracle> {
        let whole = Limits { ops: WHOLE_MAX, corridor: None, weekends: true };
        if let Ok(program) = compile(question, person, &[], whole) {
            let oracle = Self::of(person, question.problem, program)?;
            oracle.prove(question)?;
            return Ok(oracle);
        }
        for sixths in WIDTHS {
            let corridor = Some(Corridor { sixths, weekends: 1 + sixths / 16 });
            match compile(question, person, &[], Limits { ops: OPS_MAX, corridor, weekends: true }) {
                Ok(program) if program.is_empty() => {}
                Ok(program) => {
                    let mut oracle = Self::of(person, question.problem, program)?;
                    oracle.loose = Some(Arc::default());
                    if (0..TRIES).any(|_| oracle.keeps_caps(question)) {
                        return Ok(oracle);
                    }
                }
                Err(NoOracle::TooLarge) => break,
                Err(error) => return Err(error),
            }
        }
        let program = compile(question, person, &[], Limits { ops: OPS_MAX, ..whole })?;
        let mut oracle = Self::of(person, question.problem, program)?;
        oracle.loose = Some(Arc::default());
        oracle.prove(question)?;
        Ok(oracle)
    }

    fn of(person: usize, problem: &Problem<'_>, program: Program) -> Result<Self, NoOracle> {
        if program.is_empty() {
            return Err(NoOracle::NoRoster);
        }
        let caps = problem.model.people[person].rules.caps.iter().enumerate();
        let capped = caps.filter_map(|(shift, cap)| Some((shift, (*cap)? as usize)));
        let capped = capped.filter(|(_, cap)| (1..problem.days).contains(cap)).collect();
        let levels = vec![Level { tracked: Vec::new(), program: Arc::new(program), broken: 0.0 }];
        Ok(Self { person, capped, levels, loose: None, full: false, runs: 1.0 })
    }

    /// Whether a roster that keeps all caps is found, with nothing but wishes for prices.
    fn keeps_caps(&self, question: &mut Question<'_>) -> bool {
        question.prices.copy_from_slice(question.problem.own(self.person));
        self.clone().best(question).is_some()
    }

    /// Shows that the caps, too, leave a roster, whatever it takes.
    fn prove(&self, question: &mut Question<'_>) -> Result<(), NoOracle> {
        if self.keeps_caps(question) {
            return Ok(());
        }
        let mut tracked = Vec::new();
        question.prices.copy_from_slice(question.problem.own(self.person));
        loop {
            let limits = Limits { ops: OPS_MAX, corridor: None, weekends: true };
            let program = compile(question, self.person, &tracked, limits)?;
            question.ask(&program).ok_or(NoOracle::NoRoster)?;
            match self.broken(question.cells) {
                Some((shift, _)) => tracked.push(shift),
                None => return Ok(()),
            }
        }
    }

    /// No legal roster costs less than this. The cells are those of the relaxation.
    pub fn bound(&mut self, question: &mut Question<'_>) -> Option<i64> {
        if let Some(loose) = &self.loose {
            let limits = Limits { ops: OPS_MAX, corridor: None, weekends: false };
            let program = loose.get_or_init(|| compile(question, self.person, &[], limits).ok());
            return match program {
                Some(program) => question.ask(program),
                None => question.without_rules(),
            };
        }
        let mut at = self.first_level();
        loop {
            let cost = question.ask(&self.levels[at].program)?;
            let broken = self.broken(question.cells);
            if broken.is_none() || !self.next_level(at, broken, question) {
                return Some(cost);
            }
            at += 1;
        }
    }

    /// The cheapest legal roster, or near it where caps can't be counted. `None` if none was found, which is no proof;
    /// prices may have changed.
    pub fn best(&mut self, question: &mut Question<'_>) -> Option<i64> {
        let (mut at, mut runs) = (self.first_level(), 0.0);
        loop {
            let cost = question.ask(&self.levels[at].program)?;
            runs += 1.0;
            let broken = self.broken(question.cells);
            if broken.is_none() {
                self.levels[at].broken *= 0.9;
                self.runs += 0.1 * (runs - self.runs);
                return Some(cost);
            }
            if self.next_level(at, broken, question) {
                at += 1;
            } else {
                for one in &self.capped {
                    if is_broken(*one, question.cells) {
                        ban(*one, question);
                    }
                }
            }
        }
    }

    /// Legal rows that cost at most `limit`, with what they cost: all of them, as far as a corridor doesn't leave any out. `None` if there are
    /// more than `most`.
    pub fn near(&self, question: &mut Question<'_>, limit: i64, most: usize) -> Option<Vec<(i64, Vec<u16>)>> {
        let program = &self.levels[self.first_level()].program;
        question.ask(program)?;
        let (mut rows, mut seen) = (Vec::new(), 0);
        let Question { prices, scratch, cells, .. } = question;
        let all = program.each(limit, prices, scratch, cells, &mut |cost, cells| {
            seen += 1;
            if self.broken(cells).is_none() {
                rows.push((cost, cells.to_vec()));
            }
            seen <= most
        });
        all.then_some(rows)
    }

    /// About how many nanoseconds a question takes.
    pub fn work(&self) -> u64 {
        let work = self.levels[self.first_level()].program.work() as f32;
        (work * self.runs) as u64
    }

    fn first_level(&self) -> usize {
        let last = self.levels.len() - 1;
        self.levels.iter().position(|level| level.broken < BROKEN_OFTEN).unwrap_or(last)
    }

    /// Whether there is a level above, after one broke a cap.
    fn next_level(&mut self, at: usize, broken: Option<(usize, usize)>, question: &Question<'_>) -> bool {
        self.levels[at].broken = 0.9 * self.levels[at].broken + 0.1;
        let may = !self.full && self.loose.is_none() && at + 1 == self.levels.len();
        if let (Some((shift, _)), true) = (broken, may) {
            let mut tracked = self.levels[at].tracked.clone();
            tracked.push(shift);
            let ops = (TRACKED_MAX / question.problem.people).min(TRACKED_MAX_EACH);
            let limits = Limits { ops, corridor: None, weekends: true };
            match compile(question, self.person, &tracked, limits) {
                Ok(program) => self.levels.push(Level { tracked, program: Arc::new(program), broken: 0.0 }),
                Err(_) => self.full = true,
            }
        }
        at + 1 < self.levels.len()
    }

    /// Whether the cells of an answer of [`bound`](Self::bound) keep all rules.
    pub fn keeps_rules(&self, cells: &[u16]) -> bool {
        self.loose.is_none() && self.broken(cells).is_none()
    }

    fn broken(&self, cells: &[u16]) -> Option<(usize, usize)> {
        self.capped.iter().copied().find(|one| is_broken(*one, cells))
    }
}

/// Whether cells break the cap of a shift.
fn is_broken((shift, cap): (usize, usize), cells: &[u16]) -> bool {
    cells.iter().filter(|cell| usize::from(**cell) == shift + 1).count() > cap
}

/// Bans a shift from all days but `cap` of those on which it is worked now: those where it is cheapest against the next best
/// work of the day.
fn ban((shift, cap): (usize, usize), question: &mut Question<'_>) {
    let (choice, choices) = (shift + 1, question.problem.shifts + 1);
    let regret = |day: usize| {
        let of_day = &question.prices[day * choices..][..choices];
        let others = (1..choices).filter(|other| *other != choice).map(|other| of_day[other]);
        i64::from(of_day[choice]) - i64::from(others.min().unwrap_or(FORBIDDEN))
    };
    let worked = (0..question.cells.len()).filter(|day| usize::from(question.cells[*day]) == choice);
    let mut keyed: Vec<(i64, u32, usize)> = worked.map(|day| (regret(day), 0, day)).collect();
    for key in &mut keyed {
        key.1 = question.random.random();
    }
    keyed.sort_unstable();
    let stays: Vec<usize> = keyed.into_iter().take(cap).map(|(_, _, day)| day).collect();
    for day in (0..question.cells.len()).filter(|day| !stays.contains(day)) {
        question.prices[day * choices + choice] = FORBIDDEN;
    }
}

fn compile(
    question: &Question<'_>,
    person: usize,
    tracked: &[usize],
    limits: Limits,
) -> Result<Program, NoOracle> {
    let (model, own, clock) = (question.problem.model, question.problem.own(person), question.clock);
    let late = || if clock.is_late() { NoOracle::Late } else { NoOracle::TooLarge };
    Program::new(&Source { model, person, tracked, own, limits, clock }).ok_or_else(late)
}
