//! A change that somebody asked for: one transaction with the request's key and the audit entry.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel_async::{AnsiTransactionManager as Transactions, AsyncPgConnection, TransactionManager};
use pg::audit::AuditEntry;
use pg::idempotency::{self, RequestKey};
use rand::Rng;
use runtime::identity::Caller;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::QaError;

/// How often a change is tried when it loses against a concurrent one.
const ATTEMPTS: u32 = 5;

/// Who asks for a change, by which request.
#[derive(Debug, Clone)]
pub struct Change {
    /// Who.
    pub caller: Caller,
    /// Path of the RPC, for the audit.
    pub rpc: &'static str,
    /// The request's own key, by which a repeat gets the same answer.
    pub key: Option<RequestKey>,
}

/// What the audit is to say of a change.
#[derive(Debug)]
pub(super) struct Note {
    entity: String,
    summary: serde_json::Value,
}

impl Note {
    /// `entity` is for example `review/0192…`; `summary` says what happened, without personal data.
    pub(super) fn new(entity: String, summary: serde_json::Value) -> Option<Self> {
        Some(Self { entity, summary })
    }
}

/// An open change. Dropped without [`Open::end`], the pool throws its connection away, which rolls it back.
pub(super) struct Open<'a> {
    pub(super) conn: pg::Connection,
    change: &'a Change,
    now: DateTime<Utc>,
    answered: Option<Vec<u8>>,
}

impl<'a> Open<'a> {
    /// Begins the transaction and takes the request's key.
    pub(super) async fn begin(
        pool: &pg::Pool,
        change: &'a Change,
        now: DateTime<Utc>,
    ) -> Result<Self, QaError> {
        let mut conn = pool.get().await?;
        Transactions::begin_transaction(&mut *conn).await?;
        let mut open = Self { conn, change, now, answered: None };
        if let Some(key) = &change.key {
            match idempotency::begin(&mut open.conn, key, now).await {
                Ok(answered) => open.answered = answered,
                Err(error) => {
                    Transactions::rollback_transaction(&mut *open.conn).await?;
                    return Err(error.into());
                }
            }
        }
        Ok(open)
    }

    /// The answer that this request got before.
    pub(super) fn answered<T: DeserializeOwned>(&self) -> Result<Option<T>, QaError> {
        let Some(answer) = &self.answered else { return Ok(None) };
        let answer = serde_json::from_slice(answer);
        Ok(answer.map(Some).map_err(|e| pg::Error::unreadable("idempotency_keys", self.change.rpc, e))?)
    }

    /// Keeps answer and audit entry and commits; rolls back what failed.
    pub(super) async fn end<T: Serialize>(
        mut self,
        done: Result<(T, Option<Note>), QaError>,
    ) -> Result<T, QaError> {
        let kept = match done {
            Ok((answer, note)) => self.keep(&answer, note).await.map(|()| answer),
            Err(error) => Err(error),
        };
        match &kept {
            Ok(_) => Transactions::commit_transaction(&mut *self.conn).await?,
            Err(_) => Transactions::rollback_transaction(&mut *self.conn).await?,
        }
        kept
    }

    async fn keep<T: Serialize>(&mut self, answer: &T, note: Option<Note>) -> Result<(), QaError> {
        let conn: &mut AsyncPgConnection = &mut self.conn;
        if let Some(Note { entity, summary }) = note {
            let entry = AuditEntry::allowed(&self.change.caller, self.change.rpc, entity, summary, self.now);
            pg::audit::append(conn, &entry).await?;
        }
        if let (Some(key), None) = (&self.change.key, &self.answered) {
            let answer = serde_json::to_vec(answer).map_err(|e| pg::Error::Internal(e.into()))?;
            idempotency::finish(conn, key, &answer).await?;
        }
        Ok(())
    }
}

/// Whether what failed is to be tried again: it lost against a concurrent change, and not too often yet. Waits a
/// little, so that the two don't meet again.
pub(super) async fn again(error: &QaError, tried: &mut u32) -> bool {
    let lost = matches!(error, QaError::Database(error) if error.is_contended());
    if !lost || *tried >= ATTEMPTS {
        return false;
    }
    *tried += 1;
    let pause = Duration::from_millis(rand::rng().random_range(2..20));
    tokio::time::sleep(pause).await;
    true
}

/// `in_change!(store, change, now, |conn| work)`: runs `work`, a `Result<(answer, Option<Note>), QaError>`, in an open
/// change. A request that was answered before gets that answer, and `work` does not run.
///
/// A macro because a function would take an async closure, and the compiler cannot prove the future of one `Send`.
macro_rules! in_change {
    ($store:expr, $change:expr, $now:expr, |$conn:ident| $work:expr) => {{
        let mut tried = 1;
        loop {
            let mut open = $crate::store::change::Open::begin(&$store.pool, $change, $now).await?;
            let done = match open.answered()? {
                Some(answer) => Ok((answer, None)),
                None => {
                    let $conn: &mut diesel_async::AsyncPgConnection = &mut open.conn;
                    async { $work }.await
                }
            };
            match open.end(done).await {
                Err(error) if $crate::store::change::again(&error, &mut tried).await => {}
                done => break done,
            }
        }
    }};
}
pub(super) use in_change;
