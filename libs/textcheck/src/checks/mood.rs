//! The customer's mood within a chat.

use crate::checker::Sink;
use crate::{Conversation, Evidence, FallingSentiment, Kind, Speaker, sentiment};

pub(crate) fn check(rule: &FallingSentiment, chat: &Conversation<'_>, sink: &mut Sink<'_, '_, '_>) {
    let moods: Vec<(usize, f64)> = chat
        .by(Speaker::Customer)
        .filter_map(|place| Some((place, sentiment(chat.messages[place].text)?)))
        .collect();
    if moods.len() < usize::from(rule.messages_min.max(2)) {
        return;
    }
    let third = moods.len().div_ceil(3);
    let (first, last) = (&moods[..third], &moods[moods.len() - third..]);
    let (from, to) = (mean(first), mean(last));
    let worst = last.iter().min_by(|one, other| one.1.total_cmp(&other.1));
    if let Some(&(place, _)) = worst.filter(|_| from - to >= rule.fall_min && to <= rule.end_max) {
        sink.whole(Kind::FallingSentiment, place, Evidence::Fell { from, to });
    }
}

fn mean(moods: &[(usize, f64)]) -> f64 {
    moods.iter().map(|mood| mood.1).sum::<f64>() / moods.len() as f64
}
