//! `trade_days`: what counted customers add and take away.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Binary, Date, Integer, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::contribution::{BucketCounts, Gift, Place, change, pack_counts, unpack_counts};
use crate::domain::trade::{TradeSpread, TradeSum};
use crate::store::Result;
use crate::store::conversations::column;

/// An account's day in a shop under one definition; ordered as the rows are locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TradeDayKey {
    pub place: Place,
    pub shop: String,
}

/// What changes, by day.
pub(super) type Changes = BTreeMap<TradeDayKey, Gift>;

/// Adds changes, as known on a day. The rows are locked in the order of their keys; a locked row also guards its counts
/// by bucket, so that those can be worked out here.
pub(super) async fn apply(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    known_day: NaiveDate,
    changes: &Changes,
) -> Result<()> {
    let changes: Vec<(&TradeDayKey, &Gift)> =
        changes.iter().filter(|(_, change)| change.changes_days()).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let stored = upsert(conn, merchant, known_day, &changes).await?;
    let mut rows = Vec::new();
    for (key, gift) in changes.iter().filter(|(_, gift)| gift.counts.iter().any(|counts| !counts.is_empty()))
    {
        let mut counts = stored.get(*key).cloned().unwrap_or_default();
        for (counts, by) in counts.iter_mut().zip(&gift.counts) {
            by.iter().for_each(|(bucket, by)| change(counts, *bucket, *by));
        }
        rows.push((*key, counts.map(|counts| pack_counts(&counts))));
    }
    update_counts(conn, merchant, known_day, &rows).await
}

type Counts = [BucketCounts; TradeSpread::ALL.len()];

/// Adds the sums, which locks the rows, and gives their counts by bucket as they were.
async fn upsert(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    known_day: NaiveDate,
    changes: &[(&TradeDayKey, &Gift)],
) -> Result<HashMap<TradeDayKey, Counts>> {
    static UPSERT: LazyLock<String> = LazyLock::new(upsert_sql);
    let mut query = diesel::sql_query(UPSERT.as_str())
        .into_boxed::<Pg>()
        .bind::<Text, _>(merchant)
        .bind::<Date, _>(known_day)
        .bind::<Array<Integer>, _>(column(changes, |(key, _)| key.place.definition_seq))
        .bind::<Array<Date>, _>(column(changes, |(key, _)| key.place.day))
        .bind::<Array<Text>, _>(column(changes, |(key, _)| key.shop.as_str()))
        .bind::<Array<Text>, _>(column(changes, |(key, _)| key.place.account.as_str()));
    for sum in TradeSum::ALL {
        query = query.bind::<Array<BigInt>, _>(column(changes, |(_, gift)| gift.sums[sum]));
    }
    let mut stored = HashMap::new();
    for row in query.load::<TradeDayRow>(conn).await? {
        let counts = row.counts.read(&row.account_id)?;
        let place =
            Place { definition_seq: row.definition_seq, day: row.business_day, account: row.account_id };
        stored.insert(TradeDayKey { place, shop: row.shop_id }, counts);
    }
    Ok(stored)
}

fn upsert_sql() -> String {
    let columns: Vec<_> = TradeSum::ALL.into_iter().map(TradeSum::column).collect();
    let parameters: Vec<_> = (0..columns.len()).map(|at| format!("${}::bigint[]", at + 7)).collect();
    let values: Vec<_> = columns.iter().map(|column| format!("n.{column}")).collect();
    let adds: Vec<_> =
        columns.iter().map(|column| format!("{column} = f.{column} + excluded.{column}")).collect();
    let (columns, parameters) = (columns.join(", "), parameters.join(", "));
    format!(
        "INSERT INTO trade_days AS f (merchant_id, definition_seq, business_day, shop_id, account_id, known_day, {columns}) \
         SELECT $1, n.seq, n.day, n.shop, n.account, $2, {} \
         FROM unnest($3::int[], $4::date[], $5::text[], $6::text[], {parameters}) \
            WITH ORDINALITY AS n (seq, day, shop, account, {columns}, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT trade_days_pkey DO UPDATE SET {} \
         RETURNING definition_seq, business_day, shop_id, account_id, {}",
        values.join(", "),
        adds.join(", "),
        TradeSpread::ALL.map(TradeSpread::column).join(", "),
    )
}

async fn update_counts(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    known_day: NaiveDate,
    rows: &[(&TradeDayKey, [Vec<u8>; TradeSpread::ALL.len()])],
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    // The rows are there and locked. A conflict looks each up by its key; an update that joins the list could be planned over
    // all days of the merchant.
    static UPDATE: LazyLock<String> = LazyLock::new(|| {
        let columns = TradeSpread::ALL.map(TradeSpread::column);
        let parameters: Vec<_> = (0..columns.len()).map(|at| format!("${}::bytea[]", at + 7)).collect();
        format!(
            "INSERT INTO trade_days (merchant_id, known_day, definition_seq, business_day, shop_id, account_id, {}) \
             SELECT $1, $2, * FROM unnest($3::int[], $4::date[], $5::text[], $6::text[], {}) \
             ON CONFLICT ON CONSTRAINT trade_days_pkey DO UPDATE SET {}",
            columns.join(", "),
            parameters.join(", "),
            columns.map(|column| format!("{column} = excluded.{column}")).join(", "),
        )
    });
    let mut query = diesel::sql_query(UPDATE.as_str())
        .into_boxed::<Pg>()
        .bind::<Text, _>(merchant)
        .bind::<Date, _>(known_day)
        .bind::<Array<Integer>, _>(column(rows, |(key, _)| key.place.definition_seq))
        .bind::<Array<Date>, _>(column(rows, |(key, _)| key.place.day))
        .bind::<Array<Text>, _>(column(rows, |(key, _)| key.shop.as_str()))
        .bind::<Array<Text>, _>(column(rows, |(key, _)| key.place.account.as_str()));
    for spread in TradeSpread::ALL {
        query =
            query.bind::<Array<Binary>, _>(column(rows, |(_, counts)| counts[spread as usize].as_slice()));
    }
    query.execute(conn).await?;
    Ok(())
}

#[derive(QueryableByName)]
struct TradeDayRow {
    #[diesel(sql_type = Integer)]
    definition_seq: i32,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(embed)]
    counts: CountsRow,
}

/// The columns in the order of [`TradeSpread::ALL`].
#[derive(QueryableByName)]
pub(super) struct CountsRow {
    #[diesel(sql_type = Binary)]
    order_handling_times: Vec<u8>,
    #[diesel(sql_type = Binary)]
    after_sale_handling_times: Vec<u8>,
    #[diesel(sql_type = Binary)]
    active_hours: Vec<u8>,
    #[diesel(sql_type = Binary)]
    money_refund_times: Vec<u8>,
    #[diesel(sql_type = Binary)]
    return_times: Vec<u8>,
}

impl CountsRow {
    /// By the position of each [`TradeSpread`].
    pub(super) fn read(&self, account: &str) -> Result<Counts, pg::Error> {
        let unpack =
            |bytes| unpack_counts(bytes).map_err(|why| pg::Error::unreadable("trade_days", account, why));
        Ok([
            unpack(&self.order_handling_times)?,
            unpack(&self.after_sale_handling_times)?,
            unpack(&self.active_hours)?,
            unpack(&self.money_refund_times)?,
            unpack(&self.return_times)?,
        ])
    }
}
