//! Conversations coming in: hundreds in one transaction, each step one statement over all of them. `rows` has the
//! statements.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};
use diesel_async::AsyncPgConnection;
use runtime::ids::MerchantId;
use sampling::{ConversationId, Ranker};

use super::people::AccountDay;
use super::seeds::{Day, Lock};
use super::{Store, check_queue, closings, erasures, late, people, plans, seeds, transcript};
use crate::domain::conversation::Arrival;
use crate::domain::draw::DayClosing;
use crate::domain::plan::{self, SamplingPlan};
use crate::error::QaError;
use rows::{Before, Ready};

pub(super) use rows::KeyColumns;

/// A conversation in its merchant.
pub(super) type Key = (MerchantId, ConversationId);

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
    rows::ensure_months(conn, &arrivals).await?;
    plans::begin_merchants(conn, &names, now).await?;
    let plans = plans::list(conn, &names).await?;
    let mut calendars = BTreeMap::new();
    for merchant in merchants {
        calendars.insert(merchant.clone(), directory::calendar(conn, merchant).await?);
    }
    // A correction may take a chat off another day: that one is locked, too.
    let mut days: BTreeSet<Day> = rows::lock_known_days(conn, &arrivals).await?;
    days.extend(arrivals.iter().map(|(key, arrival)| (key.0.clone(), arrival.business_day)));
    let days: Vec<Day> = days.into_iter().collect();
    let begins_at = |day: &Day| begin(&calendars, day);
    // From here on no draw of these days can begin before we are done, and those that were made are seen.
    let seeds = seeds::ensure(conn, &days, Lock::Shared, begins_at, now).await?;
    let drawn = rows::drawn_days(conn, &days).await?;
    let listed = rows::listed_ranks(conn, &arrivals, &drawn).await?;
    let accepted = rows::upsert_keys(conn, &arrivals).await?;

    let mut rankers = BTreeMap::new();
    for (day, seed) in &seeds {
        rankers.insert(day.clone(), Ranker::new(&seed.seed, day.0.as_str(), day.1));
    }
    let teams = teams(conn, &arrivals, &plans).await?;
    let erased = erased(conn, &accepted, &arrivals, now).await?;
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
        let erased = erased.contains(key);
        let messages = if erased { &[][..] } else { arrival.messages.as_slice() };
        let transcript = transcript::pack(arrival.started_at, messages)?;
        ready.push(Ready { arrival, long, rank, late, transcript, erased });
    }
    rows::remove_moved(conn, &accepted, &arrivals).await?;
    rows::insert(conn, &ready, now).await?;
    check_queue::insert(conn, to_check(&accepted, &arrivals)).await?;
    let late: Vec<&Arrival> = ready.iter().filter(|ready| ready.late).map(|ready| ready.arrival).collect();
    late::insert(conn, &late, &calendars, default_capacity, now).await
}

/// Where chats came to lie, and where those that moved lay before.
fn to_check<'a>(
    accepted: &'a BTreeMap<Key, Before>,
    arrivals: &BTreeMap<Key, &'a Arrival>,
) -> impl Iterator<Item = (&'a MerchantId, NaiveDate, &'a ConversationId)> {
    accepted.iter().flat_map(|((merchant, id), before)| {
        let day = arrivals.get(&(merchant.clone(), id.clone())).map(|arrival| arrival.business_day);
        let before = before.day.filter(|before| Some(*before) != day);
        day.into_iter().chain(before).map(move |day| (merchant, day, id))
    })
}

/// Those that must not be kept: erased before, or new on their day and of a customer who was to be forgotten after they ended.
/// A chat that is held stays, wherever it comes from.
async fn erased(
    conn: &mut AsyncPgConnection,
    accepted: &BTreeMap<Key, Before>,
    arrivals: &BTreeMap<Key, &Arrival>,
    now: DateTime<Utc>,
) -> Result<BTreeSet<Key>, QaError> {
    let before = accepted.iter().filter(|(_, before)| before.erased).map(|(key, _)| key.clone());
    let mut erased: BTreeSet<Key> = before.collect();
    let new = accepted.iter().filter_map(|(key, before)| {
        let arrival = arrivals.get(key).copied()?;
        (!before.erased && before.day != Some(arrival.business_day)).then_some(arrival)
    });
    erased.extend(erasures::forget(conn, &new.collect::<Vec<_>>(), now).await?);
    Ok(erased)
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
