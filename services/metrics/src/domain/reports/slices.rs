//! The parts of a report's sales by product and category: the largest by name, all others together, so that they add up.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use pg::page::PageRequest;
use runtime::identity::Scope;

use crate::domain::asking::AskFigures;
use crate::domain::figure::{DayRange, FigureState, Figures, Group};
use crate::domain::report::document::{Group as GroupLines, Line, Rest};
use crate::domain::slice::Aspect;
use crate::domain::trade::TradeSum;
use crate::domain::{Metrics, Result};
use crate::store::FigureCursor;

/// By what sales are cut.
pub(super) const ASPECTS: [(Group, Aspect); 2] =
    [(Group::Product, Aspect::Product), (Group::Category, Aspect::Category)];
/// How many stand by name at most.
const NAMED_MAX: usize = 20;
/// Rows read at once.
const PAGE: i32 = 1_000;

/// Reads the slices of the days and of those before, by one aspect; `None` if nothing was sold in either.
pub(super) async fn read(
    metrics: &Metrics,
    scope: &Scope,
    ask: impl Fn(DayRange) -> AskFigures,
    (aspect, by): (Aspect, &str),
    (days, before): (DayRange, DayRange),
) -> Result<Option<GroupLines>> {
    let mut now = Largest::new(days);
    each_page(metrics, scope, &ask(days), |rows| now.take(rows)).await?;
    let mut previous = Same::new(&now, before);
    each_page(metrics, scope, &ask(before), |rows| previous.take(rows)).await?;
    if now.is_empty() && previous.is_empty() {
        return Ok(None);
    }
    let line = |row: &Figures| Line::of_slice(row, aspect);
    let rest = (now.others + previous.others > 0).then(|| Rest {
        count: now.others,
        now: line(&now.rest),
        previous: line(&previous.rest),
    });
    let lines = |rows: Vec<Figures>| rows.iter().map(line).collect();
    let previous_rows = now.named().map(|row| previous.row(row)).collect();
    Ok(Some(GroupLines {
        by: by.to_owned(),
        now: lines(now.named().cloned().collect()),
        previous: lines(previous_rows),
        rest,
    }))
}

async fn each_page(
    metrics: &Metrics,
    scope: &Scope,
    ask: &AskFigures,
    mut take: impl FnMut(Vec<Figures>),
) -> Result<()> {
    let mut token = String::new();
    loop {
        let page: PageRequest<FigureCursor> = PageRequest::parse(PAGE, &token, "report slices")?;
        let found = metrics.get_figures(scope, ask, &page).await?.figures;
        take(found.items);
        if found.next_page_token.is_empty() {
            return Ok(());
        }
        token = found.next_page_token;
    }
}

/// What was paid, then ordered, then left in carts, the most first; then the id.
fn rank(row: &Figures) -> (Reverse<[i64; 3]>, &str) {
    let sums = &row.trade.sums;
    let amounts = [TradeSum::PaidAmount, TradeSum::OrderedAmount, TradeSum::CartAmount].map(|sum| sums[sum]);
    (Reverse(amounts), &row.key)
}

/// The largest rows, and what all others add up to. What has no name is none of them: it stands by itself.
struct Largest {
    rows: Vec<Figures>,
    nameless: Option<Figures>,
    rest: Figures,
    others: i64,
}

impl Largest {
    fn new(days: DayRange) -> Self {
        let rest = Figures::nothing(String::new(), String::new(), days);
        Self { rows: Vec::new(), nameless: None, rest, others: 0 }
    }

    fn take(&mut self, rows: Vec<Figures>) {
        for row in rows {
            if row.key.is_empty() { self.nameless = Some(row) } else { self.rows.push(row) }
        }
        self.rows.sort_by(|a, b| rank(a).cmp(&rank(b)));
        // Whatever isn't among the largest of some rows isn't among those of all.
        for row in self.rows.split_off(self.rows.len().min(NAMED_MAX)) {
            self.rest.add_slice(&row);
            self.others += 1;
        }
    }

    fn named(&self) -> impl Iterator<Item = &Figures> {
        self.rows.iter().chain(&self.nameless)
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.nameless.is_none()
    }
}

/// The rows of other days that have the same names, and what all others add up to.
struct Same {
    rows: BTreeMap<String, Option<Figures>>,
    days: DayRange,
    rest: Figures,
    others: i64,
}

