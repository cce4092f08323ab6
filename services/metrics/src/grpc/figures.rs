//! The answer of `GetFigures`: rows with what rules them, what they are held against, how they spread.

use chrono::NaiveDate;
use proto::metrics::v1 as pb;

use super::encode;
use crate::domain::asking::FigurePage;
use crate::domain::figure::{Figures, RowPlace};
use crate::domain::money::Currency;
use crate::domain::ruling::Ruling;
use crate::domain::summary::Summary;

/// A page as an answer. `windows` are those that were asked for, `last` is the last day: the definition that rules it stands for all.
pub(super) fn answer(
    page: FigurePage,
    windows: &[pb::Window],
    last: NaiveDate,
    currency: &Currency,
) -> pb::GetFiguresResponse {
    let FigurePage { ruling, figures: rows, comparisons, summaries } = page;
    let comparison = |comparison| encode::comparison(comparison, &rows.items[comparison.row], currency);
    let comparisons = comparisons.iter().map(comparison).collect();
    let summaries = summaries.into_iter().map(|one| summary(one, windows)).collect();
    let figures = rows.items.into_iter().map(|row| figures(row, &ruling, windows, currency)).collect();
    pb::GetFiguresResponse {
        figures,
        definition: Some(encode::definition(ruling.on(last).clone())),
        next_page_token: rows.next_page_token,
        ruled: encode::ruled_days(&ruling),
        comparisons,
        summaries,
    }
}

fn summary(summary: Summary, windows: &[pb::Window]) -> pb::FiguresSummary {
    let label = label(summary.place, windows);
    encode::summary(summary, label)
}

fn figures(row: Figures, ruling: &Ruling, windows: &[pb::Window], currency: &Currency) -> pb::Figures {
    let (definition_versions, label) = (ruling.versions(row.days), label(row.place, windows));
    pb::Figures { definition_versions, label, ..encode::figures(row, currency) }
}

/// What the caller calls the row's window; empty for other rows.
fn label(place: RowPlace, windows: &[pb::Window]) -> String {
    match place {
        RowPlace::Window(at) => windows.get(at).map(|window| window.label.clone()).unwrap_or_default(),
        RowPlace::Step(_) | RowPlace::Hour(..) => String::new(),
    }
}
