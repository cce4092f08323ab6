//! When incidents began, were contained and ended, and when the last exercise was: out of `incidents`.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;

use crate::domain::alert::rule::Level;
use crate::domain::figure::DayRange;
use crate::domain::incident::times::Course;
use crate::store::incidents::IncidentCursor;
use crate::store::{Result, Store};

impl Store {
    /// When the last exercise began.
    pub async fn find_last_drill(&self, merchant: &MerchantId) -> Result<Option<DateTime<Utc>>> {
        let mut conn = self.pool.get().await?;
        let row = diesel::sql_query(
            "SELECT max(opened_at) AS opened_at FROM incidents WHERE merchant_id = $1 AND drill",
        )
        .bind::<Text, _>(merchant.as_str())
        .get_result::<DrillRow>(&mut conn)
        .await?;
        Ok(row.opened_at)
    }

    /// A page of how incidents went that began in these business days, by when they began.
    pub async fn list_incident_courses(
        &self,
        merchant: &MerchantId,
        days: DayRange,
        levels: &[Level],
        page: &PageRequest<IncidentCursor>,
    ) -> Result<Page<Course>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT incident_id, content->>'title' AS title, level, drill, opened_at, contained_at, closed_at FROM incidents \
             WHERE merchant_id = $1 AND opened_day BETWEEN $2 AND $3 \
                AND (cardinality($4::int[]) = 0 OR level = ANY ($4)) \
                AND ($5::timestamptz IS NULL OR (opened_at, incident_id) > ($5, $6)) \
             ORDER BY opened_at, incident_id LIMIT $7",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(days.from)
        .bind::<Date, _>(days.to)
        .bind::<Array<Integer>, _>(levels.iter().map(|level| level.number()).collect::<Vec<_>>())
        .bind::<Nullable<Timestamptz>, _>(page.after.as_ref().map(|cursor| cursor.0))
        .bind::<Nullable<Text>, _>(page.after.as_ref().map(|cursor| cursor.1.as_str()))
        .bind::<BigInt, _>(page.limit())
        .load::<CourseRow>(&mut conn)
        .await?;
        let courses = rows.into_iter().map(CourseRow::read).collect::<Result<_>>()?;
        Ok(page.page(courses, |course: &Course| IncidentCursor(course.opened_at, course.id.clone()))?)
    }
}

#[derive(QueryableByName)]
struct DrillRow {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    opened_at: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct CourseRow {
    #[diesel(sql_type = Text)]
    incident_id: String,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Integer)]
    level: i32,
    #[diesel(sql_type = Bool)]
    drill: bool,
    #[diesel(sql_type = Timestamptz)]
    opened_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    contained_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    closed_at: Option<DateTime<Utc>>,
}

impl CourseRow {
    fn read(self) -> Result<Course> {
        let broken = || pg::Error::unreadable("incidents", &self.incident_id, "unknown level");
        Ok(Course {
            level: Level::of(self.level).ok_or_else(broken)?,
            id: self.incident_id,
            title: self.title,
            drill: self.drill,
            opened_at: self.opened_at,
            contained_at: self.contained_at,
            closed_at: self.closed_at,
        })
    }
}
