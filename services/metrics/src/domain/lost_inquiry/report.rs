//! Lost inquiries counted by reason, member level, product, account and kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::lost_inquiry::LossKind;
use crate::domain::lost_inquiry::catalogue::Catalogue;
use crate::domain::lost_inquiry::signal::Signal;

/// What a report is cut by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is what it is called")]
pub enum Dimension {
    Reason,
    MemberLevel,
    Product,
    Account,
    Kind,
}

/// Lost inquiries that are alike in every dimension asked for.
#[derive(Debug, Clone)]
pub struct Alike {
    /// The reason decided.
    pub decided: Option<String>,
    /// The surest rule.
    pub signal: Option<Signal>,
    /// Everything but the reason.
    pub key: RowKey,
    /// What they count.
    pub counts: Counts,
}

/// Where a row stands; dimensions that were not asked for are empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct RowKey {
    /// Decided, else suggested; empty if neither.
    pub reason: String,
    /// The customer's.
    pub member_level: String,
    /// What it was about.
    pub product: String,
    /// Who was asked.
    pub account: String,
    /// How far it came.
    pub kind: Option<LossKind>,
}

/// What a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Lost inquiries.
    pub lost: i64,
    /// Of those, decided.
    pub decided: i64,
    /// Of those, with a suggestion only.
    pub suggested: i64,
    /// Of those, paid after the window.
    pub later_paid: i64,
    /// Of unpaid orders and carts, in the smallest unit.
    pub amount: i64,
}

/// A row of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub key: RowKey,
    /// What it counts.
    pub counts: Counts,
    /// Of its member level: 0 is the highest.
    pub rank: usize,
}

/// Where rows stand in their order: by rank, then the most frequent first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReportCursor(usize, i64, RowKey);

impl ReportCursor {
    /// Of a row.
    pub fn of(row: &Row) -> Self {
        Self(row.rank, -row.counts.lost, row.key.clone())
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.decided += other.decided;
        self.suggested += other.suggested;
        self.later_paid += other.later_paid;
        self.amount += other.amount;
    }
}

/// All rows in their order, and everything together.
pub fn rows(alike: Vec<Alike>, catalogue: &Catalogue, by: &[Dimension]) -> (Vec<Row>, Counts) {
    let suggested = catalogue.suggested();
    let mut found: BTreeMap<RowKey, Counts> = BTreeMap::new();
    let mut total = Counts::default();
    for Alike { decided, signal, mut key, mut counts } in alike {
        let suggestion = signal.and_then(|signal| suggested.get(&signal)).copied();
        match (&decided, suggestion) {
            (Some(_), _) => counts.decided = counts.lost,
            (None, Some(_)) => counts.suggested = counts.lost,
            (None, None) => {}
        }
        if by.contains(&Dimension::Reason) {
            key.reason = decided.or_else(|| suggestion.map(str::to_owned)).unwrap_or_default();
        }
        total.add(&counts);
        found.entry(key).or_default().add(&counts);
    }
    let levels = &catalogue.content.member_levels;
    let rank = |key: &RowKey| match levels.iter().position(|level| *level == key.member_level) {
        _ if !by.contains(&Dimension::MemberLevel) => 0,
        Some(at) => at,
        None => levels.len() + usize::from(key.member_level.is_empty()),
    };
    let mut rows: Vec<Row> =
        found.into_iter().map(|(key, counts)| Row { rank: rank(&key), key, counts }).collect();
    rows.sort_by_key(ReportCursor::of);
    (rows, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(level: &str, decided: Option<&str>, signal: Option<Signal>, lost: i64) -> Alike {
        Alike {
            decided: decided.map(str::to_owned),
            signal,
            key: RowKey { member_level: level.to_owned(), ..RowKey::default() },
            counts: Counts { lost, amount: 10 * lost, ..Counts::default() },
        }
    }

    #[test]
    fn higher_levels_come_first_and_rows_add_up_to_the_total() {
        let mut catalogue = Catalogue::built_in();
        catalogue.content.member_levels = vec!["钻石".to_owned(), "金".to_owned()];
        let all = vec![
            alike("", None, None, 9),
            alike("铜", None, Some(Signal::CartLeft), 8),
            alike("金", None, Some(Signal::CartLeft), 1),
            alike("金", Some("hesitating"), Some(Signal::SlowReply), 2),
            alike("金", Some("stock"), None, 7),
            alike("钻石", None, Some(Signal::SlowReply), 1),
        ];
        let (rows, total) = rows(all, &catalogue, &[Dimension::MemberLevel, Dimension::Reason]);
        let seen: Vec<_> = rows
            .iter()
            .map(|row| {
                let Counts { lost, decided, suggested, .. } = row.counts;
                (row.key.member_level.as_str(), row.key.reason.as_str(), lost, decided, suggested)
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("钻石", "slow_reply", 1, 0, 1),
                ("金", "stock", 7, 7, 0),
                ("金", "hesitating", 3, 2, 1),
                ("铜", "hesitating", 8, 0, 8),
                ("", "", 9, 0, 0),
            ]
        );
        assert_eq!(total, Counts { lost: 28, decided: 9, suggested: 10, later_paid: 0, amount: 280 });
    }
}
