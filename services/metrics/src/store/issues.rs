//! `issues` and `issue_comments`.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use directory::LAST_DAY;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::{MerchantId, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::issue::filter::IssueFilter;
use crate::domain::issue::{Change, Comment, Issue, IssueError, IssueState};
use crate::domain::reach::Reached;
use crate::error::MetricsError;
use crate::outgoing;
use crate::store::{Result, Store, issue_notices, json_of, people};

const COLUMNS: &str = "issue_id, version, state, content, reporter_person_id, watchers, resolution, comments, created_by, \
     created_at, changed_by, changed_at";

/// The issue that a page begins after: its due day (the last of all days if there is none) and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueCursor(pub NaiveDate, pub String);

impl IssueCursor {
    /// After this issue.
    pub fn after(issue: &Issue) -> Self {
        Self(issue.content.due_day.unwrap_or(LAST_DAY), issue.id.clone())
    }
}

/// What becomes of an issue in a step.
#[derive(Debug)]
pub struct IssueStep {
    /// What it is then.
    pub next: Issue,
    /// What others are told; `None`: nothing that concerns them.
    pub change: Option<Change>,
    /// What was said: author and text.
    pub comment: Option<(Option<String>, String)>,
}

impl Store {
    /// Files an issue.
    pub async fn insert_issue(&self, by: &By, issue: &Issue) -> Result<String> {
        by.change(&self.pool, issue.created.1, async |conn| {
            file(conn, by, issue).await?;
            Ok::<_, MetricsError>(issue.id.clone())
        })
        .await
    }

    /// Lets `decide` take an issue that the scope reaches to its next version. An empty etag fits every version. Gives that
    /// version's number of comments.
    pub async fn update_issue(
        &self,
        by: &By,
        scope: &Scope,
        (id, etag): (&str, &str),
        now: DateTime<Utc>,
        decide: impl FnOnce(Issue, &Reached) -> Result<IssueStep> + Send,
    ) -> Result<i32> {
        let merchant = &scope.merchant;
        by.change(&self.pool, now, async |conn| {
            let missing = || IssueError::NotFound { id: id.to_owned() };
            let found = find(conn, merchant, id, true).await?.ok_or_else(missing)?;
            let today = directory::calendar(conn, merchant).await?.business_day(now);
            let reached = people::reached(conn, scope, today).await?;
            if !is_seen(&found, &reached) {
                return Err(missing().into());
            }
            if !etag.is_empty() && etag != found.etag() {
                return Err(IssueError::Changed { id: id.to_owned() }.into());
            }
            let step = decide(found, &reached)?;
            let next = step.next.changed(by.caller.subject.clone(), now);
            update(conn, merchant, &next).await?;
            if let Some((author, text)) = step.comment {
                let comment = Comment { number: next.comments, author, text, at: now };
                insert_comment(conn, merchant, id, &comment).await?;
            }
            if let Some(change) = step.change {
                tell(conn, by, &next, change).await?;
            }
            append_audit(conn, by, &next).await?;
            Ok::<_, MetricsError>(next.comments)
        })
        .await
    }

    /// An issue that the scope reaches on a business day.
    pub async fn find_issue(&self, scope: &Scope, id: &str, today: NaiveDate) -> Result<Option<Issue>> {
        let mut conn = self.pool.get().await?;
        let reached = people::reached(&mut conn, scope, today).await?;
        let found = find(&mut conn, &scope.merchant, id, false).await?;
        Ok(found.filter(|issue| is_seen(issue, &reached)))
    }

