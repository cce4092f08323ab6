//! Drawing a day: the first entries of an index per account, then the whole list for its hash, all in one transaction.

use std::collections::BTreeMap;

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Date, Integer, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::{AccountId, MerchantId};
use sampling::ConversationId;
use serde_json::json;

use super::reviews::NewReview;
use super::seeds::Lock;
use super::{ATTEMPTS, Store, assignments, bundles, draws, plans, reviews, seeds, team_plans};
use crate::domain::draw::{AgentSample, Lists, Sample};
use crate::domain::plan::{self, SamplingPlan};
use crate::domain::review::inclusion;
use crate::error::QaError;
use crate::outgoing;

/// The sample of merchant `$1` on day `$2`, the `$3` lowest ranks of each account, a row per account. Every account of
/// the day is one descent into `conversations_rank`; nothing is sorted, and chats that are not drawn are not read.
pub const SAMPLE_SQL: &str = "SELECT a.account_id, c.shop_ids, c.channels, c.conversation_ids FROM day_closing_agents a \
     CROSS JOIN LATERAL (SELECT array_agg(c.shop_id) AS shop_ids, array_agg(c.channel) AS channels, \
            array_agg(c.conversation_id) AS conversation_ids \
        FROM (SELECT c.shop_id, c.channel, c.conversation_id FROM conversations c \
            WHERE c.merchant_id = $1 AND c.business_day = $2 AND c.account_id = a.account_id AND c.rank IS NOT NULL \
            ORDER BY c.rank LIMIT $3) c) c \
     WHERE a.merchant_id = $1 AND a.business_day = $2 AND c.conversation_ids IS NOT NULL";

#[derive(QueryableByName)]
struct ChatRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
}

#[derive(QueryableByName)]
struct SampleRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Array<Text>)]
    shop_ids: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    channels: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    conversation_ids: Vec<String>,
}

#[derive(QueryableByName)]
struct UnrankedRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Integer)]
    agent_messages: i32,
    #[diesel(sql_type = Integer)]
    message_count: i32,
}

impl SampleRow {
    /// The account's chats, lowest rank first.
    fn read(self) -> (AccountId, Vec<ConversationId>) {
        let chats = self.shop_ids.into_iter().zip(self.channels).zip(self.conversation_ids);
        let chats = chats.map(|((shop, channel), id)| ConversationId::new(shop, channel, id));
        (AccountId::new(self.account_id), chats.collect())
    }
}

/// Chats by account, in the order in which they come.
fn by_account(rows: Vec<ChatRow>) -> BTreeMap<AccountId, Vec<ConversationId>> {
    let mut accounts: BTreeMap<AccountId, Vec<ConversationId>> = BTreeMap::new();
    for row in rows {
        let id = ConversationId::new(row.shop_id, row.channel, row.conversation_id);
        accounts.entry(AccountId::new(row.account_id)).or_default().push(id);
    }
    accounts
}

