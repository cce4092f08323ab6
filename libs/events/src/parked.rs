//! Events that could not be handled: kept with their error until somebody decides.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::Pool;
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;
use serde::{Deserialize, Serialize};
use status::{Failure, Kind};
use uuid::Uuid;

/// How long one that was replayed or discarded is still shown: no repeat of it can come by then, the stream keeps less.
const RESOLVED_KEPT_DAYS: u32 = 30;

/// What has become of a parked event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Waits for somebody to decide.
    Parked,
    /// Replay is asked for.
    Replaying,
    /// Handled after all.
    Replayed,
    /// Given up.
    Discarded,
}

/// A parked event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParkedEvent {
    /// Its id here.
    pub id: Uuid,
    /// The follower that parked it.
    pub consumer: String,
    /// The publisher's id of the event.
    pub event_id: Uuid,
    /// Publisher and payload.
    pub subject: String,
    /// What it is about; empty if it could not be decoded.
    pub entity: String,
    /// The entity's version.
    pub version: i64,
    /// Why it was parked.
    pub error: String,
    /// How often handling was tried.
    pub attempts: i32,
    /// What has become of it.
    pub state: State,
    /// When it was parked.
    pub parked_at: DateTime<Utc>,
    /// When it was replayed or discarded.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Why it was discarded.
    pub discard_reason: String,
}

/// Why a parked event could not be shown or changed.
#[derive(Debug, thiserror::Error)]
pub enum ParkedError {
    /// The merchant has no such parked event.
    #[error("no such parked event")]
    NotFound,
    /// It was given up and cannot be replayed.
    #[error("the event was discarded")]
    Discarded,
    /// It was handled after all and cannot be discarded.
    #[error("the event was replayed")]
    Replayed,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] pg::Error),
}

