//! The statements that conversations come in by.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::MerchantId;
use sampling::ConversationId;

use super::Key;
use crate::domain::conversation::Arrival;
use crate::error::QaError;
use crate::store::columns;
use crate::store::seeds::Day;

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Nullable<Date>)]
    day_before: Option<NaiveDate>,
    #[diesel(sql_type = Bool)]
    erased: bool,
}

/// What was here of a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    /// The day it was on; `None` if it is new.
    pub(super) day: Option<NaiveDate>,
    /// Whether its customer had it erased.
    pub(super) erased: bool,
}

#[derive(QueryableByName)]
struct RankRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Binary)]
    rank: Vec<u8>,
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
}

/// A conversation to be written, with what the draw needs to know of it.
pub(super) struct Ready<'a> {
    pub(super) arrival: &'a Arrival,
    pub(super) long: bool,
    pub(super) rank: Option<Vec<u8>>,
    /// Long, but its day was drawn without it.
    pub(super) late: bool,
    pub(super) transcript: Vec<u8>,
    /// Nothing of what was said may be kept.
    pub(super) erased: bool,
}

impl Ready<'_> {
    fn customer(&self) -> &str {
        if self.erased { "" } else { &self.arrival.customer_id }
    }
}

pub(super) async fn ensure_months(
    conn: &mut AsyncPgConnection,
    arrivals: &BTreeMap<Key, &Arrival>,
) -> Result<(), QaError> {
    let months: BTreeSet<NaiveDate> = arrivals
        .values()
        .map(|arrival| arrival.business_day.with_day(1).unwrap_or(arrival.business_day))
        .collect();
    diesel::sql_query("SELECT conversations_ensure_month(m) FROM unnest($1::date[]) AS m")
        .bind::<Array<Date>, _>(months.into_iter().collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// The days on which the arriving conversations are so far. Their keys stay locked, so that nobody moves them on.
pub(super) async fn lock_known_days(
    conn: &mut AsyncPgConnection,
    arrivals: &BTreeMap<Key, &Arrival>,
) -> Result<BTreeSet<Day>, QaError> {
    let keys = KeyColumns::of(arrivals.values().copied());
    let rows = diesel::sql_query(
        // One descent into the key's index for each, in the order given, whatever the planner thinks of the table:
        // a join with the array was a scan of all conversations for each batch.
        "SELECT c.merchant_id, c.business_day FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS k (m, s, ch, i) \
         CROSS JOIN LATERAL (SELECT merchant_id, business_day FROM conversation_keys \
            WHERE merchant_id = k.m AND shop_id = k.s AND channel = k.ch AND conversation_id = k.i LIMIT 1 FOR UPDATE) c",
    )
    .bind::<Array<Text>, _>(keys.merchants)
    .bind::<Array<Text>, _>(keys.shops)
    .bind::<Array<Text>, _>(keys.channels)
    .bind::<Array<Text>, _>(keys.ids)
    .load::<DayRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (MerchantId::new(row.merchant_id), row.business_day)).collect())
}

/// Which of the days are drawn.
pub(super) async fn drawn_days(conn: &mut AsyncPgConnection, days: &[Day]) -> Result<BTreeSet<Day>, QaError> {
    let (merchants, dates) = columns(days);
    let rows = diesel::sql_query(
        "SELECT merchant_id, business_day FROM draws \
         JOIN unnest($1::text[], $2::date[]) AS d (m, b) ON merchant_id = d.m AND business_day = d.b",
    )
    .bind::<Array<Text>, _>(merchants)
    .bind::<Array<Date>, _>(dates)
    .load::<DayRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (MerchantId::new(row.merchant_id), row.business_day)).collect())
}

