//! Figures by hour: those of conversations streamed from them, all others out of the slices by hour.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Date, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;
use runtime::identity::Scope;

use crate::domain::figure::{DayRange, FigureState, Figures, Filter, RowPlace, TradeFigures};
use crate::domain::hours::{HourRow, HourTally};
use crate::domain::maturity::Window;
use crate::domain::selection::Selection;
use crate::error::MetricsError;
use crate::store::explanations::{FACTS, FactsRow};
use crate::store::figure_rows::{Reader, spreads_of};
use crate::store::figure_sql::{DAY_STATES, key_sql, selecting};
use crate::store::figures::FigureQuery;
use crate::store::selection::{load_names, select};
use crate::store::settling::final_day;
use crate::store::{Result, Store, timelines, trade_figures};

impl Store {
    /// All figures by hour, sorted by key, day and hour. Days begin at `cut_over_hour`.
    pub async fn list_hour_figures(
        &self,
        scope: &Scope,
        query: &FigureQuery,
        cut_over_hour: u8,
    ) -> Result<Vec<Figures>> {
        let mut conn = self.pool.get().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| list(conn, scope, query, cut_over_hour).await)
            .await
    }
}

async fn list(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    query: &FigureQuery,
    cut_over_hour: u8,
) -> Result<Vec<Figures>> {
    let merchant = scope.merchant.as_str();
    let selection = select(conn, scope, query.range, query.group, &query.filter).await?;
    let sql = format!("SELECT {} AS key, {}", key_sql(query.group), *FACTS);
    let selected = selecting(&sql, merchant, &query.ruling, &query.filter, &selection, None);
    let mut tally = HourTally::new(cut_over_hour);
    let mut rows = selected.load_stream::<(KeyRow, FactsRow)>(conn).await?;
    while let Some((KeyRow { key }, row)) = rows.try_next().await? {
        let conversation = row.read()?;
        tally.add(&key, &conversation, &query.ruling.on(conversation.agent_day.day).rules);
    }
    drop(rows);
    let mut rows: BTreeMap<Place, (HourRow, TradeFigures)> =
        tally.into_rows().map(|(place, row)| (place, (row, TradeFigures::default()))).collect();
    let reader = Reader { merchant, query, selection: &selection };
    for ((key, day, hour), trade) in trade_figures::list_hours(conn, &reader).await? {
        let hours = HourTally::hours_after(cut_over_hour, hour);
        rows.entry((key, day, hours)).or_default().1 = trade;
    }
    let states = load_states(conn, scope, query).await?;
    let pending = timelines::is_pending(conn, merchant).await?;
    let keys: Vec<&str> = rows.keys().map(|(key, _, _)| key.as_str()).collect();
    let names: HashMap<_, _> = load_names(conn, merchant, query.group, &keys).await?.into_iter().collect();
    let figures = rows.into_iter().map(|((key, day, hours), (row, trade))| {
        let unknown = (true, [FigureState::Provisional; Window::ALL.len()]);
        let (open, states) = states.get(&day).copied().unwrap_or(unknown);
        let (spreads, within) = spreads_of(&row.histograms, &query.within_seconds);
        Figures {
            name: names.get(&key).cloned().unwrap_or_default(),
            place: RowPlace::Hour(day, hours),
            hour: Some(HourTally::clock_hour(cut_over_hour, hours)),
            days: DayRange { from: day, to: day },
            provisional: open,
            states,
            restatements: 0,
            sums: row.sums,
            active_accounts: row.active_accounts(),
            distinct_customers: None,
            spreads,
            within,
            trade: TradeFigures { is_cut: true, ..trade },
            pending,
            key,
        }
    });
    Ok(figures.collect())
}

/// Key, day and hours after its cut-over.
type Place = (String, NaiveDate, u8);
/// Whether a day is open, and how settled it is, by the position of each [`Window`].
type DayState = (bool, [FigureState; Window::ALL.len()]);

async fn load_states(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    query: &FigureQuery,
) -> Result<HashMap<NaiveDate, DayState>> {
    let sql = format!(
        "WITH {DAY_STATES}, ruled AS (SELECT *, windows % 1000 AS maturation, windows / 1000 % 1000 AS conversion_maturation, \
                windows / 1000000 AS refund_maturation \
            FROM unnest($3::date[], $4::date[], $12::int[]) AS v (first, last, windows)), \
         final AS ( \
            SELECT business_day, closed.business_day IS NULL AS open, ARRAY[{}] AS final_days \
            FROM knowledge k LEFT JOIN closed USING (business_day) \
            JOIN ruled v ON k.business_day BETWEEN v.first AND v.last) \
         SELECT business_day, open, final_days, (SELECT max(known_day) FROM day_knowledge k WHERE k.merchant_id = $1 \
            AND k.business_day = final.business_day) AS last_known FROM final",
        Window::ALL.map(final_day).join(", "),
    );
    let (filter, selection) = (Filter::default(), Selection::all());
    let rows = selecting(&sql, scope.merchant.as_str(), &query.ruling, &filter, &selection, None)
        .load::<StateRow>(conn)
        .await?;
    let state = |row: StateRow| {
        let mut states = [FigureState::Provisional; Window::ALL.len()];
        for (state, final_day) in states.iter_mut().zip(&row.final_days) {
            *state =
                FigureState::of(row.open, *final_day >= query.today, (row.last_known > *final_day).into());
        }
        (row.business_day, (row.open, states))
    };
    Ok(rows.into_iter().map(state).collect())
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    key: String,
}

#[derive(QueryableByName)]
struct StateRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Bool)]
    open: bool,
    /// By the position of each [`Window`].
    #[diesel(sql_type = Array<Date>)]
    final_days: Vec<NaiveDate>,
    #[diesel(sql_type = Date)]
    last_known: NaiveDate,
}
