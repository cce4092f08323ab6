//! Rows of sessions, their chats and ratings.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::{AccountId, MerchantId, PersonId};
use sampling::ConversationId;
use uuid::Uuid;

use crate::domain::calibration::{ChatRating, Session, SessionChat};
use crate::error::QaError;
use crate::store::people::PERSON_OF_ROW;

#[derive(QueryableByName)]
pub(super) struct HeadRow {
    #[diesel(sql_type = SqlUuid)]
    session_id: Uuid,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    scorecard_id: String,
    #[diesel(sql_type = Integer)]
    scorecard_version: i32,
    #[diesel(sql_type = Array<Text>)]
    raters: Vec<String>,
    #[diesel(sql_type = Nullable<Text>)]
    expert_person_id: Option<String>,
    #[diesel(sql_type = Date)]
    due_day: NaiveDate,
    #[diesel(sql_type = Timestamptz)]
    opened_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    closed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    revision: i64,
}

#[derive(QueryableByName)]
struct ChatRow {
    #[diesel(sql_type = Nullable<SqlUuid>)]
    session_id: Option<Uuid>,
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
}

#[derive(QueryableByName)]
struct RatingRow {
    #[diesel(sql_type = SqlUuid)]
    session_id: Uuid,
    #[diesel(sql_type = Integer)]
    place: i32,
    #[diesel(sql_type = Text)]
    rater_person_id: String,
    #[diesel(sql_type = Jsonb)]
    assessment: serde_json::Value,
    #[diesel(sql_type = Nullable<Integer>)]
    score_bp: Option<i32>,
    #[diesel(sql_type = Bool)]
    critical_failure: bool,
    #[diesel(sql_type = Timestamptz)]
    rated_at: DateTime<Utc>,
}

impl From<ChatRow> for SessionChat {
    fn from(row: ChatRow) -> Self {
        Self {
            conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
            business_day: row.business_day,
            account: AccountId::new(row.account_id),
            person: row.person_id.map(PersonId::new),
        }
    }
}

impl TryFrom<RatingRow> for ChatRating {
    type Error = QaError;

    fn try_from(row: RatingRow) -> Result<Self, QaError> {
        let key = format!("{}/{}/{}", row.session_id, row.place, row.rater_person_id);
        let assessment = serde_json::from_value(row.assessment);
        Ok(Self {
            place: row.place,
            rater: PersonId::new(row.rater_person_id),
            assessment: assessment
                .map_err(|error| pg::Error::unreadable("calibration_ratings", key, error))?,
            score_bp: row.score_bp,
            critical_failure: row.critical_failure,
            rated_at: row.rated_at,
        })
    }
}

/// Which sessions to read.
pub(super) enum Which {
    /// One; `lock` keeps others from changing it.
    One { id: Uuid, lock: bool },
    /// Newest first.
    Page { open: bool, before: Option<Uuid>, limit: i64 },
    /// The newest of those.
    ClosedSince { since: DateTime<Utc>, limit: i64 },
}

