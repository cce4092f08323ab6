//! Day facts added up: by group, by step or window, a page at a time. How they are read is in [`super::figure_rows`].

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use diesel_async::AsyncPgConnection;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};

use crate::domain::figure::{Cut, DayRange, Figures, Filter, Group, RowPlace, TradeFigures};
use crate::domain::ruling::Ruling;
use crate::domain::slice::Slices;
use crate::domain::sums::Sums;
use crate::error::MetricsError;
use crate::store::figure_rows::{Ends, Reader, SumsRow, window_step};
use crate::store::figure_sql::read_sums;
use crate::store::selection::{load_names, select};
use crate::store::settling::RowState;
use crate::store::{Result, Store, timelines, trade_figures};

/// Which figures.
#[derive(Debug, Clone)]
pub struct FigureQuery {
    /// Of these days; with windows, a range that holds them all.
    pub range: DayRange,
    /// Added up by this.
    pub group: Group,
    /// Cut like this.
    pub cut: Cut,
    /// Narrowed to these.
    pub filter: Filter,
    /// What rules each day of the range.
    pub ruling: Ruling,
    /// As known at the end of this day; `None` for all that is known.
    pub known_on: Option<NaiveDate>,
    /// The merchant's business day now.
    pub today: NaiveDate,
    /// Whether to count different customers too.
    pub distinct_customers: bool,
    /// For how many seconds to count the answers within them.
    pub within_seconds: Vec<i32>,
    /// Only these groups, first and last, for rows that are held against others.
    pub keys: Option<(String, String)>,
}

impl FigureQuery {
    /// The slices of sales that are asked for, if any.
    pub fn slices(&self) -> Option<Slices> {
        self.group.slices(&self.filter)
    }

    /// For sums alone, with all that is known.
    pub fn sums(
        range: DayRange,
        group: Group,
        cut: Cut,
        filter: Filter,
        ruling: Ruling,
        today: NaiveDate,
    ) -> Self {
        Self {
            range,
            group,
            cut,
            filter,
            ruling,
            known_on: None,
            today,
            distinct_customers: false,
            within_seconds: Vec::new(),
            keys: None,
        }
    }
}

/// The row that a page begins after: key, first day of the step or the window's stand-in, hours after the cut-over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FigureCursor(pub String, pub NaiveDate, pub u8);

/// The sums of a group in a step, without what takes histograms of conversations.
#[derive(Debug, Clone)]
pub struct FigureSums {
    /// The group's id.
    pub key: String,
    /// First day of the step.
    pub step: NaiveDate,
    /// What adds up of conversations.
    pub sums: Sums,
    /// What customers' timelines add up to.
    pub trade: TradeFigures,
    /// Whether a day of it is not closed.
    pub provisional: bool,
    /// Whether customers of the merchant wait to be counted.
    pub pending: bool,
}

impl FigureCursor {
    /// The cursor after a row.
    pub fn after(row: &Figures) -> Self {
        match row.place {
            RowPlace::Step(step) => Self(row.key.clone(), step, 0),
            RowPlace::Hour(day, hours) => Self(row.key.clone(), day, hours),
            RowPlace::Window(at) => Self(row.key.clone(), window_step(at), 0),
        }
    }
}

impl Store {
    /// The names of people or teams, as far as the directory knows them.
    pub async fn list_names(
        &self,
        scope: &Scope,
        group: Group,
        ids: &[&str],
    ) -> Result<Vec<(String, String)>> {
        let mut conn = self.pool.get().await?;
        load_names(&mut conn, scope.merchant.as_str(), group, ids).await
    }

    /// The sums of all groups and steps, sorted by key, then day. They come from one moment.
    pub async fn list_sums(&self, scope: &Scope, query: &FigureQuery) -> Result<Vec<FigureSums>> {
        let mut conn = self.pool.get().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| sums(conn, scope, query).await)
            .await
    }

    /// A page of figures, sorted by key, then day or window. What the page says comes from one moment.
    pub async fn list_figures(
        &self,
        scope: &Scope,
        query: &FigureQuery,
        page: &PageRequest<FigureCursor>,
    ) -> Result<Page<Figures>> {
        let mut conn = self.pool.get().await?;
        let figures = conn
            .build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| {
                list(conn, scope, query, page.after.as_ref(), page.limit()).await
            })
            .await?;
        Ok(page.page(figures, FigureCursor::after)?)
    }
}

