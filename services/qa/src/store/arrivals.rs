//! Conversations coming in: hundreds in one transaction, each step one statement over all of them.

use std::collections::{BTreeMap, BTreeSet};

use calendar::MerchantCalendar;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::MerchantId;
use sampling::{ConversationId, Ranker};

use super::people::AccountDay;
use super::seeds::{Day, Lock};
use super::{Store, check_queue, closings, columns, late, people, plans, seeds, transcript};
use crate::domain::conversation::Arrival;
use crate::domain::draw::DayClosing;
use crate::domain::plan::{self, SamplingPlan};
use crate::error::QaError;

/// A conversation in its merchant.
type Key = (MerchantId, ConversationId);

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
struct Ready<'a> {
    arrival: &'a Arrival,
    long: bool,
    rank: Option<Vec<u8>>,
    /// Long, but its day was drawn without it.
    late: bool,
    transcript: Vec<u8>,
}

/// Takes in conversations; those that are not newer than what is here change nothing. Long chats of days that are
/// drawn already go by the late rule.
async fn upsert(
    conn: &mut AsyncPgConnection,
    arrivals: &[Arrival],
    default_capacity: i32,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let arrivals = newest(arrivals);
    if arrivals.is_empty() {
        return Ok(());
    }
    let merchants: BTreeSet<&MerchantId> = arrivals.keys().map(|(merchant, _)| merchant).collect();
    let names: Vec<&str> = merchants.iter().map(|merchant| merchant.as_str()).collect();
    ensure_months(conn, &arrivals).await?;
    plans::begin_merchants(conn, &names, now).await?;
    let plans = plans::list(conn, &names).await?;
    let mut calendars = BTreeMap::new();
    for merchant in merchants {
        calendars.insert(merchant.clone(), directory::calendar(conn, merchant).await?);
    }
    // A correction may take a chat off another day: that one is locked, too.
    let mut days: BTreeSet<Day> = lock_known_days(conn, &arrivals).await?;
    days.extend(arrivals.iter().map(|(key, arrival)| (key.0.clone(), arrival.business_day)));
    let days: Vec<Day> = days.into_iter().collect();
    let begins_at = |day: &Day| begin(&calendars, day);
    // From here on no draw of these days can begin before we are done, and those that were made are seen.
    let seeds = seeds::ensure(conn, &days, Lock::Shared, begins_at, now).await?;
    let drawn = drawn_days(conn, &days).await?;
    let listed = listed_ranks(conn, &arrivals, &drawn).await?;
    let accepted = upsert_keys(conn, &arrivals).await?;

    let mut rankers = BTreeMap::new();
    for (day, seed) in &seeds {
        rankers.insert(day.clone(), Ranker::new(&seed.seed, day.0.as_str(), day.1));
    }
    let teams = teams(conn, &arrivals, &plans).await?;
    let mut ready = Vec::with_capacity(accepted.len());
    for (key, arrival) in arrivals.iter().filter(|(key, _)| accepted.contains_key(*key)) {
        let day = (key.0.clone(), arrival.business_day);
        let team = teams.get(&(key.0.clone(), arrival.account.clone(), arrival.business_day));
        let plan = plan_of(&plans, &day, team.map(String::as_str));
        let (account, channel) = (arrival.account.as_str(), arrival.id.channel.as_str());
        let long = plan.takes(account, channel, arrival.agent_messages, arrival.message_count());
        let is_drawn = drawn.contains(&day);
        let rank = if is_drawn {
            listed.get(key).cloned()
        } else {
            let ranker = rankers.get(&day).filter(|_| long);
            ranker.map(|ranker| ranker.rank(arrival.account.as_str(), &arrival.id).as_bytes().to_vec())
        };
        let late = is_drawn && long && rank.is_none();
        let transcript = transcript::pack(arrival.started_at, &arrival.messages)?;
        ready.push(Ready { arrival, long, rank, late, transcript });
    }
    remove_moved(conn, &accepted, &arrivals).await?;
    insert(conn, &ready, now).await?;
    check_queue::insert(conn, to_check(&accepted, &arrivals)).await?;
    let late: Vec<&Arrival> = ready.iter().filter(|ready| ready.late).map(|ready| ready.arrival).collect();
    late::insert(conn, &late, &calendars, default_capacity, now).await
}

