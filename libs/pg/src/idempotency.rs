//! Request ids: the same request twice has one effect and gets one answer.
//!
//! The key is taken in the transaction of the change and the answer stored in it, so there is no moment in which one
//! exists without the other. A concurrent repeat waits on the key's unique index until the first commits, then finds
//! its answer; if the first rolls back, the repeat does the work.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Binary, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::identity::Caller;
use runtime::ids::MerchantId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::Error;

/// How long an answer is kept.
pub const KEPT_HOURS: i64 = 24;

/// Which request this is: made by the transport layer, passed down with the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    merchant: MerchantId,
    subject: String,
    method: &'static str,
    request_id: String,
    hash: [u8; 32],
}

impl RequestKey {
    /// The key of `request` with the caller's `request_id`. Keys are apart per merchant, caller and method. An empty
    /// id is none: the request is then done each time it comes.
    pub fn new(
        caller: &Caller,
        method: &'static str,
        request_id: &str,
        request: &impl prost::Message,
    ) -> Option<Self> {
        (!request_id.is_empty()).then(|| Self {
            merchant: caller.merchant.clone(),
            subject: caller.subject.clone(),
            method,
            request_id: request_id.to_owned(),
            hash: Sha256::digest(request.encode_to_vec()).into(),
        })
    }
}

/// Does `work` unless this request was answered before; then gives that answer again. Call it inside the transaction
/// of the change. The same id with another body is [`Error::RequestIdReused`]. Without a key the work is just done.
pub async fn run<T, E, F>(
    conn: &mut AsyncPgConnection,
    key: Option<&RequestKey>,
    now: DateTime<Utc>,
    work: F,
) -> Result<T, E>
where
    T: Serialize + DeserializeOwned,
    E: From<Error>,
    F: AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, E>,
{
    let Some(key) = key else { return work(conn).await };
    if let Some(answer) = begin(conn, key, now).await? {
        let answer = serde_json::from_slice(&answer);
        return answer.map_err(|e| Error::unreadable("idempotency_keys", &key.request_id, e).into());
    }
    let answer = work(conn).await?;
    let stored = serde_json::to_vec(&answer).map_err(|e| Error::Internal(e.into()))?;
    finish(conn, key, &stored).await?;
    Ok(answer)
}

/// Takes the key in the caller's transaction. `None`: it is new, do the work and [`finish`]. `Some`: the answer that
/// was given before.
pub async fn begin(
    conn: &mut AsyncPgConnection,
    key: &RequestKey,
    now: DateTime<Utc>,
) -> Result<Option<Vec<u8>>, Error> {
    // A key past its time is taken over as if it were new.
    let taken = diesel::sql_query(
        "INSERT INTO idempotency_keys AS k (merchant_id, subject, method, request_id, request_hash, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (merchant_id, subject, method, request_id) DO UPDATE \
            SET request_hash = excluded.request_hash, answer = NULL, created_at = excluded.created_at \
            WHERE k.created_at < $7",
    )
    .bind::<Text, _>(key.merchant.as_str())
    .bind::<Text, _>(&key.subject)
    .bind::<Text, _>(key.method)
    .bind::<Text, _>(&key.request_id)
    .bind::<Binary, _>(key.hash.as_slice())
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now - TimeDelta::hours(KEPT_HOURS))
    .execute(conn)
    .await?;
    if taken > 0 {
        return Ok(None);
    }
    let row = diesel::sql_query(
        "SELECT request_hash, answer FROM idempotency_keys \
         WHERE merchant_id = $1 AND subject = $2 AND method = $3 AND request_id = $4",
    )
    .bind::<Text, _>(key.merchant.as_str())
    .bind::<Text, _>(&key.subject)
    .bind::<Text, _>(key.method)
    .bind::<Text, _>(&key.request_id)
    .get_result::<AnswerRow>(conn)
    .await?;
    if row.request_hash != key.hash {
        return Err(Error::RequestIdReused);
    }
    row.answer
        .map(Some)
        .ok_or_else(|| Error::unreadable("idempotency_keys", &key.request_id, "it has no answer"))
}

/// Stores the answer under a key taken by [`begin`], in the same transaction.
pub async fn finish(conn: &mut AsyncPgConnection, key: &RequestKey, answer: &[u8]) -> Result<(), Error> {
    diesel::sql_query(
        "UPDATE idempotency_keys SET answer = $5 \
         WHERE merchant_id = $1 AND subject = $2 AND method = $3 AND request_id = $4",
    )
    .bind::<Text, _>(key.merchant.as_str())
    .bind::<Text, _>(&key.subject)
    .bind::<Text, _>(key.method)
    .bind::<Text, _>(&key.request_id)
    .bind::<Binary, _>(answer)
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes up to 10,000 keys past their time and says how many there were.
pub async fn prune(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> Result<usize, Error> {
    let deleted = diesel::sql_query(
        "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY( \
            SELECT ctid FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT 10000 FOR UPDATE SKIP LOCKED))",
    )
    .bind::<Timestamptz, _>(now - TimeDelta::hours(KEPT_HOURS))
    .execute(conn)
    .await?;
    Ok(deleted)
}

#[derive(QueryableByName)]
struct AnswerRow {
    #[diesel(sql_type = Binary)]
    request_hash: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    answer: Option<Vec<u8>>,
}
