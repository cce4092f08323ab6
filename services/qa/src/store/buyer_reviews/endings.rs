//! The end of reviews' words: buyers who are forgotten, retention that is over. What was counted stays.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Date, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde_json::json;

use super::{entity, lists, rows};
use crate::domain::buyer_review::BuyerReviewId;
use crate::error::QaError;
use crate::store::Store;

/// Reviews whose retention ends in one transaction.
const ENDED_AT_ONCE: i64 = 200;

/// Whether a hold keeps a review `b`: one on its chat, or on the day on which it was written, for its account or everybody.
const HELD: &str = "EXISTS (SELECT FROM legal_holds h WHERE h.merchant_id = b.merchant_id AND h.lifted_at IS NULL \
     AND ((h.conversation_id = '' AND b.reviewed_day BETWEEN h.from_day AND h.to_day \
            AND (h.account_id = '' OR h.account_id = b.account_id)) \
        OR (h.conversation_id <> '' AND h.conversation_id = b.conversation_id AND h.channel = b.channel \
            AND h.shop_id = b.shop_id)))";

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Text)]
    review_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

async fn erase(conn: &mut AsyncPgConnection, row: KeyRow, now: DateTime<Utc>) -> Result<(), QaError> {
    let merchant = MerchantId::new(row.merchant_id);
    let id = BuyerReviewId { shop: row.shop_id, id: row.review_id };
    let calendar = directory::calendar(conn, &merchant).await?;
    let scope = Scope::merchant(merchant.clone());
    match lists::find(conn, &scope, now, &id, true).await? {
        Some(review) if review.erased_at.is_none() => {
            rows::update(conn, &merchant, &calendar, &review.erase(now)).await
        }
        _ => Ok(()),
    }
}

/// Erases a buyer's reviews but for held ones, inside the transaction that ends their erasure; gives how many were erased
/// and how many are held. The caller keeps holds from being placed meanwhile.
pub(in crate::store) async fn erase_customer(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    customer: &str,
    now: DateTime<Utc>,
) -> Result<(i64, i64), QaError> {
    let theirs =
        "FROM buyer_reviews b WHERE b.merchant_id = $1 AND b.customer_id = $2 AND b.erased_at IS NULL";
    let held = diesel::sql_query(format!("SELECT count(*) AS count {theirs} AND {HELD}"))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(customer)
        .get_result::<CountRow>(conn)
        .await?;
    let rows = diesel::sql_query(format!(
        "SELECT b.merchant_id, b.review_id, b.shop_id {theirs} AND NOT {HELD} ORDER BY b.review_id, b.shop_id"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(customer)
    .load::<KeyRow>(conn)
    .await?;
    let erased = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    for row in rows {
        erase(conn, row, now).await?;
    }
    Ok((erased, held.count))
}

impl Store {
    /// Ends the retention of some reviews written before a day, but for held ones and those that a buyer agreed to have
    /// reused; gives how many.
    pub async fn end_buyer_reviews(&self, kept_from: NaiveDate, now: DateTime<Utc>) -> Result<i64, QaError> {
        let mut conn = self.connection().await?;
        conn.transaction(async |conn| {
            diesel::sql_query("LOCK TABLE legal_holds IN SHARE MODE").execute(conn).await?;
            let rows = diesel::sql_query(format!(
                "SELECT b.merchant_id, b.review_id, b.shop_id FROM buyer_reviews b \
                 WHERE b.reviewed_day < $1 AND b.erased_at IS NULL AND NOT {HELD} \
                    AND NOT (b.collected_at IS NOT NULL AND cardinality(b.allowed_uses) > 0) \
                 ORDER BY b.reviewed_day, b.merchant_id, b.review_id, b.shop_id LIMIT $2"
            ))
            .bind::<Date, _>(kept_from)
            .bind::<BigInt, _>(ENDED_AT_ONCE)
            .load::<KeyRow>(conn)
            .await?;
            let ended = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            for row in rows {
                let merchant = MerchantId::new(row.merchant_id.as_str());
                let by = By::service("qa", &merchant, "background/end_retention");
                let id = BuyerReviewId { shop: row.shop_id.clone(), id: row.review_id.clone() };
                erase(conn, row, now).await?;
                by.audit(conn, now, entity(&id), json!({ "retention": "ended" })).await?;
            }
            Ok(ended)
        })
        .await
    }
}
