//! `incident_tasks`.

use chrono::{DateTime, NaiveTime, Utc};
use diesel::sql_types::{BigInt, Bool, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use directory::LAST_DAY;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::incident::error::IncidentError;
use crate::domain::incident::filter::IncidentTaskFilter;
use crate::domain::incident::task::{TASKS_MAX, Task, TaskAt, TaskContent, TaskKind};
use crate::domain::incident::timeline::News;
use crate::domain::incident::{Incident, Step};
use crate::error::MetricsError;
use crate::store::{Result, Store, incidents, json_of, people};

const COLUMNS: &str = "incident_id, task_id, version, kind, content, done, drill, changed_by, changed_at";

/// The task that a page begins after: its time (the end of days if there is none), incident and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentTaskCursor(DateTime<Utc>, String, String);

/// What becomes of a task, and the line that says so.
#[derive(Debug)]
pub struct TaskStep {
    /// The task.
    pub next: Task,
    /// What the timeline says of it.
    pub news: News,
}

impl Store {
    /// Adds the task that `decide` makes of its incident.
    pub async fn insert_incident_task(
        &self,
        by: &By,
        incident: &str,
        now: DateTime<Utc>,
        decide: impl FnOnce(&Incident) -> Result<TaskStep> + Send,
    ) -> Result<String> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let found = incidents::lock(conn, merchant, (incident, "")).await?;
            let step = decide(&found)?;
            check_room(conn, merchant, incident, 1).await?;
            incidents::check_people(conn, merchant, [step.next.content.owner.clone()].into()).await?;
            insert(conn, merchant, &step.next).await?;
            incidents::save(conn, by, Step { next: found, news: vec![step.news] }, now).await?;
            Ok::<_, MetricsError>(step.next.id)
        })
        .await
    }

    /// Lets `decide` take a task whose owner the scope reaches to its next version; `None` leaves it as it is.
    pub async fn update_incident_task(
        &self,
        by: &By,
        scope: &Scope,
        at: TaskAt<'_>,
        now: DateTime<Utc>,
        decide: impl FnOnce(&Incident, Task) -> Result<Option<TaskStep>> + Send,
    ) -> Result<()> {
        let merchant = &scope.merchant;
        by.change(&self.pool, now, async |conn| {
            let missing = || IncidentError::TaskNotFound { id: at.id.to_owned() };
            let incident = match incidents::lock(conn, merchant, (at.incident, "")).await {
                // Whoever sees no incidents hears of a task only.
                Err(MetricsError::Incident(IncidentError::NotFound { .. })) => return Err(missing().into()),
                found => found?,
            };
            let task = find(conn, merchant, at.incident, at.id).await?.ok_or_else(missing)?;
            let today = directory::calendar(conn, merchant).await?.business_day(now);
            if !people::reached(conn, scope, today).await?.holds(&task.content.owner) {
                return Err(missing().into());
            }
            if !at.etag.is_empty() && at.etag != task.etag() {
                return Err(IncidentError::TaskChanged { id: at.id.to_owned() }.into());
            }
            let owner = task.content.owner.clone();
            let Some(step) = decide(&incident, task)? else { return Ok(()) };
            if step.next.content.owner != owner {
                incidents::check_people(conn, merchant, [step.next.content.owner.clone()].into()).await?;
            }
            update(conn, merchant, &step.next).await?;
            incidents::save(conn, by, Step { next: incident, news: vec![step.news] }, now).await?;
            Ok::<_, MetricsError>(())
        })
        .await
    }

    /// A task of anybody in the merchant: for who just changed it.
    pub async fn find_incident_task(
        &self,
        merchant: &MerchantId,
        incident: &str,
        id: &str,
    ) -> Result<Option<Task>> {
        let mut conn = self.pool.get().await?;
        find(&mut conn, merchant, incident, id).await
    }

    /// A page of tasks whose owners the scope reaches, by when they are due.
    pub async fn list_incident_tasks(
        &self,
        scope: &Scope,
        filter: &IncidentTaskFilter,
        now: DateTime<Utc>,
        page: &PageRequest<IncidentTaskCursor>,
    ) -> Result<Page<Task>> {
        let mut conn = self.pool.get().await?;
        let today = directory::calendar(&mut conn, &scope.merchant).await?.business_day(now);
        let reached = people::reached(&mut conn, scope, today).await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM incident_tasks WHERE merchant_id = $1 AND ($2::text IS NULL OR incident_id = $2) \
                AND ($3::text IS NULL OR owner_person_id = $3) AND (NOT $4 OR open) AND (NOT $5 OR (open AND due_at < $6)) \
                AND ($7::text[] IS NULL OR owner_person_id = ANY ($7)) \
                AND ($8::timestamptz IS NULL OR (due_at, incident_id, task_id) > ($8, $9, $10)) \
             ORDER BY due_at, incident_id, task_id LIMIT $11"
        );
        let after = page.after.as_ref();
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Nullable<Text>, _>(filter.incident.as_deref())
            .bind::<Nullable<Text>, _>(filter.owner.as_deref())
            .bind::<Bool, _>(filter.open)
            .bind::<Bool, _>(filter.overdue)
            .bind::<Timestamptz, _>(now)
            .bind::<Nullable<diesel::sql_types::Array<Text>>, _>(reached.column())
            .bind::<Nullable<Timestamptz>, _>(after.map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.1.as_str()))
            .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.2.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<TaskRow>(&mut conn)
            .await?;
        let tasks = rows.into_iter().map(TaskRow::read).collect::<Result<_>>()?;
        let cursor =
            |task: &Task| IncidentTaskCursor(due_at(&task.content), task.incident.clone(), task.id.clone());
        Ok(page.page(tasks, cursor)?)
    }
}

