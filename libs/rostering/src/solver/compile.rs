//! Compiles a person's rules into a [`Program`]: which nodes can be reached from the first day and can still reach a legal end.

use std::collections::HashMap;
use std::rc::Rc;

use super::automaton::Automaton;
use super::counters::{Counters, Step, Week};
use super::problem::FORBIDDEN;
use super::program::{Band, EMPTY, Output, Program, widen};
use super::shared::Clock;
use crate::model::Model;

/// Everything a programme is compiled from.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub model: &'a Model,
    pub person: usize,
    /// Shifts whose cap is counted; other caps are not looked at.
    pub tracked: &'a [usize],
    /// Costs per day and choice, of which only [`FORBIDDEN`] matters.
    pub own: &'a [i32],
    pub limits: Limits,
    pub clock: &'a Clock,
}

/// How large a programme may be and what it leaves out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most operations.
    pub ops: usize,
    /// Only rosters near the even one: a restriction.
    pub corridor: Option<Corridor>,
    /// Whether weekends are counted; if not, it is a relaxation.
    pub weekends: bool,
}

/// How far from even growth sums may be on any day: even over the days on which the person can work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corridor {
    /// Of minutes, in sixths of the longest shift, or in units where a sixth is less than one.
    pub sixths: i32,
    /// Of weekends.
    pub weekends: i32,
}

/// Sums that may be told apart on all days together: some 200 MB while they are worked out.
const BANDS_MAX: usize = 8_000_000;

/// The programme of a source. `None` if it grows beyond the size allowed, or once it is late.
pub(super) fn compiled(source: &Source<'_>) -> Option<Program> {
    Builder::new(source).build()
}

/// Source states that lead on in the same way.
struct Set {
    states: Vec<u16>,
    /// An earlier set that is part of it, and what it lacks.
    part: Option<usize>,
    rest: Vec<u16>,
}