/// The ranks of those that were in their day's list when it was drawn: a correction doesn't take them out of it.
pub(super) async fn listed_ranks(
    conn: &mut AsyncPgConnection,
    arrivals: &BTreeMap<Key, &Arrival>,
    drawn: &BTreeSet<Day>,
) -> Result<BTreeMap<Key, Vec<u8>>, QaError> {
    let of_drawn: BTreeMap<Key, &Arrival> = arrivals
        .iter()
        .filter(|(key, arrival)| drawn.contains(&(key.0.clone(), arrival.business_day)))
        .map(|(key, arrival)| (key.clone(), *arrival))
        .collect();
    if of_drawn.is_empty() {
        return Ok(BTreeMap::new());
    }
    let keys = KeyColumns::of(of_drawn.values().copied());
    let rows = diesel::sql_query(
        "SELECT c.merchant_id, c.shop_id, c.channel, c.conversation_id, c.rank FROM conversations c \
         JOIN unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[]) AS k (m, s, ch, i, d) \
           ON c.merchant_id = k.m AND c.business_day = k.d AND c.shop_id = k.s AND c.channel = k.ch \
          AND c.conversation_id = k.i \
         WHERE c.rank IS NOT NULL",
    )
    .bind::<Array<Text>, _>(keys.merchants)
    .bind::<Array<Text>, _>(keys.shops)
    .bind::<Array<Text>, _>(keys.channels)
    .bind::<Array<Text>, _>(keys.ids)
    .bind::<Array<Date>, _>(keys.days)
    .load::<RankRow>(conn)
    .await?;
    let keyed = rows.into_iter().map(|row| {
        let id = ConversationId::new(row.shop_id, row.channel, row.conversation_id);
        ((MerchantId::new(row.merchant_id), id), row.rank)
    });
    Ok(keyed.collect())
}

/// Takes the keys. Answers with those whose revision is new here, and what was here of each before.
pub(super) async fn upsert_keys(
    conn: &mut AsyncPgConnection,
    arrivals: &BTreeMap<Key, &Arrival>,
) -> Result<BTreeMap<Key, Before>, QaError> {
    let keys = KeyColumns::of(arrivals.values().copied());
    let rows = diesel::sql_query(
        "INSERT INTO conversation_keys AS k (merchant_id, shop_id, channel, conversation_id, business_day, revision) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::bigint[]) \
         ON CONFLICT ON CONSTRAINT conversation_keys_pkey DO UPDATE SET day_before = k.business_day, \
            business_day = excluded.business_day, revision = excluded.revision \
         WHERE k.revision < excluded.revision \
         RETURNING merchant_id, shop_id, channel, conversation_id, day_before, erased_at IS NOT NULL AS erased",
    )
    .bind::<Array<Text>, _>(keys.merchants)
    .bind::<Array<Text>, _>(keys.shops)
    .bind::<Array<Text>, _>(keys.channels)
    .bind::<Array<Text>, _>(keys.ids)
    .bind::<Array<Date>, _>(keys.days)
    .bind::<Array<BigInt>, _>(arrivals.values().map(|arrival| arrival.revision).collect::<Vec<_>>())
    .load::<KeyRow>(conn)
    .await?;
    let keyed = rows.into_iter().map(|row| {
        let id = ConversationId::new(row.shop_id, row.channel, row.conversation_id);
        let before = Before { day: row.day_before, erased: row.erased };
        ((MerchantId::new(row.merchant_id), id), before)
    });
    Ok(keyed.collect())
}

