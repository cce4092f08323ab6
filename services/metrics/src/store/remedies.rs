//! `remedies`: the versions of the playbook that merchants put.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use proto::access::{role_name, role_named};
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::playbook::{Direction, Entry, REMEDIES_MAX, Remedy};
use crate::error::MetricsError;
use crate::store::{Result, Store};

impl Store {
    /// The newest version of each remedy that the merchant put, deleted ones included. There are few: creating has a
    /// limit.
    pub async fn list_remedies(&self, merchant: &MerchantId) -> Result<Vec<Remedy>> {
        let mut conn = self.pool.get().await?;
        load(&mut conn, merchant, None).await
    }

    /// Makes the next version of a remedy, as `decide` says of the newest versions there are, and gives it.
    pub async fn put_remedy(
        &self,
        by: &By,
        now: DateTime<Utc>,
        decide: impl FnOnce(Vec<Remedy>) -> Result<Remedy> + Send,
    ) -> Result<Remedy> {
        let merchant = &by.caller.merchant;
        let put = async |conn: &mut AsyncPgConnection| {
            let remedy = decide(load(conn, merchant, None).await?)?;
            insert(conn, merchant, &remedy).await?;
            let summary = json!({
                "version": remedy.version,
                "measure": remedy.entry.measure.name(),
                "deleted": remedy.deleted,
            });
            by.audit(conn, now, format!("remedy/{}", remedy.id), summary).await?;
            Ok::<_, MetricsError>((remedy.id, remedy.version))
        };
        let (id, version): (String, i32) = by.change(&self.pool, now, put).await?;
        let mut conn = self.pool.get().await?;
        let stored = load(&mut conn, merchant, Some((&id, version))).await?.pop();
        stored.ok_or_else(|| pg::Error::unreadable("remedies", &id, "it is gone").into())
    }
}

/// The newest versions, or one version.
async fn load(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    one: Option<(&str, i32)>,
) -> Result<Vec<Remedy>> {
    let rows = diesel::sql_query(
        "SELECT DISTINCT ON (remedy_id) remedy_id, version, measure, direction, cause, text, owner, department, deleted, \
            updated_by, updated_at \
         FROM remedies WHERE merchant_id = $1 AND ($2::text IS NULL OR (remedy_id = $2 AND version = $3)) \
         ORDER BY remedy_id, version DESC LIMIT $4",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Nullable<Text>, _>(one.map(|(id, _)| id))
    .bind::<Nullable<Integer>, _>(one.map(|(_, version)| version))
    // Built-in ones that were changed come on top of the merchant's own.
    .bind::<BigInt, _>(2 * REMEDIES_MAX as i64)
    .load::<RemedyRow>(conn)
    .await?;
    Ok(rows.into_iter().map(Remedy::try_from).collect::<Result<_, _>>()?)
}

async fn insert(conn: &mut AsyncPgConnection, merchant: &MerchantId, remedy: &Remedy) -> Result<()> {
    let entry = &remedy.entry;
    diesel::sql_query(
        "INSERT INTO remedies (merchant_id, remedy_id, version, measure, direction, cause, text, owner, department, deleted, \
            updated_by, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&remedy.id)
    .bind::<Integer, _>(remedy.version)
    .bind::<Text, _>(entry.measure.name())
    .bind::<Text, _>(entry.direction.name())
    .bind::<Text, _>(&entry.cause)
    .bind::<Text, _>(&entry.text)
    .bind::<Text, _>(role_name(entry.owner))
    .bind::<Text, _>(&entry.department)
    .bind::<Bool, _>(remedy.deleted)
    .bind::<Text, _>(&remedy.updated_by)
    .bind::<Nullable<Timestamptz>, _>(remedy.updated_at)
    .execute(conn)
    .await
    .map_err(pg::on_constraint("remedies_pkey", || MetricsError::RemedyChanged { id: remedy.id.clone() }))?;
    Ok(())
}

#[derive(QueryableByName)]
struct RemedyRow {
    #[diesel(sql_type = Text)]
    remedy_id: String,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    measure: String,
    #[diesel(sql_type = Text)]
    direction: String,
    #[diesel(sql_type = Text)]
    cause: String,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Text)]
    owner: String,
    #[diesel(sql_type = Text)]
    department: String,
    #[diesel(sql_type = Bool)]
    deleted: bool,
    #[diesel(sql_type = Text)]
    updated_by: String,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
}

impl TryFrom<RemedyRow> for Remedy {
    type Error = pg::Error;

    fn try_from(row: RemedyRow) -> Result<Self, pg::Error> {
        let unknown =
            |what: &str| pg::Error::unreadable("remedies", &row.remedy_id, format!("unknown {what}"));
        Ok(Self {
            entry: Entry {
                measure: AnyMeasure::by_name(&row.measure).ok_or_else(|| unknown("measure"))?,
                direction: Direction::by_name(&row.direction).ok_or_else(|| unknown("direction"))?,
                owner: role_named(&row.owner).ok_or_else(|| unknown("owner"))?,
                cause: row.cause,
                text: row.text,
                department: row.department,
            },
            id: row.remedy_id,
            version: row.version,
            deleted: row.deleted,
            updated_by: row.updated_by,
            updated_at: Some(row.updated_at),
        })
    }
}
