//! When reviewers work: their weeks and absences, and what is late.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::{MerchantId, PersonId};
use serde_json::json;
use uuid::Uuid;

use super::people::REVIEWERS;
use super::{ALL_DAYS, ATTEMPTS, Store, assignments, reviews, small};
use crate::domain::assignment::{Absence, Availability};
use crate::domain::review::Review;
use crate::error::QaError;

/// Where a page of late reviews goes on.
pub type OverdueKey = (NaiveDate, Uuid);

/// Absences are looked at so many days ahead.
const DAYS_AHEAD: u64 = 400;

#[derive(QueryableByName)]
struct ReviewerRow {
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Integer)]
    capacity: i32,
    #[diesel(sql_type = Nullable<Array<Integer>>)]
    capacities: Option<Vec<i32>>,
}

#[derive(QueryableByName)]
struct AbsenceRow {
    #[diesel(sql_type = SqlUuid)]
    absence_id: Uuid,
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl From<AbsenceRow> for Absence {
    fn from(row: AbsenceRow) -> Self {
        Self { id: row.absence_id, person: PersonId::new(row.person_id), from: row.from_day, to: row.to_day }
    }
}

/// Everybody who reviews, in order of their ids.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    default_capacity: i32,
    from: NaiveDate,
) -> Result<Vec<Availability>, QaError> {
    let rows = diesel::sql_query(format!(
        "SELECT w.person_id, w.capacity, k.capacities FROM ({REVIEWERS}) w \
         LEFT JOIN reviewer_weeks k ON k.merchant_id = $1 AND k.person_id = w.person_id \
         WHERE w.capacity > 0 ORDER BY w.person_id LIMIT 10000"
    ))
    .bind::<Text, _>(merchant.as_str())
    .bind::<Integer, _>(default_capacity)
    .load::<ReviewerRow>(conn)
    .await?;
    let to = from.checked_add_days(Days::new(DAYS_AHEAD)).unwrap_or(ALL_DAYS.1);
    let mut absences: BTreeMap<PersonId, Vec<(NaiveDate, NaiveDate)>> = BTreeMap::new();
    for absence in list_absences(conn, merchant, (from, to), "", Uuid::nil(), 100_000).await? {
        absences.entry(absence.person).or_default().push((absence.from, absence.to));
    }
    let available = rows.into_iter().map(|row| {
        let unreadable = || pg::Error::unreadable("reviewer_weeks", &row.person_id, "it has not seven days");
        let week = row.capacities.map(|days| <[i32; 7]>::try_from(days).map_err(|_| unreadable()));
        let person = PersonId::new(row.person_id.clone());
        let absences = absences.remove(&person).unwrap_or_default();
        Ok(Availability { person, capacity: row.capacity, week: week.transpose()?, absences })
    });
    available.collect()
}