struct Builder<'a> {
    source: &'a Source<'a>,
    automaton: Automaton,
    counters: Counters,
    days: usize,
    /// Units of leave per day.
    leave: Vec<i32>,
    /// Whether minutes of the horizon have a limit; if not, they are not told apart.
    limited: bool,
    total: Band,
    /// Per day, state and counter: units so far of what can be part of a legal roster.
    bands: Vec<Band>,
    steps: HashMap<Step, Rc<[u32]>>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Source<'a>) -> Self {
        let Source { model, person, tracked, .. } = *source;
        let one = &model.people[person];
        let rules = &one.rules;
        let limited = rules.minutes_min > 0 || rules.minutes_max.is_some();
        let weekly = rules.week_minutes_min > 0 || rules.week_minutes_max.is_some();
        let work = (0..model.shifts.len()).filter(|shift| model.may_work(person, *shift));
        let past = one.history.iter().flatten().copied();
        let lengths = work.chain(past).map(|shift| model.shifts[shift].counted);
        let lengths = lengths.chain(one.leave.iter().map(|leave| leave.counted));
        let unit = if limited || weekly { lengths.fold(0, greatest_common_divisor) } else { 0 };
        let scaled = |minutes: u32| minutes.checked_div(unit).unwrap_or(0) as i32;
        let mut leave = vec![0; model.days];
        for day in &one.leave {
            leave[day.day] = scaled(day.counted);
        }
        let most = rules.minutes_max.map_or(i32::MAX / 4, scaled);
        // With no work at all to do, fewest minutes above 0 can't be reached.
        let least =
            if unit == 0 { rules.minutes_min.min(1) } else { rules.minutes_min.div_ceil(unit) } as i32;
        Self {
            source,
            automaton: Automaton::new(model, person, tracked, unit),
            counters: Counters::new(model, person, tracked, unit, source.limits.weekends),
            days: model.days,
            leave,
            limited,
            total: (least, most),
            bands: Vec::new(),
            steps: HashMap::new(),
        }
    }

    fn choices(&self) -> usize {
        self.automaton.classes.len() + 1
    }

    fn index(&self, day: usize, state: usize, count: usize) -> usize {
        (day * self.automaton.states.len() + state) * self.counters.size + count
    }

    fn allowed(&self, day: usize, choice: usize) -> bool {
        let of_day = &self.source.own[day * (self.source.model.shifts.len() + 1)..];
        match choice.checked_sub(1) {
            None => of_day[0] < FORBIDDEN,
            Some(class) => self.automaton.classes[class]
                .shifts
                .iter()
                .any(|shift| of_day[usize::from(*shift) + 1] < FORBIDDEN),
        }
    }

    fn week(&self, day: usize) -> Week {
        let model = self.source.model;
        match model.weekday(day as isize) == model.week_start && day > 0 {
            false => Week::Inside,
            true if day >= 7 => Week::EndsWhole,
            true => Week::Begins,
        }
    }

    /// Units a choice adds to the sum of the horizon.
    fn units(&self, day: usize, choice: usize) -> i32 {
        if self.limited { self.week_units(day, choice) } else { 0 }
    }

    fn week_units(&self, day: usize, choice: usize) -> i32 {
        choice.checked_sub(1).map_or(self.leave[day], |class| self.automaton.classes[class].units)
    }

    fn step_of(&self, day: usize, choice: usize, after_work: bool) -> Step {
        let model = self.source.model;
        let class = choice.checked_sub(1).map(|class| &self.automaton.classes[class]);
        let second = day > 0 && model.is_weekend(day as isize - 1);
        let weekend = class.is_some() && model.is_weekend(day as isize) && !(second && after_work);
        Step {
            works: class.is_some(),
            units: self.week_units(day, choice),
            cap: class.and_then(|class| class.cap),
            weekend,
            week: self.week(day),
        }
    }

    /// Next counter value for each value, `u32::MAX` if there is none: after a day off, and after a day of work.
    fn tables(&mut self, day: usize, choice: usize) -> [Rc<[u32]>; 2] {
        [false, true].map(|after_work| {
            let step = self.step_of(day, choice, after_work);
            let counters = &self.counters;
            let table = self.steps.entry(step).or_insert_with(|| {
                (0..counters.size)
                    .map(|at| counters.step(at, step).map_or(u32::MAX, |next| next as u32))
                    .collect()
            });
            Rc::clone(table)
        })
    }

    /// Calls `arc(state, choice, next state, next counter per counter)` for each arc of a day.
    fn for_arcs(&mut self, day: usize, mut arc: impl FnMut(&Self, usize, usize, usize, &[u32])) {
        for choice in 0..self.choices() {
            if !self.allowed(day, choice) {
                continue;
            }
            let tables = self.tables(day, choice);
            for (state, of) in self.automaton.states.iter().enumerate() {
                if let Some(next) = self.automaton.next(state, choice) {
                    arc(self, state, choice, next, &tables[usize::from(of.work)]);
                }
            }
        }
    }

    /// Whether a counter value is a legal end.
    fn may_end(&self, count: usize) -> bool {
        let model = self.source.model;
        let whole = model.weekday(self.days as isize) == model.week_start && self.days >= 7;
        let week = if whole { Week::EndsWhole } else { Week::Inside };
        let step = Step { works: false, units: 0, cap: None, weekend: false, week };
        self.counters.step(count, step).is_some()
    }

    /// Works out [`bands`](Self::bands). Returns whether there is a legal roster as far as that shows; `None` if there are too
    /// many or it is late.
    fn reach(&mut self) -> Option<bool> {
        let Some(start) = self.counters.start else { return Some(false) };
        let (states, counts) = (self.automaton.states.len(), self.counters.size);
        if (self.days + 1).saturating_mul(states).saturating_mul(counts) > BANDS_MAX {
            return None;
        }
        let mut forward = vec![EMPTY; (self.days + 1) * states * counts];
        let mut backward = forward.clone();
        forward[start] = (0, 0);
        for day in 0..self.days {
            if self.source.clock.is_late() {
                return None;
            }
            self.for_arcs(day, |this, state, choice, next, table| {
                let units = this.units(day, choice);
                for (count, to) in table.iter().enumerate().filter(|(_, to)| **to != u32::MAX) {
                    let band = forward[this.index(day, state, count)];
                    if band.0 <= band.1 {
                        widen(
                            &mut forward[this.index(day + 1, next, *to as usize)],
                            (band.0 + units, band.1 + units),
                        );
                    }
                }
            });
        }
        for state in 0..states {
            for count in (0..counts).filter(|count| self.may_end(*count)) {
                backward[self.index(self.days, state, count)] = (0, 0);
            }
        }
        for day in (0..self.days).rev() {
            if self.source.clock.is_late() {
                return None;
            }
            self.for_arcs(day, |this, state, choice, next, table| {
                let units = this.units(day, choice);
                for (count, to) in table.iter().enumerate().filter(|(_, to)| **to != u32::MAX) {
                    let band = backward[this.index(day + 1, next, *to as usize)];
                    if band.0 <= band.1 {
                        widen(&mut backward[this.index(day, state, count)], (band.0 + units, band.1 + units));
                    }
                }
            });
        }
        let (least, most) = self.total;
        self.bands = forward
            .iter()
            .zip(&backward)
            .map(|(so_far, to_come)| {
                if so_far.0 > so_far.1 || to_come.0 > to_come.1 {
                    return EMPTY;
                }
                (so_far.0.max(least - to_come.1), so_far.1.min(most - to_come.0))
            })
            .collect();
        if let Some(corridor) = self.source.limits.corridor {
            self.narrow(corridor);
        }
        Some(self.bands[start].0 <= self.bands[start].1)
    }

    /// Days and weekends gone by, before each day and after the last, on which some work is possible.
    fn workable(&self) -> Vec<[i64; 2]> {
        let model = self.source.model;
        let mut all = vec![[0, 0]];
        let ([mut days, mut weekends], mut counted) = ([0, 0], false);
        for day in 0..self.days {
            let can = (1..self.choices()).any(|choice| self.allowed(day, choice));
            let weekend = model.is_weekend(day as isize);
            days += i64::from(can);
            weekends += i64::from(can && weekend && !counted);
            counted = weekend && (counted || can);
            all.push([days, weekends]);
        }
        all
    }

    /// Keeps to a corridor: sums about in proportion to the days gone by on which the person can work. Over all days alike, two
    /// weeks of leave would lead out of it.
    fn narrow(&mut self, corridor: Corridor) {
        let (states, counts) = (self.automaton.states.len(), self.counters.size);
        let middle = self.total.0.midpoint(self.total.1.min(1 << 24));
        let to_work = i64::from(middle - self.leave.iter().sum::<i32>()).max(0);
        let workable = self.workable();
        let longest = self.automaton.classes.iter().map(|class| class.units).max().unwrap_or(0);
        let width = corridor.sixths * longest.max(6) / 6;
        let [all_days, all_weekends] = workable[self.days];
        let even = |total: i64, gone: i64, all: i64| (total * gone).checked_div(all).unwrap_or(0) as i32;
        let mut of_leave = 0;
        for (day, [days, weekends]) in workable.into_iter().enumerate() {
            let units = of_leave + even(to_work, days, all_days);
            let most = i64::from(self.counters.weekends_max().unwrap_or(0));
            let weekends = even(most, weekends, all_weekends);
            of_leave += self.leave.get(day).unwrap_or(&0);
            for count in 0..counts {
                let far =
                    self.counters.weekends(count).is_some_and(|n| (n - weekends).abs() > corridor.weekends);
                for state in 0..states {
                    let index = (day * states + state) * counts + count;
                    let band = &mut self.bands[index];
                    if far {
                        *band = EMPTY;
                    } else if self.limited {
                        *band = (band.0.max(units - width), band.1.min(units + width));
                    }
                }
            }
        }
    }

    fn build(mut self) -> Option<Program> {
        if !self.reach()? {
            return Some(self.program(Output::new(0)));
        }
        let sets = self.sets();
        let (states, counts) = (self.automaton.states.len(), self.counters.size);
        let mut out = Output::new(self.source.limits.ops);
        let mut layer: Vec<Option<usize>> = vec![None; states * counts];
        let start = self.counters.start.unwrap_or_default();
        layer[start] = Some(out.node((0, 0), &[])?);
        for day in 0..self.days {
            if self.source.clock.is_late() {
                return None;
            }
            let mut arcs: Vec<(usize, usize, usize, i32)> = Vec::new();
            let mut hubs: Vec<Option<Option<usize>>> = vec![None; sets.list.len() * counts];
            let tables: Vec<_> = (0..self.choices()).map(|choice| self.tables(day, choice)).collect();
            for ((choice, next), sources) in &sets.leading {
                if !self.allowed(day, *choice) {
                    continue;
                }
                let units = self.units(day, *choice);
                let price = day * self.choices() + choice;
                for set in &sets.parts[*sources] {
                    let state = usize::from(sets.list[*set].states[0]);
                    let table = &tables[*choice][usize::from(self.automaton.states[state].work)];
                    for (count, to) in table.iter().enumerate().filter(|(_, to)| **to != u32::MAX) {
                        let target = self.index(day + 1, *next, *to as usize);
                        if self.bands[target].0 > self.bands[target].1 {
                            continue;
                        }
                        if *choice > 0 {
                            let hub = self.hub(*set, count, &sets, &layer, &mut hubs, &mut out)?;
                            arcs.extend(hub.map(|node| (target, node, price, units)));
                        } else {
                            let states = sets.list[*set].states.iter();
                            let nodes =
                                states.filter_map(|state| layer[usize::from(*state) * counts + count]);
                            arcs.extend(nodes.map(|node| (target, node, price, units)));
                        }
                    }
                }
            }
            arcs.sort_unstable();
            layer.fill(None);
            for arcs in arcs.chunk_by(|one, other| one.0 == other.0) {
                let target = arcs[0].0;
                let incoming: Vec<_> =
                    arcs.iter().map(|(_, node, price, units)| (*node, *price, *units)).collect();
                let node = out.node(self.bands[target], &incoming)?;
                if out.band(node).is_some() {
                    layer[target - (day + 1) * states * counts] = Some(node);
                }
            }
        }
        let free = self.days * self.choices();
        let ends: Vec<_> = layer.into_iter().flatten().map(|node| (node, free, 0)).collect();
        let band = (self.total.0.max(0), self.total.1);
        let sink = out.node(band, &ends)?;
        Some(self.program(if out.band(sink).is_some() { out } else { Output::new(0) }))
    }

    fn program(&self, out: Output) -> Program {
        let of_classes = self.automaton.classes.iter().map(|class| class.shifts.clone());
        out.program(self.days, std::iter::once(Vec::new()).chain(of_classes).collect())
    }

    /// The hub of a set for a counter value: outer `None` if the size is exceeded, inner if nothing leads to it.
    fn hub(
        &self,
        set: usize,
        count: usize,
        sets: &Sets,
        layer: &[Option<usize>],
        hubs: &mut [Option<Option<usize>>],
        out: &mut Output,
    ) -> Option<Option<usize>> {
        let counts = self.counters.size;
        if let Some(hub) = hubs[set * counts + count] {
            return Some(hub);
        }
        let Set { part, rest, .. } = &sets.list[set];
        let mut from = Vec::new();
        if let Some(part) = part {
            from.extend(self.hub(*part, count, sets, layer, hubs, out)?);
        }
        from.extend(rest.iter().filter_map(|state| layer[usize::from(*state) * counts + count]));
        let hub = match from[..] {
            [] => None,
            [only] => Some(only),
            _ => {
                let mut band = EMPTY;
                for node in &from {
                    widen(&mut band, out.band(*node).unwrap_or(EMPTY));
                }
                let free = self.days * self.choices();
                let incoming: Vec<_> = from.iter().map(|node| (*node, free, 0)).collect();
                Some(out.node(band, &incoming)?)
            }
        };
        hubs[set * counts + count] = Some(hub);
        Some(hub)
    }

    fn sets(&self) -> Sets {
        let mut sources: HashMap<(usize, usize), Vec<u16>> = HashMap::new();
        for state in 0..self.automaton.states.len() {
            for choice in 0..self.choices() {
                if let Some(next) = self.automaton.next(state, choice) {
                    sources.entry((choice, next)).or_default().push(state as u16);
                }
            }
        }
        let mut sources: Vec<_> = sources.into_iter().collect();
        sources.sort_unstable_by(|one, other| (one.1.len(), &one).cmp(&(other.1.len(), &other)));
        let mut sets = Sets { list: Vec::new(), parts: Vec::new(), leading: Vec::new() };
        for (key, states) in sources {
            let (work, off): (Vec<u16>, Vec<u16>) =
                states.into_iter().partition(|state| self.automaton.states[usize::from(*state)].work);
            let parts = [work, off]
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(|part| sets.insert(part))
                .collect();
            sets.leading.push((key, sets.parts.len()));
            sets.parts.push(parts);
        }
        sets
    }
}

struct Sets {
    list: Vec<Set>,
    /// For each (choice, next state) the indexes of its one or two sets.
    parts: Vec<Vec<usize>>,
    leading: Vec<((usize, usize), usize)>,
}

impl Sets {
    fn insert(&mut self, states: Vec<u16>) -> usize {
        if let Some(known) = self.list.iter().position(|set| set.states == states) {
            return known;
        }
        let within =
            |set: &Set| set.states.len() > 1 && set.states.iter().all(|state| states.contains(state));
        let part = (0..self.list.len())
            .filter(|set| within(&self.list[*set]))
            .max_by_key(|set| self.list[*set].states.len());
        let known: &[u16] = part.map_or(&[], |part| &self.list[part].states);
        let rest = states.iter().filter(|state| !known.contains(state)).copied().collect();
        self.list.push(Set { states, part, rest });
        self.list.len() - 1
    }
}

fn greatest_common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}