/// Sessions without chats and ratings, newest first.
pub(super) async fn heads(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    which: &Which,
) -> Result<Vec<HeadRow>, QaError> {
    let (id, before, open, since, limit, lock) = match which {
        Which::One { id, lock } => (Some(*id), None, false, None, 1, *lock),
        Which::Page { open, before, limit } => (None, *before, *open, None, *limit, false),
        Which::ClosedSince { since, limit } => (None, None, false, Some(*since), *limit, false),
    };
    let lock = if lock { " FOR UPDATE" } else { "" };
    Ok(diesel::sql_query(format!(
        "SELECT session_id, name, scorecard_id, scorecard_version, raters, expert_person_id, due_day, opened_at, closed_at, \
            revision \
         FROM calibration_sessions WHERE merchant_id = $1 AND ($2 IS NULL OR session_id = $2) \
            AND ($3 IS NULL OR session_id < $3) AND (NOT $4 OR closed_at IS NULL) AND ($5 IS NULL OR closed_at >= $5) \
         ORDER BY session_id DESC LIMIT $6{lock}"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Nullable<SqlUuid>, _>(id)
    .bind::<Nullable<SqlUuid>, _>(before)
    .bind::<Bool, _>(open)
    .bind::<Nullable<Timestamptz>, _>(since)
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await?)
}

/// The same with chats and ratings.
pub(super) async fn whole(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    heads: Vec<HeadRow>,
) -> Result<Vec<Session>, QaError> {
    let ids: Vec<Uuid> = heads.iter().map(|head| head.session_id).collect();
    let chat_rows = diesel::sql_query(format!(
        "SELECT r.session_id, r.business_day, r.account_id, {PERSON_OF_ROW} AS person_id, r.shop_id, r.channel, \
            r.conversation_id \
         FROM calibration_chats r WHERE r.merchant_id = $1 AND r.session_id = ANY ($2) ORDER BY r.session_id, r.place"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<SqlUuid>, _>(&ids)
    .load::<ChatRow>(conn)
    .await?;
    let rating_rows = diesel::sql_query(
        "SELECT session_id, place, rater_person_id, assessment, score_bp, critical_failure, rated_at \
         FROM calibration_ratings WHERE merchant_id = $1 AND session_id = ANY ($2) \
         ORDER BY session_id, place, rater_person_id",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<SqlUuid>, _>(&ids)
    .load::<RatingRow>(conn)
    .await?;
    let mut chats: BTreeMap<Uuid, Vec<SessionChat>> = BTreeMap::new();
    for row in chat_rows {
        chats.entry(row.session_id.unwrap_or_default()).or_default().push(row.into());
    }
    let mut ratings: BTreeMap<Uuid, Vec<ChatRating>> = BTreeMap::new();
    for row in rating_rows {
        ratings.entry(row.session_id).or_default().push(row.try_into()?);
    }
    let session = |head: HeadRow| Session {
        id: head.session_id,
        name: head.name,
        scorecard_id: head.scorecard_id,
        scorecard_version: head.scorecard_version,
        chats: chats.remove(&head.session_id).unwrap_or_default(),
        raters: head.raters.into_iter().map(PersonId::new).collect(),
        expert: head.expert_person_id.map(PersonId::new),
        due_day: head.due_day,
        opened_at: head.opened_at,
        closed_at: head.closed_at,
        ratings: ratings.remove(&head.session_id).unwrap_or_default(),
        revision: head.revision,
    };
    Ok(heads.into_iter().map(session).collect())
}

/// Keeps a new session with its chats.
pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    session: &Session,
    by: &str,
) -> Result<(), QaError> {
    diesel::sql_query(
        "INSERT INTO calibration_sessions (merchant_id, session_id, name, scorecard_id, scorecard_version, raters, \
            expert_person_id, due_day, opened_by, opened_at, revision) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(session.id)
    .bind::<Text, _>(&session.name)
    .bind::<Text, _>(&session.scorecard_id)
    .bind::<Integer, _>(session.scorecard_version)
    .bind::<Array<Text>, _>(session.raters.iter().map(PersonId::as_str).collect::<Vec<_>>())
    .bind::<Nullable<Text>, _>(session.expert.as_ref().map(PersonId::as_str))
    .bind::<Date, _>(session.due_day)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(session.opened_at)
    .bind::<BigInt, _>(session.revision)
    .execute(conn)
    .await?;
    let chats = &session.chats;
    diesel::sql_query(
        "INSERT INTO calibration_chats (merchant_id, session_id, place, business_day, account_id, shop_id, channel, \
            conversation_id) \
         SELECT $1, $2, t.place - 1, t.b, t.a, t.s, t.c, t.i \
         FROM unnest($3::date[], $4::text[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY \
            AS t (b, a, s, c, i, place)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(session.id)
    .bind::<Array<Date>, _>(chats.iter().map(|chat| chat.business_day).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(chats.iter().map(|chat| chat.account.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(chats.iter().map(|chat| chat.conversation.shop.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(chats.iter().map(|chat| chat.conversation.channel.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(chats.iter().map(|chat| chat.conversation.id.as_str()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that a session ended.
pub(super) async fn close(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    session: &Session,
) -> Result<(), QaError> {
    diesel::sql_query(
        "UPDATE calibration_sessions SET closed_at = $3, revision = $4 WHERE merchant_id = $1 AND session_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(session.id)
    .bind::<Nullable<Timestamptz>, _>(session.closed_at)
    .bind::<BigInt, _>(session.revision)
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps a rating in place of the rater's earlier one.
pub(super) async fn upsert_rating(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    session: Uuid,
    rating: &ChatRating,
) -> Result<(), QaError> {
    let assessment =
        serde_json::to_value(&rating.assessment).map_err(|error| pg::Error::Internal(error.into()))?;
    diesel::sql_query(
        "INSERT INTO calibration_ratings (merchant_id, session_id, place, rater_person_id, assessment, score_bp, \
            critical_failure, rated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT ON CONSTRAINT calibration_ratings_pkey DO UPDATE SET assessment = excluded.assessment, \
            score_bp = excluded.score_bp, critical_failure = excluded.critical_failure, rated_at = excluded.rated_at",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(session)
    .bind::<Integer, _>(rating.place)
    .bind::<Text, _>(rating.rater.as_str())
    .bind::<Jsonb, _>(assessment)
    .bind::<Nullable<Integer>, _>(rating.score_bp)
    .bind::<Bool, _>(rating.critical_failure)
    .bind::<Timestamptz, _>(rating.rated_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// The chats of these names, all of them.
pub(super) async fn find_chats(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    wanted: &[ConversationId],
) -> Result<Vec<SessionChat>, QaError> {
    let rows = diesel::sql_query(format!(
        "SELECT DISTINCT NULL::uuid AS session_id, r.business_day, r.account_id, {PERSON_OF_ROW} AS person_id, r.shop_id, \
            r.channel, r.conversation_id \
         FROM unnest($2::text[], $3::text[], $4::text[]) AS w (s, c, i) \
         JOIN conversation_keys k ON k.merchant_id = $1 AND k.conversation_id = w.i AND k.channel = w.c AND k.shop_id = w.s \
         JOIN conversations r ON r.merchant_id = $1 AND r.business_day = k.business_day \
            AND r.conversation_id = k.conversation_id AND r.channel = k.channel AND r.shop_id = k.shop_id"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Text>, _>(wanted.iter().map(|chat| chat.shop.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(wanted.iter().map(|chat| chat.channel.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(wanted.iter().map(|chat| chat.id.as_str()).collect::<Vec<_>>())
    .load::<ChatRow>(conn)
    .await?;
    let found: Vec<SessionChat> = rows.into_iter().map(SessionChat::from).collect();
    let missing = wanted.iter().find(|wanted| !found.iter().any(|chat| chat.conversation == **wanted));
    match missing {
        Some(missing) => Err(QaError::ConversationNotFound { conversation: missing.to_string() }),
        None => Ok(found),
    }
}
