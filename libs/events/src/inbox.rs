//! Which events a follower has handled already.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use proto::events::v1::Event;
use uuid::Uuid;

use crate::{Error, subject};

/// Kept a day longer than the stream keeps its messages: what is gone from here can never be delivered again.
const KEPT_DAYS: u32 = 8;

/// Notes the events as handled, in the transaction of their effect, and returns those that were not yet.
pub(crate) async fn take(
    conn: &mut AsyncPgConnection,
    consumer: &str,
    events: &[Uuid],
) -> Result<Vec<Uuid>, pg::Error> {
    // Sorted, so that two replicas with overlapping redeliveries lock in one order.
    let mut sorted = events.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let rows = diesel::sql_query(
        "INSERT INTO inbox (consumer, event_id) SELECT $1, event_id FROM unnest($2::uuid[]) AS e (event_id) \
         ON CONFLICT ON CONSTRAINT inbox_pkey DO NOTHING RETURNING event_id",
    )
    .bind::<Text, _>(consumer)
    .bind::<Array<SqlUuid>, _>(sorted)
    .load::<EventRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.event_id).collect())
}

/// Notes the event's version as the newest of its entity, and tells whether it is. For handlers that have no row of
/// their own that keeps the version; call it first, in the transaction of the effect.
pub async fn advance(conn: &mut AsyncPgConnection, consumer: &str, event: &Event) -> Result<bool, Error> {
    let payload = event.payload.as_ref().ok_or(Error::Incomplete("it has no payload"))?;
    let advanced = diesel::sql_query(
        "INSERT INTO inbox_entities AS i (merchant_id, consumer, subject, entity, version) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT ON CONSTRAINT inbox_entities_pkey DO UPDATE SET version = excluded.version \
         WHERE i.version < excluded.version",
    )
    .bind::<Text, _>(&event.merchant_id)
    .bind::<Text, _>(consumer)
    .bind::<Text, _>(subject::of(payload))
    .bind::<Text, _>(&event.entity)
    .bind::<BigInt, _>(event.version)
    .execute(conn)
    .await?;
    Ok(advanced > 0)
}

/// Deletes up to 10,000 notes that are older than the stream's messages can be.
pub(crate) async fn prune(conn: &mut AsyncPgConnection) -> Result<usize, pg::Error> {
    let deleted = diesel::sql_query(format!(
        "DELETE FROM inbox WHERE ctid = ANY (ARRAY( \
            SELECT ctid FROM inbox WHERE received_at < now() - interval '{KEPT_DAYS} days' \
            ORDER BY received_at LIMIT 10000 FOR UPDATE SKIP LOCKED))"
    ))
    .execute(conn)
    .await?;
    Ok(deleted)
}

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
}
