//! `incident_wordings`: what was agreed to be said, and what was withdrawn. Which is in force follows from `incidents` too.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;

use crate::domain::alert::Act;
use crate::domain::incident::Incident;
use crate::domain::incident::wording::{AgreedWording, Withdrawal, Wording};
use crate::store::incidents::IncidentCursor;
use crate::store::{Result, Store};

impl Store {
    /// A page of what is to be said now, the newest first; with `withdrawn` also the last wordings of incidents that have none
    /// in force since.
    pub async fn list_wordings_in_force(
        &self,
        merchant: &MerchantId,
        product: Option<&str>,
        withdrawn: bool,
        page: &PageRequest<IncidentCursor>,
    ) -> Result<Page<AgreedWording>> {
        let mut conn = self.pool.get().await?;
        // An incident has one of the two times at most.
        let rows = diesel::sql_query(
            "SELECT i.incident_id, i.products, i.content->'shops' AS shops, i.drill, w.number, w.topic, w.wording, \
                w.agreed_by, w.agreed_at, w.withdrawn_by, w.withdrawn_at, w.withdrawn_because \
             FROM incidents i CROSS JOIN LATERAL ( \
                SELECT * FROM incident_wordings w WHERE w.merchant_id = i.merchant_id AND w.incident_id = i.incident_id \
                ORDER BY w.number DESC LIMIT 1) AS w \
             WHERE i.merchant_id = $1 AND i.state <> 'closed' AND coalesce(i.worded_at, i.wording_withdrawn_at) IS NOT NULL \
                AND ($2::text IS NULL OR cardinality(i.products) = 0 OR $2 = ANY (i.products)) \
                AND ($3 OR i.worded_at IS NOT NULL) \
                AND ($4::timestamptz IS NULL OR (coalesce(i.worded_at, i.wording_withdrawn_at), i.incident_id) < ($4, $5)) \
             ORDER BY coalesce(i.worded_at, i.wording_withdrawn_at) DESC, i.incident_id DESC LIMIT $6",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Nullable<Text>, _>(product)
        .bind::<Bool, _>(withdrawn)
        .bind::<Nullable<Timestamptz>, _>(page.after.as_ref().map(|cursor| cursor.0))
        .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
        .bind::<BigInt, _>(page.limit())
        .load::<AgreedRow>(&mut conn)
        .await?;
        let wordings = rows.into_iter().map(AgreedRow::read).collect::<Result<_>>()?;
        let cursor = |agreed: &AgreedWording| IncidentCursor(agreed.changed_at(), agreed.incident.clone());
        Ok(page.page(wordings, cursor)?)
    }

    /// A page of what was agreed in an incident, and of what was withdrawn of it, the newest first.
    pub async fn list_incident_wordings(
        &self,
        merchant: &MerchantId,
        incident: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<(Wording, Option<Withdrawal>)>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT number, topic, wording, agreed_by, agreed_at, withdrawn_by, withdrawn_at, withdrawn_because \
             FROM incident_wordings \
             WHERE merchant_id = $1 AND incident_id = $2 AND ($3::int IS NULL OR number < $3) \
             ORDER BY number DESC LIMIT $4",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(incident)
        .bind::<Nullable<Integer>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<WordingRow>(&mut conn)
        .await?;
        let wordings = rows.into_iter().map(WordingRow::read).collect();
        Ok(page.page(wordings, |(wording, _): &(Wording, _)| wording.number)?)
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

/// Says that the newest wording is not to be said any more.
pub(super) async fn withdraw(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    incident: &Incident,
    act: &Act,
) -> Result<()> {
    diesel::sql_query(
        "UPDATE incident_wordings SET withdrawn_by = $4, withdrawn_at = $5, withdrawn_because = $6 \
         WHERE merchant_id = $1 AND incident_id = $2 AND number = $3",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&incident.id)
    .bind::<Integer, _>(incident.wordings)
    .bind::<Text, _>(&act.subject)
    // The incident's own, by which pages of wordings are cut.
    .bind::<Nullable<Timestamptz>, _>(incident.wording_withdrawn_at)
    .bind::<Text, _>(&act.note)
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
    #[diesel(sql_type = Nullable<Text>)]
    withdrawn_by: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    withdrawn_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    withdrawn_because: Option<String>,
}

impl WordingRow {
    fn read(self) -> (Wording, Option<Withdrawal>) {
        let wording = Wording {
            number: self.number,
            topic: self.topic,
            text: self.wording,
            by: self.agreed_by,
            at: self.agreed_at,
        };
        let withdrawal = self.withdrawn_at.map(|at| Withdrawal {
            by: self.withdrawn_by.unwrap_or_default(),
            at,
            because: self.withdrawn_because.unwrap_or_default(),
        });
        (wording, withdrawal)
    }
}

#[derive(QueryableByName)]
struct AgreedRow {
    #[diesel(sql_type = Text)]
    incident_id: String,
    #[diesel(sql_type = Array<Text>)]
    products: Vec<String>,
    #[diesel(sql_type = Jsonb)]
    shops: serde_json::Value,
    #[diesel(sql_type = Bool)]
    drill: bool,
    #[diesel(embed)]
    wording: WordingRow,
}

impl AgreedRow {
    fn read(self) -> Result<AgreedWording> {
        let broken = |why: serde_json::Error| pg::Error::unreadable("incidents", &self.incident_id, why);
        let shops = serde_json::from_value(self.shops).map_err(broken)?;
        let (wording, withdrawal) = self.wording.read();
        Ok(AgreedWording {
            incident: self.incident_id,
            wording,
            products: self.products,
            shops,
            drill: self.drill,
            in_force: withdrawal.is_none(),
            withdrawal,
        })
    }
}
