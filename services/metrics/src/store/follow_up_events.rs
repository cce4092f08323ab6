//! `follow_up_events`: the timelines of follow-ups; and what the follow-ups of each person came to.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;

use crate::domain::figure::DayRange;
use crate::domain::follow_up::result::FollowUpResult;
use crate::domain::follow_up::{Event, FollowUpKind, FollowUpState, Happening};
use crate::error::MetricsError;
use crate::store::entries::{self, Timeline};
use crate::store::{Result, Store, people};

#[derive(QueryableByName)]
struct ResultRow {
    #[diesel(sql_type = Text)]
    person: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    open: i64,
    #[diesel(sql_type = BigInt)]
    overdue: i64,
    #[diesel(sql_type = BigInt)]
    created: i64,
    #[diesel(sql_type = BigInt)]
    contacted: i64,
    #[diesel(sql_type = BigInt)]
    won: i64,
    #[diesel(sql_type = BigInt)]
    lost: i64,
    #[diesel(sql_type = BigInt)]
    settled: i64,
    #[diesel(sql_type = BigInt)]
    recovered: i64,
}

impl TryFrom<ResultRow> for FollowUpResult {
    type Error = MetricsError;

    fn try_from(row: ResultRow) -> Result<Self> {
        let unreadable =
            || pg::Error::unreadable("follow_ups", &row.person, format!("unknown kind {}", row.kind));
        Ok(Self {
            kind: FollowUpKind::of(&row.kind).ok_or_else(unreadable)?,
            open: row.open,
            overdue: row.overdue,
            created: row.created,
            contacted: row.contacted,
            won: row.won,
            lost: row.lost,
            settled: row.settled,
            recovered: row.recovered,
            person: row.person,
        })
    }
}

impl Timeline for FollowUpState {
    const TABLE: &'static str = "follow_up_events";
    const OWNER: &'static str = "follow_up_id";
    type Happening = Happening;

    fn row_name(self) -> &'static str {
        self.name()
    }

    fn of_row(name: &str) -> Option<Self> {
        Self::of(name)
    }
}

impl Store {
    /// A page of what happened to a follow-up, the oldest first. Whether the caller sees it is asked before.
    pub async fn list_follow_up_events(
        &self,
        scope: &Scope,
        follow_up: &str,
        page: &PageRequest<i32>,
    ) -> Result<Page<Event>> {
        let mut conn = self.pool.get().await?;
        entries::list(&mut conn, &scope.merchant, follow_up, page).await
    }

    /// A page of results of the people whom the scope reaches, by person, then kind.
    pub async fn list_follow_up_results(
        &self,
        scope: &Scope,
        days: DayRange,
        now: DateTime<Utc>,
        page: &PageRequest<(String, String)>,
    ) -> Result<Page<FollowUpResult>> {
        let mut conn = self.pool.get().await?;
        let today = directory::calendar(&mut conn, &scope.merchant).await?.business_day(now);
        let reached = people::reached(&mut conn, scope, today).await?;
        let rows = diesel::sql_query(
            "SELECT owner_person_id AS person, kind, \
                count(*) FILTER (WHERE state = 'open') AS open, \
                count(*) FILTER (WHERE due_at < $5) AS overdue, \
                count(*) FILTER (WHERE of_days) AS created, \
                count(*) FILTER (WHERE of_days AND contacts > 0) AS contacted, \
                count(*) FILTER (WHERE of_days AND state = 'won') AS won, \
                count(*) FILTER (WHERE of_days AND state = 'lost') AS lost, \
                count(*) FILTER (WHERE of_days AND state = 'settled') AS settled, \
                coalesce(sum(recovered) FILTER (WHERE of_days), 0)::bigint AS recovered \
             FROM (SELECT *, created_day BETWEEN $2 AND $3 AS of_days FROM follow_ups \
                WHERE merchant_id = $1 AND (created_day BETWEEN $2 AND $3 OR due_at < '9999-12-31') \
                    AND ($4::text[] IS NULL OR owner_person_id = ANY ($4)) \
                    AND ($6::text IS NULL OR (owner_person_id, kind) > ($6, $7))) AS reached \
             GROUP BY owner_person_id, kind ORDER BY owner_person_id, kind LIMIT $8",
        )
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Date, _>(days.from)
        .bind::<Date, _>(days.to)
        .bind::<Nullable<Array<Text>>, _>(reached.column())
        .bind::<Timestamptz, _>(now)
        .bind::<Nullable<Text>, _>(page.after.as_ref().map(|after| after.0.as_str()))
        .bind::<Nullable<Text>, _>(page.after.as_ref().map(|after| after.1.as_str()))
        .bind::<BigInt, _>(page.limit())
        .load::<ResultRow>(&mut conn)
        .await?;
        let results = rows.into_iter().map(FollowUpResult::try_from).collect::<Result<Vec<_>>>()?;
        Ok(page.page(results, |result| (result.person.clone(), result.kind.name().to_owned()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_of_an_unknown_kind_is_an_error_not_a_default() {
        let row = |kind: &str| ResultRow {
            person: "p1".to_owned(),
            kind: kind.to_owned(),
            open: 1,
            overdue: 0,
            created: 2,
            contacted: 1,
            won: 1,
            lost: 0,
            settled: 0,
            recovered: 500,
        };
        let read = FollowUpResult::try_from(row(FollowUpKind::Cart.name())).expect("reads");
        assert_eq!((read.kind, read.created, read.recovered), (FollowUpKind::Cart, 2, 500));
        let error = FollowUpResult::try_from(row("unheard_of")).expect_err("is not read");
        assert!(status::chain(&error).contains("unknown kind unheard_of"), "{error:?}");
    }
}
