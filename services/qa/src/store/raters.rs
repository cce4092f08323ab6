//! How reviewers rate.

use std::collections::BTreeMap;

use agreement::{Estimate, Interval};
use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Double, Integer, Nullable, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::ids::{MerchantId, PersonId};

use super::Store;
use super::people::REVIEWERS;
use crate::domain::rater::{Rater, RaterStanding, Standing};
use crate::error::QaError;

#[derive(QueryableByName)]
struct StandingRow {
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = Bool)]
    out_of_calibration: bool,
    #[diesel(sql_type = Integer)]
    shared_chats: i32,
    #[diesel(sql_type = Nullable<Double>)]
    severity: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    severity_low: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    severity_high: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    agreement: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    agreement_low: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    agreement_high: Option<f64>,
    #[diesel(sql_type = Timestamptz)]
    judged_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct RaterRow {
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    reviews: i64,
    #[diesel(sql_type = BigInt)]
    appeals_decided: i64,
    #[diesel(sql_type = BigInt)]
    appeals_upheld: i64,
}

#[derive(QueryableByName)]
struct OutRow {
    #[diesel(sql_type = Bool)]
    out: bool,
}

fn interval(low: Option<f64>, high: Option<f64>) -> Option<Interval> {
    low.zip(high).map(|(low, high)| Interval { low, high })
}

impl TryFrom<StandingRow> for RaterStanding {
    type Error = QaError;

    fn try_from(row: StandingRow) -> Result<Self, QaError> {
        let standing = [Standing::Calibrated, Standing::Out, Standing::Undecided]
            .into_iter()
            .find(|standing| code(*standing) == row.state)
            .ok_or_else(|| pg::Error::unreadable("rater_calibrations", &row.person_id, "unknown state"))?;
        let common = row.agreement.zip(interval(row.agreement_low, row.agreement_high));
        Ok(Self {
            person: PersonId::new(row.person_id),
            standing,
            out_of_calibration: row.out_of_calibration,
            shared_chats: row.shared_chats,
            severity: row.severity.map(|value| (value, interval(row.severity_low, row.severity_high))),
            agreement: common.map(|(value, interval)| Estimate { value, interval }),
            judged_at: row.judged_at,
        })
    }
}

fn code(standing: Standing) -> i16 {
    match standing {
        Standing::Calibrated => 1,
        Standing::Out => 2,
        Standing::Undecided => 3,
    }
}

/// Whether a rater was found to be out of calibration, and not since to be within it.
pub(super) async fn is_out_of_calibration(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    person: &PersonId,
) -> Result<bool, QaError> {
    let row = diesel::sql_query(
        "SELECT EXISTS (SELECT 1 FROM rater_calibrations WHERE merchant_id = $1 AND person_id = $2 \
            AND out_of_calibration) AS out",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(person.as_str())
    .get_result::<OutRow>(conn)
    .await?;
    Ok(row.out)
}

/// How some people were judged last.
pub(super) async fn standings(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    people: &[&str],
) -> Result<BTreeMap<PersonId, RaterStanding>, QaError> {
    let rows = diesel::sql_query(
        "SELECT person_id, state, out_of_calibration, shared_chats, severity, severity_low, severity_high, agreement, \
            agreement_low, agreement_high, judged_at \
         FROM rater_calibrations WHERE merchant_id = $1 AND person_id = ANY ($2)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<Text>, _>(people)
    .load::<StandingRow>(conn)
    .await?;
    let keyed = rows.into_iter().map(|row| {
        let standing = RaterStanding::try_from(row)?;
        Ok((standing.person.clone(), standing))
    });
    keyed.collect()
}

/// Keeps how somebody was judged.
pub(super) async fn upsert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    standing: &RaterStanding,
) -> Result<(), QaError> {
    let severity = standing.severity.and_then(|(_, interval)| interval);
    let agreement = standing.agreement;
    diesel::sql_query(
        "INSERT INTO rater_calibrations (merchant_id, person_id, state, out_of_calibration, shared_chats, severity, \
            severity_low, severity_high, agreement, agreement_low, agreement_high, judged_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT ON CONSTRAINT rater_calibrations_pkey DO UPDATE SET state = excluded.state, \
            out_of_calibration = excluded.out_of_calibration, shared_chats = excluded.shared_chats, \
            severity = excluded.severity, severity_low = excluded.severity_low, severity_high = excluded.severity_high, \
            agreement = excluded.agreement, agreement_low = excluded.agreement_low, \
            agreement_high = excluded.agreement_high, judged_at = excluded.judged_at",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Text, _>(standing.person.as_str())
    .bind::<SmallInt, _>(code(standing.standing))
    .bind::<Bool, _>(standing.out_of_calibration)
    .bind::<Integer, _>(standing.shared_chats)
    .bind::<Nullable<Double>, _>(standing.severity.map(|(value, _)| value))
    .bind::<Nullable<Double>, _>(severity.map(|interval| interval.low))
    .bind::<Nullable<Double>, _>(severity.map(|interval| interval.high))
    .bind::<Nullable<Double>, _>(agreement.map(|agreement| agreement.value))
    .bind::<Nullable<Double>, _>(agreement.map(|agreement| agreement.interval.low))
    .bind::<Nullable<Double>, _>(agreement.map(|agreement| agreement.interval.high))
    .bind::<Timestamptz, _>(standing.judged_at)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Who reviews, with calibration and what became of their reviews of some days.
    pub async fn list_raters(
        &self,
        merchant: &MerchantId,
        days: (NaiveDate, NaiveDate),
        page: &PageRequest<String>,
    ) -> Result<Page<Rater>, QaError> {
        let mut conn = self.connection().await?;
        let rows = diesel::sql_query(format!(
            "SELECT w.person_id, w.name, v.reviews, a.appeals_decided, a.appeals_upheld FROM ({REVIEWERS}) w \
             CROSS JOIN LATERAL (SELECT count(*) AS reviews FROM reviews r WHERE r.merchant_id = $1 \
                AND r.reviewer_person_id = w.person_id AND r.state > 2 AND r.business_day BETWEEN $5 AND $6) v \
             CROSS JOIN LATERAL (SELECT count(*) AS appeals_decided, count(*) FILTER (WHERE a.state > 2) AS appeals_upheld \
                FROM appeals a JOIN reviews r ON r.merchant_id = a.merchant_id AND r.review_id = a.review_id \
                WHERE a.merchant_id = $1 AND a.first_reviewer_person_id = w.person_id AND a.state IN (2, 3, 4) \
                    AND r.business_day BETWEEN $5 AND $6) a \
             WHERE w.person_id > $3 ORDER BY w.person_id LIMIT $4"
        ))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Integer, _>(self.default_capacity)
        .bind::<Text, _>(page.after.clone().unwrap_or_default())
        .bind::<BigInt, _>(page.limit())
        .bind::<Date, _>(days.0)
        .bind::<Date, _>(days.1)
        .load::<RaterRow>(&mut conn)
        .await?;
        let people: Vec<&str> = rows.iter().map(|row| row.person_id.as_str()).collect();
        let mut standings = standings(&mut conn, merchant, &people).await?;
        let raters = rows.into_iter().map(|row| {
            let person = PersonId::new(row.person_id);
            Rater {
                standing: standings.remove(&person),
                person,
                name: row.name,
                reviews: row.reviews,
                appeals_decided: row.appeals_decided,
                appeals_upheld: row.appeals_upheld,
            }
        });
        Ok(page.page(raters.collect(), |rater| rater.person.to_string())?)
    }
}
