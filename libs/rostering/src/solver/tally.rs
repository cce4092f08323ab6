//! Whether a row still keeps its person's rules after a few cells of it changed, without looking at the rest.
//!
//! The order of days is the [`Automaton`]'s: its state after each day is kept, and a change is followed from its first day until
//! the states are the old ones again. What is counted (minutes, caps, weekends, weeks) is kept as sums.

use std::collections::HashMap;
use std::sync::Arc;

use super::automaton::Automaton;
use crate::model::Model;

/// No next state.
const NOWHERE: u16 = u16::MAX;
/// No limit.
const OPEN: i32 = i32::MAX;

/// The rules of one person, as they are looked at.
#[derive(Debug)]
struct Law {
    /// Next state, by state and cell (0 off, else shift + 1); those who have the same rules share it.
    next: Arc<[u16]>,
    /// Per cell.
    minutes: Vec<i32>,
    /// Most of each cell.
    caps: Vec<i32>,
    /// Least and most of the horizon.
    horizon: (i32, i32),
    weekends_max: i32,
    week_days_max: i32,
    /// Least of a whole week, most of any.
    week: (i32, i32),
    /// Days and minutes that the history brings into the first week.
    past: (i32, i32),
    /// Minutes of leave, per day.
    leave: Vec<i32>,
}

/// What the days are to everybody.
#[derive(Debug)]
struct Calendar {
    days: usize,
    choices: usize,
    /// Index of the weekend of each day.
    weekend: Vec<Option<u16>>,
    weekends: usize,
    /// Index of the week of each day.
    week: Vec<u16>,
    /// Whether each week lies in the horizon as a whole.
    whole: Vec<bool>,
}

/// Everybody's rules.
#[derive(Debug)]
pub(crate) struct Laws {
    calendar: Calendar,
    people: Vec<Law>,
}

/// Sums of one row.
#[derive(Debug, Clone, Default)]
struct Tally {
    /// State before each day and after the last.
    states: Vec<u16>,
    minutes: i32,
    counts: Vec<i32>,
    /// Days worked, per weekend.
    weekend_days: Vec<u8>,
    weekends: i32,
    week_days: Vec<i32>,
    week_minutes: Vec<i32>,
}

/// Sums of all rows of a roster.
#[derive(Debug, Clone)]
pub(crate) struct Tallies {
    laws: Arc<Laws>,
    people: Vec<Tally>,
    /// New states that are not kept yet: person, index of the state, state.
    walked: Vec<(usize, usize, u16)>,
}

impl Laws {
    pub fn new(model: &Model) -> Self {
        let days = model.days;
        let mut weekend = vec![None; days];
        let weekends = model.weekends();
        for (index, of) in weekends.iter().enumerate() {
            of.clone().for_each(|day| weekend[day] = Some(index as u16));
        }
        let mut week = vec![0; days];
        let weeks = model.weeks();
        for (index, (of, _)) in weeks.iter().enumerate() {
            of.clone().for_each(|day| week[day] = index as u16);
        }
        let whole = weeks.iter().map(|(_, whole)| *whole).collect();
        let choices = model.shifts.len() + 1;
        let calendar = Calendar { days, choices, weekend, weekends: weekends.len(), week, whole };
        let mut shared = HashMap::new();
        let people = (0..model.people.len()).map(|person| Law::new(model, person, &mut shared)).collect();
        Self { calendar, people }
    }
}

impl Law {
    fn new(model: &Model, person: usize, shared: &mut HashMap<Vec<u16>, Arc<[u16]>>) -> Self {
        let automaton = Automaton::new(model, person, &[], 0);
        let one = &model.people[person];
        let rules = &one.rules;
        let choices = model.shifts.len() + 1;
        let mut choice = vec![None; choices];
        choice[0] = Some(0);
        for (index, class) in automaton.classes.iter().enumerate() {
            class.shifts.iter().for_each(|shift| choice[usize::from(*shift) + 1] = Some(index + 1));
        }
        let mut next = Vec::with_capacity(automaton.states.len() * choices);
        for state in 0..automaton.states.len() {
            let to = |choice: &Option<usize>| choice.and_then(|choice| automaton.next(state, choice));
            next.extend(choice.iter().map(|choice| to(choice).map_or(NOWHERE, |to| to as u16)));
        }
        let next = Arc::clone(shared.entry(next).or_insert_with_key(|next| next[..].into()));
        let whole = |number: u32| i32::try_from(number).unwrap_or(OPEN);
        let limit = |most: Option<u32>| most.map_or(OPEN, whole);
        let cap = |shift: usize| limit(rules.caps.get(shift).copied().flatten());
        let mut leave = vec![0; model.days];
        for day in &one.leave {
            leave[day.day] = day.counted as i32;
        }
        let into_week = usize::from((model.first_weekday + 7 - model.week_start) % 7).min(one.history.len());
        let past = one.history[one.history.len() - into_week..].iter().flatten();
        let past = past
            .fold((0, 0), |(days, minutes), shift| (days + 1, minutes + model.shifts[*shift].counted as i32));
        Self {
            next,
            minutes: std::iter::once(0).chain(model.shifts.iter().map(|one| one.counted as i32)).collect(),
            caps: std::iter::once(OPEN).chain((0..model.shifts.len()).map(cap)).collect(),
            horizon: (whole(rules.minutes_min), limit(rules.minutes_max)),
            weekends_max: limit(rules.weekends_max),
            week_days_max: limit(rules.week_days_max),
            week: (whole(rules.week_minutes_min), limit(rules.week_minutes_max)),
            past,
            leave,
        }
    }
}

