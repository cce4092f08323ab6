//! What reports are made of: account days with what could be drawn and what was reviewed.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, SmallInt, Text, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId, PersonId};
use uuid::Uuid;

use super::people::{PERSON_OF_ROW, TEAM_OF_ROW};
use super::{Seen, Store, seen_sql, small};
use crate::domain::quality::{AccountDay, ReviewedChat};
use crate::domain::review::Assessment;
use crate::error::QaError;

/// More reviews are not put in one report.
const REVIEWS_MAX: i64 = 200_000;
/// Nor more account days.
const ACCOUNT_DAYS_MAX: i64 = 400_000;

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    person_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    team_id: Option<String>,
    #[diesel(sql_type = BigInt)]
    eligible: i64,
}

#[derive(QueryableByName)]
struct ReviewRow {
    #[diesel(sql_type = SqlUuid)]
    review_id: Uuid,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = Nullable<Text>)]
    scorecard_id: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    scorecard_version: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    score_bp: Option<i32>,
    #[diesel(sql_type = Bool)]
    critical_failure: bool,
    #[diesel(sql_type = Nullable<Jsonb>)]
    assessment: Option<serde_json::Value>,
}

#[derive(QueryableByName)]
struct HereRow {
    #[diesel(sql_type = Bool)]
    here: bool,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl TryFrom<ReviewRow> for ReviewedChat {
    type Error = QaError;

    fn try_from(row: ReviewRow) -> Result<Self, QaError> {
        let assessment: Option<Assessment> = row
            .assessment
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| pg::Error::unreadable("reviews", row.review_id, error))?;
        Ok(Self {
            id: row.review_id,
            score_bp: row.score_bp,
            critical: row.critical_failure,
            card: (row.scorecard_id.unwrap_or_default(), row.scorecard_version.unwrap_or_default()),
            assessment: assessment.unwrap_or_default(),
            acknowledged: row.state == 4,
        })
    }
}

impl Store {
    /// The account days within `scope`, of a team or person or of all, in order of day and account. `assessments` asks for
    /// what was said, not only for scores.
    pub async fn list_account_days(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        team: &str,
        person: &str,
        assessments: bool,
    ) -> Result<Vec<AccountDay>, QaError> {
        let mut conn = self.connection().await?;
        let seen = Seen::of(&mut conn, scope, days.0, days.1).await?;
        let visible = seen_sql!("$4", "$5", "$6", "$7");
        // A chat that came late belongs to its day as much as the others: it had the same chance.
        let rows = diesel::sql_query(format!(
            "SELECT q.business_day, q.account_id, q.person_id, q.team_id, q.eligible FROM ( \
                SELECT r.business_day, r.account_id, {PERSON_OF_ROW} AS person_id, {TEAM_OF_ROW} AS team_id, r.eligible \
                FROM (SELECT $1 AS merchant_id, e.business_day, e.account_id, sum(e.eligible)::bigint AS eligible FROM ( \
                        SELECT d.business_day, d.account_id, d.eligible::bigint FROM draw_agents d \
                        WHERE d.merchant_id = $1 AND d.business_day BETWEEN $2 AND $3 AND d.eligible > 0 \
                        UNION ALL \
                        SELECT l.business_day, l.account_id, 1 FROM late_chats l \
                        WHERE l.merchant_id = $1 AND l.business_day BETWEEN $2 AND $3) e \
                    GROUP BY e.business_day, e.account_id) r \
                WHERE {visible}) q \
             WHERE ($8 = '' OR q.team_id = $8) AND ($9 = '' OR q.person_id = $9) \
             ORDER BY q.business_day, q.account_id LIMIT $10"
        ))
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Date, _>(days.0)
        .bind::<Date, _>(days.1)
        .bind::<Bool, _>(seen.all)
        .bind::<Array<Text>, _>(seen.accounts)
        .bind::<Array<Date>, _>(seen.from)
        .bind::<Array<Date>, _>(seen.to)
        .bind::<Text, _>(team)
        .bind::<Text, _>(person)
        .bind::<BigInt, _>(ACCOUNT_DAYS_MAX + 1)
        .load::<DayRow>(&mut conn)
        .await?;
        if rows.len() as i64 > ACCOUNT_DAYS_MAX {
            return Err(QaError::invalid("days", format!("has more than {ACCOUNT_DAYS_MAX} account days")));
        }
        let accounts: Vec<&str> = if seen.all && team.is_empty() && person.is_empty() {
            Vec::new()
        } else {
            rows.iter().map(|row| row.account_id.as_str()).collect()
        };
        let what = if assessments { "r.assessment" } else { "NULL::jsonb" };
        let reviews = diesel::sql_query(format!(
            "SELECT r.review_id, r.business_day, r.account_id, r.state, r.scorecard_id, r.scorecard_version, r.score_bp, \
                r.critical_failure, {what} AS assessment \
             FROM reviews r WHERE r.merchant_id = $1 AND r.business_day BETWEEN $2 AND $3 AND r.state > 2 \
                AND (cardinality($4::text[]) = 0 OR r.account_id = ANY ($4)) ORDER BY r.business_day, r.review_id LIMIT $5"
        ))
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Date, _>(days.0)
        .bind::<Date, _>(days.1)
        .bind::<Array<Text>, _>(accounts)
        .bind::<BigInt, _>(REVIEWS_MAX + 1)
        .load::<ReviewRow>(&mut conn)
        .await?;
        if reviews.len() as i64 > REVIEWS_MAX {
            return Err(QaError::invalid("days", format!("has more than {REVIEWS_MAX} reviews")));
        }
        let mut reviewed: BTreeMap<(NaiveDate, String), Vec<ReviewedChat>> = BTreeMap::new();
        for review in reviews {
            let key = (review.business_day, review.account_id.clone());
            reviewed.entry(key).or_default().push(review.try_into()?);
        }
        let day = |row: DayRow| AccountDay {
            day: row.business_day,
            reviewed: reviewed.remove(&(row.business_day, row.account_id.clone())).unwrap_or_default(),
            account: AccountId::new(row.account_id),
            person: row.person_id.map(PersonId::new),
            team: row.team_id,
            eligible: u64::try_from(row.eligible).unwrap_or(0),
        };
        Ok(rows.into_iter().map(day).collect())
    }

