//! How a text sounds: Chinese by a small trained model, everything else by a list of English words.

mod english;
mod model;

use std::sync::LazyLock;

pub use model::SentimentModel;

use crate::normal::{fold, in_word};

/// The model that comes with the crate; `examples/train_sentiment.rs` makes it.
static CHINESE: LazyLock<SentimentModel> = LazyLock::new(|| {
    SentimentModel::from_bytes(include_bytes!("../data/sentiment.bin"))
        .expect("a test reads the file that is compiled in")
});

/// How a text sounds, from -1 (very bad) over 0 (neutral) to 1 (very good). Nothing where there is nothing to judge by.
///
/// Texts with Chinese characters go to the model, the others to the English word list.
pub fn sentiment(text: &str) -> Option<f64> {
    if text
        .chars()
        .any(|character| !character.is_ascii() && fold(character).is_some_and(|folded| !in_word(folded)))
    {
        CHINESE.sentiment(text)
    } else {
        english::sentiment(text)
    }
}
