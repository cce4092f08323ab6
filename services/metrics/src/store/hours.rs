//! Figures by hour, streamed from the conversations.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Bool, Date, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;
use runtime::identity::Scope;

use crate::domain::figure::{DayRange, FigureState, Figures, Filter, RowPlace, TradeFigures};
use crate::domain::hours::HourTally;
use crate::domain::maturity::Window;
use crate::domain::selection::Selection;
use crate::error::MetricsError;
use crate::store::explanations::{FACTS, FactsRow};
use crate::store::figure_rows::spreads_of;
use crate::store::figure_sql::{DAY_STATES, FINAL_DAY, key_sql, selecting};
use crate::store::figures::FigureQuery;
use crate::store::selection::{load_names, select};
use crate::store::{Result, Store};

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
    let states = load_states(conn, scope, query).await?;
    let rows: Vec<_> = tally.into_rows().collect();
    let keys: Vec<&str> = rows.iter().map(|((key, _, _), _)| key.as_str()).collect();
    let names: HashMap<_, _> = load_names(conn, merchant, query.group, &keys).await?.into_iter().collect();
    let figures = rows.into_iter().map(|((key, day, hours), row)| {
        let (open, state) = states.get(&day).copied().unwrap_or((true, FigureState::Provisional));
        let (spreads, within) = spreads_of(&row.histograms, &query.within_seconds);
        Figures {
            name: names.get(&key).cloned().unwrap_or_default(),
            place: RowPlace::Hour(day, hours),
            hour: Some(HourTally::clock_hour(cut_over_hour, hours)),
            days: DayRange { from: day, to: day },
            provisional: open,
            // By hour there are figures of conversations only.
            states: [state; Window::ALL.len()],
            restatements: 0,
            sums: row.sums,
            active_accounts: row.active_accounts(),
            distinct_customers: None,
            spreads,
            within,
            trade: TradeFigures::default(),
            pending: false,
            key,
        }
    });
    Ok(figures.collect())
}

/// Whether each day is open, and how settled it is.
async fn load_states(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    query: &FigureQuery,
) -> Result<HashMap<NaiveDate, (bool, FigureState)>> {
    let sql = format!(
        "WITH {DAY_STATES}, ruled AS (SELECT *, windows % 1000 AS maturation FROM unnest($3::date[], $4::date[], $12::int[]) AS v (first, last, windows)), \
         final AS ( \
            SELECT business_day, closed.business_day IS NULL AS open, {FINAL_DAY} AS final_day \
            FROM knowledge k LEFT JOIN closed USING (business_day) \
            JOIN ruled v ON k.business_day BETWEEN v.first AND v.last) \
         SELECT business_day, open, final_day, EXISTS (SELECT FROM day_knowledge k WHERE k.merchant_id = $1 \
            AND k.business_day = final.business_day AND k.known_day > final.final_day) AS restated FROM final",
    );
    let (filter, selection) = (Filter::default(), Selection { spans: Vec::new(), others: true });
    let rows = selecting(&sql, scope.merchant.as_str(), &query.ruling, &filter, &selection, None)
        .load::<StateRow>(conn)
        .await?;
    let state = |row: StateRow| {
        let state = FigureState::of(row.open, row.final_day >= query.today, row.restated.into());
        (row.business_day, (row.open, state))
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
    #[diesel(sql_type = Date)]
    final_day: NaiveDate,
    #[diesel(sql_type = Bool)]
    restated: bool,
}
