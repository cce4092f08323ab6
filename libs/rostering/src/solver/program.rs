//! The exact programme that finds the cheapest roster of one person for given prices of the cells.
//!
//! It runs over days. A node is a day, a state of the [`Automaton`] and a value of the [`Counters`]; it holds the least cost
//! for each sum of counted minutes, as a stretch of one array. An operation takes the stretch of one node, shifted by the
//! length of a class and raised by its price of the day, into that of another. What can be reached from the first day and can
//! still reach a legal end is worked out once; after that a run is a list of additions and minima over contiguous numbers.
//! Many nodes that lead on in the same way meet first in a hub without price.

use std::collections::HashMap;
use std::rc::Rc;

use rand::Rng;

use super::automaton::Automaton;
use super::counters::{Counters, Step, Week};
use super::problem::FORBIDDEN;
use crate::model::Model;

/// A node that many operations lead to; its numbers are `len` from `offset` on, followed by a space of [`LANES`].
#[derive(Debug, Clone, Copy)]
struct Node {
    offset: u32,
    len: u32,
    /// Fewest units.
    low: i32,
    ops: (u32, u32),
}

#[derive(Debug, Clone, Copy)]
struct Op {
    from: u32,
    source: u32,
    target: u32,
    len: u32,
    /// Index of the price.
    price: u32,
}

/// The compiled programme of one person.
#[derive(Debug)]
pub(crate) struct Program {
    nodes: Vec<Node>,
    ops: Vec<Op>,
    size: usize,
    choices: usize,
    days: usize,
    /// Shifts of each choice; none of the day off.
    shifts: Vec<Vec<u16>>,
}

/// Numbers taken at once.
const LANES: usize = 8;

/// Memory for runs, to be used again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    arch: pulp::Arch,
    costs: Vec<i32>,
    prices: Vec<i32>,
    picks: Vec<u16>,
}

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

/// How far from even growth sums may be on any day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Corridor {
    /// Of units of minutes.
    pub units: i32,
    /// Of weekends.
    pub weekends: i32,
}

impl Program {
    /// Compiles. `None` if it grows beyond the size allowed.
    pub fn new(source: &Source<'_>) -> Option<Self> {
        Builder::new(source).build()
    }

    /// Whether the rules leave no roster.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The cheapest roster for `prices` (per day and choice: 0 off, else shift + 1), written to `cells` (0 off, else
    /// shift + 1). Among equally cheap ones `random` decides. `None` if no roster keeps the rules.
    pub fn best(
        &self,
        prices: &[i32],
        scratch: &mut Scratch,
        random: &mut impl Rng,
        cells: &mut [u16],
    ) -> Option<i64> {
        self.price_choices(prices, scratch, random);
        if self.nodes.is_empty() {
            return None;
        }
        scratch.costs.resize(self.size.max(scratch.costs.len()), 0);
        let costs = &mut scratch.costs[..];
        let prices = &scratch.prices[..];
        scratch.arch.dispatch(|| self.run(prices, costs));
        let sink = self.nodes[self.nodes.len() - 1];
        let ends = &scratch.costs[sink.offset as usize..][..sink.len as usize];
        let (end, cost) = ends.iter().enumerate().min_by_key(|(_, cost)| **cost)?;
        if *cost >= FORBIDDEN / 2 {
            return None;
        }
        let (end, cost) = (end as u32, *cost);
        self.trace(end, scratch, random, cells);
        Some(i64::from(cost))
    }

    /// Fills in all nodes. Inlined so that it is compiled for each set of vector instructions.
    #[inline(always)]
    fn run(&self, prices: &[i32], costs: &mut [i32]) {
        let Some((first, rest)) = self.nodes.split_first() else { return };
        costs[first.offset as usize..][..1 + LANES].fill(FORBIDDEN);
        costs[first.offset as usize] = 0;
        for node in rest {
            let (before, here) = costs.split_at_mut(node.offset as usize);
            here[..node.len as usize + LANES].fill(FORBIDDEN);
            for op in &self.ops[node.ops.0 as usize..node.ops.1 as usize] {
                let price = prices[op.price as usize];
                if price >= FORBIDDEN {
                    continue;
                }
                // Whole lanes: what is read and written beyond the stretch lies in the space between two nodes. A cost
                // that gets there is true, but its units can't lead to a legal end, so no trace ever meets it.
                let lanes = (op.len as usize).next_multiple_of(LANES);
                let sources = &before[op.source as usize..][..lanes];
                let targets = &mut here[(op.target - node.offset) as usize..][..lanes];
                for (targets, sources) in
                    targets.as_chunks_mut::<LANES>().0.iter_mut().zip(sources.as_chunks().0)
                {
                    let sources: &[i32; LANES] = sources;
                    for (target, source) in targets.iter_mut().zip(sources) {
                        *target = (*target).min(*source + price);
                    }
                }
            }
        }
    }

