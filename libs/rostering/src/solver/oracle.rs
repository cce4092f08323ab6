//! The cheapest legal roster of one person, caps of single shifts included.
//!
//! Counting every capped shift would multiply the programme for nothing: few caps ever bind. So a programme counts no cap
//! at first; when its best roster breaks one, the next level counts that one too. Where that would make it too large, the
//! shift is banned on some days instead. Every level is a relaxation: its least cost is a lower bound.
//!
//! Over very long horizons the programme would not fit into memory. There the rosters of a corridor are searched, in
//! which minutes and weekends grow about evenly, and the bound comes from a programme that does not count weekends.

use std::sync::Arc;

use rand::Rng;
use rand::rngs::SmallRng;

use super::compile::{Corridor, Limits, Source};
use super::problem::{FORBIDDEN, Problem};
use super::program::{Program, Scratch};

/// Operations up to which a programme may grow by counting caps; of everybody's together, and of each.
const TRACKED_MAX: usize = 4_000_000;
const TRACKED_MAX_EACH: usize = 200_000;
/// Operations up to which a programme is compiled without a corridor.
const WHOLE_MAX: usize = 150_000;
/// Operations up to which a programme may grow at all.
const OPS_MAX: usize = 4_000_000;
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
    /// What bounds are taken from, if not the levels: without a corridor.
    loose: Option<Arc<Program>>,
    /// No more caps can be counted.
    full: bool,
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
}

/// What a question goes to.
pub(crate) struct Question<'a> {
    pub problem: &'a Problem<'a>,
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
}

impl Oracle {
    pub fn new(problem: &Problem<'_>, person: usize) -> Result<Self, NoOracle> {
        let caps = problem.model.people[person].rules.caps.iter().enumerate();
        let capped = caps.filter_map(|(shift, cap)| Some((shift, (*cap)? as usize)));
        let capped = capped.filter(|(_, cap)| (1..problem.days).contains(cap)).collect();
        let compile = |limits: Limits| compile(problem, person, &[], limits);
        let whole = Limits { ops: WHOLE_MAX, corridor: None, weekends: true };
        let (program, loose) = if let Some(program) = compile(whole) {
            (program, None)
        } else {
            let corridors = [8, 16, 64].map(|units| Some(Corridor { units, weekends: 1 + units / 16 }));
            let tries = corridors.into_iter().chain([None]);
            let mut programs =
                tries.map(|corridor| compile(Limits { ops: OPS_MAX, corridor, weekends: true }));
            let program = programs.find(|program| program.as_ref().is_none_or(|program| !program.is_empty()));
            let program = match program {
                Some(Some(program)) => program,
                Some(None) => return Err(NoOracle::TooLarge),
                None => return Err(NoOracle::NoRoster),
            };
            let loose = compile(Limits { ops: OPS_MAX, corridor: None, weekends: false });
            (program, Some(Arc::new(loose.ok_or(NoOracle::TooLarge)?)))
        };
        if program.is_empty() {
            return Err(NoOracle::NoRoster);
        }
        let levels = vec![Level { tracked: Vec::new(), program: Arc::new(program), broken: 0.0 }];
        Ok(Self { person, capped, levels, loose, full: false })
    }

    /// Shows that the caps, too, leave a roster, whatever it takes.
    pub fn prove(&self, question: &mut Question<'_>) -> Result<(), NoOracle> {
        let mut oracle = self.clone();
        if oracle.best(question).is_some() {
            return Ok(());
        }
        let mut tracked = Vec::new();
        question.prices.copy_from_slice(question.problem.own(self.person));
        loop {
            let limits = Limits { ops: OPS_MAX, corridor: None, weekends: true };
            let program =
                compile(question.problem, self.person, &tracked, limits).ok_or(NoOracle::TooLarge)?;
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
            return question.ask(loose);
        }
        let mut at = self.first_level();
        loop {
            let cost = question.ask(&self.levels[at].program)?;
            let broken = self.broken(question.cells);
            if broken.is_none() || !self.next_level(at, broken, question.problem) {
                return Some(cost);
            }
            at += 1;
        }
    }

    /// The cheapest legal roster, or near it where caps can't be counted. `None` if none was found, which is no proof;
    /// prices may have changed.
    pub fn best(&mut self, question: &mut Question<'_>) -> Option<i64> {
        let mut at = self.first_level();
        loop {
            let cost = question.ask(&self.levels[at].program)?;
            let broken = self.broken(question.cells);
            let Some((shift, cap)) = broken else {
                self.levels[at].broken *= 0.9;
                return Some(cost);
            };
            if self.next_level(at, broken, question.problem) {
                at += 1;
            } else {
                ban(shift, cap, question);
            }
        }
    }

    /// About how many nanoseconds a question takes.
    pub fn work(&self) -> u64 {
        self.levels[self.first_level()].program.work()
    }

    fn first_level(&self) -> usize {
        let last = self.levels.len() - 1;
        self.levels.iter().position(|level| level.broken < BROKEN_OFTEN).unwrap_or(last)
    }

    /// Whether there is a level above, after one broke a cap.
    fn next_level(&mut self, at: usize, broken: Option<(usize, usize)>, problem: &Problem<'_>) -> bool {
        self.levels[at].broken = 0.9 * self.levels[at].broken + 0.1;
        if let (Some((shift, _)), false, true) = (broken, self.full, at + 1 == self.levels.len()) {
            let mut tracked = self.levels[at].tracked.clone();
            tracked.push(shift);
            let ops = (TRACKED_MAX / problem.people).min(TRACKED_MAX_EACH);
            let limits = Limits { ops, corridor: None, weekends: true };
            match compile(problem, self.person, &tracked, limits).filter(|_| self.loose.is_none()) {
                Some(program) => self.levels.push(Level { tracked, program: Arc::new(program), broken: 0.0 }),
                None => self.full = true,
            }
        }
        at + 1 < self.levels.len()
    }

    fn broken(&self, cells: &[u16]) -> Option<(usize, usize)> {
        let count = |shift: usize| cells.iter().filter(|cell| usize::from(**cell) == shift + 1).count();
        self.capped.iter().copied().find(|(shift, cap)| count(*shift) > *cap)
    }
}

/// Bans a shift from all days but `cap` of those on which it is worked now: those where it is cheapest against the next best
/// work of the day.
fn ban(shift: usize, cap: usize, question: &mut Question<'_>) {
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

fn compile(problem: &Problem<'_>, person: usize, tracked: &[usize], limits: Limits) -> Option<Program> {
    Program::new(&Source { model: problem.model, person, tracked, own: problem.own(person), limits })
}
