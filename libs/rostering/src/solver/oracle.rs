//! The cheapest legal roster of one person, caps of single shifts included.
//!
//! Counting every capped shift would multiply the programme for nothing: few caps ever bind. So a programme counts no cap
//! at first; when its best roster breaks one, that cap is counted from then on. Where that would make it too large,
//! the shift is banned on some days instead. The first run, without caps or with some, is a relaxation: its cost is a
//! lower bound whatever follows.

use std::sync::Arc;

use rand::Rng;
use rand::rngs::SmallRng;

use super::problem::{FORBIDDEN, Problem};
use super::program::{Program, Scratch, Source};

/// Numbers up to which a programme may grow by counting caps.
const TRACKED_SIZE_MAX: usize = 200_000;
/// Numbers up to which a programme may grow at all: 800 MB.
const SIZE_MAX: usize = 200_000_000;

/// One person's oracle. Clones share the compiled programme.
#[derive(Debug, Clone)]
pub(crate) struct Oracle {
    person: usize,
    /// Shifts with a cap above 0.
    capped: Vec<(usize, usize)>,
    tracked: Vec<usize>,
    program: Arc<Program>,
    /// No more caps can be counted.
    full: bool,
}

/// What an oracle answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// Cost of the roster found.
    pub cost: i64,
    /// No legal roster costs less.
    pub least: i64,
}

impl Oracle {
    /// `None` if the programme would be too large to be run.
    pub fn new(problem: &Problem<'_>, person: usize) -> Option<Self> {
        let caps = problem.model.people[person].rules.caps.iter().enumerate();
        let capped = caps.filter_map(|(shift, cap)| Some((shift, (*cap)? as usize)));
        let capped = capped.filter(|(_, cap)| (1..problem.days).contains(cap)).collect();
        let program = compile(problem, person, &[], problem.own(person), SIZE_MAX)?;
        Some(Self { person, capped, tracked: Vec::new(), program: Arc::new(program), full: false })
    }

    pub fn size(&self) -> usize {
        self.program.size()
    }

    /// The cheapest roster for prices per day and choice, into `cells`.
    pub fn best(
        &mut self,
        problem: &Problem<'_>,
        prices: &mut [i32],
        scratch: &mut Scratch,
        random: &mut SmallRng,
        cells: &mut [u16],
    ) -> Option<Answer> {
        let mut least = None;
        loop {
            let cost = self.program.best(prices, scratch, random, cells)?;
            let least = *least.get_or_insert(cost);
            let Some((shift, cap)) = self.broken(cells) else { return Some(Answer { cost, least }) };
            if !self.full {
                let mut tracked = self.tracked.clone();
                tracked.push(shift);
                match compile(problem, self.person, &tracked, problem.own(self.person), TRACKED_SIZE_MAX) {
                    Some(program) => {
                        (self.program, self.tracked) = (Arc::new(program), tracked);
                        continue;
                    }
                    None => self.full = true,
                }
            }
            ban(shift, cap, prices, cells, problem.shifts + 1, random);
        }
    }

    fn broken(&self, cells: &[u16]) -> Option<(usize, usize)> {
        let count = |shift: usize| cells.iter().filter(|cell| usize::from(**cell) == shift + 1).count();
        self.capped.iter().copied().find(|(shift, cap)| count(*shift) > *cap)
    }
}

/// Bans a shift from all days but `cap` of those on which it is worked now.
fn ban(shift: usize, cap: usize, prices: &mut [i32], cells: &[u16], choices: usize, random: &mut SmallRng) {
    let choice = shift + 1;
    let mut worked: Vec<usize> = (0..cells.len()).filter(|day| usize::from(cells[*day]) == choice).collect();
    // Where the shift is cheapest against the day's next best work it stays.
    let regret = |day: usize| {
        let of_day = &prices[day * choices..][..choices];
        let others = (1..choices).filter(|other| *other != choice).map(|other| of_day[other]);
        i64::from(of_day[choice]) - i64::from(others.min().unwrap_or(FORBIDDEN).min(FORBIDDEN))
    };
    let mut keyed: Vec<(i64, u32, usize)> =
        worked.iter().map(|day| (regret(*day), random.random(), *day)).collect();
    keyed.sort_unstable();
    worked = keyed.into_iter().take(cap).map(|(_, _, day)| day).collect();
    for day in 0..cells.len() {
        if !worked.contains(&day) {
            prices[day * choices + choice] = FORBIDDEN;
        }
    }
}

fn compile(
    problem: &Problem<'_>,
    person: usize,
    tracked: &[usize],
    own: &[i32],
    size_max: usize,
) -> Option<Program> {
    Program::new(&Source { model: problem.model, person, tracked, own, size_max })
}