async fn sample(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    (plan, own_plans): (&SamplingPlan, &BTreeMap<AccountId, SamplingPlan>),
    day_closed_version: i64,
) -> Result<Sample, QaError> {
    // As many of everybody as the largest plan wants; freezing leaves each account its own number.
    let size = own_plans.values().map(|own| own.size).fold(plan.size, i32::max);
    let drawn = diesel::sql_query(SAMPLE_SQL)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(day)
        .bind::<BigInt, _>(i64::from(size))
        .load::<SampleRow>(conn)
        .await?;
    let lowest = drawn.into_iter().map(SampleRow::read).collect();
    let eligible = diesel::sql_query(
        "SELECT account_id, shop_id, channel, conversation_id FROM conversations \
         WHERE merchant_id = $1 AND business_day = $2 AND rank IS NOT NULL",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .load::<ChatRow>(conn)
    .await?;
    let excluded = excluded(conn, merchant, day, (plan, own_plans)).await?;
    let lists = Lists { eligible: by_account(eligible), excluded, lowest };
    Ok(Sample::freeze(merchant, day, plan, own_plans, day_closed_version, lists))
}

/// Long chats that plans leave out. Nothing is read where none leaves anything out.
async fn excluded(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    (plan, own_plans): (&SamplingPlan, &BTreeMap<AccountId, SamplingPlan>),
) -> Result<BTreeMap<AccountId, Vec<ConversationId>>, QaError> {
    if !own_plans.values().chain([plan]).any(SamplingPlan::has_exclusions) {
        return Ok(BTreeMap::new());
    }
    let rows = diesel::sql_query(
        "SELECT account_id, shop_id, channel, conversation_id, agent_messages, message_count FROM conversations \
         WHERE merchant_id = $1 AND business_day = $2 AND rank IS NULL",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .load::<UnrankedRow>(conn)
    .await?;
    let mut excluded: BTreeMap<AccountId, Vec<ConversationId>> = BTreeMap::new();
    for row in rows {
        let account = AccountId::new(row.account_id.as_str());
        let plan = own_plans.get(&account).unwrap_or(plan);
        if plan.is_long(row.agent_messages, row.message_count) && plan.excludes(&row.account_id, &row.channel)
        {
            let id = ConversationId::new(row.shop_id, row.channel, row.conversation_id);
            excluded.entry(account).or_default().push(id);
        }
    }
    Ok(excluded)
}

async fn insert(
    conn: &mut AsyncPgConnection,
    by: &By,
    day: NaiveDate,
    plan: &SamplingPlan,
    day_closed_version: i64,
    sample: &Sample,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let merchant = &by.caller.merchant;
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    diesel::sql_query(
        "INSERT INTO draws (merchant_id, business_day, plan_version, size, threshold, counts, day_closed_version, list_hash, \
            agents, eligible, drawn, shortfall_agents, drawn_at, drawn_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Integer, _>(plan.version)
    .bind::<Integer, _>(plan.size)
    .bind::<Integer, _>(plan.threshold)
    .bind::<SmallInt, _>(plans::counts_code(plan.counts))
    .bind::<BigInt, _>(day_closed_version)
    .bind::<Binary, _>(sample.list_hash.as_bytes().as_slice())
    .bind::<Integer, _>(count(sample.accounts()))
    .bind::<Integer, _>(count(sample.eligible()))
    .bind::<Integer, _>(count(sample.drawn()))
    .bind::<Integer, _>(count(sample.shortfall_agents(plan)))
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(&by.caller.subject)
    .execute(conn)
    .await?;
    let lists =
        sample.agents.iter().map(|agent| bundles::pack(&agent.eligible)).collect::<Result<Vec<_>, _>>()?;
    let left_out = sample.agents.iter().map(|agent| match agent.excluded.as_slice() {
        [] => Ok(None),
        excluded => bundles::pack(excluded).map(Some),
    });
    let left_out = left_out.collect::<Result<Vec<_>, _>>()?;
    diesel::sql_query(
        "INSERT INTO draw_agents (merchant_id, business_day, account_id, eligible, drawn, agent_hash, eligible_list, size, \
            threshold, counts, excluded_list) \
         SELECT $1, $2, * FROM unnest($3::text[], $4::int[], $5::int[], $6::bytea[], $7::bytea[], $8::int[], $9::int[], \
            $10::smallint[], $11::bytea[])",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Array<Text>, _>(sample.agents.iter().map(|agent| agent.account.as_str()).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(sample.agents.iter().map(|agent| count(agent.eligible.len())).collect::<Vec<_>>())
    .bind::<Array<Integer>, _>(sample.agents.iter().map(|agent| count(agent.drawn.len())).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(sample.agents.iter().map(|agent| agent.hash.as_bytes().as_slice()).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(lists.iter().map(Vec::as_slice).collect::<Vec<_>>())
    .bind::<Array<Nullable<Integer>>, _>(own(sample, |plan| plan.size))
    .bind::<Array<Nullable<Integer>>, _>(own(sample, |plan| plan.threshold))
    .bind::<Array<Nullable<SmallInt>>, _>(own(sample, |plan| plans::counts_code(plan.counts)))
    .bind::<Array<Nullable<Binary>>, _>(left_out)
    .execute(conn)
    .await?;
    reviews::insert(conn, merchant, day, &new_reviews(sample, plan), now).await
}

/// Something of each account's own plan, if it has one.
fn own<T>(sample: &Sample, part: impl Fn(&SamplingPlan) -> T) -> Vec<Option<T>> {
    sample.agents.iter().map(|agent| agent.own_plan.as_ref().map(&part)).collect()
}

fn new_reviews(sample: &Sample, plan: &SamplingPlan) -> Vec<NewReview> {
    let of_agent = |agent: &AgentSample| {
        let inclusion = inclusion(agent.size(plan), i64::try_from(agent.eligible.len()).unwrap_or(i64::MAX));
        let account = agent.account.clone();
        let review = move |(place, conversation): (i16, &ConversationId)| NewReview {
            account: account.clone(),
            conversation: conversation.clone(),
            place,
            inclusion,
        };
        (1..).zip(&agent.drawn).map(review).collect::<Vec<_>>()
    };
    sample.agents.iter().flat_map(of_agent).collect()
}

impl Store {
    /// Draws a day unless it is drawn; tells whether it did. Everything that belongs to the draw is one transaction:
    /// frozen list, reviews with their reviewers, the revealed seed.
    pub async fn insert_draw(
        &self,
        by: &By,
        day: NaiveDate,
        calendar: &MerchantCalendar,
        now: DateTime<Utc>,
    ) -> Result<bool, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                plans::begin_merchants(conn, &[merchant.as_str()], now).await?;
                let key = (merchant.clone(), day);
                let begins_at = |key: &seeds::Day| calendar.day_start(key.1);
                // Alone with the day from here on: no chat of it can arrive between the count and the freezing.
                let seeds =
                    seeds::ensure(conn, std::slice::from_ref(&key), Lock::Alone, begins_at, now).await?;
                let seed =
                    seeds.get(&key).ok_or_else(|| pg::Error::unreadable("seeds", day, "it was just made"))?;
                let readiness = draws::readiness(conn, merchant, day).await?;
                let Some(day_closed_version) = readiness.to_draw()? else { return Ok(false) };
                let all = plans::of_merchant(conn, merchant).await?;
                let plan = plan::in_force(&all, day);
                let own_plans = team_plans::qualify(conn, merchant, day, &all, &seed.seed).await?;
                let drawn_by = (&plan, &own_plans);
                let sample = sample(conn, merchant, day, drawn_by, day_closed_version).await?;
                insert(conn, by, day, &plan, day_closed_version, &sample, now).await?;
                let capacity = self.default_capacity;
                assignments::assign_open(conn, merchant, (day, day), calendar, capacity, now).await?;
                let drawn = i32::try_from(sample.drawn()).unwrap_or(i32::MAX);
                let event = outgoing::draw_revealed(merchant, day, &seed.seed, &sample.list_hash, drawn, now);
                events::publish(conn, event).await?;
                let summary =
                    json!({ "drawn": drawn, "agents": sample.accounts(), "list_hash": sample.list_hash });
                by.audit(conn, now, format!("draw/{day}"), summary).await?;
                Ok(true)
            })
            .await
        })
        .await
    }
}
