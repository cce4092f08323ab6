//! A bounded memory of checked tokens.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// The SHA-256 of a token: the key under which it is remembered, so that no token lies in memory in plain.
pub(super) type TokenHash = [u8; 32];

pub(super) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// Remembers at most `max` values in two generations: when the young one is full the old one is dropped. What is
/// in use moves back into the young one, so this keeps what is used without keeping an order.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    generations: Mutex<Generations<K, V>>,
    generation_max: usize,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    pub(super) fn new(max: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { generations: Mutex::new(generations), generation_max: (max / 2).max(1) }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let mut generations = self.lock();
        if let Some(value) = generations.young.get(key) {
            return Some(value.clone());
        }
        let value = generations.old.remove(key)?;
        self.put(&mut generations, key.clone(), value.clone());
        Some(value)
    }

    pub(super) fn insert(&self, key: K, value: V) {
        self.put(&mut self.lock(), key, value);
    }

    /// Forgets everything, as when the keys behind the checks have changed.
    pub(super) fn clear(&self) {
        let mut generations = self.lock();
        generations.young.clear();
        generations.old.clear();
    }

    fn put(&self, generations: &mut Generations<K, V>, key: K, value: V) {
        if generations.young.len() >= self.generation_max {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, value);
    }

    /// A panic elsewhere cannot leave the maps half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, Generations<K, V>> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_bounded_and_keeps_what_is_used() {
        let cache = Cache::new(10);
        cache.insert(0, 0);
        for number in 1..100 {
            cache.insert(number, number);
            assert_eq!(cache.get(&0), Some(0), "used between all inserts");
        }
        let generations = cache.lock();
        assert!(generations.young.len() + generations.old.len() <= 10);
        drop(generations);
        assert_eq!(cache.get(&1), None);
    }

    #[test]
    fn clearing_forgets_both_generations() {
        let cache = Cache::new(4);
        for number in 0..4 {
            cache.insert(number, number);
        }
        cache.clear();
        assert!((0..4).all(|number| cache.get(&number).is_none()));
    }
}
