//! `figure_changes` and `figure_versions`: which days' figures changed, for whoever must know at once.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::Session;
use runtime::ids::MerchantId;

use crate::store::{Result, Store};

/// Changes gathered in one statement.
const CHANGES_MAX: i64 = 10_000;

/// Notes that figures of these days change with this transaction.
pub(super) async fn insert_changes(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    days: &BTreeSet<NaiveDate>,
) -> Result<()> {
    if days.is_empty() {
        return Ok(());
    }
    diesel::sql_query("INSERT INTO figure_changes (merchant_id, business_day) SELECT $1, unnest($2::date[])")
        .bind::<Text, _>(merchant)
        .bind::<Array<Date>, _>(days.iter().copied().collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// A business day's figures in a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayVersion {
    /// The day.
    pub day: NaiveDate,
    /// Its figures' version.
    pub version: i64,
}

/// The right to do what only one replica does. It goes with its connection.
pub struct Lease(Session);

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

impl Lease {
    /// Whether it is still ours.
    pub async fn is_held(&self) -> bool {
        self.0.client.simple_query("SELECT 1").await.is_ok()
    }
}

impl Store {
    /// The lease of that name, if no other replica has it.
    pub async fn find_lease(&self, name: &str) -> Result<Option<Lease>> {
        let session = self.pool.session().await?;
        Ok(session.try_lock(name).await?.then_some(Lease(session)))
    }

    /// Counts changes into versions, and says whether there were any. Any number of replicas may do this at once.
    pub async fn gather_figure_changes(&self) -> Result<bool> {
        let mut conn = self.pool.get().await?;
        // Days in order, so that two gatherers never wait for each other crosswise.
        let gathered = diesel::sql_query(
            "WITH taken AS ( \
                DELETE FROM figure_changes c USING ( \
                    SELECT merchant_id, change_id FROM figure_changes ORDER BY merchant_id, change_id LIMIT $1 \
                    FOR UPDATE SKIP LOCKED) AS next \
                WHERE c.merchant_id = next.merchant_id AND c.change_id = next.change_id \
                RETURNING c.merchant_id, c.business_day) \
             INSERT INTO figure_versions AS v (merchant_id, business_day, version) \
             SELECT merchant_id, business_day, 1 FROM taken GROUP BY merchant_id, business_day \
             ORDER BY merchant_id, business_day \
             ON CONFLICT ON CONSTRAINT figure_versions_pkey DO UPDATE SET version = v.version + 1",
        )
        .bind::<BigInt, _>(CHANGES_MAX)
        .execute(&mut conn)
        .await?;
        Ok(gathered > 0)
    }

    /// The version of a day's figures; 0 if nothing is known of it.
    pub async fn find_figure_version(&self, merchant: &MerchantId, day: NaiveDate) -> Result<i64> {
        let mut conn = self.pool.get().await?;
        let row = diesel::sql_query(
            "SELECT coalesce((SELECT version FROM figure_versions WHERE merchant_id = $1 AND business_day = $2), 0) AS version",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(day)
        .get_result::<VersionRow>(&mut conn)
        .await?;
        Ok(row.version)
    }

    /// Merchants whose rules are to be looked at: figures changed, or there are some and nobody has looked since
    /// `idle_since`.
    pub async fn list_merchants_to_alert(
        &self,
        idle_since: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<MerchantId>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT merchant_id FROM figure_versions WHERE alerted_version < version \
             UNION SELECT m.merchant_id FROM merchants m LEFT JOIN alert_rounds r USING (merchant_id) \
                WHERE (r.looked_at IS NULL OR r.looked_at <= $1) \
                    AND EXISTS (SELECT FROM figure_versions v WHERE v.merchant_id = m.merchant_id) \
             ORDER BY merchant_id LIMIT $2",
        )
        .bind::<Timestamptz, _>(idle_since)
        .bind::<BigInt, _>(limit)
        .load::<MerchantRow>(&mut conn)
        .await?;
        Ok(rows.into_iter().map(|row| MerchantId::new(row.merchant_id)).collect())
    }

    /// The days whose figures changed since alerts looked at them.
    pub async fn list_days_to_alert(&self, merchant: &MerchantId) -> Result<Vec<DayVersion>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT business_day, version FROM figure_versions \
             WHERE merchant_id = $1 AND alerted_version < version ORDER BY business_day",
        )
        .bind::<Text, _>(merchant.as_str())
        .load::<DayRow>(&mut conn)
        .await?;
        Ok(rows.into_iter().map(|row| DayVersion { day: row.business_day, version: row.version }).collect())
    }

    /// Notes that alerts have looked at these.
    pub async fn note_alerted(
        &self,
        merchant: &MerchantId,
        days: &[DayVersion],
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut conn = self.pool.get().await?;
        // Locked in the order of days, as gatherers do.
        diesel::sql_query(
            "WITH looked AS ( \
                INSERT INTO alert_rounds (merchant_id, looked_at) VALUES ($1, $4) \
                ON CONFLICT ON CONSTRAINT alert_rounds_pkey DO UPDATE SET looked_at = excluded.looked_at) \
             UPDATE figure_versions v SET alerted_version = n.version \
             FROM (SELECT o.business_day AS day, seen.version FROM figure_versions o \
                JOIN unnest($2::date[], $3::bigint[]) AS seen (day, version) ON o.business_day = seen.day \
                WHERE o.merchant_id = $1 ORDER BY o.business_day FOR UPDATE OF o) AS n \
             WHERE v.merchant_id = $1 AND v.business_day = n.day AND v.alerted_version < n.version",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Array<Date>, _>(days.iter().map(|day| day.day).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(days.iter().map(|day| day.version).collect::<Vec<_>>())
        .bind::<Timestamptz, _>(now)
        .execute(&mut conn)
        .await?;
        Ok(())
    }
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = BigInt)]
    version: i64,
}

#[derive(QueryableByName)]
struct MerchantRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    version: i64,
}
