//! Handing out reviews. One at a time per merchant, so that two draws don't fill the same desk.

use std::collections::BTreeMap;

use calendar::{MerchantCalendar, WorkingCalendar};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::{MerchantId, PersonId};
use uuid::Uuid;

use super::people::{PERSON_OF_ROW, REVIEWERS};
use super::{ALL_DAYS, ATTEMPTS, Store, appeals, availability, policies, small};
use crate::domain::assignment::{Desk, HandedOut, HandedOver, OpenReview, assign};
use crate::error::QaError;

#[derive(QueryableByName)]
struct LoadRow {
    #[diesel(sql_type = Text)]
    person_id: String,
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

/// The first day on which reviews handed out now may be due: tomorrow, or today where the policy says so.
async fn first_due_day(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    calendar: &MerchantCalendar,
    now: DateTime<Utc>,
) -> Result<NaiveDate, QaError> {
    Ok(policies::newest(conn, merchant).await?.first_due(calendar, now))
}

/// The day by which a review is due that is given to somebody by hand: their next working day, or the merchant's if they
/// have none.
pub(super) async fn due_day(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    person: &PersonId,
    calendar: &MerchantCalendar,
    now: DateTime<Utc>,
) -> Result<NaiveDate, QaError> {
    let first = first_due_day(conn, merchant, calendar, now).await?;
    let working = WorkingCalendar::default();
    let available = availability::list(conn, merchant, 1, first).await?;
    let theirs = available.iter().find(|one| one.person == *person);
    let due = theirs.and_then(|one| one.due(first, &working)).map(|(day, _)| day);
    Ok(due.unwrap_or_else(|| working.on_or_after(first)))
}

/// One handing out at a time in a merchant.
async fn lock(conn: &mut AsyncPgConnection, merchant: &MerchantId) -> Result<(), QaError> {
    diesel::sql_query(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.assignments.' || $1, 0))",
    )
    .bind::<Text, _>(merchant.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes down who has which review; answers with the latest due day.
async fn give(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    given: &[(Uuid, PersonId)],
    desks: &[Desk],
) -> Result<Option<NaiveDate>, QaError> {
    let due_of =
        |person: &PersonId| desks.iter().find(|desk| desk.person == *person).map(|desk| desk.due_day);
    let due: Vec<Option<NaiveDate>> = given.iter().map(|(_, person)| due_of(person)).collect();
    let (ids, people): (Vec<Uuid>, Vec<&str>) =
        given.iter().map(|(id, person)| (*id, person.as_str())).unzip();
    diesel::sql_query(
        "UPDATE reviews r SET state = 2, reviewer_person_id = g.person_id, due_day = g.due_day, revision = r.revision + 1 \
         FROM unnest($2::uuid[], $3::text[], $4::date[]) AS g (review_id, person_id, due_day) \
         WHERE r.merchant_id = $1 AND r.review_id = g.review_id AND r.state = 1",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<SqlUuid>, _>(ids)
    .bind::<Array<Text>, _>(people)
    .bind::<Array<Nullable<Date>>, _>(&due)
    .execute(conn)
    .await?;
    Ok(due.into_iter().flatten().max())
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
    lock(conn, merchant).await?;
    let first = first_due_day(conn, merchant, calendar, now).await?;
    let desks = desks(conn, merchant, first, default_capacity).await?;
    let room: usize = desks.iter().map(|desk| desk.capacity.saturating_sub(desk.load)).sum();
    let open = open(conn, merchant, days, room).await?;
    let given = assign(&open, &desks);
    let due_day = give(conn, merchant, &given, &desks).await?;
    let unassigned = diesel::sql_query(
        "SELECT count(*) FROM reviews WHERE merchant_id = $1 AND state = 1 AND business_day BETWEEN $2 AND $3",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(days.0)
    .bind::<Date, _>(days.1)
    .get_result::<CountRow>(conn)
    .await?;
    let assigned = i32::try_from(given.len()).unwrap_or(i32::MAX);
    Ok(HandedOut { assigned, unassigned: small(unassigned.count), due_day })
}

/// Everybody who works again from a day on, with what lies on their desk for their own next day.
async fn desks(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    first: NaiveDate,
    default_capacity: i32,
) -> Result<Vec<Desk>, QaError> {
    let working = WorkingCalendar::default();
    let available = availability::list(conn, merchant, default_capacity, first).await?;
    let due = available.iter().filter_map(|one| Some((one.person.clone(), one.due(first, &working)?)));
    let due: Vec<(PersonId, (NaiveDate, i32))> = due.collect();
    let rows = diesel::sql_query(
        "SELECT w.person_id, (SELECT count(*) FROM reviews r WHERE r.merchant_id = $1 AND r.due_day = w.due_day \
            AND r.reviewer_person_id = w.person_id) AS load FROM unnest($2::text[], $3::date[]) AS w (person_id, due_day)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Text>, _>(due.iter().map(|(person, _)| person.as_str()).collect::<Vec<_>>())
    .bind::<Array<Date>, _>(due.iter().map(|(_, (day, _))| *day).collect::<Vec<_>>())
    .load::<LoadRow>(conn)
    .await?;
    let loads: BTreeMap<&str, i64> = rows.iter().map(|row| (row.person_id.as_str(), row.load)).collect();
    let desk = |(person, (due_day, capacity)): (PersonId, (NaiveDate, i32))| Desk {
        load: usize::try_from(loads.get(person.as_str()).copied().unwrap_or(0)).unwrap_or(usize::MAX),
        person,
        due_day,
        capacity: usize::try_from(capacity).unwrap_or(0),
    };
    Ok(due.into_iter().map(desk).collect())
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

/// Takes a reviewer's open reviews that are due on some days from them.
async fn take_back(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    person: &PersonId,
    due: (NaiveDate, NaiveDate),
) -> Result<Vec<OpenReview>, QaError> {
    let rows = diesel::sql_query(format!(
        "WITH theirs AS (SELECT r.review_id FROM reviews r WHERE r.merchant_id = $1 AND r.reviewer_person_id = $2 \
            AND r.state = 2 AND r.due_day BETWEEN $3 AND $4 ORDER BY r.review_id LIMIT 10000 FOR UPDATE) \
         UPDATE reviews r SET state = 1, reviewer_person_id = NULL, due_day = NULL, revision = r.revision + 1 \
         FROM theirs WHERE r.merchant_id = $1 AND r.review_id = theirs.review_id \
         RETURNING r.review_id, {PERSON_OF_ROW} AS person_id"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(person.as_str())
    .bind::<Date, _>(due.0)
    .bind::<Date, _>(due.1)
    .load::<OpenRow>(conn)
    .await?;
    let open = |row: OpenRow| OpenReview { id: row.review_id, person: row.person_id.map(PersonId::new) };
    let mut taken: Vec<OpenReview> = rows.into_iter().map(open).collect();
    taken.sort_by_key(|review| review.id);
    Ok(taken)
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
    /// Gives a reviewer's open work to the others.
    pub async fn hand_over_reviews(
        &self,
        by: &By,
        now: DateTime<Utc>,
        person: &PersonId,
        due: Option<(NaiveDate, NaiveDate)>,
    ) -> Result<HandedOver, QaError> {
        let merchant = &by.caller.merchant;
        let days = due.unwrap_or((ALL_DAYS.0, ALL_DAYS.1));
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                if !is_reviewer(conn, merchant, person).await? {
                    return Err(QaError::ReviewerUnknown { person: person.to_string() });
                }
                let calendar = directory::calendar(conn, merchant).await?;
                lock(conn, merchant).await?;
                let first = first_due_day(conn, merchant, &calendar, now).await?;
                let mut desks = desks(conn, merchant, first, self.default_capacity).await?;
                desks.retain(|desk| desk.person != *person);
                let open = take_back(conn, merchant, person, days).await?;
                let given = assign(&open, &desks);
                give(conn, merchant, &given, &desks).await?;
                let appeals = appeals::hand_over(conn, merchant, person, days, self.default_capacity).await?;
                let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
                let done = HandedOver {
                    reviews: count(given.len()),
                    unassigned: count(open.len() - given.len()),
                    appeals: count(appeals),
                };
                let summary = serde_json::json!({ "handed_over": done.reviews, "unassigned": done.unassigned,
                    "appeals": done.appeals });
                by.audit(conn, now, format!("reviewer/{person}"), summary).await?;
                Ok(done)
            })
            .await
        })
        .await
    }

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
