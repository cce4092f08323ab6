//! `care_tasks`: customers whom people are to get in touch with.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Nullable, SmallInt, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::domain::customer::CustomerError;
use crate::domain::customer::care::{Candidate, CareState, CareTask, share_out};
use crate::domain::customer::filter::CareFilter;
use crate::domain::customers::ShareOut;
use crate::error::MetricsError;
use crate::store::conversations::column;
use crate::store::customers::{SELECTED, reached_accounts, selecting, tier_of};
use crate::store::{Result, Store, people};

const COLUMNS: &str = "care_id, version, shop_id, customer_id, tier, at_risk, person_id, purpose, assigned_day, due_day, \
     state, note, contacted_at, changed_by, changed_at";

/// The care task that a page begins after: its due day and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CareCursor(NaiveDate, String);

impl Store {
    /// Shares customers that the scope reaches and whom nobody cares for out to people that it reaches, and gives how
    /// many each got.
    pub async fn share_out_care(
        &self,
        by: &By,
        scope: &Scope,
        asked: &ShareOut,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Vec<(String, i32)>> {
        by.change(&self.pool, now, async |conn| {
            let merchant = scope.merchant.as_str();
            check_reached(conn, scope, today, &asked.people).await?;
            // Whoever shares out at the same time waits, or both would take the same customers.
            diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('care_tasks/' || $1, 0))")
                .bind::<Text, _>(merchant)
                .execute(conn)
                .await?;
            let open = count_open(conn, merchant, &asked.people).await?;
            let candidates = list_candidates(conn, scope, asked).await?;
            let people = share_out(&open, candidates.len());
            let tasks: Vec<(String, &Candidate, &str)> = candidates
                .iter()
                .zip(people)
                .map(|(candidate, person)| (Uuid::now_v7().to_string(), candidate, person))
                .collect();
            insert(conn, by, asked, &tasks, (today, now)).await?;
            let mut shares: BTreeMap<&str, i32> = open.keys().map(|person| (person.as_str(), 0)).collect();
            tasks.iter().for_each(|(_, _, person)| *shares.entry(person).or_default() += 1);
            by.audit(conn, now, "care_tasks", json!({ "purpose": asked.purpose, "shares": shares })).await?;
            Ok::<_, MetricsError>(shares.into_iter().map(|(who, count)| (who.to_owned(), count)).collect())
        })
        .await
    }

    /// A care task of anybody in the merchant: for who just changed it.
    pub async fn find_care_task(&self, scope: &Scope, id: &str) -> Result<Option<CareTask>> {
        let mut conn = self.pool.get().await?;
        find(&mut conn, scope.merchant.as_str(), id, false).await
    }

    /// Lets `decide` take a care task of a person that the scope reaches to its next version; if that is another
    /// person's, the scope must reach them too.
    pub async fn update_care_task(
        &self,
        by: &By,
        scope: &Scope,
        (id, etag): (&str, &str),
        now: DateTime<Utc>,
        decide: impl FnOnce(CareTask) -> Result<CareTask, CustomerError> + Send,
    ) -> Result<()> {
        by.change(&self.pool, now, async |conn| {
            let merchant = scope.merchant.as_str();
            let missing = || CustomerError::CareNotFound { id: id.to_owned() };
            let found = find(conn, merchant, id, true).await?.ok_or_else(missing)?;
            let today = directory::calendar(conn, &scope.merchant).await?.business_day(now);
            if !people::reached(conn, scope, today).await?.holds(&found.person) {
                return Err(missing().into());
            }
            if etag != found.etag() {
                return Err(CustomerError::CareChanged { id: id.to_owned() }.into());
            }
            let before = found.person.clone();
            let next = decide(found)?.changed(by.caller.subject.clone(), now);
            if next.person != before {
                check_reached(conn, scope, today, std::slice::from_ref(&next.person)).await?;
            }
            update(conn, merchant, &next).await?;
            let summary = json!({
                "version": next.version,
                "state": next.state.name(),
                "person": next.person,
            });
            by.audit(conn, now, format!("care_task/{id}"), summary).await?;
            Ok::<_, MetricsError>(())
        })
        .await
    }

