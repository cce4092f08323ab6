//! Long chats that arrive after their day's draw: judged by the late rule, never changing the draw.

use std::collections::{BTreeMap, BTreeSet};

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::{AccountId, MerchantId};
use sampling::{ConversationId, Rank, Ranker};

use super::arrivals::KeyColumns;
use super::seeds::Lock;
use super::{assignments, bytes32, reviews, seeds};
use crate::domain::conversation::Arrival;
use crate::domain::draw::{self, LateChat};
use crate::domain::review::inclusion;
use crate::error::QaError;

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
}

/// How big an account's list was when its day was drawn.
#[derive(QueryableByName)]
struct ListRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Integer)]
    size: i32,
    #[diesel(sql_type = Integer)]
    eligible: i32,
}

#[derive(QueryableByName)]
struct LateRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Timestamptz)]
    arrived_at: DateTime<Utc>,
    #[diesel(sql_type = Date)]
    seed_day: NaiveDate,
    #[diesel(sql_type = Binary)]
    rank: Vec<u8>,
    #[diesel(sql_type = Bool)]
    accepted: bool,
}

#[derive(QueryableByName)]
struct InsertedRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
}

impl TryFrom<LateRow> for LateChat {
    type Error = QaError;

    fn try_from(row: LateRow) -> Result<Self, QaError> {
        let rank = bytes32("late_chats", &row.conversation_id, Rank::from_slice, &row.rank)?;
        Ok(Self {
            account: AccountId::new(row.account_id),
            conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
            arrived_at: row.arrived_at,
            seed_day: row.seed_day,
            rank,
            accepted: row.accepted,
        })
    }
}

/// Judges late chats; those that were judged before keep their verdict. What is accepted becomes a review.
pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    late: &[&Arrival],
    calendars: &BTreeMap<MerchantId, MerchantCalendar>,
    default_capacity: i32,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let mut of: BTreeMap<&MerchantId, Vec<&Arrival>> = BTreeMap::new();
    for arrival in late {
        of.entry(&arrival.merchant).or_default().push(*arrival);
    }
    for (merchant, arrivals) in of {
        let calendar = calendars.get(merchant).cloned().unwrap_or_default();
        of_merchant(conn, merchant, &arrivals, &calendar, default_capacity, now).await?;
    }
    Ok(())
}

async fn of_merchant(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    arrivals: &[&Arrival],
    calendar: &MerchantCalendar,
    default_capacity: i32,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let seed_day = secret_day(conn, merchant, calendar.business_day(now)).await?;
    let key = (merchant.clone(), seed_day);
    let begins_at = |_: &seeds::Day| calendar.day_start(seed_day);
    let seeds = seeds::ensure(conn, std::slice::from_ref(&key), Lock::Free, begins_at, now).await?;
    let seed = seeds.get(&key).ok_or_else(|| pg::Error::unreadable("seeds", seed_day, "it was just made"))?;
    let ranker = Ranker::new(&seed.seed, merchant.as_str(), seed_day);
    let lists = lists(conn, merchant, arrivals).await?;

    let judged = arrivals.iter().map(|arrival| {
        let (size, eligible) = list_of(&lists, arrival);
        let rank = ranker.rank(arrival.account.as_str(), &arrival.id);
        (rank, draw::late_accepted(&rank, size, eligible))
    });
    let judged: Vec<(Rank, bool)> = judged.collect();
    let new = insert_rows(conn, arrivals, &judged, seed_day, now).await?;
    let accepted: Vec<reviews::NewReview> = arrivals
        .iter()
        .zip(&judged)
        .filter(|(arrival, (_, accepted))| {
            *accepted && new.contains(&(arrival.business_day, arrival.id.clone()))
        })
        .map(|(arrival, _)| {
            let (size, eligible) = list_of(&lists, arrival);
            let account = arrival.account.clone();
            reviews::NewReview {
                account,
                conversation: arrival.id.clone(),
                place: 0,
                inclusion: inclusion(size, eligible),
            }
        })
        .collect();
    let mut days: BTreeMap<NaiveDate, Vec<reviews::NewReview>> = BTreeMap::new();
    for review in accepted {
        let day = arrivals.iter().find(|a| a.id == review.conversation).map(|a| a.business_day);
        if let Some(day) = day {
            days.entry(day).or_default().push(review);
        }
    }
    for (day, new) in days {
        reviews::insert(conn, merchant, day, &new, now).await?;
        assignments::assign_open(conn, merchant, (day, day), calendar, default_capacity, now).await?;
    }
    Ok(())
}

