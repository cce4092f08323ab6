//! Whether needs can be met together by people who each offer one of several sets.

use std::collections::HashSet;

use crate::deadline::Deadline;

/// What a person can do for the needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Offer {
    /// One of these sets of needs, as bits; parts of them as well.
    Patterns(Vec<u64>),
    /// At most so many of the needs together, whichever they are.
    Most(u32),
    /// It was not found out.
    Unknown,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Possible,
    Impossible,
    Unknown,
}

/// Nodes of the search after which the answer is [`Verdict::Unknown`].
const NODES_MAX: usize = 100_000;

impl Offer {
    fn most(&self, needs: usize) -> u32 {
        match self {
            Self::Patterns(sets) => sets.iter().map(|set| set.count_ones()).max().unwrap_or(0),
            Self::Most(most) => *most,
            Self::Unknown => needs as u32,
        }
    }
}

/// Nodes after which the search looks at the clock.
const NODES_BETWEEN: usize = 64;

/// Whether every need gets the heads it requires. Needs are numbered as the bits of the patterns. After the deadline the answer is
/// [`Verdict::Unknown`] where it takes a search.
pub(super) fn joint(required: &[u32], offers: &[Offer], deadline: &Deadline) -> Verdict {
    let total: u32 = required.iter().sum();
    let most: u32 = offers.iter().map(|offer| offer.most(required.len())).sum();
    if most < total {
        return Verdict::Impossible;
    }
    let mut people = Vec::new();
    let mut whole = true;
    for offer in offers {
        match offer {
            Offer::Patterns(sets) => people.push(sets.as_slice()),
            _ => whole = false,
        }
    }
    if !whole {
        return Verdict::Unknown;
    }
    for (need, required) in required.iter().enumerate() {
        let can = people.iter().filter(|sets| sets.iter().any(|set| set >> need & 1 == 1)).count();
        if (can as u32) < *required {
            return Verdict::Impossible;
        }
    }
    people.retain(|sets| sets.iter().any(|set| *set != 0));
    if people.iter().all(|sets| sets.iter().all(|set| set.count_ones() <= 1)) {
        return if matched(required, &people) { Verdict::Possible } else { Verdict::Impossible };
    }
    // Alike people side by side: the search then meets the same rest again and leaves it out.
    people.sort_unstable();
    let mut choice = Choice { people, seen: HashSet::new(), nodes: 0, deadline, gave_up: false };
    match choice.meets(0, &mut required.to_vec()) {
        _ if choice.gave_up => Verdict::Unknown,
        true => Verdict::Possible,
        false => Verdict::Impossible,
    }
}

/// Everybody covers one need at most: a matching, grown along paths that swap.
fn matched(required: &[u32], people: &[&[u64]]) -> bool {
    let mut given: Vec<Option<usize>> = vec![None; people.len()];
    for (need, required) in required.iter().enumerate() {
        for _ in 0..*required {
            if !reassign(need, people, &mut given, &mut vec![false; people.len()]) {
                return false;
            }
        }
    }
    true
}

fn reassign(need: usize, people: &[&[u64]], given: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for person in 0..people.len() {
        let can = people[person].iter().any(|set| set >> need & 1 == 1);
        if !can || tried[person] || given[person] == Some(need) {
            continue;
        }
        tried[person] = true;
        let free = given[person].is_none_or(|other| reassign(other, people, given, tried));
        if free {
            given[person] = Some(need);
            return true;
        }
    }
    false
}

struct Choice<'a> {
    people: Vec<&'a [u64]>,
    /// Rests that can't be met from a person on.
    seen: HashSet<(usize, Vec<u32>)>,
    nodes: usize,
    deadline: &'a Deadline,
    /// Whether nodes or time ran out.
    gave_up: bool,
}

impl Choice<'_> {
    fn meets(&mut self, person: usize, rest: &mut Vec<u32>) -> bool {
        if rest.iter().all(|left| *left == 0) {
            return true;
        }
        self.nodes += 1;
        self.gave_up |=
            self.nodes > NODES_MAX || (self.nodes.is_multiple_of(NODES_BETWEEN) && self.deadline.is_over());
        let Some(sets) = self.people.get(person).copied() else { return false };
        if self.gave_up || self.hopeless(person, rest) || self.seen.contains(&(person, rest.clone())) {
            return false;
        }
        for set in sets {
            let before = rest.clone();
            for (need, left) in rest.iter_mut().enumerate() {
                *left -= u32::from(*left > 0 && set >> need & 1 == 1);
            }
            if self.meets(person + 1, rest) {
                return true;
            }
            *rest = before;
        }
        self.seen.insert((person, rest.clone()));
        false
    }

    /// Whether fewer people are left for some need than it still wants.
    fn hopeless(&self, person: usize, rest: &[u32]) -> bool {
        rest.iter().enumerate().any(|(need, left)| {
            let can = self.people[person..].iter().filter(|sets| sets.iter().any(|set| set >> need & 1 == 1));
            (can.count() as u32) < *left
        })
    }
}
