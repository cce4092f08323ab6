//! English by a word list: no labelled English texts were at hand to train on.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A line per strength, then its words.
static WORDS: LazyLock<HashMap<&str, i32>> = LazyLock::new(|| {
    let lines = include_str!("../../data/english.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (strength, words) = line.split_once(' ')?;
            Some((strength.parse::<i32>().ok()?, words))
        })
        .flat_map(|(strength, words)| words.split(' ').map(move |word| (word, strength)))
        .collect()
});

/// How many words a negation reaches within its clause; "no" only the next one.
const REACH: usize = 3;

/// The words' strengths, those behind a negation turned round at half strength, brought to -1 … 1.
pub(super) fn sentiment(text: &str) -> Option<f64> {
    let mut sum = 0.0;
    let mut known = false;
    let lower = text.to_lowercase().replace('’', "'");
    for clause in lower.split(['.', ',', ';', ':', '!', '?', '\n']) {
        let mut negated = 0;
        for word in clause.split(|character: char| !character.is_alphanumeric() && character != '\'') {
            let word = word.trim_matches('\'');
            if word.is_empty() {
                continue;
            }
            if let Some(reach) = negation(word) {
                negated = reach;
                continue;
            }
            if let Some(&strength) = WORDS.get(word) {
                known = true;
                // "No thanks" is thanks.
                let turned = negated > 0 && !matches!(word, "thank" | "thanks");
                sum += f64::from(strength) * if turned { -0.5 } else { 1.0 };
            }
            negated = negated.saturating_sub(1);
        }
    }
    // Grows with the sum and never reaches 1; a single strong word gives 0.83.
    known.then(|| sum / (sum * sum + 4.0_f64).sqrt())
}

fn negation(word: &str) -> Option<usize> {
    match word {
        "no" => Some(1),
        "not" | "never" | "without" | "hardly" | "cannot" | "nor" => Some(REACH),
        _ => word.ends_with("n't").then_some(REACH),
    }
}

#[cfg(test)]
mod tests {
    use super::{WORDS, sentiment};

    #[test]
    fn words_have_one_strength_each() {
        let all: usize = include_str!("../../data/english.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(' ').count() - 1)
            .sum();
        assert_eq!(WORDS.len(), all);
        assert!(all > 150);
    }

    #[test]
    fn negations_turn_round() {
        let of = |text| sentiment(text).unwrap();
        assert!(of("This is great, thank you!") > 0.5);
        assert!(of("that's not good") < 0.0);
        assert!(of("I’m very disappointed, this is terrible") < -0.8);
        assert!(of("no problem") > 0.0);
        assert!(of("No thanks, have a nice day") > 0.5);
        assert!(of("no have a nice day") > 0.5);
        assert!(of("Why not. Great!") > 0.5);
        assert_eq!(sentiment("the parcel is blue"), None);
    }
}
