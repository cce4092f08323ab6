//! Settings that merchants put in versions: the highest counts, none is ever changed, and without one the built-in does.
//! Each kind has a table of its own, of the same shape.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::MetricsError;
use crate::store::{Result, Store, json_of};

/// A version of settings.
pub trait Setting: Sized + Send {
    /// Its table, whose key is named after it.
    const TABLE: &'static str;
    /// The name of the table's key.
    const KEY: &'static str;
    /// The column of what it says.
    const COLUMN: &'static str;
    /// What the audit calls it.
    const ENTITY: &'static str;
    /// What it says.
    type Content: Serialize + DeserializeOwned + Send + Sync;

    /// A version as it was put by somebody.
    fn put(version: i32, content: Self::Content, by: (String, DateTime<Utc>)) -> Self;
    /// Its number, from 1.
    fn version(&self) -> i32;
    /// What it says.
    fn content(&self) -> &Self::Content;
    /// What the audit keeps of it.
    fn told(&self) -> serde_json::Value;
    /// What is wrong when somebody else put the next version meanwhile.
    fn changed() -> MetricsError;
}

/// A version, or the newest, that the merchant put.
pub(super) async fn find<S: Setting>(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    version: Option<i32>,
) -> Result<Option<S>> {
    let sql = format!(
        "SELECT version, {} AS content, updated_by, updated_at FROM {} \
         WHERE merchant_id = $1 AND ($2::int IS NULL OR version = $2) ORDER BY version DESC LIMIT 1",
        S::COLUMN,
        S::TABLE,
    );
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant)
        .bind::<Nullable<Integer>, _>(version)
        .get_result::<SettingRow>(conn)
        .await
        .optional()?;
    row.map(SettingRow::read).transpose()
}

/// Stores a version that no one put yet, and tells the audit of it.
pub(super) async fn insert<S: Setting>(
    conn: &mut AsyncPgConnection,
    by: &By,
    next: &S,
    now: DateTime<Utc>,
) -> Result<()> {
    let sql = format!(
        "INSERT INTO {} (merchant_id, version, {}, updated_by, updated_at) VALUES ($1, $2, $3, $4, $5)",
        S::TABLE,
        S::COLUMN,
    );
    diesel::sql_query(sql)
        .bind::<Text, _>(by.caller.merchant.as_str())
        .bind::<Integer, _>(next.version())
        .bind::<Jsonb, _>(json_of(next.content())?)
        .bind::<Text, _>(&by.caller.subject)
        .bind::<Timestamptz, _>(now)
        .execute(conn)
        .await
        .map_err(pg::on_constraint(S::KEY, S::changed))?;
    by.audit(conn, now, S::ENTITY, next.told()).await?;
    Ok(())
}

impl Store {
    /// A version, or the newest, that the merchant put.
    pub async fn find_setting<S: Setting>(
        &self,
        merchant: &MerchantId,
        version: Option<i32>,
    ) -> Result<Option<S>> {
        let mut conn = self.pool.get().await?;
        find(&mut conn, merchant.as_str(), version).await
    }

    /// Makes the next version, as `decide` says of the newest there is, and gives its number.
    pub async fn put_setting<S: Setting>(
        &self,
        by: &By,
        now: DateTime<Utc>,
        decide: impl FnOnce(Option<S>) -> Result<S> + Send,
    ) -> Result<i32> {
        by.change(&self.pool, now, async |conn| {
            let next = decide(find(conn, by.caller.merchant.as_str(), None).await?)?;
            insert(conn, by, &next, now).await?;
            Ok::<_, MetricsError>(next.version())
        })
        .await
    }
}

#[derive(QueryableByName)]
struct SettingRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Text)]
    updated_by: String,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
}

impl SettingRow {
    fn read<S: Setting>(self) -> Result<S> {
        let content = serde_json::from_value(self.content)
            .map_err(|why| pg::Error::unreadable(S::TABLE, self.version, why))?;
        Ok(S::put(self.version, content, (self.updated_by, self.updated_at)))
    }
}