/// Where chats came to lie, and where those that moved lay before.
fn to_check<'a>(
    accepted: &'a BTreeMap<Key, Option<NaiveDate>>,
    arrivals: &BTreeMap<Key, &'a Arrival>,
) -> impl Iterator<Item = (&'a MerchantId, NaiveDate, &'a ConversationId)> {
    accepted.iter().flat_map(|((merchant, id), before)| {
        let day = arrivals.get(&(merchant.clone(), id.clone())).map(|arrival| arrival.business_day);
        let before = before.filter(|before| Some(*before) != day);
        day.into_iter().chain(before).map(move |day| (merchant, day, id))
    })
}

impl Store {
    /// Takes in what metrics sent, inside the transaction that notes it as received.
    pub async fn take_in(
        &self,
        conn: &mut AsyncPgConnection,
        arrivals: &[Arrival],
        now: DateTime<Utc>,
    ) -> Result<(), QaError> {
        upsert(conn, arrivals, self.default_capacity, now).await
    }

    /// Takes in what metrics said of a day, likewise.
    pub async fn take_in_closing(
        &self,
        conn: &mut AsyncPgConnection,
        merchant: &MerchantId,
        day: NaiveDate,
        closing: &DayClosing,
        now: DateTime<Utc>,
    ) -> Result<(), QaError> {
        plans::begin_merchants(conn, &[merchant.as_str()], now).await?;
        closings::upsert(conn, merchant, day, closing).await
    }
}

/// One arrival per conversation, the newest, in the order in which rows are locked.
fn newest(arrivals: &[Arrival]) -> BTreeMap<Key, &Arrival> {
    let mut newest: BTreeMap<Key, &Arrival> = BTreeMap::new();
    for arrival in arrivals {
        let slot = newest.entry((arrival.merchant.clone(), arrival.id.clone())).or_insert(arrival);
        if slot.revision < arrival.revision {
            *slot = arrival;
        }
    }
    newest
}

fn begin(calendars: &BTreeMap<MerchantId, MerchantCalendar>, day: &Day) -> DateTime<Utc> {
    calendars.get(&day.0).cloned().unwrap_or_default().day_start(day.1)
}

/// The teams of the arriving accounts where some team has a plan of its own; else nobody needs to know.
async fn teams(
    conn: &mut AsyncPgConnection,
    arrivals: &BTreeMap<Key, &Arrival>,
    plans: &[(MerchantId, SamplingPlan)],
) -> Result<BTreeMap<AccountDay, String>, QaError> {
    let with_teams: BTreeSet<&MerchantId> =
        plans.iter().filter(|(_, plan)| !plan.team.is_empty()).map(|(merchant, _)| merchant).collect();
    let asked = arrivals.iter().filter(|(key, _)| with_teams.contains(&key.0));
    let days: BTreeSet<AccountDay> =
        asked.map(|(key, arrival)| (key.0.clone(), arrival.account.clone(), arrival.business_day)).collect();
    if days.is_empty() { Ok(BTreeMap::new()) } else { people::teams(conn, &days).await }
}

fn plan_of(plans: &[(MerchantId, SamplingPlan)], day: &Day, team: Option<&str>) -> SamplingPlan {
    let own: Vec<SamplingPlan> =
        plans.iter().filter(|(merchant, _)| *merchant == day.0).map(|(_, plan)| plan.clone()).collect();
    plan::of_team(&own, team, day.1)
}