async fn list_absences(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    days: (NaiveDate, NaiveDate),
    person: &str,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Absence>, QaError> {
    let rows = diesel::sql_query(
        "SELECT absence_id, person_id, from_day, to_day FROM reviewer_absences \
         WHERE merchant_id = $1 AND to_day >= $2 AND from_day <= $3 AND ($4 = '' OR person_id = $4) AND absence_id > $5 \
         ORDER BY absence_id LIMIT $6",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(days.0)
    .bind::<Date, _>(days.1)
    .bind::<Text, _>(person)
    .bind::<SqlUuid, _>(after)
    .bind::<BigInt, _>(limit)
    .load::<AbsenceRow>(conn)
    .await?;
    Ok(rows.into_iter().map(Absence::from).collect())
}

async fn only_reviewers(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    person: &PersonId,
) -> Result<(), QaError> {
    if assignments::is_reviewer(conn, merchant, person).await? {
        Ok(())
    } else {
        Err(QaError::ReviewerUnknown { person: person.to_string() })
    }
}

impl Store {
    /// Sets what somebody can do on each day of the week; `None` takes it back.
    pub async fn set_reviewer_week(
        &self,
        by: &By,
        now: DateTime<Utc>,
        person: &PersonId,
        week: Option<[i32; 7]>,
    ) -> Result<(), QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                only_reviewers(conn, merchant, person).await?;
                let sql = if week.is_some() {
                    "INSERT INTO reviewer_weeks (merchant_id, person_id, capacities, updated_at) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT ON CONSTRAINT reviewer_weeks_pkey DO UPDATE \
                        SET capacities = excluded.capacities, updated_at = excluded.updated_at"
                } else {
                    "DELETE FROM reviewer_weeks WHERE merchant_id = $1 AND person_id = $2 \
                        AND $3::integer[] IS NULL AND $4::timestamptz IS NOT NULL"
                };
                diesel::sql_query(sql)
                    .bind::<Text, _>(merchant.as_str())
                    .bind::<Text, _>(person.as_str())
                    .bind::<Nullable<Array<Integer>>, _>(week.map(|week| week.to_vec()))
                    .bind::<Timestamptz, _>(now)
                    .execute(conn)
                    .await?;
                by.audit(conn, now, format!("reviewer/{person}"), json!({ "week": week })).await?;
                Ok(())
            })
            .await
        })
        .await
    }

    /// Notes an absence; answers with it and how many open reviews are due in it.
    pub async fn insert_absence(
        &self,
        by: &By,
        now: DateTime<Utc>,
        absence: &Absence,
    ) -> Result<(Absence, i32), QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                only_reviewers(conn, merchant, &absence.person).await?;
                diesel::sql_query(
                    "INSERT INTO reviewer_absences (merchant_id, absence_id, person_id, from_day, to_day) \
                     VALUES ($1, $2, $3, $4, $5)",
                )
                .bind::<Text, _>(merchant.as_str())
                .bind::<SqlUuid, _>(absence.id)
                .bind::<Text, _>(absence.person.as_str())
                .bind::<Date, _>(absence.from)
                .bind::<Date, _>(absence.to)
                .execute(conn)
                .await?;
                let due = diesel::sql_query(
                    "SELECT count(*) FROM reviews WHERE merchant_id = $1 AND reviewer_person_id = $2 AND state = 2 \
                        AND due_day BETWEEN $3 AND $4",
                )
                .bind::<Text, _>(merchant.as_str())
                .bind::<Text, _>(absence.person.as_str())
                .bind::<Date, _>(absence.from)
                .bind::<Date, _>(absence.to)
                .get_result::<CountRow>(conn)
                .await?;
                let summary = json!({ "absent_from": absence.from, "absent_to": absence.to });
                by.audit(conn, now, format!("reviewer/{}", absence.person), summary).await?;
                Ok((absence.clone(), small(due.count)))
            })
            .await
        })
        .await
    }

    /// Takes an absence back.
    pub async fn delete_absence(&self, by: &By, now: DateTime<Utc>, id: Uuid) -> Result<(), QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let gone = diesel::sql_query(
                    "DELETE FROM reviewer_absences WHERE merchant_id = $1 AND absence_id = $2 \
                     RETURNING absence_id, person_id, from_day, to_day",
                )
                .bind::<Text, _>(merchant.as_str())
                .bind::<SqlUuid, _>(id)
                .load::<AbsenceRow>(conn)
                .await?;
                let gone = gone.into_iter().next();
                let gone = gone.ok_or_else(|| QaError::AbsenceNotFound { id: id.to_string() })?;
                let summary = json!({ "not_absent_from": gone.from_day, "not_absent_to": gone.to_day });
                by.audit(conn, now, format!("reviewer/{}", gone.person_id), summary).await?;
                Ok(())
            })
            .await
        })
        .await
    }

    /// Absences that touch some days.
    pub async fn list_absences(
        &self,
        merchant: &MerchantId,
        days: (NaiveDate, NaiveDate),
        person: &str,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Absence>, QaError> {
        let mut conn = self.connection().await?;
        let after = page.after.unwrap_or_default();
        let absences = list_absences(&mut conn, merchant, days, person, after, page.limit()).await?;
        Ok(page.page(absences, |absence| absence.id)?)
    }

    /// Open reviews whose due day has passed, in order of due day.
    pub async fn list_overdue(
        &self,
        merchant: &MerchantId,
        now: DateTime<Utc>,
        page: &PageRequest<OverdueKey>,
    ) -> Result<Page<Review>, QaError> {
        let mut conn = self.connection().await?;
        let today = directory::calendar(&mut conn, merchant).await?.business_day(now);
        let after = page.after.unwrap_or((ALL_DAYS.0, Uuid::nil()));
        let late = reviews::list_overdue(&mut conn, merchant, today, after, page.limit()).await?;
        let due = |review: &Review| review.assignment.as_ref().map_or(today, |assignment| assignment.due_day);
        Ok(page.page(late, |review| (due(review), review.id))?)
    }
}
