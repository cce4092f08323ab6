//! Chats of upheld appeals that wait for a session.

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::MerchantId;
use sampling::ConversationId;
use uuid::Uuid;

use crate::domain::calibration::CalibrationCase;
use crate::error::QaError;

#[derive(QueryableByName)]
struct CaseRow {
    #[diesel(sql_type = SqlUuid)]
    case_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    review_id: Uuid,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Array<Text>)]
    criteria: Vec<String>,
    #[diesel(sql_type = Timestamptz)]
    opened_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    session_id: Option<Uuid>,
}

impl From<CaseRow> for CalibrationCase {
    fn from(row: CaseRow) -> Self {
        Self {
            id: row.case_id,
            review: row.review_id,
            conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
            criteria: row.criteria,
            opened_at: row.opened_at,
            session: row.session_id,
        }
    }
}

/// The chats of these cases, all of them.
pub(super) async fn chats(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    cases: &[Uuid],
) -> Result<Vec<ConversationId>, QaError> {
    let found = select(conn, merchant, Some(cases), false, Uuid::nil(), i64::MAX).await?;
    let missing = cases.iter().find(|id| !found.iter().any(|case| case.id == **id));
    match missing {
        Some(missing) => Err(QaError::CalibrationCaseNotFound { id: missing.to_string() }),
        None => Ok(found.into_iter().map(|case| case.conversation).collect()),
    }
}

/// Notes which session took cases up.
pub(super) async fn take(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    cases: &[Uuid],
    session: Uuid,
) -> Result<(), QaError> {
    diesel::sql_query(
        "UPDATE calibration_cases SET session_id = $3 WHERE merchant_id = $1 AND case_id = ANY ($2)",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Array<SqlUuid>, _>(cases)
    .bind::<SqlUuid, _>(session)
    .execute(conn)
    .await?;
    Ok(())
}

/// Cases after one, oldest first.
pub(super) async fn list(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    open: bool,
    after: Uuid,
    limit: i64,
) -> Result<Vec<CalibrationCase>, QaError> {
    select(conn, merchant, None, open, after, limit).await
}

async fn select(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    named: Option<&[Uuid]>,
    open: bool,
    after: Uuid,
    limit: i64,
) -> Result<Vec<CalibrationCase>, QaError> {
    let rows = diesel::sql_query(
        "SELECT c.case_id, c.review_id, r.shop_id, r.channel, r.conversation_id, c.criteria, c.opened_at, c.session_id \
         FROM calibration_cases c JOIN reviews r ON r.merchant_id = c.merchant_id AND r.review_id = c.review_id \
         WHERE c.merchant_id = $1 AND ($2 IS NULL OR c.case_id = ANY ($2)) AND (NOT $3 OR c.session_id IS NULL) \
            AND c.case_id > $4 ORDER BY c.case_id LIMIT $5",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Nullable<Array<SqlUuid>>, _>(named)
    .bind::<Bool, _>(open)
    .bind::<SqlUuid, _>(after)
    .bind::<BigInt, _>(limit)
    .load::<CaseRow>(conn)
    .await?;
    Ok(rows.into_iter().map(CalibrationCase::from).collect())
}
