//! `incident_wordings`: what was agreed to be said. Only added to. Which is in force stands in `incidents`.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;

use crate::domain::incident::{AgreedWording, Wording};
use crate::store::incidents::{COLUMNS, IncidentCursor, IncidentRow};
use crate::store::{Result, Store};

impl Store {
    /// A page of what is to be said now, the newest first.
    pub async fn list_wordings_in_force(
        &self,
        merchant: &MerchantId,
        product: Option<&str>,
        page: &PageRequest<IncidentCursor>,
    ) -> Result<Page<AgreedWording>> {
        let mut conn = self.pool.get().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM incidents i WHERE i.merchant_id = $1 AND i.state <> 'closed' \
                AND i.worded_at IS NOT NULL AND ($2::text IS NULL OR cardinality(i.products) = 0 OR $2 = ANY (i.products)) \
                AND ($3::timestamptz IS NULL OR (i.worded_at, i.incident_id) < ($3, $4)) \
             ORDER BY i.worded_at DESC, i.incident_id DESC LIMIT $5"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Nullable<Text>, _>(product)
            .bind::<Nullable<Timestamptz>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<IncidentRow>(&mut conn)
            .await?;
        let read = |row: IncidentRow| {
            let broken = pg::Error::unreadable("incidents", &row.incident_id, "it has no wording in force");
            row.read()?.wording_in_force().ok_or_else(|| broken.into())
        };
        let wordings = rows.into_iter().map(read).collect::<Result<_>>()?;
        let cursor = |agreed: &AgreedWording| IncidentCursor(agreed.wording.at, agreed.incident.clone());
        Ok(page.page(wordings, cursor)?)
    }

    /// A page of what was agreed in an incident, the newest first.
    pub async fn list_incident_wordings(
        &self,
        merchant: &MerchantId,
        incident: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Wording>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT number, topic, wording, agreed_by, agreed_at FROM incident_wordings \
             WHERE merchant_id = $1 AND incident_id = $2 AND ($3::int IS NULL OR number < $3) \
             ORDER BY number DESC LIMIT $4",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(incident)
        .bind::<Nullable<Integer>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<WordingRow>(&mut conn)
        .await?;
        let read = |row: WordingRow| Wording {
            number: row.number,
            topic: row.topic,
            text: row.wording,
            by: row.agreed_by,
            at: row.agreed_at,
        };
        Ok(page.page(rows.into_iter().map(read).collect(), |wording: &Wording| wording.number)?)
    }
}

pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    incident: &str,
    wording: &Wording,
) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO incident_wordings (merchant_id, incident_id, number, topic, wording, agreed_by, agreed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(incident)
    .bind::<Integer, _>(wording.number)
    .bind::<Text, _>(&wording.topic)
    .bind::<Text, _>(&wording.text)
    .bind::<Text, _>(&wording.by)
    .bind::<Timestamptz, _>(wording.at)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct WordingRow {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Text)]
    topic: String,
    #[diesel(sql_type = Text)]
    wording: String,
    #[diesel(sql_type = Text)]
    agreed_by: String,
    #[diesel(sql_type = Timestamptz)]
    agreed_at: DateTime<Utc>,
}
