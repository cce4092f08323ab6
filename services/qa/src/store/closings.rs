//! What metrics said of a day, and what is here of it.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Integer, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::{AccountId, MerchantId};

use super::small;
use crate::domain::draw::{DayClosing, DayCount};
use crate::error::QaError;

#[derive(QueryableByName)]
struct ClosingRow {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Integer)]
    long_chat_threshold: i32,
    #[diesel(sql_type = Timestamptz)]
    closed_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = BigInt)]
    conversations: i64,
    #[diesel(sql_type = BigInt)]
    long_chats: i64,
}

/// Keeps a closing unless a newer one is here.
pub(super) async fn upsert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    closing: &DayClosing,
) -> Result<(), QaError> {
    let newer = diesel::sql_query(
        "INSERT INTO day_closings AS d (merchant_id, business_day, version, long_chat_threshold, closed_at) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT ON CONSTRAINT day_closings_pkey DO UPDATE SET version = excluded.version, \
            long_chat_threshold = excluded.long_chat_threshold, closed_at = excluded.closed_at \
         WHERE d.version < excluded.version",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<BigInt, _>(closing.version)
    .bind::<Integer, _>(closing.long_chat_threshold)
    .bind::<Timestamptz, _>(closing.closed_at)
    .execute(conn)
    .await?;
    if newer == 0 {
        return Ok(());
    }
    diesel::sql_query("DELETE FROM day_closing_agents WHERE merchant_id = $1 AND business_day = $2")
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(day)
        .execute(conn)
        .await?;
    let accounts: Vec<&str> = closing.agents.keys().map(AccountId::as_str).collect();
    let conversations: Vec<i32> = closing.agents.values().map(|count| count.conversations).collect();
    let long_chats: Vec<i32> = closing.agents.values().map(|count| count.long_chats).collect();
    diesel::sql_query(
        "INSERT INTO day_closing_agents (merchant_id, business_day, account_id, conversations, long_chats) \
         SELECT $1, $2, a, c, l FROM unnest($3::text[], $4::int[], $5::int[]) AS t (a, c, l)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Array<Text>, _>(accounts)
    .bind::<Array<Integer>, _>(conversations)
    .bind::<Array<Integer>, _>(long_chats)
    .execute(conn)
    .await?;
    Ok(())
}

/// The newest closing of a day.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
) -> Result<Option<DayClosing>, QaError> {
    let rows = diesel::sql_query(
        "SELECT version, long_chat_threshold, closed_at FROM day_closings WHERE merchant_id = $1 AND business_day = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .load::<ClosingRow>(conn)
    .await?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let counts = diesel::sql_query(
        "SELECT account_id, conversations::bigint, long_chats::bigint FROM day_closing_agents \
         WHERE merchant_id = $1 AND business_day = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .load::<CountRow>(conn)
    .await?;
    Ok(Some(DayClosing {
        version: row.version,
        long_chat_threshold: row.long_chat_threshold,
        closed_at: row.closed_at,
        agents: by_account(counts),
    }))
}

/// What is here of a day, long chats by metrics' own threshold. Reads an index only.
pub(super) async fn count_here(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    long_chat_threshold: i32,
) -> Result<BTreeMap<AccountId, DayCount>, QaError> {
    let counts = diesel::sql_query(
        "SELECT account_id, count(*) AS conversations, count(*) FILTER (WHERE agent_messages > $3) AS long_chats \
         FROM conversations WHERE merchant_id = $1 AND business_day = $2 GROUP BY account_id",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Integer, _>(long_chat_threshold)
    .load::<CountRow>(conn)
    .await?;
    Ok(by_account(counts))
}

fn by_account(rows: Vec<CountRow>) -> BTreeMap<AccountId, DayCount> {
    let count = |row: CountRow| {
        let count = DayCount { conversations: small(row.conversations), long_chats: small(row.long_chats) };
        (AccountId::new(row.account_id), count)
    };
    rows.into_iter().map(count).collect()
}