impl Tally {
    fn new(calendar: &Calendar, law: &Law, row: &[u16]) -> Self {
        let mut tally = Self {
            states: vec![0; calendar.days + 1],
            minutes: law.leave.iter().sum(),
            counts: vec![0; calendar.choices],
            weekend_days: vec![0; calendar.weekends],
            weekends: 0,
            week_days: vec![0; calendar.whole.len()],
            week_minutes: vec![0; calendar.whole.len()],
        };
        tally.counts[0] = calendar.days as i32;
        tally.week_days[0] = law.past.0;
        tally.week_minutes[0] = law.past.1;
        for (day, cell) in row.iter().enumerate() {
            tally.week_minutes[usize::from(calendar.week[day])] += law.leave[day];
            tally.change(calendar, law, day, 0, *cell);
            let at = usize::from(tally.states[day]) * calendar.choices + usize::from(*cell);
            tally.states[day + 1] = law.next[at];
        }
        tally
    }

    fn change(&mut self, calendar: &Calendar, law: &Law, day: usize, old: u16, new: u16) {
        let (before, after) = (usize::from(old), usize::from(new));
        let minutes = law.minutes[after] - law.minutes[before];
        let worked = i32::from(after > 0) - i32::from(before > 0);
        self.minutes += minutes;
        self.counts[before] -= 1;
        self.counts[after] += 1;
        let week = usize::from(calendar.week[day]);
        self.week_minutes[week] += minutes;
        if worked != 0 {
            self.week_days[week] += worked;
            if let Some(weekend) = calendar.weekend[day] {
                let days = &mut self.weekend_days[usize::from(weekend)];
                let was = *days > 0;
                *days = days.wrapping_add_signed(worked as i8);
                self.weekends += i32::from(*days > 0) - i32::from(was);
            }
        }
    }

    /// Whether the sums that a new cell has to do with are within their limits.
    fn within(&self, calendar: &Calendar, law: &Law, day: usize, cell: u16) -> bool {
        let (cell, week) = (usize::from(cell), usize::from(calendar.week[day]));
        let least = if calendar.whole[week] { law.week.0 } else { 0 };
        (law.horizon.0..=law.horizon.1).contains(&self.minutes)
            && self.counts[cell] <= law.caps[cell]
            && self.weekends <= law.weekends_max
            && self.week_days[week] <= law.week_days_max
            && (least..=law.week.1).contains(&self.week_minutes[week])
    }
}

