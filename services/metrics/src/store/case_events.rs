//! `case_events`: the timelines of cases; and what the cases of each person came to.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::domain::case::CaseState;
use crate::domain::case::step::Event;
use crate::domain::figure::DayRange;
use crate::store::{Result, Store, json_of, people};

/// What a person's cases came to; see `case.proto`.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct CaseResult {
    #[diesel(sql_type = Text)]
    pub person: String,
    #[diesel(sql_type = BigInt)]
    pub open: i64,
    #[diesel(sql_type = BigInt)]
    pub overdue: i64,
    #[diesel(sql_type = BigInt)]
    pub accepted: i64,
    #[diesel(sql_type = BigInt)]
    pub solved: i64,
    #[diesel(sql_type = BigInt)]
    pub solved_in_time: i64,
    #[diesel(sql_type = BigInt)]
    pub called_back: i64,
    #[diesel(sql_type = BigInt)]
    pub granted: i64,
    #[diesel(sql_type = BigInt)]
    pub recovered: i64,
}

/// Adds an entry to a case's timeline.
pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    case: &str,
    event: &Event,
) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO case_events (merchant_id, case_id, number, person_id, happened_at, state, due_at, late, happening) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(case)
    .bind::<Integer, _>(event.number)
    .bind::<Nullable<Text>, _>(event.person.as_deref())
    .bind::<Timestamptz, _>(event.at)
    .bind::<Text, _>(event.state.name())
    .bind::<Nullable<Timestamptz>, _>(event.due_at)
    .bind::<Bool, _>(event.late)
    .bind::<Jsonb, _>(json_of(&event.happening)?)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// A page of what happened to a case, the oldest first. Whether the caller sees the case is asked before.
    pub async fn list_case_events(
        &self,
        scope: &Scope,
        case: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Event>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT case_id, number, person_id, happened_at, state, due_at, late, happening FROM case_events \
             WHERE merchant_id = $1 AND case_id = $2 AND number > $3 ORDER BY number LIMIT $4",
        )
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Text, _>(case)
        .bind::<Integer, _>(page.after.unwrap_or(0))
        .bind::<BigInt, _>(page.limit())
        .load::<EventRow>(&mut conn)
        .await?;
        let events = rows.into_iter().map(EventRow::read).collect::<Result<_>>()?;
        Ok(page.page(events, |event: &Event| event.number)?)
    }

    /// A page of results of the people whom the scope reaches, by person. Who has no open case and none of these days has
    /// no row.
    pub async fn list_case_results(
        &self,
        scope: &Scope,
        days: DayRange,
        now: DateTime<Utc>,
        page: &PageRequest<String>,
    ) -> Result<Page<CaseResult>> {
        let mut conn = self.pool.get().await?;
        let today = directory::calendar(&mut conn, &scope.merchant).await?.business_day(now);
        let reached = people::reached(&mut conn, scope, today).await?;
        let rows = diesel::sql_query(
            "SELECT owner_person_id AS person, \
                count(*) FILTER (WHERE state IN ('accepted', 'escalated', 'solved')) AS open, \
                count(*) FILTER (WHERE due_at < $5) AS overdue, \
                count(*) FILTER (WHERE of_days) AS accepted, \
                count(*) FILTER (WHERE of_days AND solved) AS solved, \
                count(*) FILTER (WHERE of_days AND solved AND missed = 0) AS solved_in_time, \
                count(*) FILTER (WHERE of_days AND state IN ('called_back', 'archived')) AS called_back, \
                coalesce(sum(granted) FILTER (WHERE of_days), 0)::bigint AS granted, \
                coalesce(sum(recovered) FILTER (WHERE of_days), 0)::bigint AS recovered \
             FROM (SELECT *, accepted_day BETWEEN $2 AND $3 AS of_days, \
                    state IN ('solved', 'called_back', 'archived') AS solved FROM cases \
                WHERE merchant_id = $1 AND (accepted_day BETWEEN $2 AND $3 OR due_at < '9999-12-31') \
                    AND ($4::text[] IS NULL OR owner_person_id = ANY ($4)) \
                    AND ($6::text IS NULL OR owner_person_id > $6)) AS reached \
             GROUP BY owner_person_id ORDER BY owner_person_id LIMIT $7",
        )
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Date, _>(days.from)
        .bind::<Date, _>(days.to)
        .bind::<Nullable<Array<Text>>, _>(reached.column())
        .bind::<Timestamptz, _>(now)
        .bind::<Nullable<Text>, _>(page.after.as_deref())
        .bind::<BigInt, _>(page.limit())
        .load::<CaseResult>(&mut conn)
        .await?;
        Ok(page.page(rows, |row: &CaseResult| row.person.clone())?)
    }
}

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = Text)]
    case_id: String,
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    happened_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    due_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    late: bool,
    #[diesel(sql_type = Jsonb)]
    happening: serde_json::Value,
}

impl EventRow {
    fn read(self) -> Result<Event> {
        let broken = |why: String| {
            pg::Error::unreadable("case_events", format!("{}/{}", self.case_id, self.number), why)
        };
        Ok(Event {
            number: self.number,
            state: CaseState::of(&self.state).ok_or_else(|| broken("unknown state".to_owned()))?,
            happening: serde_json::from_value(self.happening).map_err(|why| broken(why.to_string()))?,
            person: self.person_id,
            at: self.happened_at,
            due_at: self.due_at,
            late: self.late,
        })
    }
}
