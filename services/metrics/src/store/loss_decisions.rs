//! `loss_decisions`: what people say why inquiries were lost.

use chrono::{DateTime, Days, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Date, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use pg::By;
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::lost_inquiry::catalogue::{Catalogue, Record, Records};
use crate::domain::lost_inquiry::signal::Signal;
use crate::domain::lost_inquiry::{LossError, LossKey};
use crate::error::MetricsError;
use crate::store::lost_inquiries::find;
use crate::store::{Result, Store};

/// For how long decisions speak for a rule.
const RECORD_DAYS: u64 = 180;

impl Store {
    /// Keeps a decision about one that the scope reaches.
    pub async fn decide_lost_inquiry(
        &self,
        by: &By,
        scope: &Scope,
        (key, etag): (&LossKey, &str),
        now: DateTime<Utc>,
        catalogue: &Catalogue,
        (reason, note): (&str, String),
    ) -> Result<()> {
        by.change(&self.pool, now, async |conn| {
            let found = find(conn, scope, key).await?.ok_or(LossError::NotFound)?;
            if found.etag() != etag {
                return Err(LossError::Changed.into());
            }
            let reason = &catalogue.choose(reason)?.id;
            let signal = found.loss.signal();
            let suggested = signal.and_then(|signal| catalogue.suggested().get(&signal).copied());
            let before = found.decision.map_or(0, |decision| decision.version);
            let put = diesel::sql_query(
                "INSERT INTO loss_decisions AS d (merchant_id, business_day, account_id, shop_id, customer_id, version, \
                    reason_id, note, signal, suggested_reason_id, decided_by, decided_at) \
                 VALUES ($1, $2, $3, $4, $5, $6 + 1, $7, $8, $9, $10, $11, $12) \
                 ON CONFLICT ON CONSTRAINT loss_decisions_pkey DO UPDATE SET version = excluded.version, \
                    reason_id = excluded.reason_id, note = excluded.note, signal = excluded.signal, \
                    suggested_reason_id = excluded.suggested_reason_id, decided_by = excluded.decided_by, \
                    decided_at = excluded.decided_at \
                 WHERE d.version = $6",
            )
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Date, _>(key.day)
            .bind::<Text, _>(&key.account)
            .bind::<Text, _>(&key.shop)
            .bind::<Text, _>(&key.customer)
            .bind::<BigInt, _>(before)
            .bind::<Text, _>(reason)
            .bind::<Text, _>(&note)
            .bind::<Text, _>(signal.map_or("", Signal::name))
            .bind::<Text, _>(suggested.unwrap_or_default())
            .bind::<Text, _>(&by.caller.subject)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await?;
            if put == 0 {
                return Err(LossError::Changed.into());
            }
            let summary = json!({ "version": before + 1, "reason": reason, "suggested": suggested });
            let entity = format!("lost_inquiry/{}/{}/{}/{}", key.day, key.account, key.shop, key.customer);
            by.audit(conn, now, entity, summary).await?;
            Ok::<_, MetricsError>(())
        })
        .await
    }

    /// What people lately decided of what each rule suggested.
    pub async fn list_loss_records(&self, merchant: &MerchantId, now: DateTime<Utc>) -> Result<Records> {
        let mut conn = self.pool.get().await?;
        let since = now.checked_sub_days(Days::new(RECORD_DAYS)).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let rows = diesel::sql_query(
            "SELECT signal, count(*) AS decided, count(*) FILTER (WHERE reason_id = suggested_reason_id) AS confirmed \
             FROM loss_decisions WHERE merchant_id = $1 AND decided_at >= $2 AND suggested_reason_id <> '' GROUP BY signal",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Timestamptz, _>(since)
        .load::<RecordRow>(&mut conn)
        .await?;
        let record = |row: RecordRow| {
            let record = Record { decided: row.decided, confirmed: row.confirmed };
            Signal::of(&row.signal).map(|signal| (signal, record))
        };
        Ok(rows.into_iter().filter_map(record).collect())
    }
}

#[derive(QueryableByName)]
struct RecordRow {
    #[diesel(sql_type = Text)]
    signal: String,
    #[diesel(sql_type = BigInt)]
    decided: i64,
    #[diesel(sql_type = BigInt)]
    confirmed: i64,
}
