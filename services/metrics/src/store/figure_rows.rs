//! The rows of figures of conversations: sums, spreads and different customers of each group and step.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{Days, NaiveDate};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;

use crate::domain::figure::{Cut, DayRange, RowPlace, SpreadFigures, Step, TradeFigures, Within};
use crate::domain::histogram::Histogram;
use crate::domain::maturity::Window;
use crate::domain::part::Spread;
use crate::domain::selection::Selection;
use crate::domain::sums::{Sum, Sums};
use crate::domain::trade::TradeSum;
use crate::store::Result;
use crate::store::conversations::column;
use crate::store::day_facts::sum_column;
use crate::store::figure_sql::{
    ANY_SUM, DAY_STATES, FINAL_DAY, Query, SELECTED_JOINS, SELECTED_WHERE, SUM_ARRAY, key_sql, selecting,
};
use crate::store::figures::{FigureCursor, FigureQuery};
use crate::store::settling::RowState;

/// Windows are counted in days from here, so that a row's place is a date however it was cut.
const FIRST_WINDOW: NaiveDate = NaiveDate::from_ymd_opt(2000, 1, 1).expect("the first day of 2000 is a date");

/// The stand-in of a window.
pub(super) fn window_step(at: usize) -> NaiveDate {
    FIRST_WINDOW.checked_add_days(Days::new(at as u64)).unwrap_or(NaiveDate::MAX)
}

/// Where a row stands among those of its key, and its days, by the step that rows come with.
pub fn place(cut: &Cut, range: DayRange, step: NaiveDate) -> (RowPlace, DayRange) {
    match cut {
        Cut::Step(cut) => (RowPlace::Step(step), cut.row(step, range)),
        Cut::Windows(windows) => {
            let at = window_at(step);
            (RowPlace::Window(at), windows.get(at).copied().unwrap_or(range))
        }
    }
}

fn window_at(step: NaiveDate) -> usize {
    usize::try_from((step - FIRST_WINDOW).num_days()).unwrap_or(usize::MAX)
}

/// All sums as columns of the same names.
pub(super) static SUMS: LazyLock<String> = LazyLock::new(|| {
    let sum = |sum| format!("sum({0})::bigint AS {0}", sum_column(sum));
    Sum::ALL.into_iter().map(sum).collect::<Vec<_>>().join(", ")
});

/// Reads the rows of a query.
pub(super) struct Reader<'a> {
    pub merchant: &'a str,
    pub query: &'a FigureQuery,
    pub selection: &'a Selection,
}

/// The rows of a page, by their ends.
pub(super) struct Ends<'a> {
    pub first: &'a SumsRow,
    pub last: &'a SumsRow,
}

/// What the histograms of a row say.
#[derive(Default)]
pub(super) struct RowSpreads {
    pub ranks: Vec<SpreadFigures>,
    pub within: Vec<Within>,
}

pub(super) type ByRow<T> = HashMap<(String, NaiveDate), T>;

impl<'a> Reader<'a> {
    /// The selected rows of a day table with their key and step. Uses $14 and $15 for the windows.
    pub(super) fn rows(&self, table: &str) -> String {
        let key = key_sql(self.query.group);
        let (step, windows) = match &self.query.cut {
            Cut::Windows(_) => (
                "'2000-01-01'::date + (w.place - 1)::int",
                "JOIN unnest($14::date[], $15::date[]) WITH ORDINALITY AS w (from_day, to_day, place) \
                    ON f.business_day BETWEEN w.from_day AND w.to_day",
            ),
            Cut::Step(step) => (
                match step {
                    Step::Whole => "($3::date[])[1]",
                    Step::Day | Step::Hour => "f.business_day",
                    Step::Week => "date_trunc('week', f.business_day)",
                    Step::Month => "date_trunc('month', f.business_day)",
                    Step::Quarter => "date_trunc('quarter', f.business_day)",
                    Step::Year => "date_trunc('year', f.business_day)",
                },
                "",
            ),
        };
        format!(
            "SELECT {key} AS key, ({step})::date AS step, v.maturation, v.conversion_maturation, v.refund_maturation, f.* \
             FROM {table} f {SELECTED_JOINS} {windows} {SELECTED_WHERE} \
                AND cardinality($14::date[]) = cardinality($15::date[])"
        )
    }

