//! Trade days added up: by group, by step, a page at a time.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;

use crate::domain::contribution::{BucketCounts, change};
use crate::domain::figure::TradeFigures;
use crate::domain::maturity::Window;
use crate::domain::slice::sliced;
use crate::domain::trade::{TradeSpread, TradeSum, TradeSums};
use crate::store::Result;
use crate::store::figure_rows::{ByRow, Reader};
use crate::store::figure_sql::{DAY_STATES, FINAL_DAY};
use crate::store::figures::FigureCursor;
use crate::store::settling::{RowState, changes, final_day};
use crate::store::trade_days::CountsRow;

/// All sums as one array, in the order of [`TradeSum::ALL`].
pub(super) static SUMS: LazyLock<String> = LazyLock::new(|| {
    let sums: Vec<_> =
        TradeSum::ALL.into_iter().map(|sum| format!("sum({})::bigint", sum.column())).collect();
    format!("ARRAY[{}]", sums.join(", "))
});

/// The same of slices, which have some of them.
static SLICE_SUMS: LazyLock<String> = LazyLock::new(|| {
    let sum = |sum: TradeSum| match sliced().any(|s| s == sum) {
        true => format!("sum({})::bigint", sum.column()),
        false => "0::bigint".to_owned(),
    };
    let sums: Vec<_> = TradeSum::ALL.into_iter().map(sum).collect();
    format!("ARRAY[{}]", sums.join(", "))
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
    let mut counted = if reader.query.slices().is_some() {
        HashMap::new()
    } else {
        count(conn, reader, (first, last)).await?
    };
    let figures = rows.into_iter().map(|row| {
        let state = row.state();
        let at = (row.key, row.step);
        let mut figures = counted.remove(&at).unwrap_or_default();
        figures.sums = read_sums(&row.sums);
        (at, (figures, state))
    });
    Ok(figures.collect())
}

/// Which table.
enum Source {
    Days,
    Slices,
}

/// The first rows of `selected`. Conversations tell of their own rows whether a day is closed; slices have none beside
/// them, and so tell it themselves.
fn list_sql(selected: &str, source: &Source) -> String {
    let has = |sum| matches!(source, Source::Days) || sliced().any(|s| s == sum);
    let (sums, open, chatted) = match source {
        Source::Days => (SUMS.clone(), "changed_day IS NOT NULL", ""),
        Source::Slices => (
            SLICE_SUMS.clone(),
            "changed_day IS NOT NULL OR (chatted_day IS NOT NULL AND closed.business_day IS NULL)",
            "LEFT JOIN closed USING (business_day) LEFT JOIN ( \
                SELECT DISTINCT business_day AS chatted_day FROM day_facts WHERE merchant_id = $1 \
                    AND definition_seq = ANY ($2) \
                    AND business_day BETWEEN ($3::date[])[1] AND ($4::date[])[cardinality($4::date[])]) AS chatted \
                ON chatted_day = selected.business_day",
        ),
    };
    let late = Window::ALL.map(|window| {
        let changes = changes(window, has, matches!(source, Source::Days));
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
         SELECT key, step, business_day, shop_id, account_id, order_handling_times, after_sale_handling_times, active_hours \
         FROM selected WHERE (key, step) BETWEEN ($16, $17) AND ($18, $19) \
         ORDER BY business_day, shop_id, account_id",
        reader.rows("trade_days")
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
            let counts = &counts[spread as usize];
            match spread {
                TradeSpread::ActiveHour => {
                    counts.iter().for_each(|(hour, by)| change(&mut total.hours, *hour, *by));
                }
                TradeSpread::OrderHandling => {
                    counts.iter().for_each(|(bucket, by)| total.figures.order_handling.change(*bucket, *by));
                }
                TradeSpread::AfterSaleHandling => {
                    counts
                        .iter()
                        .for_each(|(bucket, by)| total.figures.after_sale_handling.change(*bucket, *by));
                }
            }
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
