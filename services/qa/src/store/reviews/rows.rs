//! The statements over reviews.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::PageRequest;
use runtime::identity::{Reach, Scope};
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::ConversationId;
use uuid::Uuid;

use super::{NewReview, ReviewKey};
use crate::domain::review::{
    Acknowledgement, Assessment, Assignment, Review, ReviewFilter, ReviewState, Verdict,
};
use crate::error::QaError;
use crate::store::people::PERSON_OF_ROW;
use crate::store::{ALL_DAYS, Seen, seen_sql};

const COLUMNS: &str = "r.review_id, r.business_day, r.account_id, r.shop_id, r.channel, r.conversation_id, r.late, \
     r.inclusion_numerator, r.inclusion_denominator, r.reviewer_person_id, r.due_day, r.scorecard_id, \
     r.scorecard_version, r.assessment, r.score_bp, r.critical_failure, r.submitted_at, r.acknowledged_at, \
     r.acknowledgement_note, r.assessment_version, r.appeal_until, r.counts_for_pay, r.revision";

#[derive(QueryableByName)]
struct ReviewRow {
    #[diesel(sql_type = SqlUuid)]
    review_id: Uuid,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
    #[diesel(sql_type = Bool)]
    late: bool,
    #[diesel(sql_type = BigInt)]
    inclusion_numerator: i64,
    #[diesel(sql_type = BigInt)]
    inclusion_denominator: i64,
    #[diesel(sql_type = Nullable<Text>)]
    reviewer_person_id: Option<String>,
    #[diesel(sql_type = Nullable<Date>)]
    due_day: Option<NaiveDate>,
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
    #[diesel(sql_type = Nullable<Timestamptz>)]
    acknowledged_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    acknowledgement_note: Option<String>,
    #[diesel(sql_type = Integer)]
    assessment_version: i32,
    #[diesel(sql_type = Nullable<Date>)]
    appeal_until: Option<NaiveDate>,
    #[diesel(sql_type = Bool)]
    counts_for_pay: bool,
    #[diesel(sql_type = BigInt)]
    revision: i64,
}

#[derive(QueryableByName)]
struct MessageCountRow {
    #[diesel(sql_type = Integer)]
    message_count: i32,
}

impl ReviewRow {
    fn verdict(&mut self) -> Result<Option<Verdict>, QaError> {
        let Some(submitted_at) = self.submitted_at else { return Ok(None) };
        let unreadable = |why: &str| pg::Error::unreadable("reviews", self.review_id, why);
        let assessment: Assessment = match self.assessment.take() {
            Some(json) => serde_json::from_value(json).map_err(|e| unreadable(&e.to_string()))?,
            None => return Err(unreadable("submitted without an assessment").into()),
        };
        Ok(Some(Verdict {
            scorecard_id: self.scorecard_id.take().ok_or_else(|| unreadable("submitted without a card"))?,
            scorecard_version: self
                .scorecard_version
                .ok_or_else(|| unreadable("submitted without a card"))?,
            assessment,
            score_bp: self.score_bp,
            critical_failure: self.critical_failure,
            submitted_at,
        }))
    }
}

impl TryFrom<ReviewRow> for Review {
    type Error = QaError;

    fn try_from(mut row: ReviewRow) -> Result<Self, QaError> {
        let verdict = row.verdict()?;
        let assignment = match (row.reviewer_person_id, row.due_day) {
            (Some(reviewer), Some(due_day)) => {
                Some(Assignment { reviewer: PersonId::new(reviewer), due_day })
            }
            _ => None,
        };
        let note = row.acknowledgement_note.unwrap_or_default();
        Ok(Self {
            id: row.review_id,
            business_day: row.business_day,
            conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
            account: AccountId::new(row.account_id),
            person: row.person_id.map(PersonId::new),
            late: row.late,
            inclusion: (row.inclusion_numerator, row.inclusion_denominator),
            assignment,
            verdict,
            acknowledgement: row.acknowledged_at.map(|at| Acknowledgement { at, note }),
            assessment_version: row.assessment_version,
            appeal_until: row.appeal_until,
            counts_for_pay: row.counts_for_pay,
            revision: row.revision,
        })
    }
}

fn code(state: ReviewState) -> i16 {
    match state {
        ReviewState::Unassigned => 1,
        ReviewState::Assigned => 2,
        ReviewState::Submitted => 3,
        ReviewState::Acknowledged => 4,
    }
}

