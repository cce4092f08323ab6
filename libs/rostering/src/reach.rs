//! What one person can do under some of their rules: exact, by walking all states of a row day by day.
//!
//! Used to explain conflicts, where rules are left out one after another. It shares nothing with the solver, which
//! only ever sees all rules.

use std::collections::{HashMap, HashSet};

use crate::check::Rule;
use crate::deadline::Deadline;
use crate::model::{DAY_MINUTES, Model, Person};

/// A hard rule at one place: the smallest thing that can be named as a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cause {
    /// The person.
    pub person: usize,
    /// The rule.
    pub rule: Rule,
    /// The day, of leave, decided and banned cells.
    pub day: Option<usize>,
    /// The shift, of caps, banned cells and shifts whose skills the person lacks.
    pub shift: Option<usize>,
}

/// There are more states than are worth the time, or the time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Every cause that there is for a person.
pub(crate) fn causes_of(model: &Model, index: usize) -> Vec<Cause> {
    let person = &model.people[index];
    let cause = |rule, day, shift| Cause { person: index, rule, day, shift };
    let mut causes = Vec::new();
    let lacks =
        |shift: &usize| !model.shifts[*shift].skills.iter().all(|skill| person.skills.contains(skill));
    causes.extend((0..model.shifts.len()).filter(lacks).map(|shift| cause(Rule::Skill, None, Some(shift))));
    causes.extend(person.leave.iter().map(|leave| cause(Rule::Leave, Some(leave.day), None)));
    causes.extend(person.fixed.iter().map(|fixed| cause(Rule::Fixed, Some(fixed.day), None)));
    causes.extend(person.banned.iter().map(|ban| cause(Rule::Banned, Some(ban.day), Some(ban.shift))));
    let caps = person.rules.caps.iter().enumerate().filter(|(_, cap)| cap.is_some());
    causes.extend(caps.map(|(shift, _)| cause(Rule::Cap, None, Some(shift))));
    let rules = &person.rules;
    let limits = [
        (Rule::Succession, model.shifts.iter().any(|shift| !shift.not_next_day.is_empty())),
        (Rule::Rest, pairs(model).any(|(first, next)| too_close(model, rules.rest_min, first, next, 1))),
        (Rule::MinutesMin, rules.minutes_min > 0),
        (Rule::MinutesMax, rules.minutes_max.is_some()),
        (Rule::WeekMinutesMin, rules.week_minutes_min > 0),
        (Rule::WeekMinutesMax, rules.week_minutes_max.is_some()),
        (Rule::WeekDaysMax, rules.week_days_max.is_some()),
        (Rule::WorkRunMin, rules.work_run_min > 1),
        (Rule::WorkRunMax, rules.work_run_max.is_some()),
        (Rule::OffRunMin, rules.off_run_min > 1),
        (Rule::WeekendsMax, rules.weekends_max.is_some()),
    ];
    causes.extend(limits.iter().filter(|(_, there)| *there).map(|(rule, _)| cause(*rule, None, None)));
    causes.sort_unstable();
    causes.dedup();
    causes
}

fn pairs(model: &Model) -> impl Iterator<Item = (usize, usize)> {
    let shifts = model.shifts.len();
    (0..shifts).flat_map(move |first| (0..shifts).map(move |next| (first, next)))
}

fn too_close(model: &Model, rest_min: u32, first: usize, next: usize, gap: u32) -> bool {
    let (first, next) = (&model.shifts[first], &model.shifts[next]);
    gap * DAY_MINUTES + next.start < first.start + first.length + rest_min
}

/// States after which a walk looks at the clock and its budget.
const STATES_BETWEEN: usize = 128;

/// How far back a shift can forbid another: one that ends 2,879 minutes after its midnight, with 1,440 of rest, reaches
/// into the second day after.
const GAPS: usize = 2;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    /// Whether nothing is known of the day before.
    fresh: bool,
    working: bool,
    /// Days that the run has to go on, or it is too short.
    owed: u32,
    /// Days of the run of work, if there is a longest.
    run: u32,
    /// The last shift plus one and the days since, as long as that forbids anything.
    last: (usize, usize),
    minutes: u32,
    week_minutes: u32,
    week_days: u32,
    weekends: u32,
    weekend_worked: bool,
    counts: Vec<u32>,
    /// Needs that the row covers, as bits.
    covered: u64,
}

