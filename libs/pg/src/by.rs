//! A change that somebody asks for: who, through which RPC, as which request.

use chrono::{DateTime, Utc};
use diesel_async::{AnsiTransactionManager as Transactions, AsyncPgConnection, TransactionManager};
use runtime::identity::{Admitted, Caller};
use runtime::ids::MerchantId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit::{self, AuditEntry};
use crate::idempotency::{self, RequestKey};
use crate::{Error, Pool};

/// Who makes a change, through which RPC, and as which request. Made by the transport layer, passed down to the store.
#[derive(Debug, Clone)]
pub struct By {
    /// Who.
    pub caller: Caller,
    /// Path of the RPC, for the audit.
    pub rpc: &'static str,
    /// So that the same request has one effect; `None` if the caller gave no id.
    pub request: Option<RequestKey>,
}

impl By {
    /// Who makes the change that `request` asks for. An empty `request_id` is none: the change is then made each time
    /// it is asked for.
    pub fn new<T: prost::Message>(request: &Admitted<T>, rpc: &'static str, request_id: &str) -> Self {
        let key = RequestKey::new(&request.caller, rpc, request_id, &request.message);
        Self { caller: request.caller.clone(), rpc, request: key }
    }

    /// The service itself, when nobody asks for what it does. `task` stands in the audit where the RPC would, for
    /// example `background/close_days`.
    pub fn service(name: &str, merchant: &MerchantId, task: &'static str) -> Self {
        let caller = Caller {
            merchant: merchant.clone(),
            subject: name.to_owned(),
            person: None,
            roles: Vec::new(),
            request_id: String::new(),
        };
        Self { caller, rpc: task, request: None }
    }

    /// Makes a change in one transaction: takes the request's key, does `work` unless this request was answered before,
    /// keeps the answer. `work` writes its own audit entry with [`By::audit`], beside what it changes.
    ///
    /// A change that may lose a race is tried again by [`crate::with_retry`] around this.
    pub async fn change<T, E, F>(&self, pool: &Pool, now: DateTime<Utc>, work: F) -> Result<T, E>
    where
        T: Serialize + DeserializeOwned,
        E: From<Error>,
        F: AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, E>,
    {
        let mut conn = pool.get().await?;
        // By hand, because the library's own `transaction` wants to know here already that what `work` makes is `Send`,
        // which only the caller can show. Dropped half-way, the connection is closed by the pool, which rolls back.
        Transactions::begin_transaction(&mut *conn).await.map_err(Error::from)?;
        let done = idempotency::run(&mut conn, self.request.as_ref(), now, work).await;
        match &done {
            Ok(_) => Transactions::commit_transaction(&mut *conn).await.map_err(Error::from)?,
            Err(_) => Transactions::rollback_transaction(&mut *conn).await.map_err(Error::from)?,
        }
        done
    }

    /// Notes in the transaction of the change what was changed: `entity` is for example `review/0192…`, `summary` says
    /// what happened, without personal data of buyers.
    pub async fn audit(
        &self,
        conn: &mut AsyncPgConnection,
        now: DateTime<Utc>,
        entity: impl Into<String>,
        summary: serde_json::Value,
    ) -> Result<(), Error> {
        audit::append(conn, &AuditEntry::allowed(&self.caller, self.rpc, entity, summary, now)).await
    }
}
