//! `issue_notices`: what each watcher has not read yet.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::{MerchantId, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::issue::{Change, Issue, IssueState, Notice};
use crate::error::MetricsError;
use crate::store::{Result, Store};

/// The notice that a page begins after: its time and issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeCursor(pub DateTime<Utc>, pub String);

/// Puts the change on the lists of these people.
pub(super) async fn upsert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    issue: &Issue,
    change: Change,
    people: &[&str],
) -> Result<()> {
    // In the order of people, so that two changes never lock each other's rows: the issue's own row is locked before.
    diesel::sql_query(
        "INSERT INTO issue_notices AS n (merchant_id, person_id, issue_id, change, changes, changed_by, changed_at) \
         SELECT $1, person, $3, $4, 1, $5, $6 FROM unnest($2::text[]) AS told (person) \
         ON CONFLICT ON CONSTRAINT issue_notices_pkey DO UPDATE SET change = excluded.change, changes = n.changes + 1, \
            changed_by = excluded.changed_by, changed_at = excluded.changed_at",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Text>, _>(people)
    .bind::<Text, _>(&issue.id)
    .bind::<Text, _>(change.name())
    .bind::<Text, _>(&issue.changed.0)
    .bind::<Timestamptz, _>(issue.changed.1)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// A page of what a person has not read yet, the oldest first.
    pub async fn list_issue_notices(
        &self,
        merchant: &MerchantId,
        person: &PersonId,
        page: &PageRequest<NoticeCursor>,
    ) -> Result<Page<Notice>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT n.issue_id, i.content ->> 'title' AS title, n.change, i.state, n.changes, n.changed_by, n.changed_at \
             FROM issue_notices n JOIN issues i ON i.merchant_id = n.merchant_id AND i.issue_id = n.issue_id \
             WHERE n.merchant_id = $1 AND n.person_id = $2 \
                AND ($3::timestamptz IS NULL OR (n.changed_at, n.issue_id) > ($3, $4)) \
             ORDER BY n.changed_at, n.issue_id LIMIT $5",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(person.as_str())
        .bind::<Nullable<Timestamptz>, _>(page.after.as_ref().map(|cursor| cursor.0))
        .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
        .bind::<BigInt, _>(page.limit())
        .load::<NoticeRow>(&mut conn)
        .await?;
        let notices = rows.into_iter().map(NoticeRow::read).collect::<Result<_>>()?;
        Ok(page.page(notices, |notice: &Notice| NoticeCursor(notice.at, notice.issue.clone()))?)
    }

    /// Takes a person's notices of these issues off the list, and says how many there were.
    pub async fn delete_issue_notices(
        &self,
        by: &By,
        person: &PersonId,
        issues: &[String],
        now: DateTime<Utc>,
    ) -> Result<i32> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let read = diesel::sql_query(
                "DELETE FROM issue_notices WHERE merchant_id = $1 AND person_id = $2 AND issue_id = ANY ($3)",
            )
            .bind::<Text, _>(merchant.as_str())
            .bind::<Text, _>(person.as_str())
            .bind::<Array<Text>, _>(issues)
            .execute(conn)
            .await?;
            let entity = format!("issue_notices/{person}");
            by.audit(conn, now, entity, json!({ "read": read })).await?;
            Ok::<_, MetricsError>(i32::try_from(read).unwrap_or(i32::MAX))
        })
        .await
    }
}

#[derive(QueryableByName)]
struct NoticeRow {
    #[diesel(sql_type = Text)]
    issue_id: String,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Text)]
    change: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Integer)]
    changes: i32,
    #[diesel(sql_type = Text)]
    changed_by: String,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
}

impl NoticeRow {
    fn read(self) -> Result<Notice> {
        let broken = |why: &str| pg::Error::unreadable("issue_notices", &self.issue_id, why);
        let change = Change::of(&self.change).ok_or_else(|| broken("unknown change"))?;
        let state = IssueState::of(&self.state).ok_or_else(|| broken("unknown state"))?;
        Ok(Notice {
            change,
            state,
            issue: self.issue_id,
            title: self.title,
            changes: self.changes,
            by: self.changed_by,
            at: self.changed_at,
        })
    }
}