/// A person under the rules that are held.
pub(crate) struct Reach<'a> {
    model: &'a Model,
    person: &'a Person,
    /// Per day, the shifts that are not out of the question, `None` for a day off.
    cells: Vec<Vec<Option<usize>>>,
    /// `forbids[gap - 1][first][next]`
    forbids: [Vec<Vec<bool>>; GAPS],
    /// `alike[gap - 1][first]`: a shift that forbids the same from then on, plus one; 0 if that is nothing.
    alike: [Vec<usize>; GAPS],
    /// Shifts with a cap.
    capped: Vec<(usize, u32)>,
    credit: Vec<u32>,
    /// Most minutes from a day to the end.
    most_after: Vec<u32>,
    minutes_min: u32,
    minutes_max: Option<u32>,
    week_minutes_min: u32,
    week_minutes_max: Option<u32>,
    week_days_max: Option<u32>,
    work_run_min: u32,
    work_run_max: Option<u32>,
    off_run_min: u32,
    weekends_max: Option<u32>,
    /// States that a walk may have.
    budget: usize,
    deadline: &'a Deadline,
}

impl<'a> Reach<'a> {
    /// The person under those causes alone; `budget` is the number of states that a walk may have, `deadline` when it has to end.
    pub(crate) fn new(
        model: &'a Model,
        index: usize,
        held: &HashSet<Cause>,
        budget: usize,
        deadline: &'a Deadline,
    ) -> Self {
        let person = &model.people[index];
        let rules = &person.rules;
        let holds = |rule, day, shift| held.contains(&Cause { person: index, rule, day, shift });
        let on = |rule| holds(rule, None, None);
        let cells = (0..model.days)
            .map(|day| {
                let mut cells: Vec<Option<usize>> = (0..model.shifts.len()).map(Some).collect();
                cells.insert(0, None);
                let leave = holds(Rule::Leave, Some(day), None);
                let fixed: Vec<Option<usize>> =
                    person.fixed.iter().filter(|fixed| fixed.day == day).map(|fixed| fixed.shift).collect();
                let fixed = if holds(Rule::Fixed, Some(day), None) { fixed } else { Vec::new() };
                cells.retain(|cell| {
                    fixed.iter().all(|fixed| fixed == cell)
                        && cell.is_none_or(|shift| {
                            !leave
                                && !holds(Rule::Banned, Some(day), Some(shift))
                                && !holds(Rule::Skill, None, Some(shift))
                        })
                });
                cells
            })
            .collect();
        let rest_min = if on(Rule::Rest) { Some(rules.rest_min) } else { None };
        let succession = on(Rule::Succession);
        let forbids: [Vec<Vec<bool>>; GAPS] = std::array::from_fn(|gap| {
            let forbidden = |first: usize, next: usize| {
                (gap == 0 && succession && model.shifts[first].not_next_day.contains(&next))
                    || rest_min.is_some_and(|rest| too_close(model, rest, first, next, gap as u32 + 1))
            };
            let shifts = 0..model.shifts.len();
            shifts.clone().map(|first| shifts.clone().map(|next| forbidden(first, next)).collect()).collect()
        });
        let alike = std::array::from_fn(|gap| {
            let same = |one: usize, two: usize| (gap..GAPS).all(|gap| forbids[gap][one] == forbids[gap][two]);
            let free = |first: usize| (gap..GAPS).all(|gap| !forbids[gap][first].contains(&true));
            let alike =
                |first: usize| (0..=first).find(|other| same(*other, first)).map_or(0, |other| other + 1);
            (0..model.shifts.len()).map(|first| if free(first) { 0 } else { alike(first) }).collect()
        });
        let capped = rules.caps.iter().enumerate().filter(|(shift, _)| holds(Rule::Cap, None, Some(*shift)));
        let mut credit = vec![0; model.days];
        for leave in &person.leave {
            credit[leave.day] = leave.counted;
        }
        let longest = model.shifts.iter().map(|shift| shift.counted).max().unwrap_or(0);
        let mut most_after = vec![0; model.days + 1];
        for day in (0..model.days).rev() {
            most_after[day] = most_after[day + 1] + longest + credit[day];
        }
        let most = most_after[0];
        Self {
            model,
            person,
            cells,
            forbids,
            alike,
            capped: capped.filter_map(|(shift, cap)| Some((shift, (*cap)?))).collect(),
            credit,
            most_after,
            minutes_min: if on(Rule::MinutesMin) { rules.minutes_min } else { 0 },
            minutes_max: rules.minutes_max.filter(|max| on(Rule::MinutesMax) && *max < most),
            week_minutes_min: if on(Rule::WeekMinutesMin) { rules.week_minutes_min } else { 0 },
            week_minutes_max: rules.week_minutes_max.filter(|_| on(Rule::WeekMinutesMax)),
            week_days_max: rules.week_days_max.filter(|max| on(Rule::WeekDaysMax) && *max < 7),
            work_run_min: if on(Rule::WorkRunMin) { rules.work_run_min } else { 0 },
            work_run_max: rules.work_run_max.filter(|_| on(Rule::WorkRunMax)),
            off_run_min: if on(Rule::OffRunMin) { rules.off_run_min } else { 0 },
            weekends_max: rules.weekends_max.filter(|_| on(Rule::WeekendsMax)),
            budget,
            deadline,
        }
    }

