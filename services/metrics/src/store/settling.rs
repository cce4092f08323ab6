//! How settled figures are, in SQL: each measure by its own window.

use std::sync::LazyLock;

use crate::domain::figure::FigureState;
use crate::domain::maturity::Window;
use crate::domain::trade::{TradeSpread, TradeSum};
use crate::domain::trade_measure::{Below, TradeMeasure};

/// The last day whose knowledge is in the final figures of a window, like [`super::figure_sql::FINAL_DAY`].
pub(super) fn final_day(window: Window) -> String {
    let column = match window {
        Window::Usual => "maturation",
        Window::Conversions => "conversion_maturation",
        Window::Refunds => "refund_maturation",
    };
    format!("greatest(business_day + {column}, coalesce(first_known, business_day))")
}

/// Sums that measures of a window are made of; activity is of the usual one.
fn sums_of(window: Window) -> impl Iterator<Item = TradeSum> {
    let uses = move |sum: TradeSum| {
        TradeMeasure::ALL.into_iter().filter(move |measure| measure.window() == window).any(|measure| {
            let formula = measure.formula();
            formula.plus == sum || formula.minus == Some(sum) || formula.below == Below::Sum(sum)
        })
    };
    TradeSum::ALL.into_iter().filter(move |sum| uses(*sum))
}

/// Whether a row of trade days changes any figure of a window.
pub(super) fn changes(window: Window, with_counts: bool) -> String {
    let mut conditions: Vec<String> = sums_of(window).map(|sum| format!("{} <> 0", sum.column())).collect();
    if with_counts && window == Window::Usual {
        conditions.extend(TradeSpread::ALL.map(|spread| format!("{} <> ''", spread.column())));
    }
    format!("({})", conditions.join(" OR "))
}

/// The same of an array of sums in the order of [`TradeSum::ALL`].
pub(super) static SUMS_CHANGE: LazyLock<[String; Window::ALL.len()]> = LazyLock::new(|| {
    Window::ALL.map(|window| {
        let conditions: Vec<_> =
            sums_of(window).map(|sum| format!("sums[{}] <> 0", sum as usize + 1)).collect();
        format!("({})", conditions.join(" OR "))
    })
});

/// How settled a row is, as far as one of the tables tells.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowState {
    pub open: bool,
    /// By the position of each [`Window`]; so is `late`.
    pub maturing: [bool; Window::ALL.len()],
    pub late: [i64; Window::ALL.len()],
    pub restatements: i64,
}

impl RowState {
    pub fn add(&mut self, other: &Self) {
        self.open |= other.open;
        self.maturing.iter_mut().zip(other.maturing).for_each(|(mine, theirs)| *mine |= theirs);
        self.late.iter_mut().zip(other.late).for_each(|(mine, theirs)| *mine += theirs);
        self.restatements += other.restatements;
    }

    /// By the position of each [`Window`].
    pub fn states(&self, open: bool) -> [FigureState; Window::ALL.len()] {
        Window::ALL.map(|window| {
            let at = window as usize;
            FigureState::of(open, self.maturing[at], self.late[at])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sum_belongs_to_a_window_and_windows_stand_at_their_places() {
        for sum in TradeSum::ALL {
            assert!(Window::ALL.into_iter().any(|window| sums_of(window).any(|s| s == sum)), "{sum:?}");
        }
        assert!(Window::ALL.into_iter().enumerate().all(|(at, window)| window as usize == at));
        let refunds: Vec<_> = sums_of(Window::Refunds).map(TradeSum::column).collect();
        assert_eq!(
            refunds,
            ["paid_orders", "paid_amount", "refunded_amount", "refunded_orders", "returned_orders"]
        );
    }
}
