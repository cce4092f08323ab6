//! Complaints of some hours, out of `facts`, for rules about those that are alike.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Date, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use runtime::ids::MerchantId;

use crate::domain::alert::like::MadeComplaint;
use crate::domain::figure::DayRange;
use crate::store::voices::ABOUT_ORDER;
use crate::store::{Result, Store};

/// Complaints of a look at most, the newest: a merchant with more has alarm by any rule.
const COMPLAINTS_MAX: i64 = 20_000;

impl Store {
    /// Complaints made after the first and not after the second instant, which lie in `days`; only of these shops, if any are
    /// given. Those that were turned down don't count, nor those about orders that don't (刷单).
    pub async fn list_made_complaints(
        &self,
        merchant: &MerchantId,
        shops: &[String],
        days: DayRange,
        (after, until): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Vec<MadeComplaint>> {
        let mut conn = self.pool.get().await?;
        let sql = format!(
            "SELECT s.fact_id, s.shop_id, s.customer_id, s.occurred_at, s.business_day, s.cause, \
                coalesce(o.product, '') AS product \
             FROM (SELECT f.fact_id, f.shop_id, f.customer_id, f.occurred_at, f.business_day, \
                    coalesce(f.body->>'cause', '') AS cause, coalesce(f.body->>'order', '') AS order_id \
                FROM facts f \
                WHERE f.merchant_id = $1 AND f.kind = 5 AND f.business_day BETWEEN $2 AND $3 \
                    AND f.occurred_at > $4 AND f.occurred_at <= $5 \
                    AND (cardinality($6::text[]) = 0 OR f.shop_id = ANY ($6)) \
                    AND f.body->>'upheld' IS DISTINCT FROM 'false') AS s \
             {ABOUT_ORDER} \
             WHERE coalesce(o.excluded_reason, '') = '' \
             ORDER BY s.occurred_at DESC, s.fact_id, s.shop_id LIMIT $7"
        );
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<Date, _>(days.from)
            .bind::<Date, _>(days.to)
            .bind::<Timestamptz, _>(after)
            .bind::<Timestamptz, _>(until)
            .bind::<Array<Text>, _>(shops)
            .bind::<BigInt, _>(COMPLAINTS_MAX)
            .load::<ComplaintRow>(&mut conn)
            .await?;
        Ok(rows.into_iter().map(ComplaintRow::read).collect())
    }
}

#[derive(QueryableByName)]
struct ComplaintRow {
    #[diesel(sql_type = Text)]
    fact_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: DateTime<Utc>,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    cause: String,
    #[diesel(sql_type = Text)]
    product: String,
}

impl ComplaintRow {
    fn read(self) -> MadeComplaint {
        MadeComplaint {
            id: self.fact_id,
            shop: self.shop_id,
            customer: self.customer_id,
            made_at: self.occurred_at,
            day: self.business_day,
            cause: self.cause,
            product: self.product,
        }
    }
}