    /// A page of issues that the scope reaches, by due day, then id.
    pub async fn list_issues(
        &self,
        scope: &Scope,
        filter: &IssueFilter,
        today: NaiveDate,
        page: &PageRequest<IssueCursor>,
    ) -> Result<Page<Issue>> {
        let mut conn = self.pool.get().await?;
        let reached = people::reached(&mut conn, scope, today).await?;
        let states: Vec<_> = filter.states.iter().map(|state| state.name()).collect();
        let pending: Vec<_> =
            IssueState::ALL.iter().filter(|s| s.is_pending()).map(|state| state.name()).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM issues WHERE merchant_id = $1 \
                AND (cardinality($2::text[]) = 0 OR kind = ANY ($2)) AND (cardinality($3::text[]) = 0 OR state = ANY ($3)) \
                AND ($4::int IS NULL OR department = $4) AND ($5::text IS NULL OR owner_person_id = $5) \
                AND ($6::text IS NULL OR shop_id = $6) AND (NOT $7 OR (due_day < $8 AND state = ANY ($9))) \
                AND ($10::text[] IS NULL OR watchers && $10) \
                AND ($11::date IS NULL OR (due_day, issue_id) > ($11, $12)) \
             ORDER BY due_day, issue_id LIMIT $13"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Array<Text>, _>(&filter.kinds)
            .bind::<Array<Text>, _>(states)
            .bind::<Nullable<Integer>, _>(filter.department)
            .bind::<Nullable<Text>, _>(filter.owner.as_deref())
            .bind::<Nullable<Text>, _>(filter.shop.as_deref())
            .bind::<Bool, _>(filter.overdue)
            .bind::<Date, _>(today)
            .bind::<Array<Text>, _>(pending)
            .bind::<Nullable<Array<Text>>, _>(reached.column())
            .bind::<Nullable<Date>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<IssueRow>(&mut conn)
            .await?;
        let issues = rows.into_iter().map(IssueRow::read).collect::<Result<_>>()?;
        Ok(page.page(issues, IssueCursor::after)?)
    }

    /// A page of what was said of an issue, the oldest first. Whether the caller sees the issue is asked before.
    pub async fn list_issue_comments(
        &self,
        scope: &Scope,
        id: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Comment>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT number, author_person_id, text, created_at FROM issue_comments \
             WHERE merchant_id = $1 AND issue_id = $2 AND number > $3 ORDER BY number LIMIT $4",
        )
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Text, _>(id)
        .bind::<Integer, _>(page.after.unwrap_or(0))
        .bind::<BigInt, _>(page.limit())
        .load::<CommentRow>(&mut conn)
        .await?;
        Ok(page.page(rows, |row| row.number)?.map(CommentRow::read))
    }

    /// Those of these people whom the directory knows.
    pub async fn list_known_people(&self, merchant: &MerchantId, ids: &[String]) -> Result<Vec<String>> {
        let mut conn = self.pool.get().await?;
        people::known(&mut conn, merchant.as_str(), ids).await
    }
}

/// Files an issue in the transaction of whatever it is about.
pub(super) async fn file(conn: &mut AsyncPgConnection, by: &By, issue: &Issue) -> Result<()> {
    insert(conn, &by.caller.merchant, issue).await?;
    tell(conn, by, issue, Change::Created).await?;
    append_audit(conn, by, issue).await
}

fn is_seen(issue: &Issue, reached: &Reached) -> bool {
    reached.holds_any(issue.watchers.iter().map(String::as_str))
}

/// Tells the other services, and the watchers but for the one who did it.
async fn tell(conn: &mut AsyncPgConnection, by: &By, issue: &Issue, change: Change) -> Result<()> {
    let merchant = &by.caller.merchant;
    events::publish(conn, &outgoing::issue::issue_changed(merchant, issue, change)).await?;
    let actor = by.caller.person.as_ref().map(PersonId::as_str);
    let watchers: Vec<_> =
        issue.watchers.iter().map(String::as_str).filter(|id| Some(*id) != actor).collect();
    issue_notices::upsert(conn, merchant, issue, change, &watchers).await
}