impl Tallies {
    pub fn new<'r>(laws: Arc<Laws>, rows: impl Iterator<Item = &'r [u16]>) -> Self {
        let people =
            laws.people.iter().zip(rows).map(|(law, row)| Tally::new(&laws.calendar, law, row)).collect();
        Self { laws, people, walked: Vec::new() }
    }

    /// Takes a legal row for a person's.
    pub fn set(&mut self, person: usize, row: &[u16]) {
        self.people[person] = Tally::new(&self.laws.calendar, &self.laws.people[person], row);
    }

    /// A cell of a person changes.
    pub fn change(&mut self, person: usize, day: usize, old: u16, new: u16) {
        self.people[person].change(&self.laws.calendar, &self.laws.people[person], day, old, new);
    }

    /// Whether the sums that a changed cell has to do with are within their limits, all changes of the person made.
    pub fn within(&self, person: usize, day: usize, cell: u16) -> bool {
        self.people[person].within(&self.laws.calendar, &self.laws.people[person], day, cell)
    }

    /// Whether the order of days is legal, after cells changed from the day `first` to the day `last`.
    pub fn walk(&mut self, person: usize, first: usize, last: usize, row: &[u16]) -> bool {
        let Self { laws, people, walked } = self;
        let (next, choices) = (&laws.people[person].next, laws.calendar.choices);
        let states = &people[person].states;
        let mut state = states[first];
        for (day, cell) in row.iter().enumerate().skip(first) {
            state = next[usize::from(state) * choices + usize::from(*cell)];
            if state == NOWHERE {
                return false;
            }
            if day >= last && state == states[day + 1] {
                break;
            }
            walked.push((person, day + 1, state));
        }
        true
    }

    /// Ends a change: its new states are kept or dropped.
    pub fn settle(&mut self, keep: bool) {
        for (person, index, state) in self.walked.drain(..) {
            if keep {
                self.people[person].states[index] = state;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;
    use crate::check::check;
    use crate::model::{Leave, Person, Rules, Shift};
    use crate::roster::Roster;

    fn model(rules: Rules, history: Vec<Option<usize>>) -> Model {
        let after_late = vec![0];
        Model {
            days: 12,
            first_weekday: 3,
            weekend: vec![5, 6],
            week_start: 0,
            skills: Vec::new(),
            shifts: vec![
                Shift::new("E", 360, 480),
                Shift { not_next_day: after_late, ..Shift::new("L", 840, 480) },
                Shift { counted: 300, ..Shift::new("N", 1320, 600) },
            ],
            people: vec![Person {
                rules,
                history,
                leave: vec![Leave { day: 2, counted: 240 }],
                ..Person::new("p")
            }],
            cover: Vec::new(),
            demand: Vec::new(),
            fairness: Vec::new(),
            pairings: Vec::new(),
        }
    }

    fn feasible(model: &Model, row: &[u16]) -> bool {
        let mut roster = Roster::of(model);
        for (day, cell) in row.iter().enumerate() {
            roster.set(0, day, usize::from(*cell).checked_sub(1));
        }
        check(model, &roster).feasible
    }

    /// From the legal row of a day off each day, change by change, as the checker says.
    #[test]
    fn tallies_and_checker_agree_on_every_change() {
        let free = Rules::default();
        let ruled = [
            Rules { work_run_min: 2, work_run_max: Some(3), off_run_min: 2, ..free.clone() },
            Rules {
                rest_min: 660,
                weekends_max: Some(1),
                caps: vec![None, Some(2), Some(3)],
                ..free.clone()
            },
            Rules { minutes_max: Some(2_400), week_days_max: Some(3), rest_min: 1440, ..free.clone() },
            Rules { week_minutes_max: Some(1_500), work_run_min: 2, weekends_max: Some(1), ..free },
        ];
        let histories = [vec![], vec![Some(2)], vec![Some(0), None, Some(1), Some(1)]];
        let mut random = SmallRng::seed_from_u64(7);
        for (rules, history) in ruled.iter().flat_map(|rules| histories.iter().map(move |one| (rules, one))) {
            let model = model(rules.clone(), history.clone());
            let laws = Arc::new(Laws::new(&model));
            let mut row = vec![0_u16; model.days];
            // Some histories want a run to go on.
            for day in 0..2 {
                if !feasible(&model, &row) {
                    row[day] = 2;
                }
            }
            assert!(feasible(&model, &row));
            let mut tallies = Tallies::new(laws, std::iter::once(&row[..]));
            let mut legal = 0;
            for _ in 0..4_000 {
                let first = random.random_range(0..model.days);
                let last = (first + random.random_range(0..3)).min(model.days - 1);
                let edits: Vec<(usize, u16)> = (first..=last)
                    .filter(|day| *day != 2)
                    .map(|day| (day, random.random_range(0..4)))
                    .collect();
                let (Some((from, _)), Some((to, _))) = (edits.first(), edits.last()) else { continue };
                let old = row.clone();
                for (day, cell) in &edits {
                    tallies.change(0, *day, row[*day], *cell);
                    row[*day] = *cell;
                }
                let within = edits.iter().all(|(day, cell)| tallies.within(0, *day, *cell));
                let walks = within && tallies.walk(0, *from, *to, &row);
                tallies.settle(walks);
                assert_eq!(walks, feasible(&model, &row), "{rules:?} {history:?} {old:?} to {row:?}");
                legal += u32::from(walks);
                if !walks {
                    for (day, cell) in &edits {
                        tallies.change(0, *day, *cell, old[*day]);
                    }
                    row = old;
                }
            }
            assert!(legal > 100, "{rules:?} {history:?} left only {legal} changes");
        }
    }
}
