//! The exact programme that finds the cheapest roster of one person for given prices of the cells.
//!
//! It runs over days. A node is a day, a state of the [`Automaton`] and a value of the [`Counters`]; it holds the least cost
//! for each sum of counted minutes, as a stretch of one array. An operation takes the stretch of one node, shifted by the
//! length of a class and raised by its price of the day, into that of another. What can be reached from the first day and can
//! still reach a legal end is worked out once; after that a run is a list of additions and minima over contiguous numbers.
//! Many nodes that lead on in the same way meet first in a hub without price.

use rand::Rng;

use super::compile::{Source, compiled};
use super::problem::FORBIDDEN;

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
    /// About how long a run takes, in nanoseconds.
    work: u64,
    choices: usize,
    days: usize,
    /// Shifts of each choice; none of the day off.
    shifts: Vec<Vec<u16>>,
}

/// Most numbers of a run: 256 MB.
const SIZE_MAX: usize = 1 << 26;
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

impl Program {
    /// Compiles. `None` if it grows beyond the size allowed, or once it is late.
    pub fn new(source: &Source<'_>) -> Option<Self> {
        compiled(source)
    }

    /// About how long a run takes, in nanoseconds of a usual processor.
    pub fn work(&self) -> u64 {
        self.work
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

    /// Calls `found` with cost and cells of every roster that costs at most `limit` at the prices that [`best`](Self::best) was just asked for,
    /// until it returns that it has enough. Returns whether these are all.
    pub fn each(
        &self,
        limit: i64,
        prices: &[i32],
        scratch: &Scratch,
        cells: &mut [u16],
        found: &mut dyn FnMut(i64, &[u16]) -> bool,
    ) -> bool {
        let Some(sink) = self.nodes.last() else { return true };
        let mut listing = Listing { program: self, scratch, prices, limit, cells, found };
        (sink.offset..sink.offset + sink.len).all(|at| {
            i64::from(scratch.costs[at as usize]) > limit || listing.back(self.nodes.len() - 1, at, 0)
        })
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
                // that gets there is true. Only where a corridor left its units out can they lead to a legal end.
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
                // Whole lanes here too: a corridor leaves sums out that could lead to a legal end.
                let len = op.len.next_multiple_of(LANES as u32);
                if price >= FORBIDDEN || at < op.target || at >= op.target + len {
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

/// Lists rosters after a run, from the end on.
struct Listing<'a> {
    program: &'a Program,
    scratch: &'a Scratch,
    /// Per day and choice: 0 off, else shift + 1.
    prices: &'a [i32],
    limit: i64,
    cells: &'a mut [u16],
    found: &'a mut dyn FnMut(i64, &[u16]) -> bool,
}

impl Listing<'_> {
    /// Goes on to the nodes before `node`, whose number stands at `at`, when what comes after it costs `rest`. Every way leads to a roster
    /// within the limit, since numbers say what the cheapest beginning costs. Returns whether to go on.
    fn back(&mut self, node: usize, at: u32, rest: i64) -> bool {
        if node == 0 {
            return (self.found)(rest, self.cells);
        }
        let (program, scratch, prices) = (self.program, self.scratch, self.prices);
        let (choices, width) = (program.choices, prices.len() / program.days);
        let here = &program.nodes[node];
        for op in &program.ops[here.ops.0 as usize..here.ops.1 as usize] {
            // Whole lanes, as in a run.
            let len = op.len.next_multiple_of(LANES as u32);
            if at < op.target || at >= op.target + len {
                continue;
            }
            let (before, source) = (op.from as usize, op.source + at - op.target);
            let so_far = i64::from(scratch.costs[source as usize]) + rest;
            let (day, choice) = (op.price as usize / choices, op.price as usize % choices);
            if day == program.days {
                if so_far <= self.limit && !self.back(before, source, rest) {
                    return false;
                }
                continue;
            }
            let shifts: &[u16] = &program.shifts[choice];
            let cells = if choice == 0 { &[0][..] } else { shifts };
            for cell in cells.iter().map(|cell| if choice == 0 { 0 } else { cell + 1 }) {
                let price = prices[day * width + usize::from(cell)];
                if price >= FORBIDDEN || so_far + i64::from(price) > self.limit {
                    continue;
                }
                self.cells[day] = cell;
                if !self.back(before, source, rest + i64::from(price)) {
                    return false;
                }
            }
        }
        true
    }
}

/// Sums of units from the first to the second.
pub(super) type Band = (i32, i32);
/// The band of nothing.
pub(super) const EMPTY: Band = (i32::MAX / 2, i32::MIN / 2);

/// Makes a band reach over another one too.
pub(super) fn widen(band: &mut Band, by: Band) {
    *band = (band.0.min(by.0), band.1.max(by.1));
}

/// A programme while it is put together, node after node.
pub(super) struct Output {
    nodes: Vec<Node>,
    ops: Vec<Op>,
    size: usize,
    max: usize,
}

impl Output {
    /// Empty; `max` is the most operations it may get.
    pub fn new(max: usize) -> Self {
        Self { nodes: Vec::new(), ops: Vec::new(), size: 0, max }
    }

    /// Sums of a node; `None` if nothing leads to it.
    pub fn band(&self, node: usize) -> Option<Band> {
        let Node { low, len, .. } = self.nodes[node];
        (len > 0).then(|| (low, low + len as i32 - 1))
    }

    /// The programme; `shifts` are those of each choice, none of the day off.
    pub fn program(self, days: usize, shifts: Vec<Vec<u16>>) -> Program {
        let Self { nodes, ops, size, .. } = self;
        let lanes = |op: &Op| u64::from(op.len).div_ceil(LANES as u64);
        let work = ops.iter().map(|op| lanes(op) + 2).sum();
        Program { nodes, ops, size, work, choices: shifts.len(), days, shifts }
    }

    /// Adds a node with what leads to it: (node, price, units). `None` if that goes beyond the size allowed.
    pub fn node(&mut self, band: Band, incoming: &[(usize, usize, i32)]) -> Option<usize> {
        let reached = incoming.iter().fold(EMPTY, |mut all, (from, _, units)| {
            if let Some((low, high)) = self.band(*from) {
                widen(&mut all, (low + units, high + units));
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
        (self.ops.len() <= self.max && self.size <= SIZE_MAX).then_some(self.nodes.len() - 1)
    }
}