async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    id: &str,
    lock: bool,
) -> Result<Option<Issue>> {
    let lock = if lock { "FOR UPDATE" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM issues WHERE merchant_id = $1 AND issue_id = $2 {lock}");
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(id)
        .get_result::<IssueRow>(conn)
        .await
        .optional()?;
    row.map(IssueRow::read).transpose()
}

async fn insert(conn: &mut AsyncPgConnection, merchant: &MerchantId, issue: &Issue) -> Result<()> {
    let exists = || MetricsError::from(IssueError::Exists { id: issue.id.clone() });
    diesel::sql_query(
        "INSERT INTO issues (merchant_id, issue_id, version, state, kind, department, owner_person_id, shop_id, due_day, \
            content, reporter_person_id, watchers, resolution, comments, created_by, created_at, changed_by, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&issue.id)
    .bind::<BigInt, _>(issue.version)
    .bind::<Text, _>(issue.state.name())
    .bind::<Text, _>(issue.content.kind.name())
    .bind::<Integer, _>(issue.content.department)
    .bind::<Nullable<Text>, _>(issue.content.owner.as_deref())
    .bind::<Nullable<Text>, _>(issue.content.shop.as_deref())
    .bind::<Date, _>(issue.content.due_day.unwrap_or(LAST_DAY))
    .bind::<Jsonb, _>(json_of(&issue.content)?)
    .bind::<Nullable<Text>, _>(issue.reporter.as_deref())
    .bind::<Array<Text>, _>(issue.watchers.iter().collect::<Vec<_>>())
    .bind::<Text, _>(&issue.resolution)
    .bind::<Integer, _>(issue.comments)
    .bind::<Text, _>(&issue.created.0)
    .bind::<Timestamptz, _>(issue.created.1)
    .bind::<Text, _>(&issue.changed.0)
    .bind::<Timestamptz, _>(issue.changed.1)
    .execute(conn)
    .await
    .map_err(pg::on_constraint("issues_pkey", exists))?;
    Ok(())
}

async fn update(conn: &mut AsyncPgConnection, merchant: &MerchantId, issue: &Issue) -> Result<()> {
    diesel::sql_query(
        "UPDATE issues SET version = $3, state = $4, kind = $5, department = $6, owner_person_id = $7, shop_id = $8, \
            due_day = $9, content = $10, watchers = $11, resolution = $12, comments = $13, changed_by = $14, changed_at = $15 \
         WHERE merchant_id = $1 AND issue_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&issue.id)
    .bind::<BigInt, _>(issue.version)
    .bind::<Text, _>(issue.state.name())
    .bind::<Text, _>(issue.content.kind.name())
    .bind::<Integer, _>(issue.content.department)
    .bind::<Nullable<Text>, _>(issue.content.owner.as_deref())
    .bind::<Nullable<Text>, _>(issue.content.shop.as_deref())
    .bind::<Date, _>(issue.content.due_day.unwrap_or(LAST_DAY))
    .bind::<Jsonb, _>(json_of(&issue.content)?)
    .bind::<Array<Text>, _>(issue.watchers.iter().collect::<Vec<_>>())
    .bind::<Text, _>(&issue.resolution)
    .bind::<Integer, _>(issue.comments)
    .bind::<Text, _>(&issue.changed.0)
    .bind::<Timestamptz, _>(issue.changed.1)
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_comment(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    issue: &str,
    comment: &Comment,
) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO issue_comments (merchant_id, issue_id, number, author_person_id, text, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(issue)
    .bind::<Integer, _>(comment.number)
    .bind::<Nullable<Text>, _>(comment.author.as_deref())
    .bind::<Text, _>(&comment.text)
    .bind::<Timestamptz, _>(comment.at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn append_audit(conn: &mut AsyncPgConnection, by: &By, issue: &Issue) -> Result<()> {
    let summary = json!({
        "version": issue.version,
        "state": issue.state.name(),
        "kind": issue.content.kind.name(),
        "owner": issue.content.owner,
        "comments": issue.comments,
    });
    let entity = format!("issue/{}", issue.id);
    Ok(by.audit(conn, issue.changed.1, entity, summary).await?)
}

#[derive(QueryableByName)]
struct IssueRow {
    #[diesel(sql_type = Text)]
    issue_id: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Nullable<Text>)]
    reporter_person_id: Option<String>,
    #[diesel(sql_type = Array<Text>)]
    watchers: Vec<String>,
    #[diesel(sql_type = Text)]
    resolution: String,
    #[diesel(sql_type = Integer)]
    comments: i32,
    #[diesel(sql_type = Text)]
    created_by: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    changed_by: String,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
}

impl IssueRow {
    fn read(self) -> Result<Issue> {
        let broken = |why: String| pg::Error::unreadable("issues", &self.issue_id, why);
        let state = IssueState::of(&self.state).ok_or_else(|| broken("unknown state".to_owned()))?;
        let content = serde_json::from_value(self.content).map_err(|why| broken(why.to_string()))?;
        Ok(Issue {
            state,
            content,
            id: self.issue_id,
            version: self.version,
            reporter: self.reporter_person_id,
            watchers: self.watchers.into_iter().collect(),
            resolution: self.resolution,
            comments: self.comments,
            created: (self.created_by, self.created_at),
            changed: (self.changed_by, self.changed_at),
        })
    }
}

#[derive(QueryableByName)]
struct CommentRow {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Nullable<Text>)]
    author_person_id: Option<String>,
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

impl CommentRow {
    fn read(self) -> Comment {
        Comment { number: self.number, author: self.author_person_id, text: self.text, at: self.created_at }
    }
}
