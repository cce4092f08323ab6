//! Why cover can't be reached, or why somebody has no roster at all: a small set of needs and rules that can't be met
//! together, in words.
//!
//! A conflict is a set of needs (rows of cover or demand that want heads) and of [`Cause`]s (hard rules of single people at
//! single places). No roster meets those needs in full while every one keeps those rules, whatever becomes of all other
//! needs and rules. If the conflict is marked minimal, each smaller set can be met: it was found by leaving out one need
//! or rule after another and asking an exact test ([`joint`]) each time.
//!
//! Where to look for conflicts is a search over places that grow: one row, one day, one weekend, one week, one shift over
//! the horizon, the whole. What a single person can do there is exact ([`reach`](crate::reach)).

mod joint;
mod need;
mod words;

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use joint::{Offer, Verdict, joint};

use crate::check::{Rule, check};
use crate::deadline::Deadline;
use crate::model::Model;
use crate::problem::Problem;
use crate::reach::{Cause, Reach, causes_of};
use crate::roster::Roster;

/// A row that wants heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// Index into the model's cover.
    Cover(usize),
    /// Index into the model's demand.
    Demand(usize),
}

/// Needs and rules that can't be met together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The needs; empty if a person's own rules contradict each other.
    pub needs: Vec<Need>,
    /// The rules.
    pub causes: Vec<Cause>,
    /// Heads that the needs want together.
    pub required: u32,
    /// No more of them than these can be had while the causes are kept.
    pub most: u32,
    /// Whether it is proven that leaving out any one need or cause would end the conflict.
    pub minimal: bool,
    /// The conflict in words.
    pub text: String,
}

/// What [`explain`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The conflicts; no two of them share a need.
    pub conflicts: Vec<Conflict>,
    /// Needs that the given roster leaves short without being in a conflict: they may be short because the solver was
    /// stopped, because other needs or wishes were dearer, or for a reason that was not found.
    pub unexplained: Vec<Need>,
}

/// How much work an explanation may be.
#[derive(Debug, Clone)]
pub struct Effort {
    /// It ends after this time with what it has; 0 looks at nothing.
    pub time: Duration,
    /// States that a walk through one person's rows may have.
    pub states: usize,
    /// Set it from any thread to end it with what it has.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for Effort {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), states: 200_000, cancel: None }
    }
}

/// Explains why people have no roster, or why needs are short: those of the roster, or any if there is no roster.
///
/// If the rules of any person contradict each other, these conflicts are the answer, and needs are not looked at. A conflict
/// whose reduction was cut by the end of the time is not marked minimal.
#[must_use]
pub fn explain(problem: &Problem, roster: Option<&Roster>, effort: Effort) -> Explanation {
    // Whose row breaks no rule has a roster.
    let people: Vec<usize> = match roster {
        None => (0..problem.model.people.len()).collect(),
        Some(roster) => {
            let report = check(&problem.model, roster);
            let broken: BTreeSet<usize> = report.broken().map(|line| line.person).collect();
            broken.into_iter().collect()
        }
    };
    let search = Search::new(problem, effort);
    let conflicts = search.people(&people);
    if !conflicts.is_empty() {
        return Explanation { conflicts, unexplained: Vec::new() };
    }
    search.needs(roster)
}

/// Explains why people have no roster: those that [`SolveError::NoRoster`](crate::SolveError::NoRoster) names. For whom time or
/// states do not suffice, there is no conflict in the answer.
#[must_use]
pub fn explain_people(problem: &Problem, people: &[usize], effort: Effort) -> Explanation {
    let conflicts = Search::new(problem, effort).people(people);
    Explanation { conflicts, unexplained: Vec::new() }
}

/// Per day and shift, whether some row of a person has it.
type Cells = Vec<Vec<bool>>;

struct Search<'a> {
    problem: &'a Problem,
    states: usize,
    deadline: Deadline,
    /// All causes of each person.
    all: Vec<HashSet<Cause>>,
    /// Per person, once it was asked for; `None` if it was not found out.
    cells: Vec<OnceCell<Option<Cells>>>,
}

impl<'a> Search<'a> {
    fn new(problem: &'a Problem, effort: Effort) -> Self {
        let model = &problem.model;
        let Effort { time, states, cancel } = effort;
        let deadline = Deadline::after(time, cancel);
        let all =
            (0..model.people.len()).map(|person| causes_of(model, person).into_iter().collect()).collect();
        Self { problem, states, deadline, all, cells: vec![OnceCell::new(); model.people.len()] }
    }

    fn late(&self) -> bool {
        self.deadline.is_over()
    }