    /// Whether a walk that has so many states has to end.
    fn is_over(&self, states: usize) -> bool {
        states > self.budget || self.deadline.is_over()
    }

    /// The state before day 0: what the history leaves.
    fn start(&self) -> State {
        let history = &self.person.history;
        let working = history.last().is_some_and(Option::is_some);
        let run = history.iter().rev().take_while(|cell| cell.is_some() == working).count();
        let whole = run == history.len();
        let min = if working { self.work_run_min } else { self.off_run_min };
        let into_week =
            (0..7_isize).find(|days| self.model.weekday(-days) == self.model.week_start).unwrap_or(0);
        let week = &history[history.len().saturating_sub(into_week as usize)..];
        let worked = history.iter().rev().take(GAPS).position(Option::is_some);
        let last =
            worked.and_then(|back| Some((self.alike[back][history[history.len() - 1 - back]?], back + 1)));
        let minutes: u32 = week.iter().flatten().map(|shift| self.model.shifts[*shift].counted).sum();
        State {
            fresh: history.is_empty(),
            working,
            owed: if whole { 0 } else { min.saturating_sub(run as u32) },
            run: if working && self.work_run_max.is_some() { run as u32 } else { 0 },
            last: last.filter(|(alike, _)| *alike > 0).unwrap_or((0, 0)),
            minutes: 0,
            week_minutes: self.week_kept(minutes),
            week_days: if self.week_days_max.is_some() { week.iter().flatten().count() as u32 } else { 0 },
            weekends: 0,
            weekend_worked: false,
            counts: vec![0; self.capped.len()],
            covered: 0,
        }
    }

    fn week_kept(&self, minutes: u32) -> u32 {
        if self.week_minutes_max.is_some() { minutes } else { minutes.min(self.week_minutes_min) }
    }

    /// The state after a day, if no rule is broken.
    fn step(&self, state: &State, day: usize, cell: Option<usize>) -> Option<State> {
        let model = self.model;
        let mut next = state.clone();
        next.fresh = false;
        if cell.is_some() == state.working && !state.fresh {
            next.owed = state.owed.saturating_sub(1);
        } else {
            if state.owed > 0 {
                return None;
            }
            let min = if cell.is_some() { self.work_run_min } else { self.off_run_min };
            next.owed = if state.fresh { 0 } else { min.saturating_sub(1) };
            next.run = 0;
        }
        next.working = cell.is_some();
        if self.week_begins(day) {
            (next.week_minutes, next.week_days) = (0, 0);
        }
        let minutes = cell.map_or(0, |shift| model.shifts[shift].counted) + self.credit[day];
        next.minutes += minutes;
        if self.minutes_max.is_none() {
            next.minutes = next.minutes.min(self.minutes_min);
        }
        next.week_minutes = self.week_kept(next.week_minutes + minutes);
        if let Some(shift) = cell {
            let (last, gap) = state.last;
            if last > 0 && self.forbids[gap - 1][last - 1][shift] {
                return None;
            }
            let alike = self.alike[0][shift];
            next.last = if alike > 0 { (alike, 1) } else { (0, 0) };
            next.run += u32::from(self.work_run_max.is_some());
            next.week_days += u32::from(self.week_days_max.is_some());
            if let Some(at) = self.capped.iter().position(|(capped, _)| *capped == shift) {
                next.counts[at] += 1;
                if next.counts[at] > self.capped[at].1 {
                    return None;
                }
            }
        } else {
            next.run = 0;
            next.last = match state.last {
                (last, gap) if last > 0 && gap < GAPS && self.alike[gap][last - 1] > 0 => {
                    (self.alike[gap][last - 1], gap + 1)
                }
                _ => (0, 0),
            };
        }
        if let Some(max) = self.weekends_max {
            let weekend = model.is_weekend(day as isize);
            if day == 0 || !model.is_weekend(day as isize - 1) {
                next.weekend_worked = false;
            }
            if weekend && cell.is_some() && !next.weekend_worked {
                next.weekend_worked = true;
                next.weekends += 1;
            }
            if next.weekends > max {
                return None;
            }
            next.weekend_worked &= weekend;
        }
        let above = |value: u32, max: Option<u32>| max.is_some_and(|max| value > max);
        let last_of_week = day + 1 == model.days || model.weekday(day as isize + 1) == model.week_start;
        let whole_week = last_of_week && day >= 6 && model.weekday(day as isize - 6) == model.week_start;
        let broken = above(next.run, self.work_run_max)
            || above(next.minutes, self.minutes_max)
            || above(next.week_minutes, self.week_minutes_max)
            || above(next.week_days, self.week_days_max)
            || next.minutes + self.most_after[day + 1] < self.minutes_min
            || (whole_week && next.week_minutes < self.week_minutes_min);
        (!broken).then_some(next)
    }

