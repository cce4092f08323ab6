//! The draw: the first entries of an index per account, then the whole list for its hash.

use std::collections::BTreeMap;

use calendar::MerchantCalendar;
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::{AccountId, MerchantId};
use sampling::{ConversationId, ListHash, Seed};
use serde_json::json;

use super::reviews::NewReview;
use super::seeds::Lock;
use super::{
    ALL_DAYS, ATTEMPTS, Store, assignments, bundles, bytes32, closings, plans, reviews, seeds, small,
    team_plans,
};
use crate::domain::draw::{Commitment, DayState, Draw, Drawn, Readiness, Sample, published_plan};
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

const DRAW_SQL: &str = "SELECT s.merchant_id, s.business_day, s.seed, s.commitment, s.committed_at, s.before_day, \
        d.plan_version, d.size, d.threshold, d.counts, d.day_closed_version, d.list_hash, d.agents, d.eligible, d.drawn, \
        d.shortfall_agents, d.drawn_at, w.assigned, w.unassigned, l.late, l.late_accepted \
     FROM seeds s \
     LEFT JOIN draws d ON d.merchant_id = s.merchant_id AND d.business_day = s.business_day \
     LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE r.state > 1) AS assigned, \
            count(*) FILTER (WHERE r.state = 1) AS unassigned FROM reviews r \
        WHERE r.merchant_id = s.merchant_id AND r.business_day = s.business_day AND d.drawn_at IS NOT NULL) w ON true \
     LEFT JOIN LATERAL (SELECT count(*) AS late, count(*) FILTER (WHERE c.accepted) AS late_accepted FROM late_chats c \
        WHERE c.merchant_id = s.merchant_id AND c.business_day = s.business_day AND d.drawn_at IS NOT NULL) l ON true";

#[derive(QueryableByName)]
struct DrawRow {
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
    #[diesel(sql_type = Nullable<Integer>)]
    plan_version: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    size: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    threshold: Option<i32>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    counts: Option<i16>,
    #[diesel(sql_type = Nullable<BigInt>)]
    day_closed_version: Option<i64>,
    #[diesel(sql_type = Nullable<Binary>)]
    list_hash: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Integer>)]
    agents: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    eligible: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    drawn: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    shortfall_agents: Option<i32>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    drawn_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<BigInt>)]
    assigned: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    unassigned: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    late: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    late_accepted: Option<i64>,
}

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
struct ExistsRow {
    #[diesel(sql_type = Bool)]
    here: bool,
}

impl TryFrom<DrawRow> for Draw {
    type Error = QaError;

    fn try_from(row: DrawRow) -> Result<Self, QaError> {
        let key = format!("{}/{}", row.merchant_id, row.business_day);
        let hash = bytes32("seeds", &key, sampling::Commitment::from_slice, &row.commitment)?;
        let commitment = Commitment {
            merchant: MerchantId::new(row.merchant_id.clone()),
            day: row.business_day,
            hash,
            committed_at: row.committed_at,
            before_day: row.before_day,
        };
        let Some(drawn_at) = row.drawn_at else { return Ok(Self { commitment, drawn: None }) };
        let lacks = |column: &str| pg::Error::unreadable("draws", &key, format!("it lacks {column}"));
        let plan = SamplingPlan {
            version: row.plan_version.ok_or_else(|| lacks("plan_version"))?,
            size: row.size.ok_or_else(|| lacks("size"))?,
            threshold: row.threshold.ok_or_else(|| lacks("threshold"))?,
            counts: row.counts.and_then(plans::counts_of).ok_or_else(|| lacks("counts"))?,
            ..SamplingPlan::first()
        };
        let list_hash = row.list_hash.ok_or_else(|| lacks("list_hash"))?;
        let drawn = Drawn {
            plan_version: plan.version,
            plan: published_plan(&plan),
            day_closed_version: row.day_closed_version.ok_or_else(|| lacks("day_closed_version"))?,
            drawn_at,
            seed: bytes32("seeds", &key, Seed::from_slice, &row.seed)?,
            list_hash: bytes32("draws", &key, ListHash::from_slice, &list_hash)?,
            agents: row.agents.unwrap_or_default(),
            eligible: row.eligible.unwrap_or_default(),
            drawn: row.drawn.unwrap_or_default(),
            shortfall_agents: row.shortfall_agents.unwrap_or_default(),
            late: small(row.late.unwrap_or_default()),
            late_accepted: small(row.late_accepted.unwrap_or_default()),
            assigned: small(row.assigned.unwrap_or_default()),
            unassigned: small(row.unassigned.unwrap_or_default()),
        };
        Ok(Self { commitment, drawn: Some(drawn) })
    }
}

/// A day's draw, or its commitment alone.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
) -> Result<Option<Draw>, QaError> {
    let rows = diesel::sql_query(format!("{DRAW_SQL} WHERE s.merchant_id = $1 AND s.business_day = $2"))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(day)
        .load::<DrawRow>(conn)
        .await?;
    rows.into_iter().next().map(TryInto::try_into).transpose()
}