    /// Whether somebody had an account within `scope` on any of these days.
    pub async fn has_account_in_reach(
        &self,
        scope: &Scope,
        person: &PersonId,
        days: (NaiveDate, NaiveDate),
    ) -> Result<bool, QaError> {
        let mut conn = self.connection().await?;
        let seen = Seen::of(&mut conn, scope, days.0, days.1).await?;
        let row = diesel::sql_query(
            "SELECT EXISTS (SELECT 1 FROM accounts a WHERE a.merchant_id = $1 AND a.person_id = $2 AND a.from_day <= $4 \
                AND a.to_day >= $3 AND ($5 OR EXISTS (SELECT 1 \
                    FROM unnest($6::text[], $7::date[], $8::date[]) AS seen (account_id, day_from, day_to) \
                    WHERE seen.account_id = a.account_id AND seen.day_from <= a.to_day AND seen.day_to >= a.from_day))) \
             AS here",
        )
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Text, _>(person.as_str())
        .bind::<Date, _>(days.0)
        .bind::<Date, _>(days.1)
        .bind::<Bool, _>(seen.all)
        .bind::<Array<Text>, _>(seen.accounts)
        .bind::<Array<Date>, _>(seen.from)
        .bind::<Array<Date>, _>(seen.to)
        .get_result::<HereRow>(&mut conn)
        .await?;
        Ok(row.here)
    }

    /// How many appeals of somebody wait for a decision that are about chats of these days.
    pub async fn count_open_appeals(
        &self,
        merchant: &MerchantId,
        person: &PersonId,
        days: (NaiveDate, NaiveDate),
    ) -> Result<i32, QaError> {
        let row = diesel::sql_query(
            "SELECT count(*) FROM appeals a JOIN reviews r ON r.merchant_id = a.merchant_id AND r.review_id = a.review_id \
             WHERE a.merchant_id = $1 AND a.state = 1 AND a.filed_by_person_id = $2 AND r.business_day BETWEEN $3 AND $4",
        )
        .bind::<Text, _>(merchant.as_str())
        .bind::<Text, _>(person.as_str())
        .bind::<Date, _>(days.0)
        .bind::<Date, _>(days.1)
        .get_result::<CountRow>(&mut *self.connection().await?)
        .await?;
        Ok(small(row.count))
    }
}