    /// Price of each choice of each day: that of the cheapest shift of the class.
    fn price_choices(&self, prices: &[i32], scratch: &mut Scratch, random: &mut impl Rng) {
        let width = prices.len() / self.days;
        scratch.prices.clear();
        scratch.picks.clear();
        for of_day in prices.chunks_exact(width) {
            scratch.prices.push(of_day[0]);
            scratch.picks.push(0);
            for shifts in &self.shifts[1..] {
                let (mut best, mut pick, mut ties) = (FORBIDDEN, 0, 0_u32);
                for shift in shifts {
                    let price = of_day[usize::from(*shift) + 1];
                    if price < best {
                        (best, pick, ties) = (price, shift + 1, 1);
                    } else if price == best {
                        ties += 1;
                        if random.random_range(0..ties) == 0 {
                            pick = shift + 1;
                        }
                    }
                }
                scratch.prices.push(best);
                scratch.picks.push(pick);
            }
        }
        // Operations without a choice: into hubs and to the end.
        scratch.prices.push(0);
    }

    fn trace(&self, end: u32, scratch: &Scratch, random: &mut impl Rng, cells: &mut [u16]) {
        let free = (self.days * self.choices) as u32;
        let mut node = self.nodes.len() - 1;
        let mut at = self.nodes[node].offset + end;
        while node > 0 {
            let here = &self.nodes[node];
            let cost = scratch.costs[at as usize];
            let (mut found, mut ties) = (None, 0_u32);
            for op in &self.ops[here.ops.0 as usize..here.ops.1 as usize] {
                let price = scratch.prices[op.price as usize];
                if price >= FORBIDDEN || at < op.target || at >= op.target + op.len {
                    continue;
                }
                if scratch.costs[(op.source + at - op.target) as usize] + price == cost {
                    ties += 1;
                    if ties == 1 || random.random_range(0..ties) == 0 {
                        found = Some(op);
                    }
                }
            }
            let op = found.expect("the least cost came in by one of the operations");
            if op.price < free {
                cells[op.price as usize / self.choices] = scratch.picks[op.price as usize];
            }
            at = op.source + at - op.target;
            node = op.from as usize;
        }
    }
}

/// Sums of units from `low` to `high`.
type Band = (i32, i32);
const EMPTY: Band = (i32::MAX / 2, i32::MIN / 2);

