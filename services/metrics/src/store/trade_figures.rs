//! Trade days added up: by group, by step, a page at a time.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;

use crate::domain::contribution::{BucketCounts, change};
use crate::domain::figure::{Filter, Group, TradeFigures};
use crate::domain::maturity::Window;
use crate::domain::selection::Selection;
use crate::domain::slice::Aspect;
use crate::domain::trade::{TradeSpread, TradeSum, TradeSums};
use crate::store::Result;
use crate::store::figure_rows::{ByRow, Reader};
use crate::store::figure_sql::{DAY_STATES, FINAL_DAY};
use crate::store::figures::{FigureCursor, FigureQuery};
use crate::store::settling::{RowState, changes, final_day};
use crate::store::trade_days::CountsRow;

/// All sums as one array, in the order of [`TradeSum::ALL`].
pub(super) static SUMS: LazyLock<String> = LazyLock::new(|| {
    let sum = |sum: TradeSum| format!("coalesce(sum({}), 0)::bigint", sum.column());
    format!("ARRAY[{}]", TradeSum::ALL.map(sum).join(", "))
});

/// The first rows after a cursor that say anything, by key and step, with how settled they are.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    reader: &Reader<'_>,
    after: Option<&FigureCursor>,
    limit: i64,
) -> Result<Vec<((String, NaiveDate), (TradeFigures, RowState))>> {
    let rows = match reader.query.slices() {
        None => {
            // Facts may come of days without a conversation, which nobody closes: a day is open while something waits
            // for it.
            let sql = list_sql(&reader.rows("trade_days"), &Source::Days);
            reader.after(&sql, after, limit).load::<SumsRow>(conn).await?
        }
        Some(slices) => {
            let selected = format!(
                "{} AND f.aspect = {} AND (cardinality($22::text[]) = 0 OR f.item = ANY ($22))",
                reader.rows("trade_slices"),
                slices.aspect as i16
            );
            let sql = list_sql(&selected, &Source::Slices);
            reader
                .after(&sql, after, limit)
                .bind::<Array<Text>, _>(slices.items)
                .load::<SumsRow>(conn)
                .await?
        }
    };
    let (Some(first), Some(last)) = (rows.as_slice().first(), rows.as_slice().last()) else {
        return Ok(Vec::new());
    };
    let is_cut = reader.query.slices().is_some();
    let mut counted = if is_cut { HashMap::new() } else { count(conn, reader, (first, last)).await? };
    let is_all = after.is_none() && reader.query.keys.is_none() && (rows.len() as i64) < limit;
    let whole_paid = WholePaid::of_rows(conn, reader, &rows, is_all).await?;
    let figures = rows.into_iter().map(|row| {
        let state = row.state();
        let at = (row.key, row.step);
        let counted = counted.remove(&at).unwrap_or_default();
        let sums = read_sums(&row.sums);
        let whole_paid = whole_paid.of(reader.query.group, &at, &sums);
        let figures = TradeFigures { sums, whole_paid, is_cut, ..counted };
        (at, (figures, state))
    });
    Ok(figures.collect())
}

/// What was paid in all in the shops of a query, whoever got the credit.
pub(super) enum WholePaid {
    /// Slices have none, nor who doesn't see all of it.
    Hidden,
    /// What each row was paid.
    OfRow,
    /// By step, of shops by shop too.
    BySteps(ByRow<i64>),
}

impl WholePaid {
    /// Of the first rows of a query; `is_all` if there are no others.
    async fn of_rows(
        conn: &mut AsyncPgConnection,
        reader: &Reader<'_>,
        rows: &[SumsRow],
        is_all: bool,
    ) -> Result<Self> {
        let Filter { accounts, persons, teams, .. } = &reader.query.filter;
        let is_whole = accounts.is_empty() && persons.is_empty() && teams.is_empty();
        if !is_whole || !reader.selection.sees_all || reader.query.slices().is_some() {
            return Self::read(conn, reader).await;
        }
        match reader.query.group {
            Group::Shop | Group::Merchant => Ok(Self::OfRow),
            // All rows of a step together are the whole.
            _ if is_all => {
                let mut steps = ByRow::new();
                for row in rows {
                    let paid = read_sums(&row.sums)[TradeSum::PaidAmount];
                    *steps.entry((String::new(), row.step)).or_default() += paid;
                }
                Ok(Self::BySteps(steps))
            }
            _ => Self::read(conn, reader).await,
        }
    }

