//! `case_policies`: the versions of what merchants set for cases.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::case::error::CaseError;
use crate::domain::case::policy::{Policy, Rules};
use crate::error::MetricsError;
use crate::store::{Result, Store, json_of};

/// The newest version, or one version.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    version: Option<i32>,
) -> Result<Option<Policy>> {
    let row = diesel::sql_query(
        "SELECT version, rules, updated_by, updated_at FROM case_policies \
         WHERE merchant_id = $1 AND ($2::int IS NULL OR version = $2) ORDER BY version DESC LIMIT 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Nullable<Integer>, _>(version)
    .get_result::<PolicyRow>(conn)
    .await
    .optional()?;
    row.map(PolicyRow::read).transpose()
}

impl Store {
    /// The newest version that was put, or one version.
    pub async fn find_case_policy(
        &self,
        merchant: &MerchantId,
        version: Option<i32>,
    ) -> Result<Option<Policy>> {
        let mut conn = self.pool.get().await?;
        find(&mut conn, merchant, version).await
    }

    /// Puts the version after the one that `etag` is of, and gives its number. `built_in` is the version before all.
    pub async fn insert_case_policy(
        &self,
        by: &By,
        built_in: Policy,
        etag: &str,
        rules: Rules,
        now: DateTime<Utc>,
    ) -> Result<i32> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let newest = find(conn, merchant, None).await?.unwrap_or(built_in);
            if newest.etag() != etag {
                return Err(CaseError::PolicyChanged.into());
            }
            let version = newest.version + 1;
            diesel::sql_query(
                "INSERT INTO case_policies (merchant_id, version, rules, updated_by, updated_at) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind::<Text, _>(merchant.as_str())
            .bind::<Integer, _>(version)
            .bind::<Jsonb, _>(json_of(&rules)?)
            .bind::<Text, _>(&by.caller.subject)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await
            .map_err(pg::on_constraint("case_policies_pkey", || MetricsError::from(CaseError::PolicyChanged)))?;
            by.audit(conn, now, "case_policy", json!({ "version": version, "rules": rules })).await?;
            Ok::<_, MetricsError>(version)
        })
        .await
    }
}

#[derive(QueryableByName)]
struct PolicyRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Jsonb)]
    rules: serde_json::Value,
    #[diesel(sql_type = Text)]
    updated_by: String,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
}

impl PolicyRow {
    fn read(self) -> Result<Policy> {
        let rules = serde_json::from_value(self.rules)
            .map_err(|why| pg::Error::unreadable("case_policies", self.version, why))?;
        Ok(Policy { version: self.version, rules, updated: Some((self.updated_by, self.updated_at)) })
    }
}
