//! `tier_rules`: the versions of the rules about customers that merchants put.

use chrono::{DateTime, Utc};
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use pg::By;
use serde_json::json;

use crate::domain::customer::CustomerError;
use crate::domain::customer::tier::{RuleSet, TierRules};
use crate::error::MetricsError;
use crate::store::settings::{Setting, find, insert};
use crate::store::{Result, Store};

impl Setting for TierRules {
    const TABLE: &'static str = "tier_rules";
    const KEY: &'static str = "tier_rules_pkey";
    const COLUMN: &'static str = "content";
    const ENTITY: &'static str = "tier_rules";
    type Content = RuleSet;

    fn put(version: i32, content: RuleSet, by: (String, DateTime<Utc>)) -> Self {
        Self { version, content, updated: Some(by) }
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn content(&self) -> &RuleSet {
        &self.content
    }

    fn told(&self) -> serde_json::Value {
        json!({ "version": self.version })
    }

    fn changed() -> MetricsError {
        CustomerError::RulesChanged.into()
    }
}

impl Store {
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
            insert(conn, by, &next, now).await?;
            diesel::sql_query(
                "INSERT INTO timeline_changes (merchant_id, shop_id, customer_id) \
                 SELECT merchant_id, shop_id, customer_id FROM customers WHERE merchant_id = $1",
            )
            .bind::<Text, _>(merchant)
            .execute(conn)
            .await?;
            Ok::<_, MetricsError>(next.version)
        })
        .await
    }
}
