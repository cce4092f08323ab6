//! How like each other two texts are, and whether they speak of the same thing.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::normal::{fold, in_word, normalise};

/// A text prepared for comparing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    normal: String,
    letters: usize,
    /// Neighbouring characters of the normal form, rising.
    neighbours: Vec<u64>,
}

impl Shape {
    pub(crate) fn of(text: &str) -> Self {
        let normal = normalise(text);
        let characters: Vec<char> = normal.chars().collect();
        let mut neighbours: Vec<u64> = characters.windows(2).map(|two| pair(two[0], two[1])).collect();
        neighbours.sort_unstable();
        Self { letters: characters.len(), normal, neighbours }
    }

    /// Letters and digits.
    pub(crate) fn letters(&self) -> usize {
        self.letters
    }

    /// Dice's coefficient of the neighbouring characters, counted as often as they occur: 0 to 1.
    pub(crate) fn likeness(&self, other: &Self) -> f64 {
        if self.normal == other.normal {
            return 1.0;
        }
        let all = self.neighbours.len() + other.neighbours.len();
        if all == 0 {
            return 0.0;
        }
        2.0 * common(&self.neighbours, &other.neighbours) as f64 / all as f64
    }
}

/// An agent's stock replies, prepared once for all chats.
#[derive(Clone, Debug, Default)]
pub struct StockReplies {
    shapes: Vec<Shape>,
}

impl StockReplies {
    /// Prepares them. Empty ones are left out.
    pub fn new<T: AsRef<str>>(replies: impl IntoIterator<Item = T>) -> Self {
        let shapes =
            replies.into_iter().map(|reply| Shape::of(reply.as_ref())).filter(|shape| shape.letters > 0);
        Self { shapes: shapes.collect() }
    }

    /// Whether a text is that much like one of them.
    pub(crate) fn hold(&self, text: &Shape, similarity_min: f64) -> bool {
        self.shapes.iter().any(|stock| stock.likeness(text) >= similarity_min)
    }
}

/// What a text speaks of, rising: two neighbouring East Asian characters, Latin words of four letters or more.
pub(crate) fn topics(text: &str) -> Vec<u64> {
    const WORD_MIN: usize = 4;
    let mut topics = Vec::new();
    let mut word = String::new();
    let mut before = None;
    for folded in text.chars().map(fold).chain([None]) {
        match folded {
            Some(letter) if in_word(letter) => word.push(letter),
            other => {
                if word.chars().count() >= WORD_MIN {
                    let mut hasher = DefaultHasher::new();
                    word.hash(&mut hasher);
                    topics.push(hasher.finish());
                }
                word.clear();
                if let (Some(first), Some(second)) = (before, other) {
                    topics.push(pair(first, second));
                }
            }
        }
        before = folded.filter(|&letter| !in_word(letter));
    }
    topics.sort_unstable();
    topics.dedup();
    topics
}

/// How many entries two rising lists have in common.
pub(crate) fn common(first: &[u64], second: &[u64]) -> usize {
    let (mut i, mut j, mut count) = (0, 0, 0);
    while let (Some(one), Some(other)) = (first.get(i), second.get(j)) {
        count += usize::from(one == other);
        i += usize::from(one <= other);
        j += usize::from(other <= one);
    }
    count
}

fn pair(first: char, second: char) -> u64 {
    u64::from(u32::from(first)) << 32 | u64::from(u32::from(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_counts_neighbours() {
        let of = |one: &str, other: &str| Shape::of(one).likeness(&Shape::of(other));
        assert_eq!(of("您好，在的", "您好 在的！"), 1.0);
        // 您好 好在 在的 against 您好 好我 我在 在的: two of three and four.
        assert_eq!(of("您好在的", "您好我在的"), 4.0 / 7.0);
        assert_eq!(of("a", "b"), 0.0);
        assert_eq!(of("", ""), 1.0);
    }

    #[test]
    fn topics_are_pairs_and_words() {
        let share = |one: &str, other: &str| common(&topics(one), &topics(other)) > 0;
        assert!(share("这个尺码有货吗", "尺码都有货的"));
        assert!(!share("这个尺码有货吗", "亲亲在的呢"));
        assert!(share("When will my PARCEL arrive?", "your parcel left"));
        assert!(!share("What is the size", "is the"));
        assert!(!share("尺 码", "寸"));
    }
}
