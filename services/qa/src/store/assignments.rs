//! Handing out reviews. One at a time per merchant, so that two draws don't fill the same desk.

use calendar::{MerchantCalendar, WorkingCalendar};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::{MerchantId, PersonId};
use uuid::Uuid;

use super::people::{PERSON_OF_ROW, REVIEWERS};
use super::{ALL_DAYS, ATTEMPTS, Store, small};
use crate::domain::assignment::{Desk, HandedOut, OpenReview, assign};
use crate::error::QaError;

#[derive(QueryableByName)]
struct DeskRow {
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Integer)]
    capacity: i32,
    #[diesel(sql_type = BigInt)]
    load: i64,
}

#[derive(QueryableByName)]
struct OpenRow {
    #[diesel(sql_type = SqlUuid)]
    review_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct KnownRow {
    #[diesel(sql_type = Bool)]
    known: bool,
}

/// The day by which reviews handed out now are due: the reviewers' next working day.
pub(super) fn due_day(calendar: &MerchantCalendar, now: DateTime<Utc>) -> NaiveDate {
    WorkingCalendar::default().next_working_day(calendar.business_day(now))
}

/// Gives the unassigned reviews of some days to reviewers with capacity left.
pub(super) async fn assign_open(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    days: (NaiveDate, NaiveDate),
    calendar: &MerchantCalendar,
    default_capacity: i32,
    now: DateTime<Utc>,
) -> Result<HandedOut, QaError> {
    diesel::sql_query(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.assignments.' || $1, 0))",
    )
    .bind::<Text, _>(merchant.as_str())
    .execute(conn)
    .await?;
    let due = due_day(calendar, now);
    let desks = desks(conn, merchant, due, default_capacity).await?;
    let room: usize = desks.iter().map(|desk| desk.capacity.saturating_sub(desk.load)).sum();
    let open = open(conn, merchant, days, room).await?;
    let given = assign(&open, &desks);
    let (ids, people): (Vec<Uuid>, Vec<&str>) =
        given.iter().map(|(id, person)| (*id, person.as_str())).unzip();
    diesel::sql_query(
        "UPDATE reviews r SET state = 2, reviewer_person_id = g.person_id, due_day = $4, revision = r.revision + 1 \
         FROM unnest($2::uuid[], $3::text[]) AS g (review_id, person_id) \
         WHERE r.merchant_id = $1 AND r.review_id = g.review_id AND r.state = 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(people)
    .bind::<Date, _>(due)
    .execute(conn)
    .await?;
    let unassigned = diesel::sql_query(
        "SELECT count(*) FROM reviews WHERE merchant_id = $1 AND state = 1 AND business_day BETWEEN $2 AND $3",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(days.0)
    .bind::<Date, _>(days.1)
    .get_result::<CountRow>(conn)
    .await?;
    let assigned = i32::try_from(given.len()).unwrap_or(i32::MAX);
    Ok(HandedOut { assigned, unassigned: small(unassigned.count), due_day: (assigned > 0).then_some(due) })
}

async fn desks(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    due: NaiveDate,
    default_capacity: i32,
) -> Result<Vec<Desk>, QaError> {
    let rows = diesel::sql_query(format!(
        "SELECT w.person_id, w.capacity, (SELECT count(*) FROM reviews r WHERE r.merchant_id = $1 AND r.due_day = $3 \
            AND r.reviewer_person_id = w.person_id) AS load \
         FROM ({REVIEWERS}) w WHERE w.capacity > 0 ORDER BY w.person_id LIMIT 10000"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Integer, _>(default_capacity)
    .bind::<Date, _>(due)
    .load::<DeskRow>(conn)
    .await?;
    let desk = |row: DeskRow| Desk {
        person: PersonId::new(row.person_id),
        capacity: usize::try_from(row.capacity).unwrap_or(0),
        load: usize::try_from(row.load).unwrap_or(usize::MAX),
    };
    Ok(rows.into_iter().map(desk).collect())
}

/// The oldest unassigned reviews, of each day the lowest ranks of every account first. Twice as many as there is room
/// for: some may be the own chats of whoever has room.
async fn open(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    days: (NaiveDate, NaiveDate),
    room: usize,
) -> Result<Vec<OpenReview>, QaError> {
    let rows = diesel::sql_query(format!(
        "SELECT r.review_id, {PERSON_OF_ROW} AS person_id FROM reviews r \
         WHERE r.merchant_id = $1 AND r.state = 1 AND r.business_day BETWEEN $2 AND $3 \
         ORDER BY r.business_day, r.place, r.account_id LIMIT $4 FOR UPDATE OF r SKIP LOCKED"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(days.0)
    .bind::<Date, _>(days.1)
    .bind::<BigInt, _>(i64::try_from(room).unwrap_or(i64::MAX / 2).saturating_mul(2))
    .load::<OpenRow>(conn)
    .await?;
    let open = |row: OpenRow| OpenReview { id: row.review_id, person: row.person_id.map(PersonId::new) };
    Ok(rows.into_iter().map(open).collect())
}

/// Whether somebody is a reviewer of the merchant who has not left.
pub(super) async fn is_reviewer(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    person: &PersonId,
) -> Result<bool, QaError> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM ({REVIEWERS}) w WHERE w.person_id = $3) AS known");
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Integer, _>(0)
        .bind::<Text, _>(person.as_str())
        .get_result::<KnownRow>(conn)
        .await?;
    Ok(row.known)
}

impl Store {
    /// Hands out unassigned reviews, those of `days` or of all days.
    pub async fn assign_reviews(
        &self,
        by: &By,
        now: DateTime<Utc>,
        days: Option<(NaiveDate, NaiveDate)>,
    ) -> Result<HandedOut, QaError> {
        let merchant = &by.caller.merchant;
        let days = days.unwrap_or(ALL_DAYS);
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let calendar = directory::calendar(conn, merchant).await?;
                let done = assign_open(conn, merchant, days, &calendar, self.default_capacity, now).await?;
                let summary = serde_json::json!({ "assigned": done.assigned, "due_day": done.due_day });
                if done.assigned > 0 {
                    by.audit(conn, now, "reviews", summary).await?;
                }
                Ok(done)
            })
            .await
        })
        .await
    }
}
