//! The rules of one person about the order of days, as a finite automaton.
//!
//! A state says what the past still forbids: kind and length of the run that is going on, whether its beginning is known, and
//! what the last shift forbids. Shifts that look the same to all rules are one class, so that only the cheapest of them
//! needs a look on a day.

use std::collections::HashMap;

use crate::model::Model;

/// No last shift that forbids anything.
const NOTHING: u16 = u16::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// Whether the last day was worked; at the very start, with no history, it was neither.
    pub work: bool,
    length: u32,
    /// The run touches the beginning of what is known: no shortest length holds.
    open: bool,
    /// What the last shift forbids, as an index of a group of shifts that forbid the same.
    last: u16,
    start: bool,
}

/// Shifts that look the same to all rules.
#[derive(Debug, Clone)]
pub(crate) struct Class {
    pub shifts: Vec<u16>,
    /// Counted minutes in units.
    pub units: i32,
    /// The tracked cap they count for.
    pub cap: Option<usize>,
    group: u16,
}

#[derive(Debug)]
pub(crate) struct Automaton {
    pub states: Vec<State>,
    pub classes: Vec<Class>,
    /// Next state, by state and choice: 0 is a day off, else class + 1.
    next: Vec<Option<u16>>,
}

impl Automaton {
    pub fn next(&self, state: usize, choice: usize) -> Option<usize> {
        self.next[state * (self.classes.len() + 1) + choice].map(usize::from)
    }

    /// The automaton of a person. `tracked` lists shifts with a cap that are to be told apart, `unit` is the length of a
    /// unit in minutes, 0 if minutes do not matter.
    pub fn new(model: &Model, person: usize, tracked: &[usize], unit: u32) -> Self {
        let shifts = model.shifts.len();
        let workable: Vec<usize> = (0..shifts).filter(|shift| model.may_work(person, *shift)).collect();
        let mut groups: HashMap<(Vec<bool>, Vec<bool>), u16> = HashMap::new();
        let forbids = |first: usize, gap: usize| -> Vec<bool> {
            workable.iter().map(|next| model.forbids(person, first, *next, gap)).collect()
        };
        let mut group = Vec::new();
        let mut bans = Vec::new();
        for shift in 0..shifts {
            let key = (forbids(shift, 1), forbids(shift, 2));
            let count = groups.len() as u16;
            let index = *groups.entry(key.clone()).or_insert(count);
            if index == count {
                bans.push(key);
            }
            group.push(index);
        }
        let mut classes: Vec<Class> = Vec::new();
        let mut keys: HashMap<_, usize> = HashMap::new();
        let mut banned_after: Vec<(Vec<bool>, Vec<bool>)> = Vec::new();
        for (index, shift) in workable.iter().enumerate() {
            let after = (
                bans.iter().map(|(next, _)| next[index]).collect::<Vec<_>>(),
                bans.iter().map(|(_, later)| later[index]).collect::<Vec<_>>(),
            );
            let units = model.shifts[*shift].counted.checked_div(unit).unwrap_or(0) as i32;
            let cap = tracked.iter().position(|one| one == shift);
            let class = *keys.entry((group[*shift], units, cap, after.clone())).or_insert_with(|| {
                classes.push(Class { shifts: Vec::new(), units, cap, group: group[*shift] });
                banned_after.push(after);
                classes.len() - 1
            });
            classes[class].shifts.push(*shift as u16);
        }
        let rules = Steps {
            work_min: model.people[person].rules.work_run_min,
            work_max: model.people[person].rules.work_run_max,
            off_min: model.people[person].rules.off_run_min,
            later: bans.iter().map(|(_, later)| later.contains(&true)).collect(),
        };
        let start = rules.start(&model.people[person].history, &group);
        let (mut states, mut next) = (vec![start], Vec::new());
        let mut known = HashMap::from([(start, 0_u16)]);
        let mut at = 0;
        while at < states.len() {
            for choice in 0..=classes.len() {
                let class = choice.checked_sub(1).map(|class| (&classes[class], &banned_after[class]));
                let target = rules.step(states[at], class);
                next.push(target.map(|target| {
                    *known.entry(target).or_insert_with(|| {
                        states.push(target);
                        (states.len() - 1) as u16
                    })
                }));
            }
            at += 1;
        }
        Self { states, classes, next }
    }
}

/// By group of the last shift: whether it forbids something on the next day, and two days later.
type Bans = (Vec<bool>, Vec<bool>);

struct Steps {
    work_min: u32,
    work_max: Option<u32>,
    off_min: u32,
    /// Whether a group forbids anything after a day off between.
    later: Vec<bool>,
}

impl Steps {
    fn normal(&self, mut state: State) -> State {
        let enough = if state.work { self.work_min } else { self.off_min };
        let most = if state.work { self.work_max.unwrap_or(0).max(self.work_min) } else { self.off_min };
        // Gaps of two days matter after exactly one day off, which a length of 1 must then mean.
        let told_apart = if state.work { 1 } else { 2 };
        state.length = state.length.min(most.max(told_apart));
        state.open &= state.length < enough;
        if !state.work && (state.length != 1 || state.last == NOTHING || !self.later[usize::from(state.last)])
        {
            state.last = NOTHING;
        }
        if !state.work && state.last == NOTHING {
            state.length = state.length.min(self.off_min.max(1));
        }
        state
    }

    fn start(&self, history: &[Option<usize>], group: &[u16]) -> State {
        let Some(latest) = history.last() else {
            return State { work: false, length: 0, open: true, last: NOTHING, start: true };
        };
        let run = history.iter().rev().take_while(|day| day.is_some() == latest.is_some()).count();
        let before = history.len().checked_sub(run + 1).and_then(|index| history[index]);
        let last = latest.or(if run == 1 { before } else { None });
        self.normal(State {
            work: latest.is_some(),
            length: run as u32,
            open: run == history.len(),
            last: last.map_or(NOTHING, |shift| group[shift]),
            start: false,
        })
    }

    /// Where a choice leads: a day off (`None`) or a class with what forbids it, by group, a day and two days later.
    fn step(&self, state: State, class: Option<(&Class, &Bans)>) -> Option<State> {
        let enough = if state.work { self.work_min } else { self.off_min };
        let may_end = state.start || state.open || state.length >= enough;
        let begin =
            State { work: class.is_some(), length: 1, open: state.start, last: NOTHING, start: false };
        let next = match (class, state.work) {
            (None, true) => may_end.then_some(State { last: state.last, ..begin }),
            (None, false) if state.start => Some(begin),
            (None, false) => Some(State { length: state.length + 1, last: NOTHING, ..state }),
            (Some((class, (_, later))), false) => {
                let banned = state.last != NOTHING && later[usize::from(state.last)];
                (may_end && !banned).then_some(State { last: class.group, ..begin })
            }
            (Some((class, (next, _))), true) => {
                let banned = state.last != NOTHING && next[usize::from(state.last)];
                let full = self.work_max.is_some_and(|most| state.length >= most);
                (!banned && !full).then_some(State { length: state.length + 1, last: class.group, ..state })
            }
        };
        next.map(|state| self.normal(state))
    }
}
