//! Risk reviews and their plan: apart from `reviews`, which holds the random sample.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::{Reach, Scope};
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::ConversationId;
use uuid::Uuid;

use super::people::PERSON_OF_ROW;
use super::{ALL_DAYS, ATTEMPTS, ReviewKey, Seen, Store, seen_sql, team_scorecards};
use crate::domain::review::{Assessment, Verdict};
use crate::domain::risk::{RiskFilter, RiskPlan, RiskReview};
use crate::error::QaError;

/// From how many of a merchant's days is picked in one round.
const DAYS_AT_ONCE: i64 = 20;

#[derive(QueryableByName)]
struct PlanRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Date)]
    effective_from: NaiveDate,
    #[diesel(sql_type = Integer)]
    per_agent_day: i32,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Integer)]
    count: i32,
}

#[derive(QueryableByName)]
struct RiskRow {
    #[diesel(sql_type = SqlUuid)]
    review_id: Uuid,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = SmallInt)]
    place: i16,
    #[diesel(sql_type = Integer)]
    critical: i32,
    #[diesel(sql_type = Integer)]
    major: i32,
    #[diesel(sql_type = Integer)]
    minor: i32,
    #[diesel(sql_type = Array<Text>)]
    rule_ids: Vec<String>,
    #[diesel(sql_type = Timestamptz)]
    picked_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    reviewer_person_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    scorecard_id: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    scorecard_version: Option<i32>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    assessment: Option<serde_json::Value>,
    #[diesel(sql_type = Nullable<Integer>)]
    score_bp: Option<i32>,
    #[diesel(sql_type = Bool)]
    critical_failure: bool,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    submitted_at: Option<DateTime<Utc>>,
}

impl From<PlanRow> for RiskPlan {
    fn from(row: PlanRow) -> Self {
        Self {
            version: row.version,
            effective_from: Some(row.effective_from),
            per_agent_day: row.per_agent_day,
            created_at: row.created_at,
        }
    }
}

impl TryFrom<RiskRow> for RiskReview {
    type Error = QaError;

    fn try_from(row: RiskRow) -> Result<Self, QaError> {
        let unreadable = |why: String| pg::Error::unreadable("risk_reviews", row.review_id, why);
        let submitted = (
            row.reviewer_person_id,
            row.scorecard_id,
            row.scorecard_version,
            row.assessment,
            row.submitted_at,
        );
        let verdict = match submitted {
            (Some(reviewer), Some(scorecard_id), Some(scorecard_version), Some(assessment), Some(at)) => {
                let assessment = serde_json::from_value(assessment).map_err(|e| unreadable(e.to_string()))?;
                let verdict = Verdict {
                    scorecard_id,
                    scorecard_version,
                    assessment,
                    score_bp: row.score_bp,
                    critical_failure: row.critical_failure,
                    submitted_at: at,
                };
                Some((PersonId::new(reviewer), verdict))
            }
            _ => None,
        };
        Ok(Self {
            id: row.review_id,
            business_day: row.business_day,
            conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
            account: AccountId::new(row.account_id),
            person: row.person_id.map(PersonId::new),
            place: i32::from(row.place),
            hits: [row.critical, row.major, row.minor],
            rules: row.rule_ids,
            picked_at: row.picked_at,
            verdict,
        })
    }
}

fn select() -> String {
    format!(
        "SELECT r.review_id, r.business_day, r.account_id, {PERSON_OF_ROW} AS person_id, r.shop_id, r.channel, \
            r.conversation_id, r.place, r.critical, r.major, r.minor, r.rule_ids, r.picked_at, r.reviewer_person_id, \
            r.scorecard_id, r.scorecard_version, r.assessment, r.score_bp, r.critical_failure, r.submitted_at \
         FROM risk_reviews r"
    )
}