/// Makes the measures of the incident's retrospective tasks, in the place of those measures that aren't done. One that is done
/// already is not made again.
pub(super) async fn replace_measures(
    conn: &mut AsyncPgConnection,
    by: &By,
    incident: &Incident,
    now: DateTime<Utc>,
) -> Result<()> {
    let merchant = &by.caller.merchant;
    let Some(learnt) = &incident.details.learnt else { return Ok(()) };
    diesel::sql_query(
        "DELETE FROM incident_tasks WHERE merchant_id = $1 AND incident_id = $2 AND kind = 'measure' AND open",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&incident.id)
    .execute(conn)
    .await?;
    check_room(conn, merchant, &incident.id, learnt.what.measures.len()).await?;
    let calendar = directory::calendar(conn, merchant).await?;
    for measure in &learnt.what.measures {
        let content = TaskContent {
            title: measure.title.clone(),
            owner: measure.owner.clone(),
            due_at: Some(calendar.day_bounds(measure.due_day).1),
            dropped: false,
        };
        if is_done(conn, merchant, &incident.id, &content).await? {
            continue;
        }
        let (id, changed) = (Uuid::now_v7().to_string(), (by.caller.subject.clone(), now));
        let task = Task::new(&incident.id, incident.drill, id, TaskKind::Measure, content, changed);
        insert(conn, merchant, &task).await?;
    }
    Ok(())
}

async fn is_done(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    incident: &str,
    content: &TaskContent,
) -> Result<bool> {
    let found = diesel::sql_query(
        "SELECT count(*) AS count FROM incident_tasks WHERE merchant_id = $1 AND incident_id = $2 AND kind = 'measure' \
            AND owner_person_id = $3 AND content->>'title' = $4",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(incident)
    .bind::<Text, _>(&content.owner)
    .bind::<Text, _>(&content.title)
    .get_result::<CountRow>(conn)
    .await?;
    Ok(found.count > 0)
}

async fn check_room(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    incident: &str,
    more: usize,
) -> Result<()> {
    let found = diesel::sql_query(
        "SELECT count(*) AS count FROM incident_tasks WHERE merchant_id = $1 AND incident_id = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(incident)
    .get_result::<CountRow>(conn)
    .await?;
    if found.count + i64::try_from(more).unwrap_or(TASKS_MAX) > TASKS_MAX {
        return Err(IncidentError::TooManyTasks { id: incident.to_owned(), limit: TASKS_MAX }.into());
    }
    Ok(())
}

fn due_at(content: &TaskContent) -> DateTime<Utc> {
    content.due_at.unwrap_or_else(|| LAST_DAY.and_time(NaiveTime::MIN).and_utc())
}

async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    incident: &str,
    id: &str,
) -> Result<Option<Task>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM incident_tasks WHERE merchant_id = $1 AND incident_id = $2 AND task_id = $3"
    );
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(incident)
        .bind::<Text, _>(id)
        .get_result::<TaskRow>(conn)
        .await
        .optional()?;
    row.map(TaskRow::read).transpose()
}

