//! `alert_rules`: the versions of alert rules that merchants put.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::alert::error::AlertError;
use crate::domain::alert::rule::{RULES_MAX, Rule};
use crate::error::MetricsError;
use crate::store::{Result, Store, json_of};

impl Store {
    /// The newest version of each rule that the merchant put, deleted ones included. There are few: creating has a limit.
    pub async fn list_alert_rules(&self, merchant: &MerchantId) -> Result<Vec<Rule>> {
        let mut conn = self.pool.get().await?;
        load(&mut conn, merchant).await
    }

    /// A page of what was put of a rule, the newest first.
    pub async fn list_alert_rule_versions(
        &self,
        merchant: &MerchantId,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Rule>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT rule_id, version, content, deleted, updated_by, updated_at FROM alert_rules \
             WHERE merchant_id = $1 AND rule_id = $2 AND ($3::int IS NULL OR version < $3) \
             ORDER BY version DESC LIMIT $4",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .bind::<Nullable<Integer>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<RuleRow>(&mut conn)
        .await?;
        let versions = rows.into_iter().map(RuleRow::read).collect::<Result<_>>()?;
        Ok(page.page(versions, |rule: &Rule| rule.version)?)
    }

    /// Makes the next version of a rule, as `decide` says of the newest versions there are, and gives its id.
    pub async fn put_alert_rule(
        &self,
        by: &By,
        now: DateTime<Utc>,
        decide: impl FnOnce(Vec<Rule>) -> Result<Rule> + Send,
    ) -> Result<String> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let rule = decide(load(conn, merchant).await?)?;
            insert(conn, merchant, &rule).await?;
            let summary = json!({
                "version": rule.version,
                "name": rule.content.name,
                "level": rule.content.level.number(),
                "enabled": rule.content.enabled,
                "deleted": rule.deleted,
            });
            by.audit(conn, now, format!("alert_rule/{}", rule.id), summary).await?;
            Ok::<_, MetricsError>(rule.id)
        })
        .await
    }
}

async fn load(conn: &mut AsyncPgConnection, merchant: &MerchantId) -> Result<Vec<Rule>> {
    let rows = diesel::sql_query(
        "SELECT DISTINCT ON (rule_id) rule_id, version, content, deleted, updated_by, updated_at \
         FROM alert_rules WHERE merchant_id = $1 ORDER BY rule_id, version DESC LIMIT $2",
    )
    .bind::<Text, _>(merchant.as_str())
    // Built-in ones that were changed come on top of the merchant's own.
    .bind::<BigInt, _>(2 * RULES_MAX as i64)
    .load::<RuleRow>(conn)
    .await?;
    rows.into_iter().map(RuleRow::read).collect()
}

async fn insert(conn: &mut AsyncPgConnection, merchant: &MerchantId, rule: &Rule) -> Result<()> {
    let changed = || MetricsError::from(AlertError::RuleChanged { id: rule.id.clone() });
    diesel::sql_query(
        "INSERT INTO alert_rules (merchant_id, rule_id, version, content, deleted, updated_by, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&rule.id)
    .bind::<Integer, _>(rule.version)
    .bind::<Jsonb, _>(json_of(&rule.content)?)
    .bind::<Bool, _>(rule.deleted)
    .bind::<Text, _>(&rule.updated_by)
    .bind::<Nullable<Timestamptz>, _>(rule.updated_at)
    .execute(conn)
    .await
    .map_err(pg::on_constraint("alert_rules_pkey", changed))?;
    Ok(())
}

#[derive(QueryableByName)]
struct RuleRow {
    #[diesel(sql_type = Text)]
    rule_id: String,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Bool)]
    deleted: bool,
    #[diesel(sql_type = Text)]
    updated_by: String,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
}

impl RuleRow {
    fn read(self) -> Result<Rule> {
        let broken = |why: serde_json::Error| pg::Error::unreadable("alert_rules", &self.rule_id, why);
        Ok(Rule {
            content: serde_json::from_value(self.content).map_err(broken)?,
            id: self.rule_id,
            version: self.version,
            deleted: self.deleted,
            updated_by: self.updated_by,
            updated_at: Some(self.updated_at),
        })
    }
}