    /// A page of care tasks of people that the scope reaches, by due day, then id.
    pub async fn list_care_tasks(
        &self,
        scope: &Scope,
        filter: &CareFilter,
        today: NaiveDate,
        page: &PageRequest<CareCursor>,
    ) -> Result<Page<CareTask>> {
        let mut conn = self.pool.get().await?;
        let reached = people::reached(&mut conn, scope, today).await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM care_tasks WHERE merchant_id = $1 \
                AND (cardinality($2::text[]) = 0 OR person_id = ANY ($2)) \
                AND (cardinality($3::text[]) = 0 OR state = ANY ($3)) \
                AND (NOT $4 OR (state = 'open' AND due_day < $5)) AND ($6::text[] IS NULL OR person_id = ANY ($6)) \
                AND ($7::date IS NULL OR (due_day, care_id) > ($7, $8)) \
             ORDER BY due_day, care_id LIMIT $9"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Array<Text>, _>(&filter.people)
            .bind::<Array<Text>, _>(column(&filter.states, |state| state.name()))
            .bind::<Bool, _>(filter.overdue)
            .bind::<Date, _>(today)
            .bind::<Nullable<Array<Text>>, _>(reached.column())
            .bind::<Nullable<Date>, _>(page.after.as_ref().map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<CareRow>(&mut conn)
            .await?;
        let tasks = rows.into_iter().map(CareRow::read).collect::<Result<_>>()?;
        Ok(page.page(tasks, |task| CareCursor(task.due_day, task.id.clone()))?)
    }
}

/// Refuses people whom nobody knows or whom the scope doesn't reach on a business day.
async fn check_reached(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    today: NaiveDate,
    people: &[String],
) -> Result<()> {
    let reached = people::reached(conn, scope, today).await?;
    let known = people::known(conn, scope.merchant.as_str(), people).await?;
    match people.iter().find(|id| !reached.holds(id) || !known.contains(id)) {
        None => Ok(()),
        Some(id) => Err(CustomerError::PersonNotFound { id: id.clone() }.into()),
    }
}

/// Open tasks of each of these people.
async fn count_open(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    people: &[String],
) -> Result<BTreeMap<String, i64>> {
    let rows = diesel::sql_query(
        "SELECT n.id, (SELECT count(*) FROM care_tasks \
            WHERE merchant_id = $1 AND person_id = n.id AND state = 'open') AS open FROM unnest($2::text[]) AS n (id)",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(people)
    .load::<OpenRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.open)).collect())
}

/// Customers without an open task: the highest tier first, then the largest net amount.
async fn list_candidates(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    asked: &ShareOut,
) -> Result<Vec<Candidate>> {
    let selection = reached_accounts(conn, scope).await?;
    let sql = format!(
        "SELECT f.shop_id, f.customer_id, f.tier, f.risk <> 0 AS at_risk {SELECTED} \
            AND NOT EXISTS (SELECT FROM care_tasks t WHERE t.merchant_id = f.merchant_id AND t.shop_id = f.shop_id \
                AND t.customer_id = f.customer_id AND t.state = 'open') \
         ORDER BY -f.tier, -f.net_amount, f.shop_id, f.customer_id LIMIT $10"
    );
    let rows = selecting(&sql, scope, &selection, &asked.filter)
        .bind::<BigInt, _>(asked.limit)
        .load::<CandidateRow>(conn)
        .await?;
    rows.into_iter().map(CandidateRow::read).collect()
}

