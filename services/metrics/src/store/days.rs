//! `days` and `day_changes`: which business days are closed, and which are no longer what they were.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::day::{AccountCount, Closing, DayRecord, DayState, close};
use crate::domain::definition::{BUILT_IN_SEQ, LONG_CHAT_THRESHOLD};
use crate::domain::figure::DayRange;
use crate::outgoing;
use crate::store::{Result, Store};

/// Notes that a batch changed these days and their figures, and that what changed became known on `known_day`.
pub(super) async fn insert_changes(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    days: &BTreeSet<NaiveDate>,
    known_day: NaiveDate,
    at: DateTime<Utc>,
) -> Result<()> {
    // Only the first batch of a known day inserts the second; batches at the same time wait for it.
    diesel::sql_query(
        "WITH changed AS ( \
            INSERT INTO day_changes (merchant_id, business_day, changed_at) SELECT $1, unnest($2::date[]), $3), \
         told AS (INSERT INTO figure_changes (merchant_id, business_day) SELECT $1, unnest($2::date[])) \
         INSERT INTO day_knowledge (merchant_id, business_day, known_day) \
         SELECT $1, n.day, $4 FROM unnest($2::date[]) WITH ORDINALITY AS n (day, place) ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT day_knowledge_pkey DO NOTHING",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Date>, _>(days.iter().copied().collect::<Vec<_>>())
    .bind::<Timestamptz, _>(at)
    .bind::<Date, _>(known_day)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that something became known about these days on `known_day`.
pub(super) async fn insert_knowledge(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    days: &BTreeSet<NaiveDate>,
    known_day: NaiveDate,
) -> Result<()> {
    if days.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO day_knowledge (merchant_id, business_day, known_day) \
         SELECT $1, n.day, $3 FROM unnest($2::date[]) WITH ORDINALITY AS n (day, place) ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT day_knowledge_pkey DO NOTHING",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Date>, _>(days.iter().copied().collect::<Vec<_>>())
    .bind::<Date, _>(known_day)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Publishes what the day holds if that is not what was published last.
    pub async fn close_day(
        &self,
        by: &By,
        merchant: &MerchantId,
        day: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<()> {
        by.change(&self.pool, now, async |conn| {
            let version = close_locked(conn, merchant, day, now).await?;
            Ok(by.audit(conn, now, format!("day/{day}"), json!({ "closed_version": version })).await?)
        })
        .await
    }

    /// Days of the range that hold conversations or were closed, after a day, in order.
    pub async fn list_days(
        &self,
        merchant: &MerchantId,
        range: DayRange,
        page: &PageRequest<NaiveDate>,
    ) -> Result<Page<DayRecord>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "WITH counted AS ( \
                SELECT business_day, sum(conversations)::bigint AS conversations, sum(long_chats)::bigint AS long_chats \
                FROM day_facts \
                WHERE merchant_id = $1 AND definition_seq = $5 AND business_day BETWEEN $2 AND $3 \
                    AND ($4::date IS NULL OR business_day > $4) \
                GROUP BY business_day HAVING sum(conversations) > 0), \
             closed AS ( \
                SELECT business_day, version, closed_at FROM days \
                WHERE merchant_id = $1 AND business_day BETWEEN $2 AND $3 AND ($4::date IS NULL OR business_day > $4)) \
             SELECT business_day, coalesce(version, 0) AS version, closed_at, \
                coalesce(conversations, 0) AS conversations, coalesce(long_chats, 0) AS long_chats, \
                EXISTS (SELECT FROM day_changes ch WHERE ch.merchant_id = $1 AND ch.business_day = d.business_day) AS changed \
             FROM counted FULL JOIN closed USING (business_day) AS d ORDER BY business_day LIMIT $6",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(range.from)
        .bind::<Date, _>(range.to)
        .bind::<Nullable<Date>, _>(page.after)
        // The built-in definition counts conversations and long chats as samples are drawn.
        .bind::<Integer, _>(BUILT_IN_SEQ)
        .bind::<BigInt, _>(page.limit())
        .load::<DayRow>(&mut conn)
        .await?;
        Ok(page.page(rows, |row| row.business_day)?.map(DayRow::read))
    }

    /// The size of each account's day, by account.
    pub async fn list_account_counts(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
    ) -> Result<Vec<AccountCount>> {
        let mut conn = self.pool.get().await?;
        count_accounts(&mut conn, merchant.as_str(), day).await
    }

    /// Days that changed and then were left alone since `quiet_since`, of all merchants, the oldest days first: days
    /// that aren't over yet come last and can't keep those that are from being closed.
    pub async fn list_quiet_days(
        &self,
        quiet_since: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<(MerchantId, NaiveDate)>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT merchant_id, business_day FROM day_changes GROUP BY merchant_id, business_day \
             HAVING max(changed_at) <= $1 ORDER BY business_day, merchant_id LIMIT $2",
        )
        .bind::<Timestamptz, _>(quiet_since)
        .bind::<BigInt, _>(limit)
        .load::<QuietRow>(&mut conn)
        .await?;
        Ok(rows.into_iter().map(|row| (MerchantId::new(row.merchant_id), row.business_day)).collect())
    }
}

/// Closes the day and gives the version that holds now.
async fn close_locked(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<i64> {
    // One closer of a day at a time.
    diesel::sql_query(
        "SELECT pg_advisory_xact_lock(hashtextextended('metrics.day.' || $1 || '.' || $2::text, 0))",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .execute(conn)
    .await?;
    // First forget the changes, then count: a batch that commits in between is counted and leaves its note behind,
    // which costs a closing for nothing; the other way round it would be lost.
    diesel::sql_query("DELETE FROM day_changes WHERE merchant_id = $1 AND business_day = $2")
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(day)
        .execute(conn)
        .await?;
    let last = diesel::sql_query(
        "SELECT version, closed_at, counts_hash FROM days WHERE merchant_id = $1 AND business_day = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .get_result::<ClosingRow>(conn)
    .await
    .optional()?
    .map(ClosingRow::read);
    let counts = count_accounts(conn, merchant.as_str(), day).await?;
    let Some(closing) = close(last.as_ref(), &counts, now) else {
        return Ok(last.map_or(0, |last| last.version));
    };
    diesel::sql_query(
        "INSERT INTO days (merchant_id, business_day, version, closed_at, counts_hash) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT ON CONSTRAINT days_pkey DO UPDATE SET version = excluded.version, closed_at = excluded.closed_at, \
            counts_hash = excluded.counts_hash",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<BigInt, _>(closing.version)
    .bind::<Timestamptz, _>(closing.closed_at)
    .bind::<Binary, _>(&closing.counts_hash)
    .execute(conn)
    .await?;
    events::publish(conn, &outgoing::day_closed(merchant, day, &closing, &counts)).await?;
    Ok(closing.version)
}

async fn count_accounts(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    day: NaiveDate,
) -> Result<Vec<AccountCount>> {
    let rows = diesel::sql_query(
        "SELECT account_id, count(*) AS conversations, count(*) FILTER (WHERE agent_messages > $3) AS long_chats \
         FROM conversation_facts WHERE merchant_id = $1 AND business_day = $2 \
         GROUP BY account_id ORDER BY account_id",
    )
    .bind::<Text, _>(merchant)
    .bind::<Date, _>(day)
    .bind::<Integer, _>(LONG_CHAT_THRESHOLD)
    .load::<AccountRow>(conn)
    .await?;
    let read = |row: AccountRow| AccountCount {
        account: row.account_id,
        conversations: row.conversations,
        long_chats: row.long_chats,
    };
    Ok(rows.into_iter().map(read).collect())
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    closed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    conversations: i64,
    #[diesel(sql_type = BigInt)]
    long_chats: i64,
    #[diesel(sql_type = Bool)]
    changed: bool,
}

impl DayRow {
    fn read(self) -> DayRecord {
        DayRecord {
            day: self.business_day,
            state: DayState::of(self.version, self.changed),
            version: self.version,
            closed_at: self.closed_at,
            conversations: self.conversations,
            long_chats: self.long_chats,
        }
    }
}

#[derive(QueryableByName)]
struct AccountRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = BigInt)]
    conversations: i64,
    #[diesel(sql_type = BigInt)]
    long_chats: i64,
}

#[derive(QueryableByName)]
struct ClosingRow {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Timestamptz)]
    closed_at: DateTime<Utc>,
    #[diesel(sql_type = Binary)]
    counts_hash: Vec<u8>,
}

impl ClosingRow {
    fn read(self) -> Closing {
        Closing { version: self.version, closed_at: self.closed_at, counts_hash: self.counts_hash }
    }
}

#[derive(QueryableByName)]
struct QuietRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
}
