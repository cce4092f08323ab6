//! Review policies.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Bool, Double, Integer, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;

use super::{ATTEMPTS, Store};
use crate::domain::policy::{CalibrationRule, ReviewPolicy};
use crate::error::QaError;

#[derive(QueryableByName)]
struct PolicyRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Bool)]
    same_day: bool,
    #[diesel(sql_type = Integer)]
    same_day_until_minute: i32,
    #[diesel(sql_type = Integer)]
    appeal_days: i32,
    #[diesel(sql_type = Integer)]
    decision_days: i32,
    #[diesel(sql_type = Integer)]
    chats_min: i32,
    #[diesel(sql_type = Integer)]
    severity_bp_max: i32,
    #[diesel(sql_type = Double)]
    agreement_min: f64,
    #[diesel(sql_type = Integer)]
    window_days: i32,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

impl From<PolicyRow> for ReviewPolicy {
    fn from(row: PolicyRow) -> Self {
        Self {
            version: row.version,
            same_day: row.same_day,
            same_day_until_minute: row.same_day_until_minute,
            appeal_days: row.appeal_days,
            decision_days: row.decision_days,
            calibration: CalibrationRule {
                chats_min: row.chats_min,
                severity_bp_max: row.severity_bp_max,
                agreement_min: row.agreement_min,
                window_days: row.window_days,
            },
            created_at: row.created_at,
        }
    }
}

/// The newest version, or the built-in one.
pub(super) async fn newest(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
) -> Result<ReviewPolicy, QaError> {
    let rows = diesel::sql_query(
        "SELECT version, same_day, appeal_days, decision_days, chats_min, severity_bp_max, agreement_min, window_days, \
            created_at, same_day_until_minute \
         FROM review_policies WHERE merchant_id = $1 ORDER BY version DESC LIMIT 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .load::<PolicyRow>(conn)
    .await?;
    Ok(rows.into_iter().next().map_or_else(ReviewPolicy::built_in, ReviewPolicy::from))
}

impl Store {
    /// The policy that holds.
    pub async fn find_review_policy(&self, merchant: &MerchantId) -> Result<ReviewPolicy, QaError> {
        newest(&mut *self.connection().await?, merchant).await
    }

    /// Adds the version that `decide` makes of the newest one.
    pub async fn insert_review_policy(
        &self,
        by: &By,
        now: DateTime<Utc>,
        decide: impl Fn(&ReviewPolicy) -> Result<ReviewPolicy, QaError>,
    ) -> Result<ReviewPolicy, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let next = decide(&newest(conn, merchant).await?)?;
                let inserted = diesel::sql_query(
                    "INSERT INTO review_policies (merchant_id, version, same_day, appeal_days, decision_days, chats_min, \
                        severity_bp_max, agreement_min, window_days, created_by, created_at, same_day_until_minute) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
                )
                .bind::<Text, _>(merchant.as_str())
                .bind::<Integer, _>(next.version)
                .bind::<Bool, _>(next.same_day)
                .bind::<Integer, _>(next.appeal_days)
                .bind::<Integer, _>(next.decision_days)
                .bind::<Integer, _>(next.calibration.chats_min)
                .bind::<Integer, _>(next.calibration.severity_bp_max)
                .bind::<Double, _>(next.calibration.agreement_min)
                .bind::<Integer, _>(next.calibration.window_days)
                .bind::<Text, _>(&by.caller.subject)
                .bind::<Timestamptz, _>(now)
                .bind::<Integer, _>(next.same_day_until_minute)
                .execute(conn)
                .await?;
                // Somebody else's version with the same number: they were quicker.
                if inserted == 0 {
                    return Err(QaError::EtagMismatch);
                }
                let summary = serde_json::to_value(next).map_err(|error| pg::Error::Internal(error.into()))?;
                by.audit(conn, now, format!("review_policy/{}", next.version), summary).await?;
                Ok(next)
            })
            .await
        })
        .await
    }
}
