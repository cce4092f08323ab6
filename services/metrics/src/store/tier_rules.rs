//! `tier_rules`: the versions of the rules about customers that merchants put.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use serde_json::json;

use crate::domain::customer::CustomerError;
use crate::domain::customer::tier::TierRules;
use crate::error::MetricsError;
use crate::store::{Result, Store, json_of};

impl Store {
    /// A version, or the newest, that the merchant put.
    pub async fn find_tier_rules(&self, merchant: &str, version: Option<i32>) -> Result<Option<TierRules>> {
        let mut conn = self.pool.get().await?;
        find(&mut conn, merchant, version).await
    }

    /// Makes the next version, as `decide` says of the newest there is, has all customers worked out anew, and gives its
    /// number.
    pub async fn put_tier_rules(
        &self,
        by: &By,
        now: DateTime<Utc>,
        decide: impl FnOnce(Option<TierRules>) -> Result<TierRules> + Send,
    ) -> Result<i32> {
        let merchant = by.caller.merchant.as_str();
        by.change(&self.pool, now, async |conn| {
            let next = decide(find(conn, merchant, None).await?)?;
            diesel::sql_query(
                "INSERT INTO tier_rules (merchant_id, version, content, updated_by, updated_at) \
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind::<Text, _>(merchant)
            .bind::<Integer, _>(next.version)
            .bind::<Jsonb, _>(json_of(&next.content)?)
            .bind::<Text, _>(&by.caller.subject)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await
            .map_err(pg::on_constraint("tier_rules_pkey", || {
                MetricsError::from(CustomerError::RulesChanged)
            }))?;
            diesel::sql_query(
                "INSERT INTO timeline_changes (merchant_id, shop_id, customer_id) \
                 SELECT merchant_id, shop_id, customer_id FROM customers WHERE merchant_id = $1",
            )
            .bind::<Text, _>(merchant)
            .execute(conn)
            .await?;
            by.audit(conn, now, "tier_rules", json!({ "version": next.version })).await?;
            Ok::<_, MetricsError>(next.version)
        })
        .await
    }
}

/// A version, or the newest, that the merchant put.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    version: Option<i32>,
) -> Result<Option<TierRules>> {
    let row = diesel::sql_query(
        "SELECT version, content, updated_by, updated_at FROM tier_rules \
         WHERE merchant_id = $1 AND ($2::int IS NULL OR version = $2) ORDER BY version DESC LIMIT 1",
    )
    .bind::<Text, _>(merchant)
    .bind::<Nullable<Integer>, _>(version)
    .get_result::<RulesRow>(conn)
    .await
    .optional()?;
    row.map(RulesRow::read).transpose()
}

#[derive(QueryableByName)]
struct RulesRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Text)]
    updated_by: String,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
}

impl RulesRow {
    fn read(self) -> Result<TierRules> {
        let content = serde_json::from_value(self.content)
            .map_err(|why| pg::Error::unreadable("tier_rules", self.version, why))?;
        Ok(TierRules { version: self.version, content, updated: Some((self.updated_by, self.updated_at)) })
    }
}