async fn sums(conn: &mut AsyncPgConnection, scope: &Scope, query: &FigureQuery) -> Result<Vec<FigureSums>> {
    let merchant = scope.merchant.as_str();
    let selection = select(conn, scope, query.range, query.group, &query.filter).await?;
    let reader = Reader { merchant, query, selection: &selection };
    let rows = reader.sums(conn, None, i64::MAX).await?;
    let trade = trade_figures::list(conn, &reader, None, i64::MAX).await?;
    let pending = timelines::is_pending(conn, merchant).await?;
    let figures =
        merge(rows, trade).into_iter().map(|((key, step), (row, (trade, trade_state)))| FigureSums {
            key,
            step,
            provisional: trade_state.open || row.as_ref().is_some_and(|row| row.open),
            sums: row.map_or_else(|| reader.sums_of_slices(&trade), |row| read_sums(&row.sums)),
            trade,
            pending,
        });
    Ok(figures.collect())
}

/// What timelines say of a row, and how settled that is.
type TradeRow = (TradeFigures, RowState);
type Merged = BTreeMap<(String, NaiveDate), (Option<SumsRow>, TradeRow)>;

/// Rows of conversations and of timelines side by side, by key and step.
fn merge(rows: Vec<SumsRow>, trade: Vec<((String, NaiveDate), TradeRow)>) -> Merged {
    let mut merged = Merged::new();
    for (at, figures) in trade {
        merged.entry(at).or_default().1 = figures;
    }
    for row in rows {
        let at = (row.key.clone(), row.step);
        merged.entry(at).or_default().0 = Some(row);
    }
    merged
}

pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    query: &FigureQuery,
    after: Option<&FigureCursor>,
    limit: i64,
) -> Result<Vec<Figures>> {
    let merchant = scope.merchant.as_str();
    let selection = select(conn, scope, query.range, query.group, &query.filter).await?;
    let reader = Reader { merchant, query, selection: &selection };
    let rows = reader.sums(conn, after, limit).await?;
    let trade = trade_figures::list(conn, &reader, after, limit).await?;
    let pending = timelines::is_pending(conn, merchant).await?;
    // Diesel's own `first` would win on the vector.
    let (mut spreads, distinct) = match (rows.as_slice().first(), rows.as_slice().last()) {
        (Some(first), Some(last)) => {
            let page = Ends { first, last };
            let spreads = reader.spreads(conn, &page).await?;
            let distinct =
                if query.distinct_customers { reader.distinct(conn, &page).await? } else { HashMap::new() };
            (spreads, distinct)
        }
        _ => (HashMap::new(), HashMap::new()),
    };
    // Both lists are whole up to their last row, so the first rows of both together are whole too.
    let merged = merge(rows, trade);
    let keys: Vec<&str> = merged.keys().map(|(key, _)| key.as_str()).collect();
    let names: HashMap<_, _> = load_names(conn, merchant, query.group, &keys).await?.into_iter().collect();
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let figures = merged.into_iter().take(size).map(|(at, (row, (trade, trade_state)))| {
        let (place, days) = reader.place(at.1);
        let spread = spreads.remove(&at).unwrap_or_default();
        let mut state = trade_state;
        if let Some(row) = &row {
            state.add(&row.state());
        }
        // Whether a day was closed on the day asked about is not on record.
        let open = state.open && query.known_on.is_none();
        Figures {
            name: names.get(&at.0).cloned().unwrap_or_default(),
            days,
            place,
            hour: (query.group == Group::Hour).then(|| at.0.parse().ok()).flatten(),
            provisional: open,
            states: state.states(open),
            restatements: state.restatements,
            sums: row.as_ref().map_or_else(|| reader.sums_of_slices(&trade), |row| read_sums(&row.sums)),
            active_accounts: row.as_ref().map_or(0, |row| row.active),
            distinct_customers: query.distinct_customers.then(|| distinct.get(&at).copied().unwrap_or(0)),
            spreads: spread.ranks,
            within: spread.within,
            trade,
            pending,
            key: at.0,
        }
    });
    Ok(figures.collect())
}
