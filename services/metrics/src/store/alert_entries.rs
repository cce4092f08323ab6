//! `alert_entries`: what happened to alerts. Only added to.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::domain::alert::history::{Entry, EntryKind};
use crate::store::{Result, Store, json_of};

impl Store {
    /// A page of what happened to an alert, the oldest first. Whether the caller sees the alert is asked before.
    pub async fn list_alert_entries(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Entry>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT number, kind, act, evidence, told FROM alert_entries \
             WHERE merchant_id = $1 AND alert_id = $2 AND number > $3 ORDER BY number LIMIT $4",
        )
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Text, _>(id)
        .bind::<Integer, _>(page.after.unwrap_or(0))
        .bind::<BigInt, _>(page.limit())
        .load::<EntryRow>(&mut conn)
        .await?;
        let entries = rows.into_iter().map(|row| row.read(id)).collect::<Result<_>>()?;
        Ok(page.page(entries, |entry: &Entry| entry.number)?)
    }
}

pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    alert: &str,
    entry: &Entry,
) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO alert_entries (merchant_id, alert_id, number, kind, act, evidence, told) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(alert)
    .bind::<Integer, _>(entry.number)
    .bind::<Text, _>(entry.kind.name())
    .bind::<Jsonb, _>(json_of(&entry.act)?)
    .bind::<Nullable<Jsonb>, _>(entry.evidence.as_ref().map(json_of).transpose()?)
    .bind::<Array<Integer>, _>(&entry.told)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Jsonb)]
    act: serde_json::Value,
    #[diesel(sql_type = Nullable<Jsonb>)]
    evidence: Option<serde_json::Value>,
    #[diesel(sql_type = Array<Integer>)]
    told: Vec<i32>,
}

impl EntryRow {
    fn read(self, alert: &str) -> Result<Entry> {
        let broken =
            |why: String| pg::Error::unreadable("alert_entries", format!("{alert}/{}", self.number), why);
        let unreadable = |why: serde_json::Error| broken(why.to_string());
        Ok(Entry {
            number: self.number,
            kind: EntryKind::of(&self.kind).ok_or_else(|| broken("unknown kind".to_owned()))?,
            act: serde_json::from_value(self.act).map_err(unreadable)?,
            evidence: self.evidence.map(serde_json::from_value).transpose().map_err(unreadable)?,
            told: self.told,
        })
    }
}
