//! `trade_slices` and `products`: what of sales falls to which product, category and hour, and what products are called.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Date, Integer, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::fact::Body;
use crate::domain::slice::{Slice, is_sliced_since_the_first};
use crate::domain::timeline::History;
use crate::domain::trade::{TradeSum, TradeSums};
use crate::store::Result;
use crate::store::conversations::column;
use crate::store::trade_days::{Changes, TradeDayKey};

/// Adds the slices of changes, as known on a day. The rows are locked in the order of their keys.
pub(super) async fn apply(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    known_day: NaiveDate,
    changes: &Changes,
) -> Result<()> {
    static UPSERT: LazyLock<String> = LazyLock::new(upsert_sql);
    let rows: Vec<(&TradeDayKey, &Slice, &TradeSums)> = changes
        .iter()
        .flat_map(|(key, gift)| gift.slices.iter().map(move |(slice, sums)| (key, slice, sums)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let mut query = diesel::sql_query(UPSERT.as_str())
        .into_boxed::<Pg>()
        .bind::<Text, _>(merchant)
        .bind::<Date, _>(known_day)
        .bind::<Array<Integer>, _>(column(&rows, |(key, ..)| key.place.definition_seq))
        .bind::<Array<Date>, _>(column(&rows, |(key, ..)| key.place.day))
        .bind::<Array<Text>, _>(column(&rows, |(key, ..)| key.shop.as_str()))
        .bind::<Array<Text>, _>(column(&rows, |(key, ..)| key.place.account.as_str()))
        .bind::<Array<SmallInt>, _>(column(&rows, |(_, slice, _)| slice.aspect as i16))
        .bind::<Array<Text>, _>(column(&rows, |(_, slice, _)| slice.item.as_str()));
    for sum in TradeSum::ALL {
        query = query.bind::<Array<BigInt>, _>(column(&rows, |(.., sums)| sums[sum]));
    }
    query.execute(conn).await?;
    Ok(())
}

fn upsert_sql() -> String {
    let columns = TradeSum::ALL.map(TradeSum::column);
    let parameters: Vec<_> = (0..columns.len()).map(|at| format!("${}::bigint[]", at + 9)).collect();
    // The columns that came later are NULL where there is nothing.
    let value = |sum: TradeSum| match is_sliced_since_the_first(sum) {
        true => format!("n.{}", sum.column()),
        false => format!("nullif(n.{}, 0)", sum.column()),
    };
    let add = |sum: TradeSum| {
        let column = sum.column();
        match is_sliced_since_the_first(sum) {
            true => format!("{column} = f.{column} + excluded.{column}"),
            false => {
                format!("{column} = nullif(coalesce(f.{column}, 0) + coalesce(excluded.{column}, 0), 0)")
            }
        }
    };
    let (values, adds) = (TradeSum::ALL.map(value), TradeSum::ALL.map(add));
    let (columns, parameters) = (columns.join(", "), parameters.join(", "));
    format!(
        "INSERT INTO trade_slices AS f \
            (merchant_id, definition_seq, business_day, shop_id, account_id, aspect, item, known_day, {columns}) \
         SELECT $1, n.seq, n.day, n.shop, n.account, n.aspect, n.item, $2, {} \
         FROM unnest($3::int[], $4::date[], $5::text[], $6::text[], $7::smallint[], $8::text[], {parameters}) \
            WITH ORDINALITY AS n (seq, day, shop, account, aspect, item, {columns}, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT trade_slices_pkey DO UPDATE SET {}",
        values.join(", "),
        adds.join(", "),
    )
}

/// What products are called, by shop and id.
#[derive(Default)]
pub(super) struct Titles(BTreeMap<ProductKey, Title>);

/// The shop and the product's id.
type ProductKey = (String, String);
/// When it was told, and what it is.
type Title = (DateTime<Utc>, String);

impl Titles {
    /// Notes what the orders of a customer of the shop call their products.
    pub fn note(&mut self, shop: &str, history: &History) {
        for fact in history.facts() {
            let Body::Order(order) = &fact.body else { continue };
            for line in order.lines.iter().filter(|line| !line.title.is_empty()) {
                let told = (fact.occurred_at, line.title.clone());
                let last =
                    self.0.entry((shop.to_owned(), line.product.clone())).or_insert_with(|| told.clone());
                if *last < told {
                    *last = told;
                }
            }
        }
    }

    /// Writes the titles that are news. Products whose title is known are only read, so that counters seldom wait here.
    pub async fn write(&self, conn: &mut AsyncPgConnection, merchant: &str) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let told: Vec<(&ProductKey, &Title)> = self.0.iter().collect();
        let known = diesel::sql_query(
            "SELECT n.place::bigint AS place, p.title, p.told_at \
             FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS n (shop, product, place) \
             JOIN products p ON p.merchant_id = $1 AND p.product_id = n.product AND p.shop_id = n.shop",
        )
        .bind::<Text, _>(merchant)
        .bind::<Array<Text>, _>(column(&told, |((shop, _), _)| shop.as_str()))
        .bind::<Array<Text>, _>(column(&told, |((_, product), _)| product.as_str()))
        .load::<ProductRow>(conn)
        .await?;
        let known: BTreeMap<i64, ProductRow> = known.into_iter().map(|row| (row.place, row)).collect();
        let is_news = |(place, (_, (told_at, title))): &(i64, (_, &Title))| {
            known.get(place).is_none_or(|known| known.title != *title && known.told_at < *told_at)
        };
        let news: Vec<_> = (1..).zip(told).filter(is_news).map(|(_, told)| told).collect();
        if news.is_empty() {
            return Ok(());
        }
        diesel::sql_query(
            "INSERT INTO products AS p (merchant_id, shop_id, product_id, title, told_at) \
             SELECT $1, n.shop, n.product, n.title, n.told_at \
             FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[]) WITH ORDINALITY \
                AS n (shop, product, title, told_at, place) ORDER BY n.place \
             ON CONFLICT ON CONSTRAINT products_pkey DO UPDATE SET title = excluded.title, told_at = excluded.told_at \
             WHERE p.told_at < excluded.told_at",
        )
        .bind::<Text, _>(merchant)
        .bind::<Array<Text>, _>(column(&news, |((shop, _), _)| shop.as_str()))
        .bind::<Array<Text>, _>(column(&news, |((_, product), _)| product.as_str()))
        .bind::<Array<Text>, _>(column(&news, |(_, (_, title))| title.as_str()))
        .bind::<Array<Timestamptz>, _>(column(&news, |(_, (told_at, _))| *told_at))
        .execute(conn)
        .await?;
        Ok(())
    }
}

#[derive(QueryableByName)]
struct ProductRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Timestamptz)]
    told_at: DateTime<Utc>,
}
