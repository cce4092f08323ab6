//! `incident_retrospectives`: what was handed in as learnt of incidents. Only added to; the newest stands in `incidents` too.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;

use crate::domain::incident::retrospective::NumberedRetrospective;
use crate::domain::incident::{HandedIn, Incident};
use crate::store::{Result, Store, json_of};

impl Store {
    /// A page of what was handed in of an incident, the newest first.
    pub async fn list_retrospectives(
        &self,
        merchant: &MerchantId,
        incident: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<NumberedRetrospective>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT number, content, handed_in_by, handed_in_at FROM incident_retrospectives \
             WHERE merchant_id = $1 AND incident_id = $2 AND ($3::int IS NULL OR number < $3) \
             ORDER BY number DESC LIMIT $4",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(incident)
        .bind::<Nullable<Integer>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<RetrospectiveRow>(&mut conn)
        .await?;
        let found = rows.into_iter().map(|row| row.read(incident)).collect::<Result<_>>()?;
        Ok(page.page(found, |found: &NumberedRetrospective| found.number)?)
    }
}

/// Keeps the newest retrospective of a locked incident, unless it is kept already.
pub(super) async fn keep(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    incident: &Incident,
) -> Result<()> {
    let Some(learnt) = &incident.details.learnt else { return Ok(()) };
    diesel::sql_query(
        "INSERT INTO incident_retrospectives (merchant_id, incident_id, number, content, handed_in_by, handed_in_at) \
         SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5 FROM incident_retrospectives \
         WHERE merchant_id = $1 AND incident_id = $2 \
         HAVING NOT coalesce(bool_or(handed_in_at = $5 AND content = $3), false)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&incident.id)
    .bind::<Jsonb, _>(json_of(&learnt.what)?)
    .bind::<Text, _>(&learnt.by)
    .bind::<Timestamptz, _>(learnt.at)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct RetrospectiveRow {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Text)]
    handed_in_by: String,
    #[diesel(sql_type = Timestamptz)]
    handed_in_at: DateTime<Utc>,
}

impl RetrospectiveRow {
    fn read(self, incident: &str) -> Result<NumberedRetrospective> {
        let key = format!("{incident}/{}", self.number);
        let broken = |why: serde_json::Error| pg::Error::unreadable("incident_retrospectives", key, why);
        let what = serde_json::from_value(self.content).map_err(broken)?;
        let learnt = HandedIn { what, by: self.handed_in_by, at: self.handed_in_at };
        Ok(NumberedRetrospective { number: self.number, learnt })
    }
}
