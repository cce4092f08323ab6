//! Versions of what makes a review good or bad.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::buyer_review::policy::{BuyerReviewPolicy, Rules};
use crate::error::QaError;
use crate::store::{ATTEMPTS, Store};

#[derive(QueryableByName)]
struct PolicyRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Jsonb)]
    rules: serde_json::Value,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

impl TryFrom<PolicyRow> for BuyerReviewPolicy {
    type Error = QaError;

    fn try_from(row: PolicyRow) -> Result<Self, QaError> {
        let rules = serde_json::from_value(row.rules)
            .map_err(|error| pg::Error::unreadable("buyer_review_policies", row.version, error))?;
        Ok(Self { rules, created_at: row.created_at })
    }
}

async fn load(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    version: Option<i32>,
) -> Result<Option<BuyerReviewPolicy>, QaError> {
    let rows = diesel::sql_query(
        "SELECT version, rules, created_at FROM buyer_review_policies \
         WHERE merchant_id = $1 AND ($2 IS NULL OR version = $2) ORDER BY version DESC LIMIT 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Nullable<Integer>, _>(version)
    .load::<PolicyRow>(conn)
    .await?;
    rows.into_iter().next().map(TryInto::try_into).transpose()
}

/// The newest version, or the built-in one.
pub(super) async fn newest(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
) -> Result<BuyerReviewPolicy, QaError> {
    Ok(load(conn, merchant, None).await?.unwrap_or_else(BuyerReviewPolicy::built_in))
}

/// One version.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    version: i32,
) -> Result<Option<BuyerReviewPolicy>, QaError> {
    let built_in = BuyerReviewPolicy::built_in();
    if version == built_in.version() {
        return Ok(Some(built_in));
    }
    load(conn, merchant, Some(version)).await
}

impl Store {
    /// Adds the version that `rules` make after the newest one.
    pub async fn insert_buyer_review_policy(
        &self,
        by: &By,
        now: DateTime<Utc>,
        etag: &str,
        rules: &Rules,
    ) -> Result<BuyerReviewPolicy, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let next = newest(conn, merchant).await?.successor(etag, rules.clone(), now)?;
                let content =
                    serde_json::to_value(&next.rules).map_err(|error| pg::Error::Internal(error.into()))?;
                let inserted = diesel::sql_query(
                    "INSERT INTO buyer_review_policies (merchant_id, version, rules, created_by, created_at) \
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                )
                .bind::<Text, _>(merchant.as_str())
                .bind::<Integer, _>(next.version())
                .bind::<Jsonb, _>(content)
                .bind::<Text, _>(&by.caller.subject)
                .bind::<Timestamptz, _>(now)
                .execute(conn)
                .await?;
                // Somebody else's version with the same number: they were quicker.
                if inserted == 0 {
                    return Err(QaError::EtagMismatch);
                }
                let summary = json!({ "terms": next.rules.terms });
                by.audit(conn, now, format!("buyer_review_policy/{}", next.version()), summary).await?;
                Ok(next)
            })
            .await
        })
        .await
    }
}