async fn insert(conn: &mut AsyncPgConnection, merchant: &MerchantId, task: &Task) -> Result<()> {
    let exists = || MetricsError::from(IncidentError::TaskExists { id: task.id.clone() });
    diesel::sql_query(
        "INSERT INTO incident_tasks (merchant_id, incident_id, task_id, version, kind, owner_person_id, due_at, open, drill, \
            content, done, changed_by, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&task.incident)
    .bind::<Text, _>(&task.id)
    .bind::<BigInt, _>(task.version)
    .bind::<Text, _>(task.kind.name())
    .bind::<Text, _>(&task.content.owner)
    .bind::<Timestamptz, _>(due_at(&task.content))
    .bind::<Bool, _>(task.is_open())
    .bind::<Bool, _>(task.drill)
    .bind::<Jsonb, _>(json_of(&task.content)?)
    .bind::<Nullable<Jsonb>, _>(task.done.as_ref().map(json_of).transpose()?)
    .bind::<Text, _>(&task.changed.0)
    .bind::<Timestamptz, _>(task.changed.1)
    .execute(conn)
    .await
    .map_err(pg::on_constraint("incident_tasks_pkey", exists))?;
    Ok(())
}

async fn update(conn: &mut AsyncPgConnection, merchant: &MerchantId, task: &Task) -> Result<()> {
    diesel::sql_query(
        "UPDATE incident_tasks SET version = $4, owner_person_id = $5, due_at = $6, open = $7, content = $8, done = $9, \
            changed_by = $10, changed_at = $11 \
         WHERE merchant_id = $1 AND incident_id = $2 AND task_id = $3",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(&task.incident)
    .bind::<Text, _>(&task.id)
    .bind::<BigInt, _>(task.version)
    .bind::<Text, _>(&task.content.owner)
    .bind::<Timestamptz, _>(due_at(&task.content))
    .bind::<Bool, _>(task.is_open())
    .bind::<Jsonb, _>(json_of(&task.content)?)
    .bind::<Nullable<Jsonb>, _>(task.done.as_ref().map(json_of).transpose()?)
    .bind::<Text, _>(&task.changed.0)
    .bind::<Timestamptz, _>(task.changed.1)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct TaskRow {
    #[diesel(sql_type = Text)]
    incident_id: String,
    #[diesel(sql_type = Text)]
    task_id: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Jsonb)]
    content: serde_json::Value,
    #[diesel(sql_type = Nullable<Jsonb>)]
    done: Option<serde_json::Value>,
    #[diesel(sql_type = Bool)]
    drill: bool,
    #[diesel(sql_type = Text)]
    changed_by: String,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
}

impl TaskRow {
    fn read(self) -> Result<Task> {
        let broken = |why: String| {
            pg::Error::unreadable("incident_tasks", format!("{}/{}", self.incident_id, self.task_id), why)
        };
        let unreadable = |why: serde_json::Error| broken(why.to_string());
        Ok(Task {
            kind: TaskKind::of(&self.kind).ok_or_else(|| broken("unknown kind".to_owned()))?,
            content: serde_json::from_value(self.content).map_err(unreadable)?,
            done: self.done.map(serde_json::from_value).transpose().map_err(unreadable)?,
            incident: self.incident_id,
            id: self.task_id,
            version: self.version,
            drill: self.drill,
            changed: (self.changed_by, self.changed_at),
        })
    }
}
