//! `loss_catalogues`: the versions of the reasons that merchants put.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::lost_inquiry::LossError;
use crate::domain::lost_inquiry::catalogue::Catalogue;
use crate::error::MetricsError;
use crate::store::{Result, Store, json_of};

impl Store {
    /// A version, or the newest, that the merchant put.
    pub async fn find_loss_catalogue(
        &self,
        merchant: &MerchantId,
        version: Option<i32>,
    ) -> Result<Option<Catalogue>> {
        let mut conn = self.pool.get().await?;
        find(&mut conn, merchant, version).await
    }

    /// Makes the next version, as `decide` says of the newest there is, and gives its number.
    pub async fn put_loss_catalogue(
        &self,
        by: &By,
        now: DateTime<Utc>,
        decide: impl FnOnce(Option<Catalogue>) -> Result<Catalogue> + Send,
    ) -> Result<i32> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let next = decide(find(conn, merchant, None).await?)?;
            diesel::sql_query(
                "INSERT INTO loss_catalogues (merchant_id, version, content, updated_by, updated_at) \
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind::<Text, _>(merchant.as_str())
            .bind::<Integer, _>(next.version)
            .bind::<Jsonb, _>(json_of(&next.content)?)
            .bind::<Text, _>(&by.caller.subject)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await
            .map_err(pg::on_constraint("loss_catalogues_pkey", || {
                MetricsError::from(LossError::CatalogueChanged)
            }))?;
            let summary = json!({ "version": next.version, "reasons": next.content.reasons.len() });
            by.audit(conn, now, "loss_catalogue", summary).await?;
            Ok::<_, MetricsError>(next.version)
        })
        .await
    }
}

async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    version: Option<i32>,
) -> Result<Option<Catalogue>> {
    let row = diesel::sql_query(
        "SELECT version, content, updated_by, updated_at FROM loss_catalogues \
         WHERE merchant_id = $1 AND ($2::int IS NULL OR version = $2) ORDER BY version DESC LIMIT 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Nullable<Integer>, _>(version)
    .get_result::<CatalogueRow>(conn)
    .await
    .optional()?;
    row.map(CatalogueRow::read).transpose()
}

#[derive(QueryableByName)]
struct CatalogueRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Text)]
    updated_by: String,
    #[diesel(sql_type = Timestamptz)]
    updated_at: DateTime<Utc>,
}

impl CatalogueRow {
    fn read(self) -> Result<Catalogue> {
        let content = serde_json::from_value(self.content)
            .map_err(|why| pg::Error::unreadable("loss_catalogues", self.version, why))?;
        Ok(Catalogue { version: self.version, content, updated: Some((self.updated_by, self.updated_at)) })
    }
}
