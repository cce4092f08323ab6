//! Everything on one person's work list to others.

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use status::Violation;

use crate::domain::case::Case;
use crate::domain::case::step::Happening;
use crate::domain::follow_up::FollowUp;
use crate::domain::sharing::share_out;
use crate::domain::work::WorkError;
use crate::error::MetricsError;
use crate::store::loads::{Task, load_of};
use crate::store::{CaseStep, Result, Store, cases, follow_up_assignments, follow_ups, people};

/// Cases, and follow-ups, that are handed over at once.
const AT_ONCE: i64 = 500;

/// What was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    /// Cases.
    pub cases: i32,
    /// Follow-ups.
    pub follow_ups: i32,
    /// What the person still has.
    pub left: i32,
}

impl Store {
    /// Gives what a person within reach has to do to others whom the directory knows. `check` has its say once the person is
    /// known to be within reach.
    pub async fn hand_over(
        &self,
        by: &By,
        scope: &Scope,
        (from, to): (&str, &[String]),
        note: &str,
        now: DateTime<Utc>,
        check: impl FnOnce() -> Result<(), Violation> + Send,
    ) -> Result<HandedOver> {
        let merchant = &scope.merchant;
        by.change(&self.pool, now, async |conn| {
            let nobody = |id: &str| WorkError::PersonNotFound { id: id.to_owned() };
            if people::known(conn, merchant.as_str(), &[from.to_owned()]).await?.is_empty() {
                return Err(nobody(from).into());
            }
            let today = directory::calendar(conn, merchant).await?.business_day(now);
            if !people::reached(conn, scope, today).await?.holds(from) {
                return Err(nobody(from).into());
            }
            check()?;
            let staying = people::staying(conn, merchant, to).await?;
            if let Some(gone) = to.iter().find(|id| !staying.contains(id)) {
                return Err(nobody(gone).into());
            }
            let cases = hand_over_cases(conn, by, (from, to), note, now).await?;
            let found = lock_follow_ups(conn, merchant, from).await?;
            let follow_ups = follow_up_assignments::share(conn, by, found, to, note, now).await?;
            let left = count_left(conn, merchant, from).await?;
            let handed_over = HandedOver { cases, follow_ups, left };
            let summary = json!({ "to": to, "cases": cases, "follow_ups": follow_ups, "left": left });
            by.audit(conn, now, format!("work/{from}"), summary).await?;
            Ok::<_, MetricsError>(handed_over)
        })
        .await
    }
}

/// Those with the nearest deadline first, each to whoever has least.
async fn hand_over_cases(
    conn: &mut AsyncPgConnection,
    by: &By,
    (from, to): (&str, &[String]),
    note: &str,
    now: DateTime<Utc>,
) -> Result<i32> {
    let merchant = &by.caller.merchant;
    let mut found = lock_cases(conn, merchant, from).await?;
    found.sort_by(|a, b| (a.due_at, &a.id).cmp(&(b.due_at, &b.id)));
    let load = load_of(conn, merchant, Task::Case, to).await?;
    let owners = share_out(found.len(), &load);
    let mut handed_over = 0;
    for (case, to) in found.into_iter().zip(owners) {
        let happening =
            Happening::HandedOver { from: from.to_owned(), to: to.clone(), note: note.to_owned() };
        let step = CaseStep { next: case.hand_over(to), late: false, happening };
        cases::write(conn, by, step, now).await?;
        handed_over += 1;
    }
    Ok(handed_over)
}

/// Locks a person's open cases in the order of their ids: as many as are handed over at once, those with the nearest
/// deadline.
async fn lock_cases(conn: &mut AsyncPgConnection, merchant: &MerchantId, owner: &str) -> Result<Vec<Case>> {
    let rows = diesel::sql_query(format!(
        "SELECT {} FROM cases WHERE merchant_id = $1 AND owner_person_id = $2 AND due_at < '9999-12-31' AND case_id IN ( \
            SELECT case_id FROM cases WHERE merchant_id = $1 AND owner_person_id = $2 AND due_at < '9999-12-31' \
            ORDER BY due_at, case_id LIMIT $3) \
         ORDER BY case_id FOR UPDATE",
        cases::COLUMNS
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(owner)
    .bind::<BigInt, _>(AT_ONCE)
    .load::<cases::CaseRow>(conn)
    .await?;
    rows.into_iter().map(cases::CaseRow::read).collect()
}

async fn lock_follow_ups(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    owner: &str,
) -> Result<Vec<FollowUp>> {
    let rows = diesel::sql_query(format!(
        "SELECT {} FROM follow_ups WHERE merchant_id = $1 AND owner_person_id = $2 AND due_at < '9999-12-31' \
            AND follow_up_id IN ( \
                SELECT follow_up_id FROM follow_ups WHERE merchant_id = $1 AND owner_person_id = $2 \
                    AND due_at < '9999-12-31' ORDER BY due_at, follow_up_id LIMIT $3) \
         ORDER BY follow_up_id FOR UPDATE",
        follow_ups::COLUMNS
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(owner)
    .bind::<BigInt, _>(AT_ONCE)
    .load::<follow_ups::FollowUpRow>(conn)
    .await?;
    rows.into_iter().map(follow_ups::FollowUpRow::read).collect()
}

/// How many open cases and follow-ups a person has.
async fn count_left(conn: &mut AsyncPgConnection, merchant: &MerchantId, owner: &str) -> Result<i32> {
    let mut left = 0;
    for task in [Task::Case, Task::FollowUp] {
        left += load_of(conn, merchant, task, &[owner.to_owned()]).await?.into_values().sum::<i64>();
    }
    Ok(i32::try_from(left).unwrap_or(i32::MAX))
}