impl From<diesel::result::Error> for ParkedError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl Failure for ParkedError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound => Kind::NotFound,
            Self::Discarded | Self::Replayed => Kind::Precondition,
            Self::Storage(error) => error.kind(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "PARKED_EVENT_NOT_FOUND",
            Self::Discarded => "PARKED_EVENT_DISCARDED",
            Self::Replayed => "PARKED_EVENT_REPLAYED",
            Self::Storage(error) => error.reason(),
        }
    }

    fn violations(&self) -> Vec<status::Violation> {
        match self {
            Self::Storage(error) => error.violations(),
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<std::time::Duration> {
        match self {
            Self::Storage(error) => error.retry_after(),
            _ => None,
        }
    }
}

const COLUMNS: &str = "parked_id, consumer, event_id, subject, entity, version, error, attempts, state, parked_at, \
                       resolved_at, discard_reason";

/// A merchant's parked events, newest first; `consumer` empty takes all followers.
pub async fn list(
    pool: &Pool,
    merchant: &MerchantId,
    consumer: &str,
    include_resolved: bool,
    page: &PageRequest<Uuid>,
) -> Result<Page<ParkedEvent>, ParkedError> {
    let mut conn = pool.get().await?;
    let sql = format!(
        "SELECT {COLUMNS} FROM parked_events \
         WHERE merchant_id = $1 AND ($2 = '' OR consumer = $2) \
           AND ($3 OR state IN ('parked', 'replaying')) AND ($4 IS NULL OR parked_id < $4) \
         ORDER BY parked_id DESC LIMIT $5"
    );
    let rows = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(consumer)
        .bind::<Bool, _>(include_resolved)
        .bind::<Nullable<SqlUuid>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<ParkedRow>(&mut conn)
        .await?;
    let events = rows.into_iter().map(ParkedEvent::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(page.page(events, |event| event.id)?)
}

/// Asks the follower to handle the event again. Harmless when repeated; call it in the transaction of the audit.
pub async fn replay(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: Uuid,
) -> Result<ParkedEvent, ParkedError> {
    let event = find(conn, merchant, id).await?;
    match event.state {
        State::Discarded => Err(ParkedError::Discarded),
        State::Replaying | State::Replayed => Ok(event),
        State::Parked => {
            diesel::sql_query("UPDATE parked_events SET state = 'replaying' WHERE parked_id = $1")
                .bind::<SqlUuid, _>(id)
                .execute(conn)
                .await?;
            Ok(ParkedEvent { state: State::Replaying, ..event })
        }
    }
}

/// Gives the event up. Harmless when repeated; call it in the transaction of the audit.
pub async fn discard(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<ParkedEvent, ParkedError> {
    let event = find(conn, merchant, id).await?;
    match event.state {
        State::Replayed => Err(ParkedError::Replayed),
        State::Discarded => Ok(event),
        State::Parked | State::Replaying => {
            diesel::sql_query(
                "UPDATE parked_events SET state = 'discarded', discard_reason = $2, resolved_at = $3 WHERE parked_id = $1",
            )
            .bind::<SqlUuid, _>(id)
            .bind::<Text, _>(reason)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await?;
            let discard_reason = reason.to_owned();
            Ok(ParkedEvent { state: State::Discarded, discard_reason, resolved_at: Some(now), ..event })
        }
    }
}

/// Finds and locks the event.
async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: Uuid,
) -> Result<ParkedEvent, ParkedError> {
    let sql =
        format!("SELECT {COLUMNS} FROM parked_events WHERE merchant_id = $1 AND parked_id = $2 FOR UPDATE");
    let rows = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<SqlUuid, _>(id)
        .load::<ParkedRow>(conn)
        .await?;
    Ok(rows.into_iter().next().ok_or(ParkedError::NotFound)?.try_into()?)
}

/// What is known of an event that is about to be parked.
pub(crate) struct Parking<'a> {
    pub consumer: &'a str,
    pub event_id: Uuid,
    pub merchant_id: &'a str,
    pub subject: &'a str,
    pub entity: &'a str,
    pub version: i64,
    pub payload: &'a [u8],
    pub error: &'a str,
    pub attempts: u32,
}

/// Sets the event aside and notes it as received, in one statement: repeats of it are not handled any more.
pub(crate) async fn park(conn: &mut AsyncPgConnection, event: &Parking<'_>) -> Result<(), pg::Error> {
    diesel::sql_query(
        "WITH received AS (INSERT INTO inbox (consumer, event_id) VALUES ($2, $3) ON CONFLICT DO NOTHING) \
         INSERT INTO parked_events \
            (parked_id, consumer, event_id, merchant_id, subject, entity, version, payload, error, attempts, state) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'parked') \
         ON CONFLICT ON CONSTRAINT parked_events_event_key DO NOTHING",
    )
    .bind::<SqlUuid, _>(Uuid::now_v7())
    .bind::<Text, _>(event.consumer)
    .bind::<SqlUuid, _>(event.event_id)
    .bind::<Text, _>(storable(event.merchant_id))
    .bind::<Text, _>(storable(event.subject))
    .bind::<Text, _>(storable(event.entity))
    .bind::<BigInt, _>(event.version)
    .bind::<Binary, _>(event.payload)
    .bind::<Text, _>(storable(event.error))
    .bind::<Integer, _>(i32::try_from(event.attempts).unwrap_or(i32::MAX))
    .execute(conn)
    .await?;
    Ok(())
}

/// Postgres has no place for NUL in text, and what cannot be stored would park nothing.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// An event whose replay was asked for.
#[derive(QueryableByName)]
pub(crate) struct ReplayRow {
    #[diesel(sql_type = SqlUuid)]
    pub parked_id: Uuid,
    #[diesel(sql_type = Binary)]
    pub payload: Vec<u8>,
}

/// The next event to replay, locked until the transaction ends.
pub(crate) async fn next_replay(
    conn: &mut AsyncPgConnection,
    consumer: &str,
    after: Uuid,
) -> Result<Option<ReplayRow>, pg::Error> {
    let rows = diesel::sql_query(
        "SELECT parked_id, payload FROM parked_events \
         WHERE consumer = $1 AND state = 'replaying' AND parked_id > $2 \
         ORDER BY parked_id LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .bind::<Text, _>(consumer)
    .bind::<SqlUuid, _>(after)
    .load::<ReplayRow>(conn)
    .await?;
    Ok(rows.into_iter().next())
}

/// Notes that the event was handled after all, in the transaction of its effect.
pub(crate) async fn replayed(conn: &mut AsyncPgConnection, id: Uuid) -> Result<(), pg::Error> {
    let sql = "UPDATE parked_events SET state = 'replayed', resolved_at = now(), attempts = attempts + 1 WHERE parked_id = $1";
    diesel::sql_query(sql).bind::<SqlUuid, _>(id).execute(conn).await?;
    Ok(())
}

/// Notes that the replay failed too.
pub(crate) async fn park_again(conn: &mut AsyncPgConnection, id: Uuid, error: &str) -> Result<(), pg::Error> {
    let sql = "UPDATE parked_events SET state = 'parked', error = $2, attempts = attempts + 1 \
               WHERE parked_id = $1 AND state = 'replaying'";
    diesel::sql_query(sql).bind::<SqlUuid, _>(id).bind::<Text, _>(storable(error)).execute(conn).await?;
    Ok(())
}

/// Deletes up to 1,000 events that were replayed or discarded more than 30 days ago. What waits for a decision is kept.
pub(crate) async fn prune(conn: &mut AsyncPgConnection) -> Result<usize, pg::Error> {
    let sql = format!(
        "DELETE FROM parked_events WHERE ctid = ANY (ARRAY( \
            SELECT ctid FROM parked_events \
            WHERE state IN ('replayed', 'discarded') AND resolved_at < now() - interval '{RESOLVED_KEPT_DAYS} days' \
            LIMIT 1000 FOR UPDATE SKIP LOCKED))"
    );
    Ok(diesel::sql_query(sql).execute(conn).await?)
}

/// How many events of the follower wait for somebody to decide.
pub(crate) async fn count(conn: &mut AsyncPgConnection, consumer: &str) -> Result<i64, pg::Error> {
    let sql = "SELECT count(*) AS count FROM parked_events WHERE consumer = $1 AND state IN ('parked', 'replaying')";
    Ok(diesel::sql_query(sql).bind::<Text, _>(consumer).get_result::<CountRow>(conn).await?.count)
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct ParkedRow {
    #[diesel(sql_type = SqlUuid)]
    parked_id: Uuid,
    #[diesel(sql_type = Text)]
    consumer: String,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Text)]
    entity: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    error: String,
    #[diesel(sql_type = Integer)]
    attempts: i32,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Timestamptz)]
    parked_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    resolved_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    discard_reason: String,
}

impl TryFrom<ParkedRow> for ParkedEvent {
    type Error = pg::Error;

    fn try_from(row: ParkedRow) -> Result<Self, pg::Error> {
        let state = match row.state.as_str() {
            "parked" => State::Parked,
            "replaying" => State::Replaying,
            "replayed" => State::Replayed,
            "discarded" => State::Discarded,
            _ => return Err(pg::Error::unreadable("parked_events", row.parked_id, "unknown state")),
        };
        Ok(Self {
            id: row.parked_id,
            consumer: row.consumer,
            event_id: row.event_id,
            subject: row.subject,
            entity: row.entity,
            version: row.version,
            error: row.error,
            attempts: row.attempts,
            state,
            parked_at: row.parked_at,
            resolved_at: row.resolved_at,
            discard_reason: row.discard_reason,
        })
    }
}
