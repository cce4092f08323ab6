//! Follow-ups that go from one person to others.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::follow_up::error::FollowUpError;
use crate::domain::follow_up::{FollowUp, Happening};
use crate::domain::sharing::share_out;
use crate::error::MetricsError;
use crate::store::loads::{Task, load_of};
use crate::store::{Result, Store, follow_ups, people};

impl Store {
    /// Shares open follow-ups that the scope reaches out to people within its reach; gives how many have another owner
    /// then.
    pub async fn assign_follow_ups(
        &self,
        by: &By,
        scope: &Scope,
        ids: &[String],
        to: &[String],
        note: &str,
        now: DateTime<Utc>,
    ) -> Result<i32> {
        let merchant = &scope.merchant;
        by.change(&self.pool, now, async |conn| {
            let nobody = |id: &String| FollowUpError::PersonNotFound { id: id.clone() };
            let staying = people::staying(conn, merchant, to).await?;
            if let Some(gone) = to.iter().find(|id| !staying.contains(id)) {
                return Err(nobody(gone).into());
            }
            let today = directory::calendar(conn, merchant).await?.business_day(now);
            let reached = people::reached(conn, scope, today).await?;
            if let Some(far) = to.iter().find(|id| !reached.holds(id)) {
                return Err(nobody(far).into());
            }
            let found = lock(conn, merchant, ids).await?;
            let seen = |id: &&String| {
                found.iter().any(|follow_up| follow_up.id == **id && follow_ups::is_seen(follow_up, &reached))
            };
            if let Some(missing) = ids.iter().find(|id| !seen(id)) {
                return Err(FollowUpError::NotFound { id: missing.clone() }.into());
            }
            let assigned = share(conn, by, found, to, note, now).await?;
            by.audit(conn, now, "follow_ups", json!({ "assigned": assigned, "to": to })).await?;
            Ok::<_, MetricsError>(assigned)
        })
        .await
    }
}

/// Locks follow-ups in the order of their ids.
async fn lock(conn: &mut AsyncPgConnection, merchant: &MerchantId, ids: &[String]) -> Result<Vec<FollowUp>> {
    let rows = diesel::sql_query(format!(
        "SELECT {} FROM follow_ups WHERE merchant_id = $1 AND follow_up_id = ANY ($2) ORDER BY follow_up_id FOR UPDATE",
        follow_ups::COLUMNS
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Text>, _>(ids)
    .load::<follow_ups::FollowUpRow>(conn)
    .await?;
    rows.into_iter().map(follow_ups::FollowUpRow::read).collect()
}

/// Shares locked follow-ups out evenly, those with the nearest contact first.
pub(super) async fn share(
    conn: &mut AsyncPgConnection,
    by: &By,
    mut found: Vec<FollowUp>,
    to: &[String],
    note: &str,
    now: DateTime<Utc>,
) -> Result<i32> {
    found.sort_by(|a, b| (a.due_at, &a.id).cmp(&(b.due_at, &b.id)));
    let mut load: BTreeMap<String, i64> = load_of(conn, &by.caller.merchant, Task::FollowUp, to).await?;
    // What they have already and is shared out anew is not counted twice.
    for owner in found.iter().filter_map(|follow_up| follow_up.owner.as_ref()) {
        load.entry(owner.clone()).and_modify(|has| *has -= 1);
    }
    let owners = share_out(found.len(), &load);
    let mut assigned = 0;
    for (follow_up, to) in found.into_iter().zip(owners) {
        if follow_up.owner.as_deref() == Some(&to) {
            continue;
        }
        let happening =
            Happening::Assigned { from: follow_up.owner.clone(), to: to.clone(), note: note.to_owned() };
        follow_ups::write(conn, by, follow_up.assign(to)?, (false, happening), now).await?;
        assigned += 1;
    }
    Ok(assigned)
}