    /// Whatever rows there are.
    pub async fn read(conn: &mut AsyncPgConnection, reader: &Reader<'_>) -> Result<Self> {
        if reader.query.slices().is_some() || !reader.selection.sees_all {
            return Ok(Self::Hidden);
        }
        let query = FigureQuery {
            group: if reader.query.group == Group::Shop { Group::Shop } else { Group::Merchant },
            filter: Filter { shops: reader.query.filter.shops.clone(), ..Filter::default() },
            ..reader.query.clone()
        };
        let reader = Reader { merchant: reader.merchant, query: &query, selection: &Selection::all() };
        let sql = format!(
            "WITH selected AS ({}) \
             SELECT key, step, coalesce(sum(paid_amount), 0)::bigint AS paid FROM selected GROUP BY key, step",
            reader.rows("trade_days")
        );
        let rows = reader.selecting(&sql).load::<PaidRow>(conn).await?;
        Ok(Self::BySteps(rows.into_iter().map(|row| ((row.key, row.step), row.paid)).collect()))
    }

    fn of(&self, group: Group, (key, step): &(String, NaiveDate), sums: &TradeSums) -> Option<i64> {
        match self {
            Self::Hidden => None,
            Self::OfRow => Some(sums[TradeSum::PaidAmount]),
            Self::BySteps(steps) => {
                let key = if group == Group::Shop { key.clone() } else { String::new() };
                Some(steps.get(&(key, *step)).copied().unwrap_or(0))
            }
        }
    }

    /// Over all steps, where there is no row that could say it.
    pub fn total(&self) -> Option<i64> {
        match self {
            Self::Hidden => None,
            Self::OfRow => Some(0),
            Self::BySteps(steps) => Some(steps.values().sum()),
        }
    }
}

/// What falls to each hour of the clock of each day, by key, day and hour.
pub(super) async fn list_hours(
    conn: &mut AsyncPgConnection,
    reader: &Reader<'_>,
) -> Result<Vec<((String, NaiveDate, u8), TradeFigures)>> {
    let sql = format!(
        "WITH selected AS ({} AND f.aspect = {}) \
         SELECT key, step, item, {} AS sums FROM selected GROUP BY key, step, item",
        reader.rows("trade_slices"),
        Aspect::Hour as i16,
        *SUMS,
    );
    let rows = reader.selecting(&sql).load::<HourRow>(conn).await?;
    let hour = |row: HourRow| {
        let sums = read_sums(&row.sums);
        let hour =
            row.item.parse::<u8>().map_err(|why| pg::Error::unreadable("trade_slices", &row.key, why))?;
        Ok(((row.key, row.step, hour), TradeFigures { sums, is_cut: true, ..TradeFigures::default() }))
    };
    let hours: Vec<_> = rows.into_iter().map(hour).collect::<Result<_, pg::Error>>()?;
    Ok(hours.into_iter().filter(|(_, figures)| figures.sums != TradeSums::default()).collect())
}

/// Which table.
enum Source {
    Days,
    Slices,
}

/// The first rows of `selected`. Conversations tell of their own rows whether a day is closed; slices have none beside
/// them, and so tell it themselves.
fn list_sql(selected: &str, source: &Source) -> String {
    let (open, chatted) = match source {
        Source::Days => ("changed_day IS NOT NULL", ""),
        Source::Slices => (
            "changed_day IS NOT NULL OR (chatted_day IS NOT NULL AND closed.business_day IS NULL)",
            "LEFT JOIN closed USING (business_day) LEFT JOIN ( \
                SELECT DISTINCT business_day AS chatted_day FROM day_facts WHERE merchant_id = $1 \
                    AND definition_seq = ANY ($2) \
                    AND business_day BETWEEN ($3::date[])[1] AND ($4::date[])[cardinality($4::date[])]) AS chatted \
                ON chatted_day = selected.business_day",
        ),
    };
    let late = Window::ALL.map(|window| {
        let changes = changes(window, matches!(source, Source::Days));
        format!("(known_day > {} AND {changes})", final_day(window))
    });
    // What became known of an account's day in both tables is one change, which the other one counts.
    let told = match source {
        Source::Days => format!(
            " AND NOT (known_day > {FINAL_DAY} AND EXISTS (SELECT FROM day_facts d \
                WHERE d.merchant_id = $1 AND d.definition_seq = selected.definition_seq \
                    AND d.business_day = selected.business_day AND d.shop_id = selected.shop_id \
                    AND d.account_id = selected.account_id AND d.known_day = selected.known_day))"
        ),
        Source::Slices => String::new(),
    };
    let late_counts = late.clone().map(|late| format!("count(*) FILTER (WHERE {late})"));
    let maturing = Window::ALL.map(|window| format!("bool_or({} >= $16)", final_day(window)));
    format!(
        "WITH selected AS ({selected}), {DAY_STATES}, \
         changed AS (SELECT DISTINCT business_day AS changed_day FROM day_changes WHERE merchant_id = $1), \
         summed AS (SELECT key, step, bool_or({open}) AS open, ARRAY[{}] AS maturing, ARRAY[{}] AS late, \
                count(*) FILTER (WHERE ({}){told}) AS restatements, {sums} AS sums \
            FROM selected LEFT JOIN knowledge USING (business_day) LEFT JOIN changed ON changed_day = business_day \
            {chatted} \
            WHERE ($17::text IS NULL OR (key, step) > ($17, $18)) AND ($20::text IS NULL OR key BETWEEN $20 AND $21) \
            GROUP BY key, step) \
         SELECT key, step, open, maturing, late, restatements, sums FROM summed \
         WHERE EXISTS (SELECT FROM unnest(sums) AS sum WHERE sum <> 0) \
         ORDER BY key, step LIMIT $19",
        maturing.join(", "),
        late_counts.join(", "),
        late.join(" OR "),
        sums = *SUMS,
    )
}

