//! Draws as they were made, and days on their way there. `drawing` makes them.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Bool, Date, Integer, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;
use sampling::{ListHash, Seed};

use super::{ALL_DAYS, Store, bytes32, closings, plans, small};
use crate::domain::draw::{Commitment, Draw, Drawn, Readiness, published_plan};
use crate::domain::plan::SamplingPlan;
use crate::error::QaError;

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

pub(super) async fn readiness(
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
}