    fn reach(&self, person: usize, held: &HashSet<Cause>) -> Reach<'_> {
        Reach::new(&self.problem.model, person, held, self.states, &self.deadline)
    }

    fn people(&self, people: &[usize]) -> Vec<Conflict> {
        people.iter().filter_map(|person| self.person(*person)).collect()
    }

    /// The conflict among a person's own rules, if there is one.
    fn person(&self, person: usize) -> Option<Conflict> {
        let feasible = |held: &HashSet<Cause>| self.reach(person, held).feasible();
        if feasible(&self.all[person]) != Ok(false) {
            return None;
        }
        let mut held = self.all[person].clone();
        let mut minimal = true;
        // What holds over the whole horizon goes first: a plain reason like leave is the one to keep.
        for cause in sorted(&self.all[person]).into_iter().rev() {
            held.remove(&cause);
            let left = feasible(&held);
            minimal &= left.is_ok();
            if left != Ok(false) {
                held.insert(cause);
            }
        }
        let mut conflict = Conflict {
            needs: Vec::new(),
            causes: sorted(&held),
            required: 0,
            most: 0,
            minimal,
            text: String::new(),
        };
        conflict.text = words::conflict(self.problem, &conflict);
        Some(conflict)
    }

    fn needs(&self, roster: Option<&Roster>) -> Explanation {
        let model = &self.problem.model;
        let wants = wanted(model);
        let mut open: Vec<Need> = match roster {
            Some(roster) => wants.iter().copied().filter(|need| need.is_short(model, roster)).collect(),
            None => wants.clone(),
        };
        let mut conflicts: Vec<Conflict> = Vec::new();
        let mut taken: HashSet<Need> = HashSet::new();
        for place in places(model, &wants) {
            if self.late() {
                break;
            }
            let set: Vec<Need> = place.into_iter().filter(|need| !taken.contains(need)).collect();
            if !set.iter().any(|need| open.contains(need)) {
                continue;
            }
            if let Some(conflict) = self.conflict(&set) {
                taken.extend(&conflict.needs);
                open.retain(|need| !taken.contains(need));
                conflicts.push(conflict);
            }
        }
        let unexplained = if roster.is_some() { open } else { Vec::new() };
        Explanation { conflicts, unexplained }
    }

    /// What a person can offer to needs under the causes held.
    fn offer(&self, needs: &[Need], person: usize, held: &HashSet<Cause>) -> Offer {
        let model = &self.problem.model;
        let bits = |day: usize, cell: Option<usize>| {
            let mut bits = 0_u64;
            for (at, need) in needs.iter().enumerate().take(64) {
                if cell.is_some_and(|shift| need.counts(model, person, day, shift)) {
                    bits |= 1 << at;
                }
            }
            bits
        };
        let reach = self.reach(person, held);
        if needs.len() <= 64 {
            let mut days: Vec<usize> =
                needs.iter().flat_map(|need| need.cells(model)).map(|cell| cell.0).collect();
            days.sort_unstable();
            days.dedup();
            // On one day a row is one cell: the cells that rows have are all there is to know.
            if let [day] = days[..] {
                let all_held = *held == self.all[person];
                let known;
                let cells = if all_held {
                    self.cells[person].get_or_init(|| reach.cells().ok())
                } else {
                    known = reach.cells().ok();
                    &known
                };
                if let Some(cells) = cells {
                    let shifts = (0..model.shifts.len()).filter(|shift| cells[day][*shift]);
                    let patterns = shifts.map(|shift| bits(day, Some(shift))).chain([0]);
                    return Offer::Patterns(crate::reach::largest(patterns));
                }
            } else if needs.len() <= PATTERN_NEEDS_MAX
                && let Ok(patterns) = reach.patterns(bits)
            {
                return Offer::Patterns(patterns);
            }
        }
        let gain = |day: usize, cell: Option<usize>| {
            let counts = |need: &&Need| cell.is_some_and(|shift| need.counts(model, person, day, shift));
            needs.iter().filter(counts).count() as u32
        };
        match reach.most(gain) {
            Ok(most) => Offer::Most(most.unwrap_or(0)),
            Err(_) => Offer::Unknown,
        }
    }

    /// A smallest conflict among needs and the rules of all people, if these needs can't all be met.
    fn conflict(&self, set: &[Need]) -> Option<Conflict> {
        let model = &self.problem.model;
        let mut filter = Filter {
            search: self,
            needs: set.to_vec(),
            held: self.all.clone(),
            minimal: true,
            offers: Vec::new(),
        };
        filter.offers = filter.all_offers(&filter.needs);
        if filter.verdict() != Verdict::Impossible {
            return None;
        }
        filter.drop_needs();
        filter.drop_causes();
        let Filter { needs, held, minimal, .. } = filter;
        let required = needs.iter().map(|need| need.required(model)).sum();
        let mut causes: Vec<Cause> = held.iter().flatten().copied().collect();
        causes.sort_unstable();
        let mut conflict =
            Conflict { needs, causes, required, most: required - 1, minimal, text: String::new() };
        conflict.text = words::conflict(self.problem, &conflict);
        Some(conflict)
    }
}