    fn week_begins(&self, day: usize) -> bool {
        self.model.weekday(day as isize) == self.model.week_start
    }

    /// Walks all days; `gain` is what a cell is worth. Gives the states of the last day, each with the most it can be worth.
    fn walk(
        &self,
        gain: impl Fn(usize, Option<usize>) -> u32,
        bits: impl Fn(usize, Option<usize>) -> u64,
    ) -> Result<HashMap<State, u32>, TooMany> {
        let mut layer = HashMap::from([(self.start(), 0)]);
        let mut spent = 0;
        for day in 0..self.model.days {
            let mut after: HashMap<State, u32> = HashMap::new();
            for (number, (state, worth)) in layer.iter().enumerate() {
                if number.is_multiple_of(STATES_BETWEEN) && self.is_over(spent + after.len()) {
                    return Err(TooMany);
                }
                for cell in &self.cells[day] {
                    let Some(mut next) = self.step(state, day, *cell) else { continue };
                    next.covered |= bits(day, *cell);
                    let worth = worth + gain(day, *cell);
                    let best = after.entry(next).or_insert(worth);
                    *best = worth.max(*best);
                }
            }
            spent += after.len();
            layer = after;
        }
        layer.retain(|state, _| state.minutes >= self.minutes_min);
        Ok(layer)
    }

    /// Whether there is any row.
    pub(crate) fn feasible(&self) -> Result<bool, TooMany> {
        Ok(!self.walk(|_, _| 0, |_, _| 0)?.is_empty())
    }

    /// The most that the cells of a row can be worth together; `None` if there is no row.
    pub(crate) fn most(&self, gain: impl Fn(usize, Option<usize>) -> u32) -> Result<Option<u32>, TooMany> {
        Ok(self.walk(gain, |_, _| 0)?.into_values().max())
    }

    /// The sets of needs that a row can cover, as bits, without those that are part of another.
    pub(crate) fn patterns(&self, bits: impl Fn(usize, Option<usize>) -> u64) -> Result<Vec<u64>, TooMany> {
        let all: HashSet<u64> = self.walk(|_, _| 0, bits)?.into_keys().map(|state| state.covered).collect();
        Ok(largest(all))
    }

    /// Per day and shift, whether some row has it.
    pub(crate) fn cells(&self) -> Result<Vec<Vec<bool>>, TooMany> {
        let mut layers = vec![HashSet::from([self.start()])];
        let mut spent = 0;
        for day in 0..self.model.days {
            let mut after = HashSet::new();
            for (number, state) in layers[day].iter().enumerate() {
                if number.is_multiple_of(STATES_BETWEEN) && self.is_over(spent + after.len()) {
                    return Err(TooMany);
                }
                after.extend(self.cells[day].iter().filter_map(|cell| self.step(state, day, *cell)));
            }
            spent += after.len();
            layers.push(after);
        }
        let mut found = vec![vec![false; self.model.shifts.len()]; self.model.days];
        let mut alive = layers.pop().unwrap_or_default();
        alive.retain(|state| state.minutes >= self.minutes_min);
        for day in (0..self.model.days).rev() {
            if self.deadline.is_over() {
                return Err(TooMany);
            }
            let mut before = layers.pop().unwrap_or_default();
            before.retain(|state| {
                let mut lives = false;
                for cell in &self.cells[day] {
                    if self.step(state, day, *cell).is_some_and(|next| alive.contains(&next)) {
                        lives = true;
                        if let Some(shift) = *cell {
                            found[day][shift] = true;
                        }
                    }
                }
                lives
            });
            alive = before;
        }
        Ok(found)
    }
}

/// Sets that are not part of another.
pub(crate) fn largest(all: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut sets: Vec<u64> = all.into_iter().collect();
    sets.sort_unstable_by_key(|set| (std::cmp::Reverse(set.count_ones()), *set));
    sets.dedup();
    let mut kept: Vec<u64> = Vec::new();
    for set in sets {
        if !kept.iter().any(|other| other & set == set) {
            kept.push(set);
        }
    }
    kept
}