impl Same {
    fn new(now: &Largest, days: DayRange) -> Self {
        let rows = now.named().map(|row| (row.key.clone(), None)).collect();
        let rest = Figures::nothing(String::new(), String::new(), days);
        Self { rows, days, rest, others: 0 }
    }

    fn take(&mut self, rows: Vec<Figures>) {
        for row in rows {
            match self.rows.get_mut(&row.key) {
                Some(same) => *same = Some(row),
                None => {
                    self.rest.add_slice(&row);
                    self.others += 1;
                }
            }
        }
    }

    /// What the row is held against.
    fn row(&self, now: &Figures) -> Figures {
        let found = self.rows.get(&now.key).cloned().flatten();
        found.unwrap_or_else(|| Figures::nothing(now.key.clone(), now.name.clone(), self.days))
    }

    fn is_empty(&self) -> bool {
        self.others == 0 && self.rows.values().all(Option::is_none)
    }
}

impl Figures {
    /// Adds another slice of the same days; together they are as settled as the less settled of them.
    fn add_slice(&mut self, other: &Self) {
        self.trade.sums += &other.trade.sums;
        self.restatements += other.restatements;
        self.provisional |= other.provisional;
        self.pending |= other.pending;
        for (mine, theirs) in self.states.iter_mut().zip(other.states) {
            *mine = match (*mine, theirs) {
                (FigureState::Provisional, _) | (_, FigureState::Provisional) => FigureState::Provisional,
                (FigureState::Restated, _) | (_, FigureState::Restated) => FigureState::Restated,
                (FigureState::Final, FigureState::Final) => FigureState::Final,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::maturity::Window;
    use crate::domain::testing::figures;

    fn row(key: &str, paid: i64) -> Figures {
        let mut row = Figures { key: key.to_owned(), ..figures() };
        row.trade.sums[TradeSum::PaidAmount] = paid;
        row.trade.sums[TradeSum::OrderedUnits] = 1;
        row.states = [FigureState::Final; Window::ALL.len()];
        row
    }

    fn paid(row: &Figures) -> i64 {
        row.trade.sums[TradeSum::PaidAmount]
    }

    #[test]
    fn the_largest_stand_by_name_and_all_others_add_up() {
        let all: Vec<Figures> = (0..50).map(|at| row(&format!("p{at:02}"), (at * 37) % 50)).collect();
        let mut largest = Largest::new(figures().days);
        for page in all.chunks(7) {
            largest.take(page.to_vec());
        }
        largest.take(vec![row("", 1_000)]);
        let named: Vec<i64> = largest.named().map(paid).collect();
        let expected: Vec<i64> = (30..50).rev().chain([1_000]).collect();
        assert_eq!(named, expected, "what has no name comes last, whatever it is worth");
        assert_eq!((largest.others, paid(&largest.rest)), (30, (0..30).sum::<i64>()));
        assert_eq!(largest.rest.trade.sums[TradeSum::OrderedUnits], 30);
    }

    #[test]
    fn the_days_before_are_cut_by_the_same_names() {
        let mut largest = Largest::new(figures().days);
        largest.take(vec![row("a", 3), row("b", 2), row("", 1)]);
        let mut same = Same::new(&largest, figures().days);
        let mut restated = row("c", 5);
        restated.states[Window::Refunds as usize] = FigureState::Restated;
        same.take(vec![row("b", 7), restated, row("d", 9)]);
        let rows: Vec<(String, i64)> =
            largest.named().map(|row| same.row(row)).map(|row| (row.key.clone(), paid(&row))).collect();
        assert_eq!(rows, [("a".to_owned(), 0), ("b".to_owned(), 7), (String::new(), 0)]);
        assert_eq!((same.others, paid(&same.rest)), (2, 14));
        assert_eq!(same.rest.state(Window::Refunds), FigureState::Restated);
        assert_eq!(same.rest.state(Window::Usual), FigureState::Final);
    }

    #[test]
    fn equal_amounts_are_told_apart_by_their_ids() {
        let mut largest = Largest::new(figures().days);
        largest.take(vec![row("b", 1), row("a", 1)]);
        assert_eq!(largest.named().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(!largest.is_empty() && Largest::new(figures().days).is_empty());
    }
}
