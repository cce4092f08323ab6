//! Rows of appeals.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::ConversationId;
use uuid::Uuid;

use crate::domain::appeal::{Appeal, AppealFilter, AppealState, Ending};
use crate::error::QaError;
use crate::store::people::PERSON_OF_ROW;
use crate::store::{ALL_DAYS, Seen, seen_sql};

#[derive(QueryableByName)]
struct AppealRow {
    #[diesel(sql_type = SqlUuid)]
    appeal_id: Uuid,
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
    #[diesel(sql_type = Integer)]
    assessment_version: i32,
    #[diesel(sql_type = Text)]
    filed_by_person_id: String,
    #[diesel(sql_type = Timestamptz)]
    filed_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    comment: String,
    #[diesel(sql_type = Jsonb)]
    proposed: serde_json::Value,
    #[diesel(sql_type = Text)]
    first_reviewer_person_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    second_reviewer_person_id: Option<String>,
    #[diesel(sql_type = Date)]
    due_day: NaiveDate,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = Nullable<Text>)]
    decision_comment: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    ended_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Integer>)]
    score_bp_before: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    score_bp_after: Option<i32>,
    #[diesel(sql_type = BigInt)]
    revision: i64,
}

impl TryFrom<AppealRow> for Appeal {
    type Error = QaError;

    fn try_from(row: AppealRow) -> Result<Self, QaError> {
        let unreadable = |why: String| pg::Error::unreadable("appeals", row.appeal_id, why);
        let state = AppealState::ALL.into_iter().find(|state| code(*state) == row.state);
        let comment = row.decision_comment.unwrap_or_default();
        let (score_bp_before, score_bp_after) = (row.score_bp_before, row.score_bp_after);
        Ok(Self {
            id: row.appeal_id,
            review_id: row.review_id,
            business_day: row.business_day,
            conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
            account: AccountId::new(row.account_id),
            person: row.person_id.map(PersonId::new),
            assessment_version: row.assessment_version,
            filed_by: PersonId::new(row.filed_by_person_id),
            filed_at: row.filed_at,
            comment: row.comment,
            proposed: serde_json::from_value(row.proposed).map_err(|error| unreadable(error.to_string()))?,
            first_reviewer: PersonId::new(row.first_reviewer_person_id),
            second_reviewer: row.second_reviewer_person_id.map(PersonId::new),
            due_day: row.due_day,
            state: state.ok_or_else(|| unreadable("unknown state".to_owned()))?,
            ending: row.ended_at.map(|at| Ending { at, comment, score_bp_before, score_bp_after }),
            revision: row.revision,
        })
    }
}

fn code(state: AppealState) -> i16 {
    match state {
        AppealState::Open => 1,
        AppealState::Rejected => 2,
        AppealState::PartlyUpheld => 3,
        AppealState::Upheld => 4,
        AppealState::Withdrawn => 5,
    }
}

/// Appeals `a` within a scope, with their review `r`; `$1` merchant, `$2` to `$5` what is seen.
fn select() -> String {
    let visible = seen_sql!("$2", "$3", "$4", "$5");
    format!(
        "SELECT a.appeal_id, a.review_id, r.business_day, r.account_id, r.shop_id, r.channel, r.conversation_id, \
            {PERSON_OF_ROW} AS person_id, a.assessment_version, a.filed_by_person_id, a.filed_at, a.comment, a.proposed, \
            a.first_reviewer_person_id, a.second_reviewer_person_id, a.due_day, a.state, a.decision_comment, a.ended_at, \
            a.score_bp_before, a.score_bp_after, a.revision \
         FROM appeals a JOIN reviews r ON r.merchant_id = a.merchant_id AND r.review_id = a.review_id \
         WHERE a.merchant_id = $1 AND {visible}"
    )
}

pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    id: Uuid,
    lock: bool,
) -> Result<Option<Appeal>, QaError> {
    let seen = Seen::of(conn, scope, ALL_DAYS.0, ALL_DAYS.1).await?;
    let lock = if lock { " FOR UPDATE OF a" } else { "" };
    let rows = diesel::sql_query(select() + " AND a.appeal_id = $6" + lock)
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Bool, _>(seen.all)
        .bind::<Array<Text>, _>(seen.accounts)
        .bind::<Array<Date>, _>(seen.from)
        .bind::<Array<Date>, _>(seen.to)
        .bind::<SqlUuid, _>(id)
        .load::<AppealRow>(conn)
        .await?;
    rows.into_iter().next().map(TryInto::try_into).transpose()
}

pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    filter: &AppealFilter,
    today: NaiveDate,
    (after, limit): (Uuid, i64),
) -> Result<Vec<Appeal>, QaError> {
    let seen = Seen::of(conn, scope, ALL_DAYS.0, ALL_DAYS.1).await?;
    let rows = diesel::sql_query(
        select()
            + " AND (cardinality($6::smallint[]) = 0 OR a.state = ANY ($6)) \
                AND ($7 = '' OR a.second_reviewer_person_id = $7) AND ($8 IS NULL OR a.review_id = $8) \
                AND (NOT $9 OR (a.state = 1 AND a.due_day < $10)) AND a.appeal_id > $11 ORDER BY a.appeal_id LIMIT $12",
    )
    .bind::<Text, _>(scope.merchant.as_str())
    .bind::<Bool, _>(seen.all)
    .bind::<Array<Text>, _>(seen.accounts)
    .bind::<Array<Date>, _>(seen.from)
    .bind::<Array<Date>, _>(seen.to)
    .bind::<Array<SmallInt>, _>(filter.states.iter().map(|state| code(*state)).collect::<Vec<_>>())
    .bind::<Text, _>(&filter.second_reviewer)
    .bind::<Nullable<SqlUuid>, _>(filter.review)
    .bind::<Bool, _>(filter.overdue)
    .bind::<Date, _>(today)
    .bind::<SqlUuid, _>(after)
    .bind::<BigInt, _>(limit)
    .load::<AppealRow>(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    appeal: &Appeal,
) -> Result<(), QaError> {
    let proposed =
        serde_json::to_value(&appeal.proposed).map_err(|error| pg::Error::Internal(error.into()))?;
    let inserted = diesel::sql_query(
        "INSERT INTO appeals (merchant_id, appeal_id, review_id, assessment_version, filed_by_person_id, filed_at, comment, \
            proposed, first_reviewer_person_id, second_reviewer_person_id, due_day, state, revision) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(appeal.id)
    .bind::<SqlUuid, _>(appeal.review_id)
    .bind::<Integer, _>(appeal.assessment_version)
    .bind::<Text, _>(appeal.filed_by.as_str())
    .bind::<Timestamptz, _>(appeal.filed_at)
    .bind::<Text, _>(&appeal.comment)
    .bind::<Jsonb, _>(proposed)
    .bind::<Text, _>(appeal.first_reviewer.as_str())
    .bind::<Nullable<Text>, _>(appeal.second_reviewer.as_ref().map(PersonId::as_str))
    .bind::<Date, _>(appeal.due_day)
    .bind::<SmallInt, _>(code(appeal.state))
    .bind::<BigInt, _>(appeal.revision)
    .execute(conn)
    .await?;
    if inserted == 0 { Err(QaError::AppealExists) } else { Ok(()) }
}

pub(super) async fn update(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    appeal: &Appeal,
) -> Result<(), QaError> {
    let ending = appeal.ending.as_ref();
    diesel::sql_query(
        "UPDATE appeals SET second_reviewer_person_id = $3, state = $4, decision_comment = $5, ended_at = $6, \
            score_bp_before = $7, score_bp_after = $8, revision = $9 WHERE merchant_id = $1 AND appeal_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(appeal.id)
    .bind::<Nullable<Text>, _>(appeal.second_reviewer.as_ref().map(PersonId::as_str))
    .bind::<SmallInt, _>(code(appeal.state))
    .bind::<Nullable<Text>, _>(ending.map(|ending| ending.comment.as_str()))
    .bind::<Nullable<Timestamptz>, _>(ending.map(|ending| ending.at))
    .bind::<Nullable<Integer>, _>(ending.and_then(|ending| ending.score_bp_before))
    .bind::<Nullable<Integer>, _>(ending.and_then(|ending| ending.score_bp_after))
    .bind::<BigInt, _>(appeal.revision)
    .execute(conn)
    .await?;
    Ok(())
}
