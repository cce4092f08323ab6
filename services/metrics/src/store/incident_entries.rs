//! `incident_entries`: what happened in incidents. Only added to.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;

use crate::domain::incident::timeline::{Entry, EntryKind};
use crate::store::{Result, Store, json_of};

impl Store {
    /// A page of the timeline of an incident, as it was written down.
    pub async fn list_incident_entries(
        &self,
        merchant: &MerchantId,
        incident: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Entry>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT number, kind, happened_at, act, task_id, told FROM incident_entries \
             WHERE merchant_id = $1 AND incident_id = $2 AND number > $3 ORDER BY number LIMIT $4",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(incident)
        .bind::<Integer, _>(page.after.unwrap_or(0))
        .bind::<BigInt, _>(page.limit())
        .load::<EntryRow>(&mut conn)
        .await?;
        let entries = rows.into_iter().map(|row| row.read(incident)).collect::<Result<_>>()?;
        Ok(page.page(entries, |entry: &Entry| entry.number)?)
    }
}

pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    incident: &str,
    entry: &Entry,
) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO incident_entries (merchant_id, incident_id, number, kind, happened_at, act, task_id, told) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(incident)
    .bind::<Integer, _>(entry.number)
    .bind::<Text, _>(entry.kind.name())
    .bind::<Timestamptz, _>(entry.happened_at)
    .bind::<Jsonb, _>(json_of(&entry.act)?)
    .bind::<Nullable<Text>, _>(entry.task.as_deref())
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
    #[diesel(sql_type = Timestamptz)]
    happened_at: DateTime<Utc>,
    #[diesel(sql_type = Jsonb)]
    act: serde_json::Value,
    #[diesel(sql_type = Nullable<Text>)]
    task_id: Option<String>,
    #[diesel(sql_type = Array<Integer>)]
    told: Vec<i32>,
}

impl EntryRow {
    fn read(self, incident: &str) -> Result<Entry> {
        let broken = |why: String| {
            pg::Error::unreadable("incident_entries", format!("{incident}/{}", self.number), why)
        };
        Ok(Entry {
            number: self.number,
            kind: EntryKind::of(&self.kind).ok_or_else(|| broken("unknown kind".to_owned()))?,
            happened_at: self.happened_at,
            act: serde_json::from_value(self.act).map_err(|why| broken(why.to_string()))?,
            task: self.task_id,
            told: self.told,
        })
    }
}
