//! Sharing work out evenly.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Who gets each of so many pieces: each goes to whoever has least then, of several to the lowest id. `load` says how much
/// each person has already; without anybody nobody gets anything.
pub fn share_out(pieces: usize, load: &BTreeMap<String, i64>) -> Vec<String> {
    let mut people: BinaryHeap<Reverse<(i64, &str)>> =
        load.iter().map(|(person, has)| Reverse((*has, person.as_str()))).collect();
    let mut shared = Vec::with_capacity(pieces);
    for _ in 0..pieces {
        let Some(Reverse((has, person))) = people.pop() else { break };
        shared.push(person.to_owned());
        people.push(Reverse((has + 1, person)));
    }
    shared
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(of: &[(&str, i64)]) -> BTreeMap<String, i64> {
        of.iter().map(|(person, has)| ((*person).to_owned(), *has)).collect()
    }

    #[test]
    fn whoever_has_least_is_next() {
        assert_eq!(share_out(4, &load(&[("a", 2), ("b", 0), ("c", 2)])), ["b", "b", "a", "b"]);
        assert_eq!(share_out(2, &load(&[])), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn everything_is_shared_and_nobody_gets_ahead(loads in prop::collection::vec(0..20_i64, 1..9), pieces in 0..60_usize) {
            let before: BTreeMap<String, i64> =
                loads.into_iter().enumerate().map(|(at, has)| (format!("p{at}"), has)).collect();
            let shared = share_out(pieces, &before);
            prop_assert_eq!(shared.len(), pieces);
            let mut after = before.clone();
            for person in &shared {
                *after.entry(person.clone()).or_default() += 1;
            }
            // Whoever got something has at most one more than anybody.
            let least = after.values().min().copied().unwrap_or(0);
            for (person, has) in &after {
                prop_assert!(*has == before[person] || *has <= least + 1, "{before:?} {after:?}");
            }
        }
    }
}
