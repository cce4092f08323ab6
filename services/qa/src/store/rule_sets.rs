//! Versions of the rules by which chats are checked.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Date, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;

use super::{ATTEMPTS, Store};
use crate::check_error::CheckError;
use crate::domain::rule_set::RuleSet;
use crate::error::QaError;

/// What follows a version is the next one that is published and not taken back.
const SELECT: &str = "SELECT s.version, s.rules, s.note, s.live_from, \
        (SELECT min(n.live_from) FROM check_rule_sets n WHERE n.merchant_id = s.merchant_id AND n.retired_at IS NULL \
            AND n.live_from > s.live_from AND s.retired_at IS NULL) AS followed_on, \
        s.created_by, s.created_at, s.published_by, s.published_at, s.retired_at, s.revision \
     FROM check_rule_sets s WHERE s.merchant_id = $1";

#[derive(QueryableByName)]
struct RuleSetRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    rules: String,
    #[diesel(sql_type = Text)]
    note: String,
    #[diesel(sql_type = Nullable<Date>)]
    live_from: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    followed_on: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    created_by: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    published_by: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    published_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    retired_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    revision: i64,
}

#[derive(QueryableByName)]
struct PublishedRow {
    #[diesel(sql_type = Date)]
    live_from: NaiveDate,
    #[diesel(sql_type = Integer)]
    version: i32,
}

#[derive(QueryableByName)]
struct NextRow {
    #[diesel(sql_type = Integer)]
    next: i32,
}

impl From<RuleSetRow> for RuleSet {
    fn from(row: RuleSetRow) -> Self {
        Self {
            version: row.version,
            rules: row.rules,
            note: row.note,
            live_from: row.live_from,
            followed_on: row.followed_on,
            created_by: row.created_by,
            created_at: row.created_at,
            published_by: row.published_by,
            published_at: row.published_at,
            retired_at: row.retired_at,
            revision: row.revision,
        }
    }
}

async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    version: i32,
) -> Result<Option<RuleSet>, QaError> {
    let rows = diesel::sql_query(format!("{SELECT} AND s.version = $2"))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Integer, _>(version)
        .load::<RuleSetRow>(conn)
        .await?;
    Ok(rows.into_iter().next().map(RuleSet::from))
}

async fn published(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
) -> Result<Vec<(NaiveDate, i32)>, QaError> {
    let rows = diesel::sql_query(
        "SELECT live_from, version FROM check_rule_sets \
         WHERE merchant_id = $1 AND live_from IS NOT NULL AND retired_at IS NULL ORDER BY live_from LIMIT 100000",
    )
    .bind::<Text, _>(merchant.as_str())
    .load::<PublishedRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.live_from, row.version)).collect())
}

async fn update(conn: &mut AsyncPgConnection, merchant: &MerchantId, set: &RuleSet) -> Result<(), QaError> {
    diesel::sql_query(
        "UPDATE check_rule_sets SET rules = $3, note = $4, live_from = $5, published_by = $6, published_at = $7, \
            retired_at = $8, revision = $9 \
         WHERE merchant_id = $1 AND version = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Integer, _>(set.version)
    .bind::<Text, _>(&set.rules)
    .bind::<Text, _>(&set.note)
    .bind::<Nullable<Date>, _>(set.live_from)
    .bind::<Text, _>(&set.published_by)
    .bind::<Nullable<Timestamptz>, _>(set.published_at)
    .bind::<Nullable<Timestamptz>, _>(set.retired_at)
    .bind::<BigInt, _>(set.revision)
    .execute(conn)
    .await?;
    Ok(())
}

/// One change of a merchant's rules at a time: versions are numbered and follow each other by day.
async fn lock(conn: &mut AsyncPgConnection, merchant: &MerchantId) -> Result<(), QaError> {
    diesel::sql_query(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.check_rule_sets.' || $1, 0))",
    )
    .bind::<Text, _>(merchant.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

async fn audit(
    conn: &mut AsyncPgConnection,
    by: &By,
    set: &RuleSet,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let summary = serde_json::json!({ "note": set.note, "live_from": set.live_from, "retired": set.retired_at.is_some(),
        "bytes": set.rules.len() });
    Ok(by.audit(conn, now, format!("check_rule_set/{}", set.version), summary).await?)
}

impl Store {
    /// A version that the merchant made.
    pub async fn find_rule_set(
        &self,
        merchant: &MerchantId,
        version: i32,
    ) -> Result<Option<RuleSet>, QaError> {
        find(&mut *self.connection().await?, merchant, version).await
    }

    /// Published versions with their first days.
    pub async fn list_published_rule_sets(
        &self,
        merchant: &MerchantId,
    ) -> Result<Vec<(NaiveDate, i32)>, QaError> {
        published(&mut *self.connection().await?, merchant).await
    }

    /// The versions that the merchant made, newest first.
    pub async fn list_rule_sets(
        &self,
        merchant: &MerchantId,
        page: &PageRequest<i32>,
    ) -> Result<Page<RuleSet>, QaError> {
        let rows = diesel::sql_query(format!(
            "{SELECT} AND ($2 IS NULL OR s.version < $2) ORDER BY s.version DESC LIMIT $3"
        ))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Nullable<Integer>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<RuleSetRow>(&mut *self.connection().await?)
        .await?;
        Ok(page.page(rows.into_iter().map(RuleSet::from).collect(), |set: &RuleSet| set.version)?)
    }

    /// Adds a draft.
    pub async fn insert_rule_set(
        &self,
        by: &By,
        now: DateTime<Utc>,
        rules: &str,
        note: &str,
    ) -> Result<RuleSet, QaError> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            lock(conn, merchant).await?;
            let next = diesel::sql_query(
                "SELECT COALESCE(max(version), 0) + 1 AS next FROM check_rule_sets WHERE merchant_id = $1",
            )
            .bind::<Text, _>(merchant.as_str())
            .get_result::<NextRow>(conn)
            .await?
            .next;
            let set = RuleSet::draft(next, rules.to_owned(), note.to_owned(), &by.caller.subject, now);
            diesel::sql_query(
                "INSERT INTO check_rule_sets (merchant_id, version, rules, note, created_by, created_at, revision) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind::<Text, _>(merchant.as_str())
            .bind::<Integer, _>(set.version)
            .bind::<Text, _>(&set.rules)
            .bind::<Text, _>(&set.note)
            .bind::<Text, _>(&set.created_by)
            .bind::<Timestamptz, _>(now)
            .bind::<BigInt, _>(set.revision)
            .execute(conn)
            .await?;
            audit(conn, by, &set, now).await?;
            Ok(set)
        })
        .await
    }

    /// Changes a version by `decide`, which is also told the first day of the newest published one.
    pub async fn update_rule_set(
        &self,
        by: &By,
        now: DateTime<Utc>,
        version: i32,
        decide: impl Fn(RuleSet, Option<NaiveDate>) -> Result<RuleSet, QaError>,
    ) -> Result<RuleSet, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                lock(conn, merchant).await?;
                let set = find(conn, merchant, version).await?;
                let set = set.ok_or(CheckError::RuleSetNotFound { version })?;
                let newest = published(conn, merchant).await?.last().map(|(from, _)| *from);
                let set = decide(set, newest)?;
                update(conn, merchant, &set).await?;
                audit(conn, by, &set, now).await?;
                Ok(set)
            })
            .await
        })
        .await
    }
}
