//! `order_decisions`: whether orders count, as people decided.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::order_decisions::{Decide, OrderDecision, OrderDecisionError};
use crate::error::MetricsError;
use crate::store::timelines::{self, Customer};
use crate::store::{Result, Store};

/// The body of a fact `f` of the merchant `$1`, with what people decided about it if it is an order.
pub(super) const DECIDED_BODY: &str = "coalesce((SELECT jsonb_set(f.body, '{excluded_reason}', \
        to_jsonb(CASE WHEN d.excluded THEN d.reason ELSE '' END)) \
    FROM order_decisions d WHERE f.kind = 1 AND d.merchant_id = $1 AND d.shop_id = f.shop_id AND d.order_id = f.fact_id \
    ORDER BY d.version DESC LIMIT 1), f.body)";

/// Where a page of decisions goes on: after this shop's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCursor(pub String, pub String);

impl Store {
    /// Decides about an order that came in, and has its customer counted anew. The decision that says so already is given
    /// back.
    pub async fn decide_order(&self, by: &By, wanted: Decide, now: DateTime<Utc>) -> Result<OrderDecision> {
        let merchant = &by.caller.merchant;
        let (shop, order) = (wanted.shop.clone(), wanted.order.clone());
        let decide = async |conn: &mut AsyncPgConnection| {
            // The order's row is locked, so that one decision follows another, and no revision moves it meanwhile.
            let customer = lock_order(conn, merchant, &wanted.shop, &wanted.order).await?;
            let newest = find(conn, merchant, (&wanted.shop, &wanted.order), None).await?;
            let made = (by.caller.subject.clone(), now);
            let Some(next) = wanted.clone().after(newest.as_ref(), made)? else {
                return Ok(newest.map_or(0, |newest| newest.version));
            };
            insert(conn, merchant, &next).await?;
            let customer = Customer { id: customer, shop: next.shop.clone() };
            timelines::insert_changes(conn, merchant.as_str(), &[customer].into()).await?;
            let summary =
                json!({ "version": next.version, "excluded": next.excluded, "reason": next.reason });
            by.audit(conn, now, format!("order/{}/{}", next.shop, next.order), summary).await?;
            Ok::<_, MetricsError>(next.version)
        };
        let version: i32 = by.change(&self.pool, now, decide).await?;
        let mut conn = self.pool.get().await?;
        let stored = find(&mut conn, merchant, (&shop, &order), Some(version)).await?;
        stored.ok_or_else(|| pg::Error::unreadable("order_decisions", &order, "it is gone").into())
    }

    /// A page of the newest decision about each order, by shop and order.
    pub async fn list_order_decisions(
        &self,
        merchant: &MerchantId,
        (shop, excluded): (Option<&str>, Option<bool>),
        page: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderDecision>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT * FROM (SELECT DISTINCT ON (shop_id, order_id) shop_id, order_id, version, excluded, reason, decided_by, \
                    decided_at FROM order_decisions \
                WHERE merchant_id = $1 AND ($2::text IS NULL OR shop_id = $2) \
                    AND ($4::text IS NULL OR (shop_id, order_id) > ($4, $5)) \
                ORDER BY shop_id, order_id, version DESC) AS newest \
             WHERE $3::bool IS NULL OR excluded = $3 ORDER BY shop_id, order_id LIMIT $6",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Nullable<Text>, _>(shop)
        .bind::<Nullable<Bool>, _>(excluded)
        .bind::<Nullable<Text>, _>(page.after.as_ref().map(|after| after.0.as_str()))
        .bind::<Nullable<Text>, _>(page.after.as_ref().map(|after| after.1.as_str()))
        .bind::<BigInt, _>(page.limit())
        .load::<DecisionRow>(&mut conn)
        .await?;
        let decisions = rows.into_iter().map(DecisionRow::read).collect();
        Ok(page.page(decisions, |last: &OrderDecision| OrderCursor(last.shop.clone(), last.order.clone()))?)
    }
}

/// Locks an order, and gives its customer.
async fn lock_order(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    shop: &str,
    order: &str,
) -> Result<String> {
    let row = diesel::sql_query(
        "SELECT customer_id FROM facts WHERE merchant_id = $1 AND fact_id = $2 AND kind = 1 AND shop_id = $3 FOR UPDATE",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(order)
    .bind::<Text, _>(shop)
    .get_result::<CustomerRow>(conn)
    .await
    .optional()?;
    let missing = || OrderDecisionError::NotFound { shop: shop.to_owned(), order: order.to_owned() };
    Ok(row.ok_or_else(missing)?.customer_id)
}

/// A decision, or the newest.
async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    (shop, order): (&str, &str),
    version: Option<i32>,
) -> Result<Option<OrderDecision>> {
    let row = diesel::sql_query(
        "SELECT shop_id, order_id, version, excluded, reason, decided_by, decided_at FROM order_decisions \
         WHERE merchant_id = $1 AND shop_id = $2 AND order_id = $3 AND ($4::int IS NULL OR version = $4) \
         ORDER BY version DESC LIMIT 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(shop)
    .bind::<Text, _>(order)
    .bind::<Nullable<Integer>, _>(version)
    .get_result::<DecisionRow>(conn)
    .await
    .optional()?;
    Ok(row.map(DecisionRow::read))
}

async fn insert(conn: &mut AsyncPgConnection, merchant: &MerchantId, next: &OrderDecision) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO order_decisions (merchant_id, shop_id, order_id, version, excluded, reason, decided_by, decided_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&next.shop)
    .bind::<Text, _>(&next.order)
    .bind::<Integer, _>(next.version)
    .bind::<Bool, _>(next.excluded)
    .bind::<Text, _>(&next.reason)
    .bind::<Text, _>(&next.by)
    .bind::<Timestamptz, _>(next.at)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct CustomerRow {
    #[diesel(sql_type = Text)]
    customer_id: String,
}

#[derive(QueryableByName)]
struct DecisionRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    order_id: String,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Bool)]
    excluded: bool,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Text)]
    decided_by: String,
    #[diesel(sql_type = Timestamptz)]
    decided_at: DateTime<Utc>,
}

impl DecisionRow {
    fn read(self) -> OrderDecision {
        OrderDecision {
            shop: self.shop_id,
            order: self.order_id,
            version: self.version,
            excluded: self.excluded,
            reason: self.reason,
            by: self.decided_by,
            at: self.decided_at,
        }
    }
}