fn widen(band: &mut Band, by: Band) {
    *band = (band.0.min(by.0), band.1.max(by.1));
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

    fn step_of(&self, day: usize, state: usize, choice: usize) -> Step {
        let model = self.source.model;
        let class = choice.checked_sub(1).map(|class| &self.automaton.classes[class]);
        let second = day > 0 && model.is_weekend(day as isize - 1);
        let weekend = class.is_some()
            && model.is_weekend(day as isize)
            && !(second && self.automaton.states[state].work);
        Step {
            works: class.is_some(),
            units: self.week_units(day, choice),
            cap: class.and_then(|class| class.cap),
            weekend,
            week: self.week(day),
        }
    }

    /// Next counter value for each value, `u32::MAX` if there is none.
    fn table(&mut self, step: Step) -> Rc<[u32]> {
        let counters = &self.counters;
        let table = self.steps.entry(step).or_insert_with(|| {
            (0..counters.size)
                .map(|at| counters.step(at, step).map_or(u32::MAX, |next| next as u32))
                .collect()
        });
        Rc::clone(table)
    }

    /// Calls `arc(state, choice, next state, next counter per counter)` for each arc of a day.
    fn for_arcs(&mut self, day: usize, mut arc: impl FnMut(&mut Self, usize, usize, usize, &[u32])) {
        for choice in 0..self.choices() {
            if !self.allowed(day, choice) {
                continue;
            }
            for state in 0..self.automaton.states.len() {
                if let Some(next) = self.automaton.next(state, choice) {
                    let step = self.step_of(day, state, choice);
                    let table = self.table(step);
                    arc(self, state, choice, next, &table);
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

    /// Works out [`bands`](Self::bands). Returns whether there is a legal roster as far as that shows.
    fn reach(&mut self) -> bool {
        let Some(start) = self.counters.start else { return false };
        let (states, counts) = (self.automaton.states.len(), self.counters.size);
        let mut forward = vec![EMPTY; (self.days + 1) * states * counts];
        let mut backward = forward.clone();
        forward[start] = (0, 0);
        for day in 0..self.days {
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
        self.bands[start].0 <= self.bands[start].1
    }

    /// Keeps to a corridor: sums about in proportion to the days gone by.
    fn narrow(&mut self, corridor: Corridor) {
        let (states, counts) = (self.automaton.states.len(), self.counters.size);
        let middle = i64::from(self.total.0.midpoint(self.total.1.min(1 << 24)));
        for day in 0..=self.days {
            let even = |total: i64| (total * day as i64 / self.days as i64) as i32;
            let units = even(middle);
            let weekends = even(i64::from(self.counters.weekends_max().unwrap_or(0)));
            for count in 0..counts {
                let far =
                    self.counters.weekends(count).is_some_and(|n| (n - weekends).abs() > corridor.weekends);
                for state in 0..states {
                    let index = (day * states + state) * counts + count;
                    let band = &mut self.bands[index];
                    if far {
                        *band = EMPTY;
                    } else if self.limited {
                        *band = (band.0.max(units - corridor.units), band.1.min(units + corridor.units));
                    }
                }
            }
        }
    }

    fn build(mut self) -> Option<Program> {
        if !self.reach() {
            return Some(self.program(Vec::new(), Vec::new(), 0));
        }
        let sets = self.sets();
        let (states, counts) = (self.automaton.states.len(), self.counters.size);
        let mut out = Output { nodes: Vec::new(), ops: Vec::new(), size: 0, max: self.source.limits.ops };
        let mut layer: HashMap<(usize, usize), usize> = HashMap::new();
        let start = self.counters.start.unwrap_or_default();
        layer.insert((0, start), out.node((0, 0), &[])?);
        for day in 0..self.days {
            let mut arcs: Vec<(usize, usize, usize, i32)> = Vec::new();
            let mut hubs: HashMap<(usize, usize), Option<usize>> = HashMap::new();
            for ((choice, next), sources) in &sets.leading {
                if !self.allowed(day, *choice) {
                    continue;
                }
                let units = self.units(day, *choice);
                let price = day * self.choices() + choice;
                let by_work = self.split(*sources, &sets);
                for (set, state) in by_work {
                    let step = self.step_of(day, usize::from(state), *choice);
                    let table = self.table(step);
                    for (count, to) in table.iter().enumerate().filter(|(_, to)| **to != u32::MAX) {
                        let target = self.index(day + 1, *next, *to as usize);
                        if self.bands[target].0 > self.bands[target].1 {
                            continue;
                        }
                        for node in self.sources(set, *choice, count, &sets, &layer, &mut hubs, &mut out)? {
                            arcs.push((target, node, price, units));
                        }
                    }
                }
            }
            arcs.sort_unstable();
            layer.clear();
            for arcs in arcs.chunk_by(|one, other| one.0 == other.0) {
                let target = arcs[0].0;
                let incoming: Vec<_> =
                    arcs.iter().map(|(_, node, price, units)| (*node, *price, *units)).collect();
                let node = out.node(self.bands[target], &incoming)?;
                if out.nodes[node].len > 0 {
                    let local = target - (day + 1) * states * counts;
                    layer.insert((local / counts, local % counts), node);
                }
            }
        }
        let free = self.days * self.choices();
        let mut ends: Vec<usize> = layer.values().copied().collect();
        ends.sort_unstable();
        let ends: Vec<_> = ends.into_iter().map(|node| (node, free, 0)).collect();
        let band = (self.total.0.max(0), self.total.1);
        out.node(band, &ends)?;
        if out.nodes.last().is_none_or(|sink| sink.len == 0) {
            return Some(self.program(Vec::new(), Vec::new(), 0));
        }
        Some(self.program(out.nodes, out.ops, out.size))
    }

    fn program(&self, nodes: Vec<Node>, ops: Vec<Op>, size: usize) -> Program {
        let of_classes = self.automaton.classes.iter().map(|class| class.shifts.clone());
        let shifts = std::iter::once(Vec::new()).chain(of_classes).collect();
        Program { nodes, ops, size, choices: self.choices(), days: self.days, shifts }
    }

    /// A set of sources as parts of which all states are worked or all are not.
    fn split(&self, set: usize, sets: &Sets) -> Vec<(usize, u16)> {
        sets.parts[set].iter().map(|part| (*part, sets.list[*part].states[0])).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a builder, used at one place")]
    fn sources(
        &self,
        set: usize,
        choice: usize,
        count: usize,
        sets: &Sets,
        layer: &HashMap<(usize, usize), usize>,
        hubs: &mut HashMap<(usize, usize), Option<usize>>,
        out: &mut Output,
    ) -> Option<Vec<usize>> {
        let states = &sets.list[set].states;
        if choice == 0 || states.len() == 1 {
            return Some(
                states.iter().filter_map(|state| layer.get(&(usize::from(*state), count)).copied()).collect(),
            );
        }
        Some(self.hub(set, count, sets, layer, hubs, out)?.into_iter().collect())
    }

    /// The hub of a set for a counter value: outer `None` if the size is exceeded, inner if nothing leads to it.
    fn hub(
        &self,
        set: usize,
        count: usize,
        sets: &Sets,
        layer: &HashMap<(usize, usize), usize>,
        hubs: &mut HashMap<(usize, usize), Option<usize>>,
        out: &mut Output,
    ) -> Option<Option<usize>> {
        if let Some(hub) = hubs.get(&(set, count)) {
            return Some(*hub);
        }
        let Set { part, rest, .. } = &sets.list[set];
        let mut from = Vec::new();
        if let Some(part) = part {
            from.extend(self.hub(*part, count, sets, layer, hubs, out)?);
        }
        from.extend(rest.iter().filter_map(|state| layer.get(&(usize::from(*state), count)).copied()));
        let hub = match from[..] {
            [] => None,
            [only] => Some(only),
            _ => {
                let mut band = EMPTY;
                for node in &from {
                    let Node { low, len, .. } = out.nodes[*node];
                    widen(&mut band, (low, low + len as i32 - 1));
                }
                let free = self.days * self.choices();
                let incoming: Vec<_> = from.iter().map(|node| (*node, free, 0)).collect();
                Some(out.node(band, &incoming)?)
            }
        };
        hubs.insert((set, count), hub);
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

struct Output {
    nodes: Vec<Node>,
    ops: Vec<Op>,
    size: usize,
    max: usize,
}

impl Output {
    /// Adds a node with what leads to it: (node, price, units). `None` if that goes beyond the size allowed.
    fn node(&mut self, band: Band, incoming: &[(usize, usize, i32)]) -> Option<usize> {
        let reached = incoming.iter().fold(EMPTY, |mut all, (from, _, units)| {
            let Node { low, len, .. } = self.nodes[*from];
            if len > 0 {
                widen(&mut all, (low + units, low + units + len as i32 - 1));
            }
            all
        });
        let (low, high) =
            if incoming.is_empty() { band } else { (band.0.max(reached.0), band.1.min(reached.1)) };
        let len = (high - low + 1).max(0) as u32;
        let (offset, first) = (self.size as u32, self.ops.len() as u32);
        for (from, price, units) in incoming {
            let source = self.nodes[*from];
            let (from_low, from_high) = (source.low + units, source.low + units + source.len as i32 - 1);
            let (begin, end) = (from_low.max(low), from_high.min(high));
            if begin <= end {
                self.ops.push(Op {
                    from: *from as u32,
                    source: source.offset + (begin - from_low) as u32,
                    target: offset + (begin - low) as u32,
                    len: (end - begin + 1) as u32,
                    price: *price as u32,
                });
            }
        }
        self.size += len as usize + LANES;
        self.nodes.push(Node { offset, len, low, ops: (first, self.ops.len() as u32) });
        (self.ops.len() <= self.max).then_some(self.nodes.len() - 1)
    }
}

fn greatest_common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}
