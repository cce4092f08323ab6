//! What reviews come to, and the weekly feedback.

use std::collections::BTreeMap;

use agreement::{Confidence, Estimate, wilson};
use chrono::NaiveDate;

/// What figures have a row for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// One row for all.
    Merchant,
    /// The shop.
    Shop,
    /// The product.
    Product,
    /// Of reviews with a cause.
    Cause,
    /// Of reviews with a stage.
    Stage,
    /// Who served.
    Agent,
    /// Who works on it.
    Owner,
    /// The business day.
    Day,
}

/// What the reviews of a group come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figure {
    /// An id or a day.
    pub key: String,
    /// All of them.
    pub reviews: i64,
    /// Good, neutral and bad ones as they stand now.
    pub kinds: [i64; 3],
    /// Of which a revision or the added comment was bad.
    pub ever_bad: i64,
    /// Of these, those whose time to be won back is over.
    pub settled: i64,
    /// Of these, those that are good now.
    pub won_back: i64,
    /// Ever bad and not ended.
    pub unfinished: i64,
    /// Replies that came or whose deadline has passed.
    pub replies_owed: i64,
    /// Of these, those that came in time.
    pub replies_in_time: i64,
}

/// A group's week beside the one before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The week.
    pub now: Figure,
    /// The one before.
    pub before: Figure,
}

/// The weekly feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week {
    /// A Monday.
    pub week: NaiveDate,
    /// Everything.
    pub all: Comparison,
    /// By cause.
    pub causes: Vec<Comparison>,
    /// By stage.
    pub stages: Vec<Comparison>,
    /// By product.
    pub products: Vec<Comparison>,
    /// By who served.
    pub agents: Vec<Comparison>,
    /// Bad reviews of the week without a cause.
    pub without_cause: i64,
    /// Deadlines that have passed and were not met.
    pub overdue: i64,
}

impl Figure {
    /// The share won back of those whose time is over, with its interval; `None` without any.
    pub fn won_back_rate(&self) -> Option<Estimate> {
        let count = |count| u64::try_from(count).ok();
        wilson(count(self.won_back)?, count(self.settled)?, Confidence::P95).ok()
    }
}

/// Lays two weeks side by side; the `limit` rows with most bad reviews, most in this week first.
pub fn compare(now: Vec<Figure>, before: Vec<Figure>, limit: usize) -> Vec<Comparison> {
    fn row<'a>(rows: &'a mut BTreeMap<String, Comparison>, key: &str) -> &'a mut Comparison {
        rows.entry(key.to_owned()).or_insert_with(|| {
            let empty = Figure { key: key.to_owned(), ..Figure::default() };
            Comparison { now: empty.clone(), before: empty }
        })
    }
    let mut rows: BTreeMap<String, Comparison> = BTreeMap::new();
    for figure in before {
        let row = row(&mut rows, &figure.key);
        row.before = figure;
    }
    for figure in now {
        let row = row(&mut rows, &figure.key);
        row.now = figure;
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    // Stable: rows that are alike stay in order of key.
    rows.sort_by_key(|row| {
        let bad = row.now.ever_bad + row.before.ever_bad;
        std::cmp::Reverse((bad, row.now.ever_bad, row.now.reviews))
    });
    rows.truncate(limit);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(key: &str, reviews: i64, ever_bad: i64) -> Figure {
        Figure { key: key.to_owned(), reviews, ever_bad, ..Figure::default() }
    }

    #[test]
    fn two_weeks_stand_side_by_side_even_where_one_has_nothing() {
        let now = vec![figure("new", 3, 1), figure("same", 9, 2)];
        let before = vec![figure("gone", 5, 5), figure("same", 4, 0)];
        let rows = compare(now, before, 20);
        let shown: Vec<_> =
            rows.iter().map(|row| (row.now.key.as_str(), row.now.reviews, row.before.reviews)).collect();
        assert_eq!(shown, [("gone", 0, 5), ("same", 9, 4), ("new", 3, 0)]);
        assert_eq!(compare(vec![figure("a", 1, 0), figure("b", 1, 1)], Vec::new(), 1)[0].now.key, "b");
    }

    /// Wilson's interval of 3 of 12: 8.9 to 53.2 %.
    #[test]
    fn the_share_won_back_has_an_interval_and_needs_a_denominator() {
        let figure = Figure { settled: 12, won_back: 3, ..Figure::default() };
        let rate = figure.won_back_rate().expect("a share");
        assert!((rate.value - 0.25).abs() < 1e-12);
        assert!((rate.interval.low - 0.089).abs() < 5e-4 && (rate.interval.high - 0.532).abs() < 5e-4);
        assert_eq!(Figure::default().won_back_rate(), None);
    }
}
