//! Trade days added up: by group, by step, a page at a time.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;

use crate::domain::contribution::{BucketCounts, change};
use crate::domain::figure::TradeFigures;
use crate::domain::selection::Selection;
use crate::domain::trade::{TradeSpread, TradeSum};
use crate::store::Result;
use crate::store::figures::{ByRow, FigureCursor, FigureQuery, key_and_step, selecting};
use crate::store::trade_days::CountsRow;

/// All sums as one array, in the order of [`TradeSum::ALL`].
static SUMS: LazyLock<String> = LazyLock::new(|| {
    let sums: Vec<_> =
        TradeSum::ALL.into_iter().map(|sum| format!("sum({})::bigint", sum.column())).collect();
    format!("ARRAY[{}]", sums.join(", "))
});

/// The same condition as for day facts; see `figures::SELECTED` for the parameters.
const SELECTED: &str = "FROM trade_days f \
     LEFT JOIN unnest($7::text[], $8::date[], $9::date[], $10::text[]) AS s (account_id, from_day, to_day, key) \
        ON s.account_id = f.account_id AND f.business_day BETWEEN s.from_day AND s.to_day \
     WHERE f.merchant_id = $1 AND f.definition_seq = $2 AND f.business_day BETWEEN $3 AND $4 \
        AND (cardinality($5::text[]) = 0 OR f.account_id = ANY ($5)) \
        AND (cardinality($6::text[]) = 0 OR f.shop_id = ANY ($6)) \
        AND ($11 OR s.account_id IS NOT NULL)";

/// The first rows after a cursor that say anything, by key and step.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    query: &FigureQuery,
    selection: &Selection,
    after: Option<&FigureCursor>,
    limit: i64,
) -> Result<Vec<((String, NaiveDate), TradeFigures)>> {
    let sql = format!(
        "WITH selected AS (SELECT {}, f.* {SELECTED}), \
         summed AS (SELECT key, step, {} AS sums FROM selected \
            WHERE $12::text IS NULL OR (key, step) > ($12, $13) GROUP BY key, step) \
         SELECT key, step, sums FROM summed WHERE EXISTS (SELECT FROM unnest(sums) AS sum WHERE sum <> 0) \
         ORDER BY key, step LIMIT $14",
        key_and_step(query),
        *SUMS
    );
    let rows = selecting(&sql, merchant, query.definition_seq, query.range, &query.filter, selection)
        .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.0.clone()))
        .bind::<Nullable<Date>, _>(after.map(|cursor| cursor.1))
        .bind::<BigInt, _>(limit)
        .load::<SumsRow>(conn)
        .await?;
    let (Some(first), Some(last)) = (rows.as_slice().first(), rows.as_slice().last()) else {
        return Ok(Vec::new());
    };
    let mut counted = count(conn, merchant, query, selection, (first, last)).await?;
    let figures = rows.into_iter().map(|row| {
        let at = (row.key, row.step);
        let mut figures = counted.remove(&at).unwrap_or_default();
        for (sum, value) in TradeSum::ALL.into_iter().zip(row.sums) {
            figures.sums[sum] = value;
        }
        (at, figures)
    });
    Ok(figures.collect())
}

/// Adds up the counts by bucket. They come as a stream, an account's day in a shop after the other.
async fn count(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    query: &FigureQuery,
    selection: &Selection,
    (first, last): (&SumsRow, &SumsRow),
) -> Result<ByRow<TradeFigures>> {
    let sql = format!(
        "WITH selected AS (SELECT {}, f.* {SELECTED}) \
         SELECT key, step, business_day, shop_id, account_id, order_handling_times, after_sale_handling_times, active_hours \
         FROM selected WHERE (key, step) BETWEEN ($12, $13) AND ($14, $15) \
         ORDER BY business_day, shop_id, account_id",
        key_and_step(query)
    );
    let rows = selecting(&sql, merchant, query.definition_seq, query.range, &query.filter, selection)
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
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
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