async fn newest_plan(conn: &mut AsyncPgConnection, merchant: &MerchantId) -> Result<RiskPlan, QaError> {
    let rows = diesel::sql_query(
        "SELECT version, effective_from, per_agent_day, created_at FROM risk_plans WHERE merchant_id = $1 \
         ORDER BY version DESC LIMIT 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .load::<PlanRow>(conn)
    .await?;
    Ok(rows.into_iter().next().map_or_else(RiskPlan::none, RiskPlan::from))
}

async fn update(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    review: &RiskReview,
) -> Result<(), QaError> {
    let Some((reviewer, verdict)) = &review.verdict else { return Ok(()) };
    let assessment = serde_json::to_value(&verdict.assessment).map_err(|e| pg::Error::Internal(e.into()))?;
    diesel::sql_query(
        "UPDATE risk_reviews SET reviewer_person_id = $3, scorecard_id = $4, scorecard_version = $5, assessment = $6, \
            score_bp = $7, critical_failure = $8, submitted_at = $9 \
         WHERE merchant_id = $1 AND review_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(review.id)
    .bind::<Text, _>(reviewer.as_str())
    .bind::<Text, _>(&verdict.scorecard_id)
    .bind::<Integer, _>(verdict.scorecard_version)
    .bind::<Jsonb, _>(assessment)
    .bind::<Nullable<Integer>, _>(verdict.score_bp)
    .bind::<Bool, _>(verdict.critical_failure)
    .bind::<Timestamptz, _>(verdict.submitted_at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn message_count(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    review: &RiskReview,
) -> Result<i32, QaError> {
    let rows = diesel::sql_query(
        "SELECT message_count AS count FROM conversations WHERE merchant_id = $1 AND business_day = $2 \
            AND conversation_id = $3 AND channel = $4 AND shop_id = $5",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(review.business_day)
    .bind::<Text, _>(&review.conversation.id)
    .bind::<Text, _>(&review.conversation.channel)
    .bind::<Text, _>(&review.conversation.shop)
    .load::<CountRow>(conn)
    .await?;
    Ok(rows.into_iter().next().map_or(0, |row| row.count))
}

impl Store {
    /// The newest version of the plan.
    pub async fn find_risk_plan(&self, merchant: &MerchantId) -> Result<RiskPlan, QaError> {
        newest_plan(&mut *self.connection().await?, merchant).await
    }

    /// Adds the version that `decide` makes of the newest one.
    pub async fn insert_risk_plan(
        &self,
        by: &By,
        now: DateTime<Utc>,
        decide: impl Fn(&RiskPlan) -> Result<RiskPlan, QaError>,
    ) -> Result<RiskPlan, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let next = decide(&newest_plan(conn, merchant).await?)?;
                diesel::sql_query(
                    "INSERT INTO risk_plans (merchant_id, version, effective_from, per_agent_day, created_by, created_at) \
                     VALUES ($1, $2, $3, $4, $5, $6)",
                )
                .bind::<Text, _>(merchant.as_str())
                .bind::<Integer, _>(next.version)
                .bind::<Nullable<Date>, _>(next.effective_from)
                .bind::<Integer, _>(next.per_agent_day)
                .bind::<Text, _>(&by.caller.subject)
                .bind::<Timestamptz, _>(now)
                .execute(conn)
                .await
                // Somebody else's version with the same number: they were quicker.
                .map_err(pg::on_constraint("risk_plans_pkey", || QaError::EtagMismatch))?;
                let summary = serde_json::json!({ "effective_from": next.effective_from,
                    "per_agent_day": next.per_agent_day });
                by.audit(conn, now, format!("risk_plan/{}", next.version), summary).await?;
                Ok(next)
            })
            .await
        })
        .await
    }

    /// Drawn days under a plan that were not picked from yet, as soon as all their chats that are here are checked: the
    /// oldest few of each merchant, so that one whose days cannot be picked from does not stand before the others'.
    pub async fn list_days_to_pick_from(&self) -> Result<Vec<(MerchantId, NaiveDate)>, QaError> {
        let rows = diesel::sql_query(
            "SELECT m.merchant_id, d.business_day FROM (SELECT DISTINCT merchant_id FROM risk_plans) m \
             CROSS JOIN LATERAL (SELECT d.business_day FROM draws d \
                WHERE d.merchant_id = m.merchant_id \
                    AND EXISTS (SELECT FROM risk_plans p WHERE p.merchant_id = m.merchant_id \
                        AND p.effective_from <= d.business_day) \
                    AND NOT EXISTS (SELECT FROM risk_days k WHERE k.merchant_id = m.merchant_id \
                        AND k.business_day = d.business_day) \
                    AND NOT EXISTS (SELECT FROM check_queue q WHERE q.merchant_id = m.merchant_id \
                        AND q.business_day = d.business_day) \
                ORDER BY d.business_day LIMIT $1) d \
             ORDER BY m.merchant_id, d.business_day LIMIT 10000",
        )
        .bind::<BigInt, _>(DAYS_AT_ONCE)
        .load::<DayRow>(&mut *self.connection().await?)
        .await?;
        Ok(rows.into_iter().map(|row| (MerchantId::new(row.merchant_id), row.business_day)).collect())
    }

    /// Picks each account's chats with the heaviest hits that are not in the random sample: most critical hits first, then most
    /// major ones, then most minor ones. Once a day.
    pub async fn insert_risk_reviews(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), QaError> {
        let by = By::service("qa", merchant, "background/pick_risk_reviews");
        by.change(&self.pool, now, async |conn| {
            let rows = diesel::sql_query(
                "WITH plan AS (SELECT version, per_agent_day FROM risk_plans WHERE merchant_id = $1 AND effective_from <= $2 \
                    ORDER BY effective_from DESC LIMIT 1), \
                 day AS (INSERT INTO risk_days (merchant_id, business_day, plan_version, picked, picked_at) \
                    SELECT $1, $2, version, 0, $3 FROM plan ON CONFLICT DO NOTHING RETURNING plan_version), \
                 heavy AS (SELECT h.account_id, h.shop_id, h.channel, h.conversation_id, \
                        count(*) FILTER (WHERE h.severity = 3)::int AS critical, \
                        count(*) FILTER (WHERE h.severity = 2)::int AS major, \
                        count(*) FILTER (WHERE h.severity = 1)::int AS minor, array_agg(DISTINCT h.rule_id) AS rule_ids \
                    FROM check_hits h WHERE h.merchant_id = $1 AND h.business_day = $2 \
                        AND NOT EXISTS (SELECT FROM reviews v WHERE v.merchant_id = $1 AND v.business_day = $2 \
                            AND v.conversation_id = h.conversation_id AND v.channel = h.channel AND v.shop_id = h.shop_id) \
                        AND COALESCE((SELECT verdict FROM hit_judgements j WHERE j.merchant_id = $1 AND j.hit_id = h.hit_id \
                            ORDER BY number DESC LIMIT 1), 1) <> 2 \
                    GROUP BY 1, 2, 3, 4), \
                 placed AS (SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY critical DESC, major DESC, \
                        minor DESC, conversation_id, channel, shop_id) AS place FROM heavy), \
                 picked AS (INSERT INTO risk_reviews (merchant_id, review_id, business_day, account_id, shop_id, channel, \
                        conversation_id, place, critical, major, minor, rule_ids, picked_at) \
                    SELECT $1, gen_random_uuid(), $2, p.account_id, p.shop_id, p.channel, p.conversation_id, p.place::smallint, \
                        p.critical, p.major, p.minor, p.rule_ids, $3 \
                    FROM placed p, plan, day WHERE p.place <= plan.per_agent_day RETURNING 1) \
                 SELECT count(*)::int AS count FROM picked",
            )
            .bind::<Text, _>(merchant.as_str())
            .bind::<Date, _>(day)
            .bind::<Timestamptz, _>(now)
            .get_result::<CountRow>(conn)
            .await?;
            if rows.count > 0 {
                diesel::sql_query("UPDATE risk_days SET picked = $3 WHERE merchant_id = $1 AND business_day = $2")
                    .bind::<Text, _>(merchant.as_str())
                    .bind::<Date, _>(day)
                    .bind::<Integer, _>(rows.count)
                    .execute(conn)
                    .await?;
                let summary = serde_json::json!({ "picked": rows.count });
                by.audit(conn, now, format!("risk_reviews/{day}"), summary).await?;
            }
            Ok::<_, QaError>(())
        })
        .await
    }

    /// Picked chats within `scope`, in order of day and id. Who reaches only themselves sees them from submission on.
    pub async fn list_risk_reviews(
        &self,
        scope: &Scope,
        filter: &RiskFilter,
        page: &PageRequest<ReviewKey>,
    ) -> Result<Page<RiskReview>, QaError> {
        let mut conn = self.connection().await?;
        let (from, to) = filter.days.unwrap_or(ALL_DAYS);
        let seen = Seen::of(&mut conn, scope, from, to).await?;
        let visible = seen_sql!("$6", "$7", "$8", "$9");
        let submitted_only = matches!(scope.reach, Reach::Own(_));
        let (after_day, after) = page.after.unwrap_or((ALL_DAYS.0, Uuid::nil()));
        let rows = diesel::sql_query(format!(
            "{} WHERE r.merchant_id = $1 AND r.business_day BETWEEN $2 AND $3 AND ($4 = '' OR r.account_id = $4) \
               AND (NOT $5 OR r.submitted_at IS NULL) AND {visible} AND (NOT $10 OR r.submitted_at IS NOT NULL) \
               AND (r.business_day, r.review_id) > ($11, $12) \
             ORDER BY r.business_day, r.review_id LIMIT $13",
            select()
        ))
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Date, _>(from)
        .bind::<Date, _>(to)
        .bind::<Text, _>(&filter.account)
        .bind::<Bool, _>(filter.open)
        .bind::<Bool, _>(seen.all)
        .bind::<Array<Text>, _>(seen.accounts)
        .bind::<Array<Date>, _>(seen.from)
        .bind::<Array<Date>, _>(seen.to)
        .bind::<Bool, _>(submitted_only)
        .bind::<Date, _>(after_day)
        .bind::<SqlUuid, _>(after)
        .bind::<BigInt, _>(page.limit())
        .load::<RiskRow>(&mut conn)
        .await?;
        let reviews = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<RiskReview>, _>>()?;
        Ok(page.page(reviews, |review| (review.business_day, review.id))?)
    }

    /// Scores a picked chat by the published card.
    pub async fn submit_risk_review(
        &self,
        by: &By,
        scope: &Scope,
        reviewer: &PersonId,
        now: DateTime<Utc>,
        id: Uuid,
        assessment: &Assessment,
    ) -> Result<RiskReview, QaError> {
        let merchant = scope.whole_merchant()?;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let rows = diesel::sql_query(format!(
                    "{} WHERE r.merchant_id = $1 AND r.review_id = $2 FOR UPDATE OF r",
                    select()
                ))
                .bind::<Text, _>(merchant.as_str())
                .bind::<SqlUuid, _>(id)
                .load::<RiskRow>(conn)
                .await?;
                let missing = || QaError::ReviewNotFound { id: id.to_string() };
                let review: RiskReview = rows.into_iter().next().ok_or_else(missing)?.try_into()?;
                let (account, day) = (review.account.as_str(), review.business_day);
                let card = team_scorecards::card_of(conn, merchant, account, day).await?;
                let messages = message_count(conn, merchant, &review).await?;
                let review = review.submit(reviewer, assessment.clone(), &card, messages, now)?;
                update(conn, merchant, &review).await?;
                let score = review.verdict.as_ref().and_then(|(_, verdict)| verdict.score_bp);
                by.audit(conn, now, format!("risk_review/{id}"), serde_json::json!({ "score_bp": score }))
                    .await?;
                Ok(review)
            })
            .await
        })
        .await
    }
}
