//! `customers`, `purchases` and `lost_inquiries`: what follows of each customer besides figures, put as a whole by the
//! counter of timelines whenever it says something else.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Date, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use sha2::{Digest, Sha256};

use crate::domain::customer::profile::{Profile, Purchase, Risk};
use crate::domain::lost_inquiry::Loss;
use crate::domain::lost_inquiry::signal::Signal;
use crate::domain::portrait::Portrait;
use crate::error::MetricsError;
use crate::store::conversations::column;
use crate::store::timelines::Customer;
use crate::store::{Result, Store, json_of};

/// Customers worked out anew for the mere passing of time, at once.
const LOOK_AGAIN_MAX: i64 = 1_000;

/// A customer and what follows of them; `None`: nothing is known any more.
pub(super) type Portrayed<'a> = (&'a Customer, Option<Portrait>);

/// Puts the portraits that say something else than those of before. The customers' timelines are locked.
pub(super) async fn write(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    portrayed: &[Portrayed<'_>],
) -> Result<()> {
    let stored = list_hashes(conn, merchant, portrayed).await?;
    let mut replaced: Vec<&Customer> = Vec::new();
    let mut put: Vec<(&Customer, &Portrait, [u8; 32])> = Vec::new();
    for (at, (customer, portrait)) in portrayed.iter().enumerate() {
        let hash = portrait.as_ref().map(content_hash).transpose()?;
        if hash.as_ref().map(|hash| &hash[..]) == stored.get(&at).map(Vec::as_slice) {
            continue;
        }
        // Of whom there is no hash there is no row.
        if stored.contains_key(&at) {
            replaced.push(customer);
        }
        put.extend(portrait.as_ref().zip(hash).map(|(portrait, hash)| (*customer, portrait, hash)));
    }
    delete(conn, merchant, &replaced).await?;
    insert_customers(conn, merchant, &put).await?;
    let purchases: Vec<(&Customer, &Purchase)> =
        put.iter().flat_map(|(customer, p, _)| p.purchases.iter().map(|one| (*customer, one))).collect();
    insert_purchases(conn, merchant, &purchases).await?;
    let losses: Vec<&Loss> = put.iter().flat_map(|(_, portrait, _)| &portrait.losses).collect();
    insert_losses(conn, merchant, &losses).await
}

async fn delete(conn: &mut AsyncPgConnection, merchant: &str, customers: &[&Customer]) -> Result<()> {
    if customers.is_empty() {
        return Ok(());
    }
    for table in ["customers", "purchases", "lost_inquiries"] {
        let sql = format!(
            "DELETE FROM {table} t USING unnest($2::text[], $3::text[]) AS n (shop, customer) \
             WHERE t.merchant_id = $1 AND t.shop_id = n.shop AND t.customer_id = n.customer"
        );
        diesel::sql_query(sql)
            .bind::<Text, _>(merchant)
            .bind::<Array<Text>, _>(column(customers, |customer| customer.shop.as_str()))
            .bind::<Array<Text>, _>(column(customers, |customer| customer.id.as_str()))
            .execute(conn)
            .await?;
    }
    Ok(())
}

fn content_hash(portrait: &Portrait) -> Result<[u8; 32]> {
    let bytes = serde_json::to_vec(portrait).map_err(|why| pg::Error::Internal(why.into()))?;
    Ok(Sha256::digest(bytes).into())
}

/// What was put before, by the customers' places.
async fn list_hashes(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    portrayed: &[Portrayed<'_>],
) -> Result<HashMap<usize, Vec<u8>>> {
    // The limit makes it look each customer up.
    let rows = diesel::sql_query(
        "SELECT n.place::bigint AS place, c.content_hash \
         FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS n (shop, customer, place) \
         CROSS JOIN LATERAL (SELECT content_hash FROM customers \
            WHERE merchant_id = $1 AND shop_id = n.shop AND customer_id = n.customer LIMIT 1) AS c",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(column(portrayed, |(customer, _)| customer.shop.as_str()))
    .bind::<Array<Text>, _>(column(portrayed, |(customer, _)| customer.id.as_str()))
    .load::<HashRow>(conn)
    .await?;
    let place = |row: &HashRow| usize::try_from(row.place - 1).unwrap_or(usize::MAX);
    Ok(rows.into_iter().map(|row| (place(&row), row.content_hash)).collect())
}

async fn insert_customers(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    put: &[(&Customer, &Portrait, [u8; 32])],
) -> Result<()> {
    if put.is_empty() {
        return Ok(());
    }
    let risks: Vec<RiskColumns> = put.iter().map(|(_, p, _)| RiskColumns::of(p.profile.risk)).collect();
    let profile = |value: fn(&Profile) -> i32| column(put, |(_, portrait, _)| value(&portrait.profile));
    let text = |value: for<'p> fn(&'p Profile) -> &'p str| {
        put.iter().map(|(_, portrait, _)| value(&portrait.profile)).collect::<Vec<&str>>()
    };
    let days = |value: fn(&Profile) -> Option<NaiveDate>| {
        put.iter().map(|(_, portrait, _)| value(&portrait.profile)).collect::<Vec<_>>()
    };
    diesel::sql_query(
        "INSERT INTO customers (merchant_id, shop_id, customer_id, content_hash, tier, member_level, account_id, account_day, \
            first_seen, last_seen, last_paid, orders, net_amount, months, orders_ever, risk, risk_since, \
            risk_usual_gap_days, risk_limit_days, rules_version, look_again_day) \
         SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bytea[], $5::smallint[], $6::text[], $7::text[], $8::date[], \
            $9::date[], $10::date[], $11::date[], $12::int[], $13::bigint[], $14::int[], $15::int[], $16::smallint[], \
            $17::date[], $18::int[], $19::int[], $20::int[], $21::date[])",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(column(put, |(customer, ..)| customer.shop.as_str()))
    .bind::<Array<Text>, _>(column(put, |(customer, ..)| customer.id.as_str()))
    .bind::<Array<Binary>, _>(column(put, |(_, _, hash)| hash.as_slice()))
    .bind::<Array<SmallInt>, _>(column(put, |(_, portrait, _)| portrait.profile.tier as i16))
    .bind::<Array<Text>, _>(text(|p| &p.member_level))
    .bind::<Array<Text>, _>(text(|p| &p.account))
    .bind::<Array<Date>, _>(column(put, |(_, portrait, _)| portrait.profile.account_day))
    .bind::<Array<Date>, _>(column(put, |(_, portrait, _)| portrait.profile.first_seen))
    .bind::<Array<Date>, _>(column(put, |(_, portrait, _)| portrait.profile.last_seen))
    .bind::<Array<Nullable<Date>>, _>(days(|p| p.last_paid))
    .bind::<Array<Integer>, _>(profile(|p| p.orders))
    .bind::<Array<BigInt>, _>(column(put, |(_, portrait, _)| portrait.profile.net_amount))
    .bind::<Array<Integer>, _>(profile(|p| p.months))
    .bind::<Array<Integer>, _>(profile(|p| p.orders_ever))
    .bind::<Array<SmallInt>, _>(column(&risks, |risk| risk.kind))
    .bind::<Array<Nullable<Date>>, _>(column(&risks, |risk| risk.since))
    .bind::<Array<Integer>, _>(column(&risks, |risk| risk.usual_gap_days))
    .bind::<Array<Integer>, _>(column(&risks, |risk| risk.limit_days))
    .bind::<Array<Integer>, _>(profile(|p| p.rules_version))
    .bind::<Array<Nullable<Date>>, _>(days(|p| p.look_again))
    .execute(conn)
    .await?;
    Ok(())
}

/// A risk as its columns have it.
#[derive(Default)]
struct RiskColumns {
    kind: i16,
    since: Option<NaiveDate>,
    usual_gap_days: i32,
    limit_days: i32,
}

impl RiskColumns {
    fn of(risk: Option<Risk>) -> Self {
        match risk {
            None => Self::default(),
            Some(Risk::Overdue { since, usual_gap_days, limit_days }) => {
                Self { kind: OVERDUE, since: Some(since), usual_gap_days, limit_days }
            }
            Some(Risk::Grievance { since }) => {
                Self { kind: GRIEVANCE, since: Some(since), ..Self::default() }
            }
        }
    }
}

/// Numbers of kinds of risk in rows.
pub(super) const OVERDUE: i16 = 1;
/// See [`OVERDUE`].
pub(super) const GRIEVANCE: i16 = 2;

async fn insert_purchases(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    purchases: &[(&Customer, &Purchase)],
) -> Result<()> {
    if purchases.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO purchases (merchant_id, shop_id, customer_id, order_id, paid_day, account_id, net_amount) \
         SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::date[], $6::text[], $7::bigint[])",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(column(purchases, |(customer, _)| customer.shop.as_str()))
    .bind::<Array<Text>, _>(column(purchases, |(customer, _)| customer.id.as_str()))
    .bind::<Array<Text>, _>(column(purchases, |(_, purchase)| purchase.order.as_str()))
    .bind::<Array<Date>, _>(column(purchases, |(_, purchase)| purchase.paid_day))
    .bind::<Array<Text>, _>(column(purchases, |(_, purchase)| purchase.account.as_str()))
    .bind::<Array<BigInt>, _>(column(purchases, |(_, purchase)| purchase.net_amount))
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_losses(conn: &mut AsyncPgConnection, merchant: &str, losses: &[&Loss]) -> Result<()> {
    if losses.is_empty() {
        return Ok(());
    }
    let evidence: Vec<serde_json::Value> =
        losses.iter().map(|loss| json_of(&loss.evidence)).collect::<Result<_>>()?;
    diesel::sql_query(
        "INSERT INTO lost_inquiries (merchant_id, business_day, account_id, shop_id, customer_id, kind, channel, \
            conversation_id, asked_at, window_ends, member_level, product_id, order_id, amount, later_paid_day, signal, \
            evidence, definition_version) \
         SELECT $1, * FROM unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], \
            $9::timestamptz[], $10::date[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::date[], $16::text[], \
            $17::jsonb[], $18::int[])",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Date>, _>(column(losses, |loss| loss.key.day))
    .bind::<Array<Text>, _>(column(losses, |loss| loss.key.account.as_str()))
    .bind::<Array<Text>, _>(column(losses, |loss| loss.key.shop.as_str()))
    .bind::<Array<Text>, _>(column(losses, |loss| loss.key.customer.as_str()))
    .bind::<Array<Text>, _>(column(losses, |loss| loss.kind.name()))
    .bind::<Array<Text>, _>(column(losses, |loss| loss.chat.channel.as_str()))
    .bind::<Array<Text>, _>(column(losses, |loss| loss.chat.id.as_str()))
    .bind::<Array<Timestamptz>, _>(column(losses, |loss| loss.asked_at))
    .bind::<Array<Date>, _>(column(losses, |loss| loss.window_ends))
    .bind::<Array<Text>, _>(column(losses, |loss| loss.member_level.as_str()))
    .bind::<Array<Text>, _>(column(losses, |loss| loss.product.as_str()))
    .bind::<Array<Text>, _>(column(losses, |loss| loss.order.as_str()))
    .bind::<Array<BigInt>, _>(column(losses, |loss| loss.amount))
    .bind::<Array<Nullable<Date>>, _>(column(losses, |loss| loss.later_paid_day))
    .bind::<Array<Text>, _>(column(losses, |loss| loss.signal().map_or("", Signal::name)))
    .bind::<Array<Jsonb>, _>(evidence)
    .bind::<Array<Integer>, _>(column(losses, |loss| loss.definition_version))
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Has some of the merchant's customers counted anew whose day to look again is there, and gives how many.
    pub async fn look_again(&self, merchant: &str, today: NaiveDate) -> Result<usize> {
        let mut conn = self.pool.get().await?;
        conn.transaction::<_, MetricsError, _>(async |conn| {
            // The hash goes too, so that whoever turns out the same still gets the next day to look again.
            let counted = diesel::sql_query(
                "WITH due AS ( \
                    SELECT shop_id, customer_id FROM customers WHERE merchant_id = $1 AND look_again_day <= $2 \
                    ORDER BY look_again_day, shop_id, customer_id LIMIT $3 FOR UPDATE SKIP LOCKED), \
                 seen AS ( \
                    UPDATE customers c SET look_again_day = NULL, content_hash = '' FROM due \
                    WHERE c.merchant_id = $1 AND c.shop_id = due.shop_id AND c.customer_id = due.customer_id \
                    RETURNING c.shop_id, c.customer_id) \
                 INSERT INTO timeline_changes (merchant_id, shop_id, customer_id) \
                 SELECT $1, shop_id, customer_id FROM seen",
            )
            .bind::<Text, _>(merchant)
            .bind::<Date, _>(today)
            .bind::<BigInt, _>(LOOK_AGAIN_MAX)
            .execute(conn)
            .await?;
            Ok(counted)
        })
        .await
    }
}

#[derive(QueryableByName)]
struct HashRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Binary)]
    content_hash: Vec<u8>,
}