/// Adds up the counts by bucket. They come as a stream, an account's day in a shop after the other.
async fn count(
    conn: &mut AsyncPgConnection,
    reader: &Reader<'_>,
    (first, last): (&SumsRow, &SumsRow),
) -> Result<ByRow<TradeFigures>> {
    let sql = format!(
        "WITH selected AS ({}) \
         SELECT key, step, business_day, shop_id, account_id, {} \
         FROM selected WHERE (key, step) BETWEEN ($16, $17) AND ($18, $19) \
         ORDER BY business_day, shop_id, account_id",
        reader.rows("trade_days"),
        TradeSpread::ALL.map(TradeSpread::column).join(", "),
    );
    let rows = reader
        .selecting(&sql)
        .bind::<Text, _>(first.key.clone())
        .bind::<Date, _>(first.step)
        .bind::<Text, _>(last.key.clone())
        .bind::<Date, _>(last.step);
    let mut totals: ByRow<Total> = HashMap::new();
    let mut rows = rows.load_stream::<DayRow>(conn).await?;
    while let Some(row) = rows.try_next().await? {
        let counts = row.counts.read(&row.account_id)?;
        let total = totals.entry((row.key, row.step)).or_default();
        let day = (row.business_day, row.shop_id, row.account_id);
        if total.day.as_ref() != Some(&day) {
            total.close_day();
            total.day = Some(day);
        }
        for spread in TradeSpread::ALL {
            let (counts, figures) = (&counts[spread as usize], &mut total.figures);
            let histogram = match spread {
                TradeSpread::ActiveHour => {
                    counts.iter().for_each(|(hour, by)| change(&mut total.hours, *hour, *by));
                    continue;
                }
                TradeSpread::OrderHandling => &mut figures.order_handling,
                TradeSpread::AfterSaleHandling => &mut figures.after_sale_handling,
                TradeSpread::MoneyRefund => &mut figures.money_refunds,
                TradeSpread::Return => &mut figures.returns,
            };
            counts.iter().for_each(|(bucket, by)| histogram.change(*bucket, *by));
        }
    }
    Ok(totals.into_iter().map(|(row, total)| (row, total.finish())).collect())
}

/// Sums in the order of [`TradeSum::ALL`].
pub(super) fn read_sums(columns: &[i64]) -> TradeSums {
    let mut sums = TradeSums::default();
    for (sum, value) in TradeSum::ALL.into_iter().zip(columns) {
        sums[sum] = *value;
    }
    sums
}

/// A row's counts, and the account's day that is being read.
#[derive(Default)]
struct Total {
    figures: TradeFigures,
    day: Option<(NaiveDate, String, String)>,
    hours: BucketCounts,
}

impl Total {
    /// An hour is active if any change of the day leaves something in it, so it is known when the day is over.
    fn close_day(&mut self) {
        let hours = std::mem::take(&mut self.hours);
        self.figures.activity.hours += hours.len() as i64;
        self.figures.activity.days += i64::from(!hours.is_empty());
    }

    fn finish(mut self) -> TradeFigures {
        self.close_day();
        self.figures
    }
}

#[derive(QueryableByName)]
struct PaidRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Date)]
    step: NaiveDate,
    #[diesel(sql_type = BigInt)]
    paid: i64,
}

#[derive(QueryableByName)]
struct HourRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Date)]
    step: NaiveDate,
    #[diesel(sql_type = Text)]
    item: String,
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
}

#[derive(QueryableByName)]
struct SumsRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Date)]
    step: NaiveDate,
    #[diesel(sql_type = Bool)]
    open: bool,
    #[diesel(sql_type = Array<Bool>)]
    maturing: Vec<bool>,
    #[diesel(sql_type = Array<BigInt>)]
    late: Vec<i64>,
    #[diesel(sql_type = BigInt)]
    restatements: i64,
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
}

impl SumsRow {
    fn state(&self) -> RowState {
        let mut state = RowState { open: self.open, restatements: self.restatements, ..RowState::default() };
        state.maturing.iter_mut().zip(&self.maturing).for_each(|(mine, of_row)| *mine = *of_row);
        state.late.iter_mut().zip(&self.late).for_each(|(mine, of_row)| *mine = *of_row);
        state
    }
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Date)]
    step: NaiveDate,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(embed)]
    counts: CountsRow,
}