/// Inserts unassigned reviews of one day.
pub(in crate::store) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    new: &[NewReview],
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    diesel::sql_query(
        "INSERT INTO reviews (merchant_id, business_day, late, state, revision, created_at, review_id, account_id, shop_id, \
            channel, conversation_id, place, inclusion_numerator, inclusion_denominator) \
         SELECT $1, $2, place = 0, 1, 1, $3, review_id, account_id, shop_id, channel, conversation_id, place, n, d \
         FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::smallint[], $10::bigint[], \
            $11::bigint[]) AS t (review_id, account_id, shop_id, channel, conversation_id, place, n, d)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Timestamptz, _>(now)
    .bind::<Array<SqlUuid>, _>(new.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(new.iter().map(|review| review.account.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(new.iter().map(|review| review.conversation.shop.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(new.iter().map(|review| review.conversation.channel.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(new.iter().map(|review| review.conversation.id.as_str()).collect::<Vec<_>>())
    .bind::<Array<SmallInt>, _>(new.iter().map(|review| review.place).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(new.iter().map(|review| review.inclusion.0).collect::<Vec<_>>())
    .bind::<Array<BigInt>, _>(new.iter().map(|review| review.inclusion.1).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// One review within `scope`; `lock` keeps others from changing it. People who only see themselves see it from the moment it is submitted.
pub(in crate::store) async fn find(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    id: Uuid,
    lock: bool,
) -> Result<Option<Review>, QaError> {
    let seen = Seen::of(conn, scope, ALL_DAYS.0, ALL_DAYS.1).await?;
    let (lock, visible) = (if lock { "FOR UPDATE OF r" } else { "" }, seen_sql!("$4", "$5", "$6", "$7"));
    let rows = diesel::sql_query(format!(
        "SELECT {COLUMNS}, {PERSON_OF_ROW} AS person_id FROM reviews r \
         WHERE r.merchant_id = $1 AND r.review_id = $2 AND r.state >= $3 AND {visible} {lock}"
    ))
    .bind::<Text, _>(scope.merchant.as_str())
    .bind::<SqlUuid, _>(id)
    .bind::<SmallInt, _>(first_state(scope))
    .bind::<Bool, _>(seen.all)
    .bind::<Array<Text>, _>(seen.accounts)
    .bind::<Array<Date>, _>(seen.from)
    .bind::<Array<Date>, _>(seen.to)
    .load::<ReviewRow>(conn)
    .await?;
    rows.into_iter().next().map(TryInto::try_into).transpose()
}

/// Assigned reviews that were due before a day.
pub(in crate::store) async fn list_overdue(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    before: NaiveDate,
    after: (NaiveDate, Uuid),
    limit: i64,
) -> Result<Vec<Review>, QaError> {
    let rows = diesel::sql_query(format!(
        "SELECT {COLUMNS}, {PERSON_OF_ROW} AS person_id FROM reviews r \
         WHERE r.merchant_id = $1 AND r.state = 2 AND r.due_day < $2 AND (r.due_day, r.review_id) > ($3, $4) \
         ORDER BY r.due_day, r.review_id LIMIT $5"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(before)
    .bind::<Date, _>(after.0)
    .bind::<SqlUuid, _>(after.1)
    .bind::<BigInt, _>(limit)
    .load::<ReviewRow>(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The state from which on a caller sees reviews.
fn first_state(scope: &Scope) -> i16 {
    match scope.reach {
        Reach::Own(_) => code(ReviewState::Submitted),
        Reach::Team(_) | Reach::Merchant => code(ReviewState::Unassigned),
    }
}

pub(in crate::store) async fn update(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    review: &Review,
) -> Result<(), QaError> {
    let verdict = review.verdict.as_ref();
    let assessment = verdict.map(|verdict| serde_json::to_value(&verdict.assessment)).transpose();
    let acknowledgement = review.acknowledgement.as_ref();
    diesel::sql_query(
        "UPDATE reviews SET state = $3, reviewer_person_id = $4, due_day = $5, scorecard_id = $6, scorecard_version = $7, \
            assessment = $8, score_bp = $9, critical_failure = $10, submitted_at = $11, acknowledged_at = $12, \
            acknowledgement_note = $13, revision = $14, assessment_version = $15, appeal_until = $16, counts_for_pay = $17 \
         WHERE merchant_id = $1 AND review_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(review.id)
    .bind::<SmallInt, _>(code(review.state()))
    .bind::<Nullable<Text>, _>(review.assignment.as_ref().map(|assignment| assignment.reviewer.as_str()))
    .bind::<Nullable<Date>, _>(review.assignment.as_ref().map(|assignment| assignment.due_day))
    .bind::<Nullable<Text>, _>(verdict.map(|verdict| verdict.scorecard_id.as_str()))
    .bind::<Nullable<Integer>, _>(verdict.map(|verdict| verdict.scorecard_version))
    .bind::<Nullable<Jsonb>, _>(assessment.map_err(|e| pg::Error::Internal(e.into()))?)
    .bind::<Nullable<Integer>, _>(verdict.and_then(|verdict| verdict.score_bp))
    .bind::<Bool, _>(verdict.is_some_and(|verdict| verdict.critical_failure))
    .bind::<Nullable<Timestamptz>, _>(verdict.map(|verdict| verdict.submitted_at))
    .bind::<Nullable<Timestamptz>, _>(acknowledgement.map(|acknowledgement| acknowledgement.at))
    .bind::<Nullable<Text>, _>(acknowledgement.map(|acknowledgement| acknowledgement.note.as_str()))
    .bind::<BigInt, _>(review.revision)
    .bind::<Integer, _>(review.assessment_version)
    .bind::<Nullable<Date>, _>(review.appeal_until)
    .bind::<Bool, _>(review.counts_for_pay)
    .execute(conn)
    .await?;
    Ok(())
}

/// How many messages the chat of a review has.
pub(in crate::store) async fn message_count(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    review: &Review,
) -> Result<i32, QaError> {
    let rows = diesel::sql_query(
        "SELECT c.message_count FROM conversation_keys k JOIN conversations c ON c.merchant_id = k.merchant_id \
            AND c.business_day = k.business_day AND c.shop_id = k.shop_id AND c.channel = k.channel \
            AND c.conversation_id = k.conversation_id \
         WHERE k.merchant_id = $1 AND k.shop_id = $2 AND k.channel = $3 AND k.conversation_id = $4",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&review.conversation.shop)
    .bind::<Text, _>(&review.conversation.channel)
    .bind::<Text, _>(&review.conversation.id)
    .load::<MessageCountRow>(conn)
    .await?;
    let not_found = || QaError::ConversationNotFound { conversation: review.conversation.to_string() };
    rows.into_iter().next().map(|row| row.message_count).ok_or_else(not_found)
}

/// The reviews within `scope` that are asked for, in order of day and id.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    filter: &ReviewFilter,
    page: &PageRequest<ReviewKey>,
) -> Result<Vec<Review>, QaError> {
    let (from, to) = filter.days.unwrap_or(ALL_DAYS);
    let seen = Seen::of(conn, scope, from, to).await?;
    let visible = seen_sql!("$10", "$11", "$12", "$13");
    let (after_day, after_id) = page.after.unwrap_or((ALL_DAYS.0, Uuid::nil()));
    // Plain to the planner: the queue of a reviewer and the reviews of an account have indexes of their own.
    let reach = if seen.all { "" } else { "AND r.account_id = ANY ($11)" };
    let account = if filter.account.is_empty() { "$7 = ''" } else { "r.account_id = $7" };
    let reviewer = if filter.reviewer.is_empty() { "$3 = ''" } else { "r.reviewer_person_id = $3" };
    let rows = diesel::sql_query(format!(
        "SELECT {COLUMNS}, {PERSON_OF_ROW} AS person_id FROM reviews r \
         WHERE r.merchant_id = $1 AND r.state >= $2 AND {reviewer} {reach} \
           AND (cardinality($4::smallint[]) = 0 OR r.state = ANY ($4)) AND r.business_day BETWEEN $5 AND $6 \
           AND {account} AND (r.business_day, r.review_id) > ($8, $9) AND {visible} \
         ORDER BY r.business_day, r.review_id LIMIT $14"
    ))
    .bind::<Text, _>(scope.merchant.as_str())
    .bind::<SmallInt, _>(first_state(scope))
    .bind::<Text, _>(&filter.reviewer)
    .bind::<Array<SmallInt>, _>(filter.states.iter().map(|state| code(*state)).collect::<Vec<_>>())
    .bind::<Date, _>(from)
    .bind::<Date, _>(to)
    .bind::<Text, _>(&filter.account)
    .bind::<Date, _>(after_day)
    .bind::<SqlUuid, _>(after_id)
    .bind::<Bool, _>(seen.all)
    .bind::<Array<Text>, _>(seen.accounts)
    .bind::<Array<Date>, _>(seen.from)
    .bind::<Array<Date>, _>(seen.to)
    .bind::<BigInt, _>(page.limit())
    .load::<ReviewRow>(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}
