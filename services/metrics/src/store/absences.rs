//! `absences`: who is away when.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::figure::DayRange;
use crate::domain::work::{Absence, WorkError};
use crate::error::MetricsError;
use crate::store::{Result, Store, people};

const SELECT: &str = "SELECT * FROM (SELECT a.person_id, a.from_day, a.to_day, a.version, a.changed_by, a.changed_at, \
        (SELECT count(*) FROM cases c WHERE c.merchant_id = a.merchant_id AND c.owner_person_id = a.person_id \
            AND c.due_at < '9999-12-31') AS open_cases, \
        (SELECT count(*) FROM follow_ups f WHERE f.merchant_id = a.merchant_id AND f.owner_person_id = a.person_id \
            AND f.due_at < '9999-12-31') AS open_follow_ups \
    FROM absences a WHERE a.merchant_id = $1 AND ($2::text IS NULL OR a.person_id = $2)) AS absence";

impl Store {
    /// Sets when a person within reach is away; without days they are not.
    pub async fn set_absence(
        &self,
        by: &By,
        scope: &Scope,
        person: &str,
        days: Option<DayRange>,
        etag: &str,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let merchant = &scope.merchant;
        by.change(&self.pool, now, async |conn| {
            let nobody = || WorkError::PersonNotFound { id: person.to_owned() };
            if people::known(conn, merchant.as_str(), &[person.to_owned()]).await?.is_empty() {
                return Err(nobody().into());
            }
            let today = directory::calendar(conn, merchant).await?.business_day(now);
            if !people::reached(conn, scope, today).await?.holds(person) {
                return Err(nobody().into());
            }
            let before = find(conn, merchant, person).await?;
            let changed = || WorkError::AbsenceChanged { id: person.to_owned() };
            if before.as_ref().map(Absence::etag).unwrap_or_default() != etag {
                return Err(changed().into());
            }
            let version = before.map_or(0, |absence| absence.version);
            let written = write(conn, by, person, days, version, now).await?;
            if written == 0 && (days.is_some() || version > 0) {
                return Err(changed().into());
            }
            let summary = json!({
                "from": days.map(|days| days.from),
                "to": days.map(|days| days.to),
            });
            by.audit(conn, now, format!("absence/{person}"), summary).await?;
            Ok::<_, MetricsError>(written > 0)
        })
        .await
    }

    /// When a person is away.
    pub async fn find_absence(&self, merchant: &MerchantId, person: &str) -> Result<Option<Absence>> {
        let mut conn = self.pool.get().await?;
        find(&mut conn, merchant, person).await
    }

    /// A page of those within reach who are away on a day or later, by person.
    pub async fn list_absences(
        &self,
        scope: &Scope,
        with_work: bool,
        day: NaiveDate,
        page: &PageRequest<String>,
    ) -> Result<Page<Absence>> {
        let mut conn = self.pool.get().await?;
        let reached = people::reached(&mut conn, scope, day).await?;
        let sql = format!(
            "{SELECT} WHERE to_day >= $3 AND (NOT $4 OR open_cases + open_follow_ups > 0) \
                AND ($5::text[] IS NULL OR person_id = ANY ($5)) AND ($6::text IS NULL OR person_id > $6) \
             ORDER BY person_id LIMIT $7"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Nullable<Text>, _>(None::<&str>)
            .bind::<Date, _>(day)
            .bind::<Bool, _>(with_work)
            .bind::<Nullable<Array<Text>>, _>(reached.column())
            .bind::<Nullable<Text>, _>(page.after.as_deref())
            .bind::<BigInt, _>(page.limit())
            .load::<AbsenceRow>(&mut conn)
            .await?;
        let absences = rows.into_iter().map(AbsenceRow::read).collect();
        Ok(page.page(absences, |absence: &Absence| absence.person.clone())?)
    }
}

async fn find(conn: &mut AsyncPgConnection, merchant: &MerchantId, person: &str) -> Result<Option<Absence>> {
    let row = diesel::sql_query(SELECT)
        .bind::<Text, _>(merchant.as_str())
        .bind::<Nullable<Text>, _>(Some(person))
        .get_result::<AbsenceRow>(conn)
        .await
        .optional()?;
    Ok(row.map(AbsenceRow::read))
}

/// Writes what follows a version, unless somebody else did so meanwhile; gives how many rows that were.
async fn write(
    conn: &mut AsyncPgConnection,
    by: &By,
    person: &str,
    days: Option<DayRange>,
    version: i64,
    now: DateTime<Utc>,
) -> Result<usize> {
    let merchant = by.caller.merchant.as_str();
    let written = match days {
        None => {
            diesel::sql_query(
                "DELETE FROM absences WHERE merchant_id = $1 AND person_id = $2 AND version = $3",
            )
            .bind::<Text, _>(merchant)
            .bind::<Text, _>(person)
            .bind::<BigInt, _>(version)
            .execute(conn)
            .await?
        }
        Some(days) => {
            diesel::sql_query(
                "INSERT INTO absences AS a (merchant_id, person_id, from_day, to_day, version, changed_by, changed_at) \
                 VALUES ($1, $2, $3, $4, $5 + 1, $6, $7) \
                 ON CONFLICT ON CONSTRAINT absences_pkey DO UPDATE SET from_day = excluded.from_day, \
                    to_day = excluded.to_day, version = excluded.version, changed_by = excluded.changed_by, \
                    changed_at = excluded.changed_at \
                 WHERE a.version = $5",
            )
            .bind::<Text, _>(merchant)
            .bind::<Text, _>(person)
            .bind::<Date, _>(days.from)
            .bind::<Date, _>(days.to)
            .bind::<BigInt, _>(version)
            .bind::<Text, _>(&by.caller.subject)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await?
        }
    };
    Ok(written)
}

#[derive(QueryableByName)]
struct AbsenceRow {
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Text)]
    changed_by: String,
    #[diesel(sql_type = Timestamptz)]
    changed_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    open_cases: i64,
    #[diesel(sql_type = BigInt)]
    open_follow_ups: i64,
}

impl AbsenceRow {
    fn read(self) -> Absence {
        Absence {
            person: self.person_id,
            days: DayRange { from: self.from_day, to: self.to_day },
            open_cases: self.open_cases,
            open_follow_ups: self.open_follow_ups,
            version: self.version,
            changed: (self.changed_by, self.changed_at),
        }
    }
}
