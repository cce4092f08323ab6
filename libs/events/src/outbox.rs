//! The way out begins in the transaction of the change.

use std::borrow::Borrow;

use diesel::sql_types::{Array, Binary, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use proto::events::v1::Event;

use crate::Error;
use crate::envelope::{Encoded, encode};

/// Publishes `event` if the caller's transaction commits.
pub async fn publish(conn: &mut AsyncPgConnection, event: impl Borrow<Event>) -> Result<(), Error> {
    let encoded = encode(event.borrow())?;
    drop(event);
    insert_encoded(conn, &[encoded]).await
}

/// Publishes several events in one statement if the caller's transaction commits.
pub async fn publish_all(conn: &mut AsyncPgConnection, events: &[Event]) -> Result<(), Error> {
    let encoded = events.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
    insert_encoded(conn, &encoded).await
}

/// Inserts events that were encoded before, for bulk work that encodes on several cores. Whoever copies by COPY
/// fills the same four columns of `outbox` instead.
pub async fn insert_encoded(conn: &mut AsyncPgConnection, events: &[Encoded]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = events.iter().map(|e| e.event_id).collect();
    let merchants: Vec<_> = events.iter().map(|e| e.merchant_id.as_str()).collect();
    let subjects: Vec<_> = events.iter().map(|e| e.subject).collect();
    let payloads: Vec<_> = events.iter().map(|e| e.payload.as_slice()).collect();
    diesel::sql_query(
        "INSERT INTO outbox (event_id, merchant_id, subject, payload) \
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[])",
    )
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(merchants)
    .bind::<Array<Text>, _>(subjects)
    .bind::<Array<Binary>, _>(payloads)
    .execute(conn)
    .await?;
    Ok(())
}
