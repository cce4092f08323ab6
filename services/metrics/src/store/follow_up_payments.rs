//! `follow_up_payments`: which payment counts for which follow-up.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::MerchantId;

use crate::domain::fact::FactKind;
use crate::domain::follow_up::error::FollowUpError;
use crate::domain::follow_up::{Draft, FollowUp};
use crate::error::MetricsError;
use crate::store::Result;

/// What payments come to, in the order of their ids: all must be the customer's, not before the source, and of the order
/// if there is one.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    draft: &Draft,
    ids: &[String],
) -> Result<Vec<i64>> {
    let since: DateTime<Utc> = draft.source_at;
    let rows = diesel::sql_query(
        "SELECT n.id AS payment_id, (f.body ->> 'amount')::bigint AS amount \
         FROM unnest($2::text[]) WITH ORDINALITY AS n (id, place) \
         LEFT JOIN facts f ON f.merchant_id = $1 AND f.fact_id = n.id AND f.kind = $3 AND f.shop_id = $4 \
            AND f.customer_id = $5 AND f.occurred_at >= $6 AND ($7::text IS NULL OR f.body ->> 'order' = $7) \
         ORDER BY n.place",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Text>, _>(ids)
    .bind::<SmallInt, _>(FactKind::Payment as i16)
    .bind::<Text, _>(&draft.shop)
    .bind::<Text, _>(&draft.customer)
    .bind::<Timestamptz, _>(since)
    .bind::<Nullable<Text>, _>(draft.order.as_deref())
    .load::<PaymentRow>(conn)
    .await?;
    let amount = |row: PaymentRow| {
        row.amount.ok_or_else(|| FollowUpError::PaymentNotFound { id: row.payment_id }.into())
    };
    rows.into_iter().map(amount).collect()
}

/// Has the payments of a follow-up count for it.
pub(super) async fn link(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    follow_up: &FollowUp,
) -> Result<()> {
    let linked = || MetricsError::from(FollowUpError::PaymentLinked);
    diesel::sql_query(
        "INSERT INTO follow_up_payments (merchant_id, shop_id, payment_id, follow_up_id) \
         SELECT $1, $2, id, $4 FROM unnest($3::text[]) AS n (id) ORDER BY id",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&follow_up.draft.shop)
    .bind::<Array<Text>, _>(&follow_up.payments)
    .bind::<Text, _>(&follow_up.id)
    .execute(conn)
    .await
    .map_err(pg::on_constraint("follow_up_payments_pkey", linked))?;
    Ok(())
}

/// Those of these payments that count for no follow-up yet.
pub(super) async fn unlinked(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    shop: &str,
    ids: &[&str],
) -> Result<Vec<String>> {
    let rows = diesel::sql_query(
        "SELECT n.id AS payment_id, NULL::bigint AS amount FROM unnest($3::text[]) AS n (id) \
         WHERE NOT EXISTS (SELECT FROM follow_up_payments p \
            WHERE p.merchant_id = $1 AND p.shop_id = $2 AND p.payment_id = n.id)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(shop)
    .bind::<Array<Text>, _>(ids)
    .load::<PaymentRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.payment_id).collect())
}

#[derive(QueryableByName)]
struct PaymentRow {
    #[diesel(sql_type = Text)]
    payment_id: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    amount: Option<i64>,
}