async fn ensure_months(
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
async fn lock_known_days(
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
async fn drawn_days(conn: &mut AsyncPgConnection, days: &[Day]) -> Result<BTreeSet<Day>, QaError> {
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
async fn listed_ranks(
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

/// Takes the keys. Answers with those whose revision is new here, and the day each was on before.
async fn upsert_keys(
    conn: &mut AsyncPgConnection,
    arrivals: &BTreeMap<Key, &Arrival>,
) -> Result<BTreeMap<Key, Option<NaiveDate>>, QaError> {
    let keys = KeyColumns::of(arrivals.values().copied());
    let rows = diesel::sql_query(
        "INSERT INTO conversation_keys AS k (merchant_id, shop_id, channel, conversation_id, business_day, revision) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::bigint[]) \
         ON CONFLICT ON CONSTRAINT conversation_keys_pkey DO UPDATE SET day_before = k.business_day, \
            business_day = excluded.business_day, revision = excluded.revision \
         WHERE k.revision < excluded.revision \
         RETURNING merchant_id, shop_id, channel, conversation_id, day_before",
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
        ((MerchantId::new(row.merchant_id), id), row.day_before)
    });
    Ok(keyed.collect())
}

/// Takes away the rows of conversations whose correction put them on another day.
async fn remove_moved(
    conn: &mut AsyncPgConnection,
    accepted: &BTreeMap<Key, Option<NaiveDate>>,
    arrivals: &BTreeMap<Key, &Arrival>,
) -> Result<(), QaError> {
    let moved = accepted.iter().filter_map(|(key, before)| {
        let arrival = arrivals.get(key)?;
        before.filter(|before| *before != arrival.business_day).map(|before| (*arrival, before))
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

async fn insert(
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
            transcript, arrived_at) \
         SELECT *, $18 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::text[], $7::bigint[], \
            $8::text[], $9::timestamptz[], $10::timestamptz[], $11::int[], $12::int[], $13::bool[], $14::bool[], \
            $15::bool[], $16::bytea[], $17::bytea[]) \
         ON CONFLICT (merchant_id, business_day, shop_id, channel, conversation_id) DO UPDATE SET \
            account_id = excluded.account_id, revision = excluded.revision, \
            customer_id = CASE WHEN conversations.erased_at IS NULL THEN excluded.customer_id ELSE '' END, \
            started_at = excluded.started_at, closed_at = excluded.closed_at, \
            agent_messages = excluded.agent_messages, message_count = excluded.message_count, \
            satisfied = excluded.satisfied, completed = excluded.completed, long_chat = excluded.long_chat, \
            rank = excluded.rank, arrived_at = excluded.arrived_at, \
            transcript = CASE WHEN conversations.erased_at IS NULL THEN excluded.transcript ELSE conversations.transcript END",
    )
    .bind::<Array<Text>, _>(keys.merchants)
    .bind::<Array<Text>, _>(keys.shops)
    .bind::<Array<Text>, _>(keys.channels)
    .bind::<Array<Text>, _>(keys.ids)
    .bind::<Array<Date>, _>(keys.days)
    .bind::<Array<Text>, _>(rows().map(|a| a.account.as_str()).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(rows().map(|a| a.revision).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(rows().map(|a| a.customer_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(rows().map(|a| a.started_at).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(rows().map(|a| a.closed_at).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows().map(|a| a.agent_messages).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(rows().map(Arrival::message_count).collect::<Vec<_>>())
    .bind::<Array<Nullable<Bool>>, _>(rows().map(|a| a.satisfied).collect::<Vec<_>>())
    .bind::<Array<Nullable<Bool>>, _>(rows().map(|a| a.completed).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(ready.iter().map(|ready| ready.long).collect::<Vec<_>>())
    .bind::<Array<Nullable<Binary>>, _>(ready.iter().map(|ready| ready.rank.as_deref()).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(ready.iter().map(|ready| ready.transcript.as_slice()).collect::<Vec<_>>())
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Keys of conversations as columns.
pub(super) struct KeyColumns<'a> {
    pub(super) merchants: Vec<&'a str>,
    pub(super) shops: Vec<&'a str>,
    pub(super) channels: Vec<&'a str>,
    pub(super) ids: Vec<&'a str>,
    pub(super) days: Vec<NaiveDate>,
}

impl<'a> KeyColumns<'a> {
    pub(super) fn of(arrivals: impl Iterator<Item = &'a Arrival>) -> Self {
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