/// The first day from the arrival on whose seed nobody knows yet: a revealed one would let whoever names a chat
/// choose whether it is taken.
async fn secret_day(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    arrival: NaiveDate,
) -> Result<NaiveDate, QaError> {
    let drawn = diesel::sql_query(
        "SELECT business_day FROM draws WHERE merchant_id = $1 AND business_day >= $2 ORDER BY business_day LIMIT 1000",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(arrival)
    .load::<DayRow>(conn)
    .await?;
    let drawn: BTreeSet<NaiveDate> = drawn.into_iter().map(|row| row.business_day).collect();
    let mut day = arrival;
    while drawn.contains(&day) {
        day = day.succ_opt().unwrap_or(NaiveDate::MAX);
    }
    Ok(day)
}

async fn lists(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    arrivals: &[&Arrival],
) -> Result<Vec<ListRow>, QaError> {
    // An account without long chats at the draw has no list: its row comes with an eligible of 0.
    Ok(diesel::sql_query(
        "SELECT DISTINCT d.business_day, k.a AS account_id, COALESCE(l.size, d.size) AS size, COALESCE(l.eligible, 0) AS eligible \
         FROM unnest($2::date[], $3::text[]) AS k (b, a) \
         JOIN draws d ON d.merchant_id = $1 AND d.business_day = k.b \
         LEFT JOIN draw_agents l ON l.merchant_id = $1 AND l.business_day = k.b AND l.account_id = k.a",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Date>, _>(arrivals.iter().map(|a| a.business_day).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(arrivals.iter().map(|a| a.account.as_str()).collect::<Vec<_>>())
    .load::<ListRow>(conn)
    .await?)
}

/// Size of the plan and of the account's list at the draw.
fn list_of(lists: &[ListRow], arrival: &Arrival) -> (i32, i64) {
    let list = lists.iter().find(|list| {
        list.business_day == arrival.business_day && list.account_id == arrival.account.as_str()
    });
    list.map_or((0, 0), |list| (list.size, i64::from(list.eligible)))
}

/// Writes the verdicts; answers with those that are new.
async fn insert_rows(
    conn: &mut AsyncPgConnection,
    arrivals: &[&Arrival],
    judged: &[(Rank, bool)],
    seed_day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<BTreeSet<(NaiveDate, ConversationId)>, QaError> {
    let keys = KeyColumns::of(arrivals.iter().copied());
    let rows = diesel::sql_query(
        "INSERT INTO late_chats (merchant_id, shop_id, channel, conversation_id, business_day, account_id, rank, accepted, \
            seed_day, arrived_at) \
         SELECT *, $9, $10 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::text[], \
            $7::bytea[], $8::bool[]) \
         ON CONFLICT ON CONSTRAINT late_chats_pkey DO NOTHING \
         RETURNING business_day, shop_id, channel, conversation_id",
    )
    .bind::<Array<Text>, _>(keys.merchants)
    .bind::<Array<Text>, _>(keys.shops)
    .bind::<Array<Text>, _>(keys.channels)
    .bind::<Array<Text>, _>(keys.ids)
    .bind::<Array<Date>, _>(keys.days)
    .bind::<Array<Text>, _>(arrivals.iter().map(|a| a.account.as_str()).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(judged.iter().map(|(rank, _)| rank.as_bytes().as_slice()).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(judged.iter().map(|(_, accepted)| *accepted).collect::<Vec<_>>())
    .bind::<Date, _>(seed_day)
    .bind::<Timestamptz, _>(now)
    .load::<InsertedRow>(conn)
    .await?;
    let keyed = rows
        .into_iter()
        .map(|row| (row.business_day, ConversationId::new(row.shop_id, row.channel, row.conversation_id)));
    Ok(keyed.collect())
}

/// The late chats of a day; of one account, or of all.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    account: Option<&AccountId>,
) -> Result<Vec<LateChat>, QaError> {
    let rows = diesel::sql_query(
        "SELECT account_id, shop_id, channel, conversation_id, arrived_at, seed_day, rank, accepted FROM late_chats \
         WHERE merchant_id = $1 AND business_day = $2 AND ($3 = '' OR account_id = $3) \
         ORDER BY account_id, shop_id, channel, conversation_id LIMIT $4",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Text, _>(account.map_or("", AccountId::as_str))
    .bind::<BigInt, _>(LATE_MAX)
    .load::<LateRow>(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// More late chats of one day than this are not listed.
const LATE_MAX: i64 = 1_000_000;