    pub(super) fn selecting(&self, sql: &str) -> Query<'a> {
        let query = self.query;
        let windows: &[DayRange] = match &query.cut {
            Cut::Windows(windows) => windows,
            Cut::Step(_) => &[],
        };
        selecting(sql, self.merchant, &query.ruling, &query.filter, self.selection, query.known_on)
            .bind::<Array<Date>, _>(column(windows, |days| days.from))
            .bind::<Array<Date>, _>(column(windows, |days| days.to))
    }

    /// Where a row stands, and its days.
    pub(super) fn place(&self, step: NaiveDate) -> (RowPlace, DayRange) {
        place(&self.query.cut, self.query.range, step)
    }

    /// What of slices is told beside timelines: who was received, whom only hours know.
    pub(super) fn sums_of_slices(&self, trade: &TradeFigures) -> Sums {
        let mut sums = Sums::default();
        if trade.is_cut {
            sums[Sum::ReceivedCustomers] = trade.sums[TradeSum::ReceivedCustomers];
        }
        sums
    }

    /// Sums of conversations; slices have none.
    pub(super) async fn sums(
        &self,
        conn: &mut AsyncPgConnection,
        after: Option<&FigureCursor>,
        limit: i64,
    ) -> Result<Vec<SumsRow>> {
        if self.query.slices().is_some() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "WITH selected AS ({rows}), {DAY_STATES}, \
             by_account AS ( \
                SELECT key, step, account_id, bool_or(closed.business_day IS NULL) AS open, \
                    bool_or({FINAL_DAY} >= $16) AS maturing, \
                    count(*) FILTER (WHERE known_day > {FINAL_DAY} AND {any}) AS restatements, {sums} \
                FROM selected LEFT JOIN closed USING (business_day) LEFT JOIN knowledge USING (business_day) \
                WHERE ($17::text IS NULL OR (key, step) > ($17, $18)) \
                    AND ($20::text IS NULL OR key BETWEEN $20 AND $21) \
                GROUP BY key, step, account_id) \
             SELECT key, step, count(*) FILTER (WHERE {any}) AS active, bool_or(open) AS open, \
                bool_or(maturing) AS maturing, sum(restatements)::bigint AS restatements, {array} AS sums \
             FROM by_account GROUP BY key, step HAVING count(*) FILTER (WHERE {any}) > 0 \
             ORDER BY key, step LIMIT $19",
            rows = self.rows("day_facts"),
            sums = *SUMS,
            array = *SUM_ARRAY,
            any = *ANY_SUM,
        );
        Ok(self.after(&sql, after, limit).load::<SumsRow>(conn).await?)
    }

    /// Binds $16, the day from which it is seen, $17 and $18, the cursor, $19, the limit, $20 and $21, the keys.
    pub(super) fn after(&self, sql: &str, after: Option<&FigureCursor>, limit: i64) -> Query<'a> {
        // Figures as known on a day are what the day after would have shown.
        let today = self.query.known_on.and_then(|day| day.succ_opt()).unwrap_or(self.query.today);
        let (first_key, last_key) = self.query.keys.clone().unzip();
        self.selecting(sql)
            .bind::<Date, _>(today)
            .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.0.clone()))
            .bind::<Nullable<Date>, _>(after.map(|cursor| cursor.1))
            .bind::<BigInt, _>(limit)
            .bind::<Nullable<Text>, _>(first_key)
            .bind::<Nullable<Text>, _>(last_key)
    }

    /// Medians, 90th percentiles and shares within some seconds. The histograms come as a stream: a year of a large
    /// merchant is more than should lie in memory at once.
    pub(super) async fn spreads(
        &self,
        conn: &mut AsyncPgConnection,
        page: &Ends<'_>,
    ) -> Result<ByRow<RowSpreads>> {
        let sql = format!(
            "WITH selected AS ({}) \
             SELECT key, step, responses, first_responses, lengths FROM selected \
             WHERE (key, step) BETWEEN ($16, $17) AND ($18, $19)",
            self.rows("day_facts")
        );
        let mut totals: ByRow<[Histogram; Spread::ALL.len()]> = HashMap::new();
        let query = self.on_page(&sql, page);
        let mut rows = query.load_stream::<HistogramRow>(conn).await?;
        while let Some(row) = rows.try_next().await? {
            let damaged = |why| pg::Error::unreadable("day_facts", &row.key, why);
            let packed = [&row.responses, &row.first_responses, &row.lengths];
            let totals = totals.entry((row.key.clone(), row.step)).or_default();
            for (total, packed) in totals.iter_mut().zip(packed) {
                total.add_packed(packed).map_err(damaged)?;
            }
        }
        let of = |histograms| spreads_of(&histograms, &self.query.within_seconds);
        Ok(totals
            .into_iter()
            .map(|(row, histograms)| {
                let (ranks, within) = of(histograms);
                (row, RowSpreads { ranks, within })
            })
            .collect())
    }

    pub(super) async fn distinct(&self, conn: &mut AsyncPgConnection, page: &Ends<'_>) -> Result<ByRow<i64>> {
        let sql = format!(
            "WITH selected AS ({}) \
             SELECT r.key, r.step, count(DISTINCT c.customer_id) AS customers \
             FROM selected r JOIN day_customers c ON c.merchant_id = $1 AND c.agent_day_id = r.agent_day_id \
             WHERE (r.key, r.step) BETWEEN ($16, $17) AND ($18, $19) AND c.received > 0 \
             GROUP BY r.key, r.step",
            self.rows("day_facts")
        );
        let rows = self.on_page(&sql, page).load::<DistinctRow>(conn).await?;
        Ok(rows.into_iter().map(|row| ((row.key, row.step), row.customers)).collect())
    }

    fn on_page(&self, sql: &str, page: &Ends<'_>) -> Query<'a> {
        self.selecting(sql)
            .bind::<Text, _>(page.first.key.clone())
            .bind::<Date, _>(page.first.step)
            .bind::<Text, _>(page.last.key.clone())
            .bind::<Date, _>(page.last.step)
    }
}

