//! `risks` and `risk_versions`.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::risk::{RISKS_MAX, Risk, RiskError, RiskFilter};
use crate::error::MetricsError;
use crate::store::{Result, Store, json_of, people};

const COLUMNS: &str = "risk_id, version, content, assessed_by, assessed_at";

/// The risk that a page begins after: its review day and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskCursor(NaiveDate, String);

impl Store {
    /// Adds a risk and gives its id.
    pub async fn insert_risk(&self, by: &By, risk: &Risk) -> Result<String> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, risk.assessed.1, async |conn| {
            check_owner(conn, merchant, risk).await?;
            // Whoever adds one at the same time waits, or both would be the last that there may be.
            diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('risks/' || $1, 0))")
                .bind::<Text, _>(merchant.as_str())
                .execute(conn)
                .await?;
            let found = diesel::sql_query("SELECT count(*) AS count FROM risks WHERE merchant_id = $1")
                .bind::<Text, _>(merchant.as_str())
                .get_result::<CountRow>(conn)
                .await?;
            let exists = || MetricsError::from(RiskError::Exists { id: risk.id.clone() });
            if find(conn, merchant, &risk.id, "").await?.is_some() {
                return Err(exists());
            }
            if found.count >= RISKS_MAX.into() {
                return Err(RiskError::TooMany { limit: RISKS_MAX }.into());
            }
            put(conn, by, risk).await?;
            Ok::<_, MetricsError>(risk.id.clone())
        })
        .await
    }

    /// Lets `decide` assess a risk anew.
    pub async fn update_risk(
        &self,
        by: &By,
        id: &str,
        now: DateTime<Utc>,
        decide: impl FnOnce(Risk) -> Result<Risk, RiskError> + Send,
    ) -> Result<()> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let found = find(conn, merchant, id, "FOR UPDATE").await?;
            let found = found.ok_or_else(|| RiskError::NotFound { id: id.to_owned() })?;
            let owner = found.content.owner.clone();
            let next = decide(found)?;
            // Whoever left since they were named may stay named.
            if next.content.owner != owner {
                check_owner(conn, merchant, &next).await?;
            }
            put(conn, by, &next).await?;
            Ok::<_, MetricsError>(())
        })
        .await
    }

    /// A risk in its newest assessment.
    pub async fn find_risk(&self, merchant: &MerchantId, id: &str) -> Result<Option<Risk>> {
        let mut conn = self.pool.get().await?;
        find(&mut conn, merchant, id, "").await
    }

    /// A page of risks in their newest assessment, by when they are to be assessed anew.
    pub async fn list_risks(
        &self,
        merchant: &MerchantId,
        filter: &RiskFilter,
        today: NaiveDate,
        page: &PageRequest<RiskCursor>,
    ) -> Result<Page<Risk>> {
        let mut conn = self.pool.get().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM risks WHERE merchant_id = $1 AND (NOT $2 OR (review_due < $3 AND NOT retired)) \
                AND likelihood * impact >= $4 AND (cardinality($5::text[]) = 0 OR kind = ANY ($5)) \
                AND ($6::text IS NULL OR owner_person_id = $6) AND ($7 OR NOT retired) \
                AND ($8::date IS NULL OR (review_due, risk_id) > ($8, $9)) \
             ORDER BY review_due, risk_id LIMIT $10"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Bool, _>(filter.overdue)
            .bind::<Date, _>(today)
            .bind::<Integer, _>(filter.score_min)
            .bind::<Array<Text>, _>(filter.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>())
            .bind::<Nullable<Text>, _>(filter.owner.as_deref())
            .bind::<Bool, _>(filter.retired)
            .bind::<Nullable<Date>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<RiskRow>(&mut conn)
            .await?;
        let risks = rows.into_iter().map(RiskRow::read).collect::<Result<_>>()?;
        Ok(page.page(risks, |risk: &Risk| RiskCursor(risk.content.review_due, risk.id.clone()))?)
    }

    /// A page of the assessments of a risk, the newest first.
    pub async fn list_risk_versions(
        &self,
        merchant: &MerchantId,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Risk>> {
        let mut conn = self.pool.get().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM risk_versions WHERE merchant_id = $1 AND risk_id = $2 \
                AND ($3::int IS NULL OR version < $3) ORDER BY version DESC LIMIT $4"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Text, _>(id)
            .bind::<Nullable<Integer>, _>(page.after)
            .bind::<BigInt, _>(page.limit())
            .load::<RiskRow>(&mut conn)
            .await?;
        let versions = rows.into_iter().map(RiskRow::read).collect::<Result<_>>()?;
        Ok(page.page(versions, |risk: &Risk| risk.version)?)
    }
}