/// Takes away the rows of conversations whose correction put them on another day.
pub(super) async fn remove_moved(
    conn: &mut AsyncPgConnection,
    accepted: &BTreeMap<Key, Before>,
    arrivals: &BTreeMap<Key, &Arrival>,
) -> Result<(), QaError> {
    let moved = accepted.iter().filter_map(|(key, before)| {
        let arrival = arrivals.get(key)?;
        before.day.filter(|before| *before != arrival.business_day).map(|before| (*arrival, before))
    });
    let (moved, before): (Vec<&Arrival>, Vec<NaiveDate>) = moved.unzip();
    if moved.is_empty() {
        return Ok(());
    }
    let keys = KeyColumns::of(moved.into_iter());
    diesel::sql_query(
        "DELETE FROM conversations c \
         USING unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[]) AS k (m, s, ch, i, d) \
         WHERE c.merchant_id = k.m AND c.business_day = k.d AND c.shop_id = k.s AND c.channel = k.ch \
           AND c.conversation_id = k.i \
           AND NOT EXISTS (SELECT FROM draws d WHERE d.merchant_id = k.m AND d.business_day = k.d)",
    )
    .bind::<Array<Text>, _>(keys.merchants)
    .bind::<Array<Text>, _>(keys.shops)
    .bind::<Array<Text>, _>(keys.channels)
    .bind::<Array<Text>, _>(keys.ids)
    .bind::<Array<Date>, _>(before)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    ready: &[Ready<'_>],
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    if ready.is_empty() {
        return Ok(());
    }
    let rows = || ready.iter().map(|ready| ready.arrival);
    let keys = KeyColumns::of(rows());
    diesel::sql_query(
        "INSERT INTO conversations (merchant_id, shop_id, channel, conversation_id, business_day, account_id, revision, \
            customer_id, started_at, closed_at, agent_messages, message_count, satisfied, completed, long_chat, rank, \
            transcript, erased_at, arrived_at) \
         SELECT *, $19 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::text[], $7::bigint[], \
            $8::text[], $9::timestamptz[], $10::timestamptz[], $11::int[], $12::int[], $13::bool[], $14::bool[], \
            $15::bool[], $16::bytea[], $17::bytea[], $18::timestamptz[]) \
         ON CONFLICT (merchant_id, business_day, shop_id, channel, conversation_id) DO UPDATE SET \
            account_id = excluded.account_id, revision = excluded.revision, \
            customer_id = CASE WHEN conversations.erased_at IS NULL THEN excluded.customer_id ELSE '' END, \
            started_at = excluded.started_at, closed_at = excluded.closed_at, \
            agent_messages = excluded.agent_messages, message_count = excluded.message_count, \
            satisfied = excluded.satisfied, completed = excluded.completed, long_chat = excluded.long_chat, \
            rank = excluded.rank, arrived_at = excluded.arrived_at, \
            erased_at = COALESCE(conversations.erased_at, excluded.erased_at), \
            transcript = CASE WHEN conversations.erased_at IS NULL THEN excluded.transcript ELSE conversations.transcript END",
    )
    .bind::<Array<Text>, _>(keys.merchants)
    .bind::<Array<Text>, _>(keys.shops)
    .bind::<Array<Text>, _>(keys.channels)
    .bind::<Array<Text>, _>(keys.ids)
    .bind::<Array<Date>, _>(keys.days)
    .bind::<Array<Text>, _>(rows().map(|a| a.account.as_str()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows().map(|a| a.revision).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(ready.iter().map(Ready::customer).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(rows().map(|a| a.started_at).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(rows().map(|a| a.closed_at).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows().map(|a| a.agent_messages).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows().map(Arrival::message_count).collect::<Vec<_>>())
    .bind::<Array<Nullable<Bool>>, _>(rows().map(|a| a.satisfied).collect::<Vec<_>>())
    .bind::<Array<Nullable<Bool>>, _>(rows().map(|a| a.completed).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(ready.iter().map(|ready| ready.long).collect::<Vec<_>>())
    .bind::<Array<Nullable<Binary>>, _>(ready.iter().map(|ready| ready.rank.as_deref()).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(ready.iter().map(|ready| ready.transcript.as_slice()).collect::<Vec<_>>())
    .bind::<Array<Nullable<Timestamptz>>, _>(ready.iter().map(|ready| ready.erased.then_some(now)).collect::<Vec<_>>())
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Keys of conversations as columns.
pub(in crate::store) struct KeyColumns<'a> {
    pub(in crate::store) merchants: Vec<&'a str>,
    pub(in crate::store) shops: Vec<&'a str>,
    pub(in crate::store) channels: Vec<&'a str>,
    pub(in crate::store) ids: Vec<&'a str>,
    pub(in crate::store) days: Vec<NaiveDate>,
}

impl<'a> KeyColumns<'a> {
    pub(in crate::store) fn of(arrivals: impl Iterator<Item = &'a Arrival>) -> Self {
        let mut columns = Self {
            merchants: Vec::new(),
            shops: Vec::new(),
            channels: Vec::new(),
            ids: Vec::new(),
            days: Vec::new(),
        };
        for arrival in arrivals {
            columns.merchants.push(arrival.merchant.as_str());
            columns.shops.push(&arrival.id.shop);
            columns.channels.push(&arrival.id.channel);
            columns.ids.push(&arrival.id.id);
            columns.days.push(arrival.business_day);
        }
        columns
    }
}
