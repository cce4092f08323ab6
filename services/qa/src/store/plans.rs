//! Sampling plans, and what a merchant begins with.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Date, Integer, Jsonb, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;

use super::{ATTEMPTS, Store};
use crate::domain::plan::{Counts, SamplingPlan};
use crate::domain::scorecard::Scorecard;
use crate::error::QaError;

#[derive(QueryableByName)]
struct PlanRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Date)]
    effective_from: NaiveDate,
    #[diesel(sql_type = Integer)]
    size: i32,
    #[diesel(sql_type = Integer)]
    threshold: i32,
    #[diesel(sql_type = SmallInt)]
    counts: i16,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    team_id: String,
    #[diesel(sql_type = Array<Text>)]
    excluded_accounts: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    excluded_channels: Vec<String>,
    #[diesel(sql_type = Bool)]
    inherits: bool,
}

impl TryFrom<PlanRow> for SamplingPlan {
    type Error = QaError;

    fn try_from(row: PlanRow) -> Result<Self, QaError> {
        let key = format!("{}/{}", row.merchant_id, row.version);
        Ok(Self {
            version: row.version,
            effective_from: row.effective_from,
            size: row.size,
            threshold: row.threshold,
            counts: counts_of(row.counts)
                .ok_or_else(|| pg::Error::unreadable("sampling_plans", key, "it counts nothing known"))?,
            created_at: row.created_at,
            team: row.team_id,
            excluded_accounts: row.excluded_accounts,
            excluded_channels: row.excluded_channels,
            inherits: row.inherits,
        })
    }
}

/// What a plan counts, as its column has it.
pub(super) fn counts_code(counts: Counts) -> i16 {
    match counts {
        Counts::AgentReplies => 1,
        Counts::AllMessages => 2,
    }
}

/// The reverse of [`counts_code`].
pub(super) fn counts_of(code: i16) -> Option<Counts> {
    [Counts::AgentReplies, Counts::AllMessages].into_iter().find(|counts| counts_code(*counts) == code)
}

/// All plans of some merchants.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    merchants: &[&str],
) -> Result<Vec<(MerchantId, SamplingPlan)>, QaError> {
    let rows = diesel::sql_query(
        "SELECT merchant_id, version, effective_from, size, threshold, counts, created_at, team_id, excluded_accounts, \
            excluded_channels, inherits \
         FROM sampling_plans WHERE merchant_id = ANY ($1) ORDER BY merchant_id, team_id, version LIMIT 100000",
    )
    .bind::<Array<Text>, _>(merchants)
    .load::<PlanRow>(conn)
    .await?;
    rows.into_iter().map(|row| Ok((MerchantId::new(row.merchant_id.clone()), row.try_into()?))).collect()
}

/// The merchant's plans.
pub(super) async fn of_merchant(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
) -> Result<Vec<SamplingPlan>, QaError> {
    Ok(list(conn, &[merchant.as_str()]).await?.into_iter().map(|(_, plan)| plan).collect())
}

async fn insert(
    conn: &mut AsyncPgConnection,
    merchants: &[&str],
    plan: &SamplingPlan,
    by: &str,
) -> Result<usize, QaError> {
    let sql = "INSERT INTO sampling_plans \
         (merchant_id, version, effective_from, size, threshold, counts, created_by, created_at, team_id, \
            excluded_accounts, excluded_channels, inherits) \
         SELECT m, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM unnest($1::text[]) AS m ORDER BY m ON CONFLICT DO NOTHING";
    Ok(diesel::sql_query(sql)
        .bind::<Array<Text>, _>(merchants)
        .bind::<Integer, _>(plan.version)
        .bind::<Date, _>(plan.effective_from)
        .bind::<Integer, _>(plan.size)
        .bind::<Integer, _>(plan.threshold)
        .bind::<SmallInt, _>(counts_code(plan.counts))
        .bind::<Text, _>(by)
        .bind::<Timestamptz, _>(plan.created_at)
        .bind::<Text, _>(&plan.team)
        .bind::<Array<Text>, _>(&plan.excluded_accounts)
        .bind::<Array<Text>, _>(&plan.excluded_channels)
        .bind::<Bool, _>(plan.inherits)
        .execute(conn)
        .await?)
}

/// Gives merchants that have nothing yet what every merchant begins with: the first plan and the ready-made card.
pub(super) async fn begin_merchants(
    conn: &mut AsyncPgConnection,
    merchants: &[&str],
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let plan = SamplingPlan { created_at: now, ..SamplingPlan::first() };
    if insert(conn, merchants, &plan, "").await? == 0 {
        return Ok(());
    }
    let card = Scorecard::ready_made(now);
    let content = serde_json::to_value(&card.content).map_err(|e| pg::Error::Internal(e.into()))?;
    diesel::sql_query(
        "INSERT INTO scorecards \
         (merchant_id, scorecard_id, version, name, state, content, created_by, created_at, published_at, revision) \
         SELECT m, $2, $3, $4, 2, $5, '', $6, $6, 1 FROM unnest($1::text[]) AS m ORDER BY m ON CONFLICT DO NOTHING",
    )
    .bind::<Array<Text>, _>(merchants)
    .bind::<Text, _>(&card.id)
    .bind::<Integer, _>(card.version)
    .bind::<Text, _>(&card.name)
    .bind::<Jsonb, _>(content)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Makes sure that the merchant has a plan and a card.
    pub async fn begin_merchant(&self, merchant: &MerchantId, now: DateTime<Utc>) -> Result<(), QaError> {
        let mut conn = self.connection().await?;
        conn.transaction(async |conn| begin_merchants(conn, &[merchant.as_str()], now).await).await
    }

    /// All versions of the merchant's plan.
    pub async fn list_plans(&self, merchant: &MerchantId) -> Result<Vec<SamplingPlan>, QaError> {
        of_merchant(&mut *self.connection().await?, merchant).await
    }

    /// Adds the version that `decide` makes of the newest one of a team, or of the merchant.
    pub async fn insert_plan(
        &self,
        by: &By,
        now: DateTime<Utc>,
        team: &str,
        decide: impl Fn(&SamplingPlan) -> Result<SamplingPlan, QaError>,
    ) -> Result<SamplingPlan, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
            begin_merchants(conn, &[merchant.as_str()], now).await?;
            let plans = of_merchant(conn, merchant).await?;
            let newest = plans.into_iter().filter(|plan| plan.team == team).max_by_key(|plan| plan.version);
            let first = || if team.is_empty() { SamplingPlan::first() } else { SamplingPlan::inherited(team) };
            let next = decide(&newest.unwrap_or_else(first))?;
            // Somebody else's version with the same number: they were quicker.
            if insert(conn, &[merchant.as_str()], &next, &by.caller.subject).await? == 0 {
                return Err(QaError::EtagMismatch);
            }
            let summary = serde_json::json!({ "version": next.version, "effective_from": next.effective_from,
                "size": next.size, "threshold": next.threshold, "counts": next.counts, "team": next.team,
                "excluded_accounts": next.excluded_accounts, "excluded_channels": next.excluded_channels,
                "inherits": next.inherits });
            by.audit(conn, now, format!("sampling_plan/{}", next.version), summary).await?;
            Ok(next)
        })
            .await
        })
        .await
    }
}