async fn check_owner(conn: &mut AsyncPgConnection, merchant: &MerchantId, risk: &Risk) -> Result<()> {
    let owner = &risk.content.owner;
    let staying = people::staying(conn, merchant, std::slice::from_ref(owner)).await?;
    if staying.is_empty() {
        return Err(RiskError::PersonNotFound { id: owner.clone() }.into());
    }
    Ok(())
}

async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &str,
    lock: &str,
) -> Result<Option<Risk>> {
    let sql = format!("SELECT {COLUMNS} FROM risks WHERE merchant_id = $1 AND risk_id = $2 {lock}");
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .get_result::<RiskRow>(conn)
        .await
        .optional()?;
    row.map(RiskRow::read).transpose()
}

/// Writes an assessment and its audit.
async fn put(conn: &mut AsyncPgConnection, by: &By, risk: &Risk) -> Result<()> {
    let (merchant, content) = (&by.caller.merchant, &risk.content);
    diesel::sql_query(
        "WITH kept AS ( \
            INSERT INTO risk_versions (merchant_id, risk_id, version, content, assessed_by, assessed_at) \
            VALUES ($1, $2, $3, $10, $11, $12)) \
         INSERT INTO risks (merchant_id, risk_id, version, kind, likelihood, impact, owner_person_id, review_due, retired, \
            content, assessed_by, assessed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT ON CONSTRAINT risks_pkey DO UPDATE SET version = excluded.version, kind = excluded.kind, \
            likelihood = excluded.likelihood, impact = excluded.impact, owner_person_id = excluded.owner_person_id, \
            review_due = excluded.review_due, retired = excluded.retired, content = excluded.content, \
            assessed_by = excluded.assessed_by, assessed_at = excluded.assessed_at",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&risk.id)
    .bind::<Integer, _>(risk.version)
    .bind::<Text, _>(content.kind.name())
    .bind::<Integer, _>(content.likelihood)
    .bind::<Integer, _>(content.impact)
    .bind::<Text, _>(&content.owner)
    .bind::<Date, _>(content.review_due)
    .bind::<Bool, _>(content.retired)
    .bind::<Jsonb, _>(json_of(content)?)
    .bind::<Text, _>(&risk.assessed.0)
    .bind::<Timestamptz, _>(risk.assessed.1)
    .execute(conn)
    .await?;
    let summary = json!({
        "version": risk.version,
        "kind": content.kind.name(),
        "likelihood": content.likelihood,
        "impact": content.impact,
        "owner": content.owner,
        "retired": content.retired,
    });
    Ok(by.audit(conn, risk.assessed.1, format!("risk/{}", risk.id), summary).await?)
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct RiskRow {
    #[diesel(sql_type = Text)]
    risk_id: String,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Text)]
    assessed_by: String,
    #[diesel(sql_type = Timestamptz)]
    assessed_at: DateTime<Utc>,
}

impl RiskRow {
    fn read(self) -> Result<Risk> {
        let broken = |why: serde_json::Error| pg::Error::unreadable("risks", &self.risk_id, why);
        Ok(Risk {
            content: serde_json::from_value(self.content).map_err(broken)?,
            id: self.risk_id,
            version: self.version,
            assessed: (self.assessed_by, self.assessed_at),
        })
    }
}
