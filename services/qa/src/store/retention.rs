//! The end of retention: partitions of months that are over long enough, but for what is held.

use chrono::{DateTime, Months, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Date, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;

use super::Store;
use super::holds::HELD;
use crate::error::QaError;

#[derive(QueryableByName)]
struct MonthRow {
    #[diesel(sql_type = Date)]
    month: NaiveDate,
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = BigInt)]
    held: i64,
}

/// The days of a month on which there are chats that nothing holds.
async fn ending_days(
    conn: &mut AsyncPgConnection,
    month: NaiveDate,
    next: NaiveDate,
) -> Result<Vec<DayRow>, QaError> {
    let rows = diesel::sql_query(format!(
        "SELECT DISTINCT merchant_id, business_day FROM conversations c WHERE business_day >= $1 AND business_day < $2 \
            AND NOT {HELD} ORDER BY 1, 2"
    ))
    .bind::<Date, _>(month)
    .bind::<Date, _>(next)
    .load(conn)
    .await?;
    Ok(rows)
}

async fn delete_keys(conn: &mut AsyncPgConnection, day: &DayRow) -> Result<(), QaError> {
    diesel::sql_query(format!(
        "DELETE FROM conversation_keys k USING conversations c \
         WHERE c.merchant_id = $1 AND c.business_day = $2 AND k.merchant_id = c.merchant_id \
            AND k.conversation_id = c.conversation_id AND k.channel = c.channel AND k.shop_id = c.shop_id \
            AND k.business_day = c.business_day \
            AND NOT {HELD}"
    ))
    .bind::<Text, _>(&day.merchant_id)
    .bind::<Date, _>(day.business_day)
    .execute(conn)
    .await?;
    Ok(())
}

impl Store {
    /// Months before that day of which chats are here.
    pub async fn list_months_before(&self, kept_from: NaiveDate) -> Result<Vec<NaiveDate>, QaError> {
        let rows = diesel::sql_query(
            "SELECT m.month FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
             CROSS JOIN LATERAL (SELECT to_date(right(c.relname, 6), 'YYYYMM') AS month) m \
             WHERE i.inhparent = 'conversations'::regclass AND m.month < $1 ORDER BY m.month",
        )
        .bind::<Date, _>(kept_from)
        .load::<MonthRow>(&mut *self.connection().await?)
        .await?;
        Ok(rows.into_iter().map(|row| row.month).collect())
    }

    /// Ends the retention of a month; gives how many chats are held, or `None` if there was nothing to end. Keys go
    /// first, day by day: a chat without its key is not found, and a crash between leaves nothing that is.
    pub async fn end_month(&self, month: NaiveDate, now: DateTime<Utc>) -> Result<Option<i64>, QaError> {
        let next = month.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX);
        let mut conn = self.connection().await?;
        let days = ending_days(&mut conn, month, next).await?;
        for day in &days {
            let merchant = MerchantId::new(day.merchant_id.as_str());
            let by = By::service("qa", &merchant, "background/end_retention");
            conn.transaction(async |conn| {
                delete_keys(conn, day).await?;
                let summary = serde_json::json!({ "retention": "ended" });
                by.audit(conn, now, format!("conversations/{}", day.business_day), summary).await?;
                Ok::<_, QaError>(())
            })
            .await?;
        }
        let held = conn
            .transaction(async |conn| {
                let row = diesel::sql_query("SELECT conversations_end_month($1) AS held")
                    .bind::<Date, _>(month)
                    .get_result::<HeldRow>(conn)
                    .await?;
                Ok::<_, QaError>(row.held)
            })
            .await?;
        Ok((!days.is_empty()).then_some(held))
    }
}
