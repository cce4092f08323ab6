//! What services told whom, for when they don't answer.
//!
//! A part is remembered for exactly the caller who got it: same merchant, subject, person and roles. It is shown
//! again only while the service is away, with the time at which it was true.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// Everything that an answer depends on, as one string of bytes.
pub type Key = Vec<u8>;

/// Bounded in bytes and age; the oldest goes first.
#[derive(Debug)]
pub struct Memory {
    age_max: Duration,
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    parts: HashMap<Key, Part>,
    /// Keys in the order in which they came, with the number that tells a replaced part from its successor.
    order: VecDeque<(Key, u64)>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Part {
    bytes: Vec<u8>,
    at: DateTime<Utc>,
    number: u64,
}

impl Memory {
    /// An age of nothing remembers nothing.
    pub fn new(age_max: Duration, bytes_max: usize) -> Self {
        Self { age_max, bytes_max, kept: Mutex::default() }
    }

    /// Remembers what was told at `now`.
    pub fn put(&self, key: Key, bytes: Vec<u8>, now: DateTime<Utc>) {
        let size = key.len() + bytes.len();
        if self.age_max.is_zero() || size > self.bytes_max {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.put(key, bytes, now);
        while kept.bytes > self.bytes_max || kept.oldest().is_some_and(|at| now - at > self.age()) {
            kept.forget_oldest();
        }
    }

    /// What was told last, and when.
    pub fn get(&self, key: &Key, now: DateTime<Utc>) -> Option<(Vec<u8>, DateTime<Utc>)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let part = kept.parts.get(key).filter(|part| now - part.at <= self.age())?;
        Some((part.bytes.clone(), part.at))
    }

    fn age(&self) -> chrono::Duration {
        chrono::Duration::from_std(self.age_max).unwrap_or(chrono::Duration::MAX)
    }
}

impl Kept {
    fn put(&mut self, key: Key, bytes: Vec<u8>, at: DateTime<Utc>) {
        let number = self.next;
        self.next += 1;
        self.bytes += key.len() + bytes.len();
        self.order.push_back((key.clone(), number));
        let length = key.len();
        if let Some(replaced) = self.parts.insert(key, Part { bytes, at, number }) {
            self.bytes -= length + replaced.bytes.len();
        }
        // Replaced parts leave their place in the order behind; sweeping at twice the size keeps that cheap.
        if self.order.len() > 2 * self.parts.len() + 16 {
            let parts = &self.parts;
            self.order.retain(|(key, number)| parts.get(key).is_some_and(|part| part.number == *number));
        }
    }

    fn oldest(&self) -> Option<DateTime<Utc>> {
        let (key, _) = self.order.front()?;
        self.parts.get(key).map(|part| part.at).or(Some(DateTime::<Utc>::MIN_UTC))
    }

    fn forget_oldest(&mut self) {
        let Some((key, number)) = self.order.pop_front() else { return };
        if self.parts.get(&key).is_some_and(|part| part.number == number)
            && let Some(part) = self.parts.remove(&key)
        {
            self.bytes -= key.len() + part.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_600_000_000 + seconds, 0).expect("a time")
    }

    #[test]
    fn the_newest_answer_is_kept_until_it_is_too_old() {
        let memory = Memory::new(Duration::from_secs(60), 1000);
        memory.put(b"a".to_vec(), b"1".to_vec(), at(0));
        memory.put(b"a".to_vec(), b"2".to_vec(), at(10));
        assert_eq!(memory.get(&b"a".to_vec(), at(70)), Some((b"2".to_vec(), at(10))));
        assert_eq!(memory.get(&b"a".to_vec(), at(71)), None);
        assert_eq!(memory.get(&b"b".to_vec(), at(10)), None);
    }

    #[test]
    fn an_answer_that_is_replaced_for_ever_leaves_nothing_behind() {
        let memory = Memory::new(Duration::from_secs(60), 1000);
        memory.put(b"first".to_vec(), b"1".to_vec(), at(0));
        for second in 0..1000 {
            memory.put(b"a".to_vec(), vec![0; second % 7], at(1));
        }
        let kept = memory.kept.lock().expect("nothing panicked");
        assert!(kept.order.len() < 25, "{}", kept.order.len());
        assert_eq!(kept.bytes, 6 + 1 + 999 % 7);
    }

    #[test]
    fn it_never_holds_more_bytes_than_it_may() {
        let memory = Memory::new(Duration::from_secs(60), 100);
        for key in 0..50u8 {
            memory.put(vec![key], vec![0; 9], at(key.into()));
            let kept = memory.kept.lock().expect("nothing panicked");
            let bytes: usize = kept.parts.iter().map(|(key, part)| key.len() + part.bytes.len()).sum();
            assert_eq!(bytes, kept.bytes);
            assert!(bytes <= 100);
        }
        assert_eq!(memory.get(&vec![49], at(49)), Some((vec![0; 9], at(49))));
        assert_eq!(memory.get(&vec![39], at(49)), None);
        memory.put(vec![1], vec![0; 100], at(50));
        assert_eq!(memory.get(&vec![1], at(50)), None, "larger than the whole memory");
    }
}