/// Needs up to which the sets that a row can cover are listed; above, only how many it can cover is looked at.
const PATTERN_NEEDS_MAX: usize = 12;
/// Needs times people up to which needs are left out one by one.
const NEED_STEPS_MAX: usize = 400;

/// Leaves out what is not needed for a conflict.
struct Filter<'s, 'a> {
    search: &'s Search<'a>,
    needs: Vec<Need>,
    held: Vec<HashSet<Cause>>,
    offers: Vec<Offer>,
    minimal: bool,
}

impl Filter<'_, '_> {
    fn all_offers(&self, needs: &[Need]) -> Vec<Offer> {
        (0..self.held.len()).map(|person| self.search.offer(needs, person, &self.held[person])).collect()
    }

    fn verdict(&self) -> Verdict {
        let model = &self.search.problem.model;
        let open: Vec<u32> = self.needs.iter().map(|need| need.open(model)).collect();
        joint(&open, &self.offers, &self.search.deadline)
    }

    /// Keeps what `change` did if the conflict is still there; says what was found.
    fn attempt(&mut self, change: impl FnOnce(&mut Self)) -> Verdict {
        let before = (self.needs.clone(), self.held.clone(), self.offers.clone());
        change(self);
        let verdict = self.verdict();
        if verdict != Verdict::Impossible {
            (self.needs, self.held, self.offers) = before;
        }
        verdict
    }

    fn drop_needs(&mut self) {
        if self.needs.len() * self.held.len() > NEED_STEPS_MAX {
            self.minimal = false;
            return;
        }
        // Early days first: what remains is the latest and shortest stretch that is in conflict.
        for need in self.needs.clone() {
            if self.cut_short() {
                return;
            }
            if self.needs.len() > 1 {
                let verdict = self.attempt(|filter| {
                    filter.needs.retain(|other| *other != need);
                    filter.offers = filter.all_offers(&filter.needs);
                });
                self.minimal &= verdict != Verdict::Unknown;
            }
        }
    }

    /// Whole people first, then kinds of rules, then rule by rule: most have nothing to do with the conflict. What holds
    /// over the whole horizon goes first: a plain reason like leave is the one to keep.
    fn drop_causes(&mut self) {
        for person in 0..self.held.len() {
            if self.cut_short() {
                return;
            }
            self.without(person, |_| false);
        }
        for person in 0..self.held.len() {
            let mut rules: Vec<Rule> = self.held[person].iter().map(|cause| cause.rule).collect();
            rules.sort_unstable();
            rules.dedup();
            for rule in rules.into_iter().rev() {
                self.without(person, |cause| cause.rule != rule);
            }
            for cause in sorted(&self.held[person]).into_iter().rev() {
                if self.cut_short() {
                    return;
                }
                let verdict = self.without(person, |other| *other != cause);
                self.minimal &= verdict != Verdict::Unknown;
            }
        }
    }

    /// Whether the time is over; what is left then need not be all needed.
    fn cut_short(&mut self) -> bool {
        let late = self.search.late();
        self.minimal &= !late;
        late
    }

    fn without(&mut self, person: usize, keep: impl Fn(&Cause) -> bool) -> Verdict {
        self.attempt(|filter| {
            filter.held[person].retain(keep);
            filter.offers[person] = filter.search.offer(&filter.needs, person, &filter.held[person]);
        })
    }
}

fn sorted(causes: &HashSet<Cause>) -> Vec<Cause> {
    let mut causes: Vec<Cause> = causes.iter().copied().collect();
    causes.sort_unstable();
    causes
}

/// Every row that wants heads and costs if they are missing.
fn wanted(model: &Model) -> Vec<Need> {
    let mut wanted: Vec<Need> = (0..model.cover.len()).map(Need::Cover).collect();
    wanted.extend((0..model.demand.len()).map(Need::Demand));
    wanted.retain(|need| need.open(model) > 0 && need.costs_if_short(model));
    wanted.sort_by_key(|need| need.day(model));
    wanted
}

/// Sets of needs to look at, the small ones first.
fn places(model: &Model, wanted: &[Need]) -> Vec<Vec<Need>> {
    let mut places: Vec<Vec<Need>> = wanted.iter().map(|need| vec![*need]).collect();
    let within = |days: std::ops::RangeInclusive<usize>| -> Vec<Need> {
        wanted.iter().copied().filter(|need| days.contains(&need.day(model))).collect()
    };
    places.extend((0..model.days).map(|day| within(day..=day)));
    places.extend((1..model.days).map(|day| within(day - 1..=day)));
    places.extend(model.weekends().into_iter().map(within));
    let weeks = model.weeks();
    places.extend(weeks.into_iter().map(|(days, _)| within(days)));
    places.extend((0..model.shifts.len()).map(|shift| {
        let of = |need: &Need| need.cells(model).iter().all(|cell| cell.1 == shift);
        wanted.iter().copied().filter(of).collect()
    }));
    places.push(wanted.to_vec());
    places.retain(|place| !place.is_empty());
    places
}
