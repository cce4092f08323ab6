//! Merchants and their calendars.

use calendar::MerchantCalendar;
use diesel::QueryableByName;
use diesel::sql_types::{SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::MerchantId;

use crate::Error;

/// The merchant's time zone and cut-over.
///
/// # Errors
///
/// [`Error::MerchantUnknown`] until the directory has told of the merchant: days counted by a guessed zone would be
/// wrong for ever.
pub async fn calendar(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
) -> Result<MerchantCalendar, Error> {
    let rows = diesel::sql_query("SELECT time_zone, cut_over_hour FROM merchants WHERE merchant_id = $1")
        .bind::<Text, _>(merchant.as_str())
        .load::<CalendarRow>(conn)
        .await
        .map_err(pg::Error::from)?;
    let row = rows.into_iter().next().ok_or_else(|| Error::MerchantUnknown { merchant: merchant.clone() })?;
    MerchantCalendar::new(&row.time_zone, row.cut_over_hour)
        .map_err(|e| pg::Error::unreadable("merchants", merchant, e).into())
}

/// All merchants that the directory has told of.
pub async fn merchants(conn: &mut AsyncPgConnection) -> Result<Vec<MerchantId>, pg::Error> {
    let rows = diesel::sql_query("SELECT merchant_id FROM merchants ORDER BY merchant_id")
        .load::<IdRow>(conn)
        .await?;
    Ok(rows.into_iter().map(|row| MerchantId::new(row.merchant_id)).collect())
}

#[derive(QueryableByName)]
struct CalendarRow {
    #[diesel(sql_type = Text)]
    time_zone: String,
    #[diesel(sql_type = SmallInt)]
    cut_over_hour: i16,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
}
