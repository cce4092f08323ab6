//! Who did what, kept so that nobody can quietly change it.
//!
//! [`append`] writes an entry in the transaction of the change. One writer per service ([`chain_pending`]) links the
//! entries afterwards: each link is SHA-256 over the link before and the entry's canonical bytes. Linking inside the
//! change's own transaction would make all changes queue up behind one row.
//!
//! A hash chain alone shows a change, a removal or a swap in its middle, but not a cut tail nor a chain made anew:
//! for that [`verify`] takes [`Head`]s that were kept elsewhere. The writer logs every new head for that purpose, and appends
//! them to a file if the settings name one. [`check()`] is what an operator runs.

mod chain;
mod check;
mod heads;

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::identity::Caller;

pub use chain::{Broken, Head, chain_pending, head, verify};
pub use check::{Unchecked, check};
pub(crate) use heads::Keeper;

use crate::Error;

/// Whether the call was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The change was made.
    Allowed,
    /// The caller was refused.
    Refused,
}

impl Decision {
    fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
        }
    }
}

/// One line of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The tenant.
    pub merchant: String,
    /// Who: the `sub` of their token.
    pub subject: String,
    /// Role names, comma-separated.
    pub roles: String,
    /// Path of the RPC.
    pub rpc: String,
    /// What came of it.
    pub decision: Decision,
    /// What was changed, for example `review/0192…`.
    pub entity: String,
    /// What the change was, as JSON; never personal data of buyers or secrets.
    pub summary: serde_json::Value,
    /// When, by the service's clock.
    pub at: DateTime<Utc>,
    /// The id under which all hops logged the call.
    pub request_id: String,
}

impl AuditEntry {
    /// The entry of a change that `caller` made through `rpc`.
    pub fn allowed(
        caller: &Caller,
        rpc: impl Into<String>,
        entity: impl Into<String>,
        summary: serde_json::Value,
        at: DateTime<Utc>,
    ) -> Self {
        let roles: Vec<String> = caller.roles.iter().map(|role| proto::access::role_name(*role)).collect();
        Self {
            merchant: caller.merchant.to_string(),
            subject: caller.subject.clone(),
            roles: roles.join(","),
            rpc: rpc.into(),
            decision: Decision::Allowed,
            entity: entity.into(),
            summary,
            at,
            request_id: caller.request_id.clone(),
        }
    }
}

/// Writes the entry in the caller's transaction and marks it for the chain writer.
pub async fn append(conn: &mut AsyncPgConnection, entry: &AuditEntry) -> Result<(), Error> {
    let inserted = diesel::sql_query(
        "WITH entry AS ( \
            INSERT INTO audit_entries (merchant_id, subject, roles, rpc, decision, entity, summary, request_id, at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING entry_id) \
         INSERT INTO audit_pending (entry_id) SELECT entry_id FROM entry",
    )
    .bind::<Text, _>(&entry.merchant)
    .bind::<Text, _>(&entry.subject)
    .bind::<Text, _>(&entry.roles)
    .bind::<Text, _>(&entry.rpc)
    .bind::<Text, _>(entry.decision.name())
    .bind::<Text, _>(&entry.entity)
    .bind::<Text, _>(entry.summary.to_string())
    .bind::<Text, _>(&entry.request_id)
    .bind::<Timestamptz, _>(entry.at)
    .execute(conn)
    .await?;
    debug_assert_eq!(inserted, 1);
    Ok(())
}

/// An entry as it stands in the table: what is hashed, column by column.
#[derive(Debug, diesel::QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = BigInt)]
    entry_id: i64,
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Text)]
    roles: String,
    #[diesel(sql_type = Text)]
    rpc: String,
    #[diesel(sql_type = Text)]
    decision: String,
    #[diesel(sql_type = Text)]
    entity: String,
    #[diesel(sql_type = Text)]
    summary: String,
    #[diesel(sql_type = Text)]
    request_id: String,
}
