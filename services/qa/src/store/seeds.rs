//! Seeds: made once per merchant and day, secret until the draw.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use rand::TryRngCore;
use runtime::ids::MerchantId;
use sampling::Seed;

use super::{Store, bytes32, columns};
use crate::domain::draw::{Commitment, DaySeed};
use crate::error::QaError;
use crate::outgoing;

/// How many commitments are anchored in one go.
const ANCHORED_AT_ONCE: i64 = 500;

/// A merchant's day.
pub(super) type Day = (MerchantId, NaiveDate);

/// How the rows of seeds are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// Not at all.
    Free,
    /// Arrivals: any number of them at once, but none while a draw of the day runs.
    Shared,
    /// A draw: alone.
    Alone,
}

impl Lock {
    fn sql(self) -> &'static str {
        match self {
            Self::Free => "",
            Self::Shared => "FOR SHARE OF s",
            Self::Alone => "FOR UPDATE OF s",
        }
    }
}

#[derive(QueryableByName)]
struct SeedRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Binary)]
    seed: Vec<u8>,
    #[diesel(sql_type = Binary)]
    commitment: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    committed_at: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    before_day: bool,
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
}

impl TryFrom<SeedRow> for DaySeed {
    type Error = QaError;

    fn try_from(row: SeedRow) -> Result<Self, QaError> {
        let key = format!("{}/{}", row.merchant_id, row.business_day);
        let seed = bytes32("seeds", &key, Seed::from_slice, &row.seed)?;
        let hash = bytes32("seeds", &key, sampling::Commitment::from_slice, &row.commitment)?;
        let commitment = Commitment {
            merchant: MerchantId::new(row.merchant_id),
            day: row.business_day,
            hash,
            committed_at: row.committed_at,
            before_day: row.before_day,
        };
        Ok(Self { seed, commitment })
    }
}

/// The seeds of some days as they are, in order of merchant and day.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    days: &[Day],
    lock: Lock,
) -> Result<BTreeMap<Day, DaySeed>, QaError> {
    let (merchants, dates) = columns(days);
    let rows = diesel::sql_query(format!(
        "SELECT s.merchant_id, s.business_day, s.seed, s.commitment, s.committed_at, s.before_day \
         FROM seeds s JOIN unnest($1::text[], $2::date[]) AS d (m, b) ON s.merchant_id = d.m AND s.business_day = d.b \
         ORDER BY s.merchant_id, s.business_day {}",
        lock.sql()
    ))
    .bind::<Array<Text>, _>(merchants)
    .bind::<Array<Date>, _>(dates)
    .load::<SeedRow>(conn)
    .await?;
    let keyed = rows.into_iter().map(|row| {
        let seed = DaySeed::try_from(row)?;
        Ok(((seed.commitment.merchant.clone(), seed.commitment.day), seed))
    });
    keyed.collect()
}