/// What a row's histograms, in the order of [`Spread::ALL`], say.
pub(super) fn spreads_of(
    histograms: &[Histogram; Spread::ALL.len()],
    within_seconds: &[i32],
) -> (Vec<SpreadFigures>, Vec<Within>) {
    let ranks =
        Spread::ALL.into_iter().zip(histograms).filter_map(|(spread, h)| SpreadFigures::of(spread, h));
    let (rounds, first_rounds) =
        (&histograms[Spread::Response as usize], &histograms[Spread::FirstResponse as usize]);
    let within = within_seconds.iter().map(|seconds| Within::of(*seconds, rounds, first_rounds));
    (ranks.collect(), within.collect())
}

/// What the conversations of a row add up to, and how settled that is.
#[derive(QueryableByName)]
pub(super) struct SumsRow {
    #[diesel(sql_type = Text)]
    pub key: String,
    #[diesel(sql_type = Date)]
    pub step: NaiveDate,
    #[diesel(sql_type = BigInt)]
    pub active: i64,
    #[diesel(sql_type = Bool)]
    pub open: bool,
    #[diesel(sql_type = Bool)]
    pub maturing: bool,
    #[diesel(sql_type = BigInt)]
    pub restatements: i64,
    #[diesel(sql_type = Array<BigInt>)]
    pub sums: Vec<i64>,
}

impl SumsRow {
    /// All figures of conversations are of the usual window.
    pub(super) fn state(&self) -> RowState {
        let mut state = RowState { open: self.open, restatements: self.restatements, ..RowState::default() };
        state.maturing[Window::Usual as usize] = self.maturing;
        state.late[Window::Usual as usize] = self.restatements;
        state
    }
}

/// The columns in the order of [`Spread::ALL`].
#[derive(QueryableByName)]
struct HistogramRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Date)]
    step: NaiveDate,
    #[diesel(sql_type = Binary)]
    responses: Vec<u8>,
    #[diesel(sql_type = Binary)]
    first_responses: Vec<u8>,
    #[diesel(sql_type = Binary)]
    lengths: Vec<u8>,
}

#[derive(QueryableByName)]
struct DistinctRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Date)]
    step: NaiveDate,
    #[diesel(sql_type = BigInt)]
    customers: i64,
}