async fn insert(
    conn: &mut AsyncPgConnection,
    by: &By,
    asked: &ShareOut,
    tasks: &[(String, &Candidate, &str)],
    (today, now): (NaiveDate, DateTime<Utc>),
) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO care_tasks (merchant_id, care_id, version, shop_id, customer_id, tier, at_risk, person_id, purpose, \
            assigned_day, due_day, state, note, changed_by, changed_at) \
         SELECT $1, n.id, 1, n.shop, n.customer, n.tier, n.at_risk, n.person, $8, $9, $10, 'open', '', $11, $12 \
         FROM unnest($2::text[], $3::text[], $4::text[], $5::smallint[], $6::bool[], $7::text[]) \
            AS n (id, shop, customer, tier, at_risk, person)",
    )
    .bind::<Text, _>(by.caller.merchant.as_str())
    .bind::<Array<Text>, _>(column(tasks, |(id, ..)| id.as_str()))
    .bind::<Array<Text>, _>(column(tasks, |(_, candidate, _)| candidate.shop.as_str()))
    .bind::<Array<Text>, _>(column(tasks, |(_, candidate, _)| candidate.customer.as_str()))
    .bind::<Array<SmallInt>, _>(column(tasks, |(_, candidate, _)| candidate.tier as i16))
    .bind::<Array<Bool>, _>(column(tasks, |(_, candidate, _)| candidate.at_risk))
    .bind::<Array<Text>, _>(column(tasks, |(_, _, person)| *person))
    .bind::<Text, _>(&asked.purpose)
    .bind::<Date, _>(today)
    .bind::<Date, _>(CareTask::due(today))
    .bind::<Text, _>(&by.caller.subject)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

async fn find(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    id: &str,
    lock: bool,
) -> Result<Option<CareTask>> {
    let lock = if lock { "FOR UPDATE" } else { "" };
    let sql = format!("SELECT {COLUMNS} FROM care_tasks WHERE merchant_id = $1 AND care_id = $2 {lock}");
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant)
        .bind::<Text, _>(id)
        .get_result::<CareRow>(conn)
        .await
        .optional()?;
    row.map(CareRow::read).transpose()
}

async fn update(conn: &mut AsyncPgConnection, merchant: &str, task: &CareTask) -> Result<()> {
    diesel::sql_query(
        "UPDATE care_tasks SET version = $3, person_id = $4, state = $5, note = $6, contacted_at = $7, changed_by = $8, \
            changed_at = $9 \
         WHERE merchant_id = $1 AND care_id = $2",
    )
    .bind::<Text, _>(merchant)
    .bind::<Text, _>(&task.id)
    .bind::<BigInt, _>(task.version)
    .bind::<Text, _>(&task.person)
    .bind::<Text, _>(task.state.name())
    .bind::<Text, _>(&task.note)
    .bind::<Nullable<Timestamptz>, _>(task.contacted_at)
    .bind::<Text, _>(&task.changed.0)
    .bind::<Timestamptz, _>(task.changed.1)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct OpenRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = BigInt)]
    open: i64,
}

#[derive(QueryableByName)]
struct CandidateRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = SmallInt)]
    tier: i16,
    #[diesel(sql_type = Bool)]
    at_risk: bool,
}

impl CandidateRow {
    fn read(self) -> Result<Candidate> {
        let tier = tier_of(self.tier, "customers", &self.customer_id)?;
        Ok(Candidate { shop: self.shop_id, customer: self.customer_id, tier, at_risk: self.at_risk })
    }
}

#[derive(QueryableByName)]
struct CareRow {
    #[diesel(sql_type = Text)]
    care_id: String,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(embed)]
    candidate: CandidateRow,
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Text)]
    purpose: String,
    #[diesel(sql_type = Date)]
    assigned_day: NaiveDate,
    #[diesel(sql_type = Date)]
    due_day: NaiveDate,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    note: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    contacted_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    changed_by: String,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
}

impl CareRow {
    fn read(self) -> Result<CareTask> {
        let unknown = || pg::Error::unreadable("care_tasks", &self.care_id, "unknown state");
        let state = CareState::of(&self.state).ok_or_else(unknown)?;
        Ok(CareTask {
            state,
            id: self.care_id,
            version: self.version,
            candidate: self.candidate.read()?,
            person: self.person_id,
            purpose: self.purpose,
            assigned_day: self.assigned_day,
            due_day: self.due_day,
            note: self.note,
            contacted_at: self.contacted_at,
            changed: (self.changed_by, self.changed_at),
        })
    }
}
