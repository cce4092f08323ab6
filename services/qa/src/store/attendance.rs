//! Leave, and how people's days went.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::{MerchantId, PersonId};
use serde_json::json;
use uuid::Uuid;

use super::{ATTEMPTS, Store};
use crate::domain::attendance::{Attended, Leave, Presence};
use crate::error::QaError;

/// How the day of a row `q` with person and day went: a leave recorded by hand, or what scheduling said; null if nobody did.
pub(super) const PRESENCE_OF_ROW: &str = "COALESCE((SELECT 2::smallint FROM leaves l WHERE l.merchant_id = q.merchant_id \
        AND l.person_id = q.person_id AND l.to_day >= q.business_day AND l.from_day <= q.business_day LIMIT 1), \
     (SELECT t.state FROM attendance t WHERE t.merchant_id = q.merchant_id AND t.person_id = q.person_id \
        AND t.business_day = q.business_day))";

const COLUMNS: &str = "leave_id, person_id, from_day, to_day, recorded_by, recorded_at";

#[derive(QueryableByName)]
struct LeaveRow {
    #[diesel(sql_type = SqlUuid)]
    leave_id: Uuid,
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
    #[diesel(sql_type = Text)]
    recorded_by: String,
    #[diesel(sql_type = Timestamptz)]
    recorded_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct KnownRow {
    #[diesel(sql_type = Bool)]
    known: bool,
}

impl From<LeaveRow> for Leave {
    fn from(row: LeaveRow) -> Self {
        Self {
            id: row.leave_id,
            person: PersonId::new(row.person_id),
            from: row.from_day,
            to: row.to_day,
            recorded_by: row.recorded_by,
            recorded_at: row.recorded_at,
        }
    }
}

fn code(presence: Presence) -> i16 {
    match presence {
        Presence::Present => 1,
        Presence::OnLeave => 2,
        Presence::Off => 3,
        Presence::Absent => 4,
    }
}

/// The reverse of the column's codes.
pub(super) fn presence(code_of_row: i16) -> Option<Presence> {
    let all = [Presence::Present, Presence::OnLeave, Presence::Off, Presence::Absent];
    all.into_iter().find(|presence| code(*presence) == code_of_row)
}

async fn only_known(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    person: &PersonId,
) -> Result<(), QaError> {
    let sql = "SELECT EXISTS (SELECT FROM people WHERE merchant_id = $1 AND person_id = $2) AS known";
    let row = diesel::sql_query(sql)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(person.as_str())
        .get_result::<KnownRow>(conn)
        .await?;
    if row.known { Ok(()) } else { Err(QaError::PersonUnknown { person: person.to_string() }) }
}

impl Store {
    /// Keeps what scheduling said, unless something newer is here. `days` are of distinct people and days.
    pub async fn take_in_attendance(
        &self,
        conn: &mut AsyncPgConnection,
        days: &[Attended],
    ) -> Result<(), QaError> {
        diesel::sql_query(
            "INSERT INTO attendance AS t (merchant_id, person_id, business_day, state, version) \
             SELECT * FROM unnest($1::text[], $2::text[], $3::date[], $4::smallint[], $5::bigint[]) \
             ON CONFLICT ON CONSTRAINT attendance_pkey DO UPDATE SET state = excluded.state, version = excluded.version \
             WHERE t.version < excluded.version",
        )
        .bind::<Array<Text>, _>(days.iter().map(|day| day.merchant.as_str()).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(days.iter().map(|day| day.person.as_str()).collect::<Vec<_>>())
        .bind::<Array<Date>, _>(days.iter().map(|day| day.day).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(days.iter().map(|day| code(day.presence)).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(days.iter().map(|day| day.version).collect::<Vec<_>>())
        .execute(conn)
        .await?;
        Ok(())
    }

    /// Notes a leave of somebody whom the directory knows.
    pub async fn insert_leave(&self, by: &By, now: DateTime<Utc>, leave: &Leave) -> Result<Leave, QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                only_known(conn, merchant, &leave.person).await?;
                diesel::sql_query(
                    "INSERT INTO leaves (merchant_id, leave_id, person_id, from_day, to_day, recorded_by, recorded_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind::<Text, _>(merchant.as_str())
                .bind::<SqlUuid, _>(leave.id)
                .bind::<Text, _>(leave.person.as_str())
                .bind::<Date, _>(leave.from)
                .bind::<Date, _>(leave.to)
                .bind::<Text, _>(&leave.recorded_by)
                .bind::<Timestamptz, _>(now)
                .execute(conn)
                .await?;
                let summary = json!({ "on_leave_from": leave.from, "on_leave_to": leave.to });
                by.audit(conn, now, format!("person/{}", leave.person), summary).await?;
                Ok(leave.clone())
            })
            .await
        })
        .await
    }

    /// Takes a leave back.
    pub async fn delete_leave(&self, by: &By, now: DateTime<Utc>, id: Uuid) -> Result<(), QaError> {
        let merchant = &by.caller.merchant;
        pg::with_retry(ATTEMPTS, async || {
            by.change(&self.pool, now, async |conn| {
                let gone = diesel::sql_query(format!(
                    "DELETE FROM leaves WHERE merchant_id = $1 AND leave_id = $2 RETURNING {COLUMNS}"
                ))
                .bind::<Text, _>(merchant.as_str())
                .bind::<SqlUuid, _>(id)
                .load::<LeaveRow>(conn)
                .await?;
                let gone = gone.into_iter().next();
                let gone = gone.ok_or_else(|| QaError::LeaveNotFound { id: id.to_string() })?;
                let summary = json!({ "not_on_leave_from": gone.from_day, "not_on_leave_to": gone.to_day });
                by.audit(conn, now, format!("person/{}", gone.person_id), summary).await?;
                Ok(())
            })
            .await
        })
        .await
    }

    /// Leaves that touch some days, in the order in which they were recorded.
    pub async fn list_leaves(
        &self,
        merchant: &MerchantId,
        days: (NaiveDate, NaiveDate),
        person: &str,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Leave>, QaError> {
        let rows = diesel::sql_query(format!(
            "SELECT {COLUMNS} FROM leaves WHERE merchant_id = $1 AND to_day >= $2 AND from_day <= $3 \
                AND ($4 = '' OR person_id = $4) AND leave_id > $5 ORDER BY leave_id LIMIT $6"
        ))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(days.0)
        .bind::<Date, _>(days.1)
        .bind::<Text, _>(person)
        .bind::<SqlUuid, _>(page.after.unwrap_or_default())
        .bind::<BigInt, _>(page.limit())
        .load::<LeaveRow>(&mut *self.connection().await?)
        .await?;
        Ok(page.page(rows.into_iter().map(Leave::from).collect(), |leave: &Leave| leave.id)?)
    }
}
