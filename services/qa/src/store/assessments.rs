//! Every version of what was made of a chat. Rows are only ever added.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Bool, Integer, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::{MerchantId, PersonId};
use uuid::Uuid;

use crate::domain::appeal::AssessmentVersion;
use crate::domain::review::{Review, Verdict};
use crate::error::QaError;

#[derive(QueryableByName)]
struct AssessmentRow {
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    reviewer_person_id: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    appeal_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    scorecard_id: String,
    #[diesel(sql_type = Integer)]
    scorecard_version: i32,
    #[diesel(sql_type = Jsonb)]
    assessment: serde_json::Value,
    #[diesel(sql_type = Nullable<Integer>)]
    score_bp: Option<i32>,
    #[diesel(sql_type = Bool)]
    critical_failure: bool,
    #[diesel(sql_type = Timestamptz)]
    made_at: DateTime<Utc>,
}

impl AssessmentRow {
    fn read(self, review: Uuid) -> Result<AssessmentVersion, QaError> {
        let key = format!("{review}/{}", self.version);
        let assessment = serde_json::from_value(self.assessment);
        let verdict = Verdict {
            scorecard_id: self.scorecard_id,
            scorecard_version: self.scorecard_version,
            assessment: assessment.map_err(|error| pg::Error::unreadable("assessments", key, error))?,
            score_bp: self.score_bp,
            critical_failure: self.critical_failure,
            submitted_at: self.made_at,
        };
        let reviewer = PersonId::new(self.reviewer_person_id);
        Ok(AssessmentVersion { version: self.version, reviewer, appeal: self.appeal_id, verdict })
    }
}

/// Keeps the review's present assessment as a version of its own.
pub(super) async fn insert(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    review: &Review,
    reviewer: &PersonId,
    appeal: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    let verdict = review.verdict.as_ref().ok_or(QaError::ReviewNotSubmitted)?;
    let assessment =
        serde_json::to_value(&verdict.assessment).map_err(|error| pg::Error::Internal(error.into()))?;
    diesel::sql_query(
        "INSERT INTO assessments (merchant_id, review_id, version, reviewer_person_id, appeal_id, scorecard_id, \
            scorecard_version, assessment, score_bp, critical_failure, made_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(review.id)
    .bind::<Integer, _>(review.assessment_version)
    .bind::<Text, _>(reviewer.as_str())
    .bind::<Nullable<SqlUuid>, _>(appeal)
    .bind::<Text, _>(&verdict.scorecard_id)
    .bind::<Integer, _>(verdict.scorecard_version)
    .bind::<Jsonb, _>(assessment)
    .bind::<Nullable<Integer>, _>(verdict.score_bp)
    .bind::<Bool, _>(verdict.critical_failure)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// All versions of a review's assessment, in order.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    review: Uuid,
) -> Result<Vec<AssessmentVersion>, QaError> {
    let rows = diesel::sql_query(
        "SELECT version, reviewer_person_id, appeal_id, scorecard_id, scorecard_version, assessment, score_bp, \
            critical_failure, made_at \
         FROM assessments WHERE merchant_id = $1 AND review_id = $2 ORDER BY version LIMIT 1000",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<SqlUuid, _>(review)
    .load::<AssessmentRow>(conn)
    .await?;
    rows.into_iter().map(|row| row.read(review)).collect()
}