pub(super) async fn is_drawn(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
) -> Result<bool, QaError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM draws WHERE merchant_id = $1 AND business_day = $2) AS here";
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(day)
        .get_result::<ExistsRow>(conn)
        .await?;
    Ok(row.here)
}

async fn readiness(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
) -> Result<Readiness, QaError> {
    let drawn = is_drawn(conn, merchant, day).await?;
    let closing = closings::find(conn, merchant, day).await?;
    // Without a closing there is nothing to compare with; the count is still worth showing.
    let threshold =
        closing.as_ref().map_or(SamplingPlan::first().threshold, |closing| closing.long_chat_threshold);
    let here = closings::count_here(conn, merchant, day, threshold).await?;
    Ok(Readiness::compare(day, closing.as_ref(), &here, drawn))
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
    let drawn = drawn.into_iter().map(SampleRow::read).collect();
    let eligible = diesel::sql_query(
        "SELECT account_id, shop_id, channel, conversation_id FROM conversations \
         WHERE merchant_id = $1 AND business_day = $2 AND rank IS NOT NULL",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .load::<ChatRow>(conn)
    .await?;
    Ok(Sample::freeze(merchant, day, plan, own_plans, day_closed_version, by_account(eligible), drawn))
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
    .bind::<Integer, _>(count(sample.agents.len()))
    .bind::<Integer, _>(count(sample.eligible()))
    .bind::<Integer, _>(count(sample.drawn()))
    .bind::<Integer, _>(count(sample.shortfall_agents(plan)))
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(&by.caller.subject)
    .execute(conn)
    .await?;
    let lists =
        sample.agents.iter().map(|agent| bundles::pack(&agent.eligible)).collect::<Result<Vec<_>, _>>()?;
    diesel::sql_query(
        "INSERT INTO draw_agents (merchant_id, business_day, account_id, eligible, drawn, agent_hash, eligible_list, size, \
            threshold, counts) \
         SELECT $1, $2, * FROM unnest($3::text[], $4::int[], $5::int[], $6::bytea[], $7::bytea[], $8::int[], $9::int[], \
            $10::smallint[])",
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
    .execute(conn)
    .await?;
    reviews::insert(conn, merchant, day, &new_reviews(sample, plan), now).await
}

/// Something of each account's own plan, if it has one.
fn own<T>(sample: &Sample, part: impl Fn(&SamplingPlan) -> T) -> Vec<Option<T>> {
    sample.agents.iter().map(|agent| agent.own_plan.as_ref().map(&part)).collect()
}

fn new_reviews(sample: &Sample, plan: &SamplingPlan) -> Vec<NewReview> {
    let of_agent = |agent: &crate::domain::draw::AgentSample| {
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
    /// What is here of a day against what metrics closed.
    pub async fn find_readiness(&self, merchant: &MerchantId, day: NaiveDate) -> Result<Readiness, QaError> {
        readiness(&mut *self.connection().await?, merchant, day).await
    }

    /// A day's draw, or its commitment alone.
    pub async fn find_draw(&self, merchant: &MerchantId, day: NaiveDate) -> Result<Option<Draw>, QaError> {
        find(&mut *self.connection().await?, merchant, day).await
    }

    /// The draws of some days, oldest first.
    pub async fn list_draws(
        &self,
        merchant: &MerchantId,
        days: (NaiveDate, NaiveDate),
        page: &PageRequest<NaiveDate>,
    ) -> Result<Page<Draw>, QaError> {
        let rows = diesel::sql_query(format!(
            "{DRAW_SQL} WHERE s.merchant_id = $1 AND s.business_day BETWEEN $2 AND $3 AND s.business_day > $4 \
             ORDER BY s.business_day LIMIT $5"
        ))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(days.0)
        .bind::<Date, _>(days.1)
        .bind::<Date, _>(page.after.unwrap_or(ALL_DAYS.0))
        .bind::<BigInt, _>(page.limit())
        .load::<DrawRow>(&mut *self.connection().await?)
        .await?;
        let draws = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<Draw>, _>>()?;
        Ok(page.page(draws, |draw| draw.commitment.day)?)
    }

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
                let readiness = readiness(conn, merchant, day).await?;
                let day_closed_version = match (readiness.state, readiness.closed_version) {
                    (DayState::Drawn, _) => return Ok(false),
                    (DayState::Ready, Some(version)) => version,
                    (DayState::Incomplete, _) => {
                        return Err(QaError::DayIncomplete { readiness: Box::new(readiness) });
                    }
                    (DayState::NotClosed | DayState::Ready, _) => return Err(QaError::DayNotClosed { day }),
                };
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
                    json!({ "drawn": drawn, "agents": sample.agents.len(), "list_hash": sample.list_hash });
                by.audit(conn, now, format!("draw/{day}"), summary).await?;
                Ok(true)
            })
            .await
        })
        .await
    }
}