/// The seeds of some days, making and committing those that are missing. `begins_at` tells when a business day
/// begins.
pub(super) async fn ensure(
    conn: &mut AsyncPgConnection,
    days: &[Day],
    lock: Lock,
    begins_at: impl Fn(&Day) -> DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<BTreeMap<Day, DaySeed>, QaError> {
    let wanted: BTreeSet<&Day> = days.iter().collect();
    let here = find(conn, days, lock).await?;
    let missing: Vec<&Day> = wanted.into_iter().filter(|day| !here.contains_key(day)).collect();
    if missing.is_empty() {
        return Ok(here);
    }
    let mut made = Vec::with_capacity(missing.len());
    for day in missing {
        made.push(DaySeed::make(&day.0, day.1, random()?, begins_at(day), now));
    }
    insert(conn, &made).await?;
    // Read back: somebody else may have been quicker with some of them.
    find(conn, days, lock).await
}

/// Inserts seeds that are not there yet and publishes their commitments.
async fn insert(conn: &mut AsyncPgConnection, made: &[DaySeed]) -> Result<(), QaError> {
    let commitments = || made.iter().map(|seed| &seed.commitment);
    let inserted = diesel::sql_query(
        "INSERT INTO seeds (merchant_id, business_day, seed, commitment, committed_at, before_day) \
         SELECT * FROM unnest($1::text[], $2::date[], $3::bytea[], $4::bytea[], $5::timestamptz[], $6::bool[]) \
         ON CONFLICT ON CONSTRAINT seeds_pkey DO NOTHING RETURNING merchant_id, business_day",
    )
    .bind::<Array<Text>, _>(commitments().map(|c| c.merchant.as_str()).collect::<Vec<_>>())
    .bind::<Array<Date>, _>(commitments().map(|c| c.day).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(made.iter().map(|seed| seed.seed.reveal().as_slice()).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(commitments().map(|c| c.hash.as_bytes().as_slice()).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(commitments().map(|c| c.committed_at).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(commitments().map(|c| c.before_day).collect::<Vec<_>>())
    .load::<DayRow>(conn)
    .await?;
    let inserted: BTreeSet<Day> =
        inserted.into_iter().map(|row| (MerchantId::new(row.merchant_id), row.business_day)).collect();
    let ours = commitments().filter(|c| inserted.contains(&(c.merchant.clone(), c.day)));
    let events: Vec<_> = ours.map(outgoing::draw_committed).collect();
    Ok(events::publish_all(conn, &events).await?)
}

/// 32 bytes from the operating system's generator.
fn random() -> Result<[u8; 32], QaError> {
    let mut bytes = [0; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|e| pg::Error::Internal(e.into()))?;
    Ok(bytes)
}

impl Store {
    /// Makes and commits the seeds of some days that have none.
    pub async fn ensure_seeds(
        &self,
        merchant: &MerchantId,
        days: &[NaiveDate],
        begins_at: impl Fn(NaiveDate) -> DateTime<Utc> + Send + Sync,
        now: DateTime<Utc>,
    ) -> Result<(), QaError> {
        let days: Vec<Day> = days.iter().map(|day| (merchant.clone(), *day)).collect();
        let mut conn = self.connection().await?;
        conn.transaction(async |conn| {
            ensure(conn, &days, Lock::Free, |day| begins_at(day.1), now).await?;
            Ok::<(), QaError>(())
        })
        .await
    }

    /// A day's commitment.
    pub async fn find_commitment(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
    ) -> Result<Option<Commitment>, QaError> {
        let key = (merchant.clone(), day);
        let found = find(&mut *self.connection().await?, std::slice::from_ref(&key), Lock::Free).await?;
        Ok(found.into_values().next().map(|seed| seed.commitment))
    }

    /// The merchants that have anything here or that the directory has told of: a new merchant's first day is to be
    /// committed before it begins, too.
    pub async fn list_merchants(&self) -> Result<Vec<MerchantId>, QaError> {
        #[derive(QueryableByName)]
        struct MerchantRow {
            #[diesel(sql_type = Text)]
            merchant_id: String,
        }
        // Those that the directory has told of: without that nobody knows when their days begin.
        let sql = "SELECT merchant_id FROM merchants ORDER BY merchant_id LIMIT 100000";
        let rows = diesel::sql_query(sql).load::<MerchantRow>(&mut *self.connection().await?).await?;
        Ok(rows.into_iter().map(|row| MerchantId::new(row.merchant_id)).collect())
    }

    /// Commitments that are not anchored yet, at most some hundred.
    pub async fn list_unanchored(&self) -> Result<Vec<Commitment>, QaError> {
        let rows = diesel::sql_query(
            "SELECT merchant_id, business_day, seed, commitment, committed_at, before_day FROM seeds \
             WHERE NOT anchored ORDER BY merchant_id, business_day LIMIT $1",
        )
        .bind::<BigInt, _>(ANCHORED_AT_ONCE)
        .load::<SeedRow>(&mut *self.connection().await?)
        .await?;
        rows.into_iter().map(|row| Ok(DaySeed::try_from(row)?.commitment)).collect()
    }

    /// Marks commitments as anchored; once they are, not before.
    pub async fn mark_anchored(&self, commitments: &[Commitment]) -> Result<(), QaError> {
        let days: Vec<Day> = commitments.iter().map(|c| (c.merchant.clone(), c.day)).collect();
        let (merchants, dates) = columns(&days);
        diesel::sql_query(
            "UPDATE seeds s SET anchored = true FROM unnest($1::text[], $2::date[]) AS d (m, b) \
             WHERE s.merchant_id = d.m AND s.business_day = d.b",
        )
        .bind::<Array<Text>, _>(merchants)
        .bind::<Array<Date>, _>(dates)
        .execute(&mut *self.connection().await?)
        .await?;
        Ok(())
    }
}
