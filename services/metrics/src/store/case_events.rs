//! `case_events`: the timelines of cases; and what the cases of each person came to.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;

use crate::domain::case::CaseState;
use crate::domain::case::result::CaseResult;
use crate::domain::case::step::{Event, Happening};
use crate::domain::figure::DayRange;
use crate::store::entries::{self, Timeline};
use crate::store::{Result, Store, people};

#[derive(QueryableByName)]
struct ResultRow {
    #[diesel(sql_type = Text)]
    person: String,
    #[diesel(sql_type = BigInt)]
    open: i64,
    #[diesel(sql_type = BigInt)]
    overdue: i64,
    #[diesel(sql_type = BigInt)]
    accepted: i64,
    #[diesel(sql_type = BigInt)]
    solved: i64,
    #[diesel(sql_type = BigInt)]
    solved_in_time: i64,
    #[diesel(sql_type = BigInt)]
    called_back: i64,
    #[diesel(sql_type = BigInt)]
    granted: i64,
    #[diesel(sql_type = BigInt)]
    recovered: i64,
}

impl From<ResultRow> for CaseResult {
    fn from(row: ResultRow) -> Self {
        Self {
            person: row.person,
            open: row.open,
            overdue: row.overdue,
            accepted: row.accepted,
            solved: row.solved,
            solved_in_time: row.solved_in_time,
            called_back: row.called_back,
            granted: row.granted,
            recovered: row.recovered,
        }
    }
}

impl Timeline for CaseState {
    const TABLE: &'static str = "case_events";
    const OWNER: &'static str = "case_id";
    type Happening = Happening;

    fn row_name(self) -> &'static str {
        self.name()
    }

    fn of_row(name: &str) -> Option<Self> {
        Self::of(name)
    }
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
        entries::list(&mut conn, &scope.merchant, case, page).await
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
        .load::<ResultRow>(&mut conn)
        .await?;
        Ok(page.page(rows, |row| row.person.clone())?.map(CaseResult::from))
    }
}
