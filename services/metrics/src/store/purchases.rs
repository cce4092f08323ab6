//! `purchases`: who comes back.

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;

use crate::domain::customers::{Repurchase, RepurchaseBuyer};
use crate::domain::figure::{DayRange, Filter, Group};
use crate::store::figure_sql::key_sql;
use crate::store::selection::{NARROWED, load_names, select, selecting, span_keys};
use crate::store::{Result, Store};

/// Whose buyers, and when they count as coming back.
#[derive(Debug, Clone)]
pub struct RepurchaseQuery {
    /// Of the first payment.
    pub range: DayRange,
    /// Added up by this.
    pub group: Group,
    /// Only of these.
    pub filter: Filter,
    /// At most so many days after the first payment.
    pub within_days: i32,
    /// Payments up to this day are looked at.
    pub through: NaiveDate,
}

impl Store {
    /// A page of groups with buyers that the scope reaches, by key.
    pub async fn list_repurchases(
        &self,
        scope: &Scope,
        query: &RepurchaseQuery,
        page: &PageRequest<String>,
    ) -> Result<Page<Repurchase>> {
        let mut conn = self.pool.get().await?;
        let merchant = scope.merchant.as_str();
        let selection = select(&mut conn, scope, query.range, query.group, &query.filter).await?;
        // Each buyer counts once, for the first order of the range, whoever asks: groups add up, and everybody sees the
        // same of what they see.
        let sql = format!(
            "WITH first AS ( \
                SELECT DISTINCT ON (shop_id, customer_id) shop_id, customer_id, paid_day, account_id FROM purchases \
                WHERE merchant_id = $1 AND paid_day BETWEEN $2 AND $3 \
                ORDER BY shop_id, customer_id, paid_day, order_id), \
             judged AS ( \
                SELECT {key} AS key, f.paid_day + $10::int >= $11 AS running, EXISTS (SELECT FROM purchases p \
                    WHERE p.merchant_id = $1 AND p.shop_id = f.shop_id AND p.customer_id = f.customer_id \
                        AND p.paid_day > f.paid_day AND p.paid_day <= least(f.paid_day + $10::int, $11)) AS returned \
                FROM first f \
                LEFT JOIN unnest($6::text[], $7::date[], $8::date[], $12::text[]) AS s (account_id, from_day, to_day, key) \
                    ON s.account_id = f.account_id AND f.paid_day BETWEEN s.from_day AND s.to_day \
                WHERE {NARROWED}) \
             SELECT key, count(*) AS buyers, count(*) FILTER (WHERE returned) AS returned, \
                count(*) FILTER (WHERE running AND NOT returned) AS waiting \
             FROM judged WHERE $13::text IS NULL OR key > $13 GROUP BY key ORDER BY key LIMIT $14",
            key = key_sql(query.group),
        );
        let rows = selecting(&sql, &scope.merchant, query.range, &query.filter, &selection)
            .bind::<Integer, _>(query.within_days)
            .bind::<Date, _>(query.through)
            .bind::<Array<Text>, _>(span_keys(&selection))
            .bind::<Nullable<Text>, _>(page.after.as_deref())
            .bind::<BigInt, _>(page.limit())
            .load::<RepurchaseRow>(&mut conn)
            .await?;
        let mut found = page.page(rows, |row| row.key.clone())?.map(RepurchaseRow::read);
        let keys: Vec<&str> = found.items.iter().map(|row| row.key.as_str()).collect();
        let names = load_names(&mut conn, merchant, query.group, &keys).await?;
        for row in &mut found.items {
            let name = names.iter().find(|(key, _)| *key == row.key);
            row.name = name.map(|(_, name)| name.clone()).unwrap_or_default();
        }
        Ok(found)
    }

    /// A page of the buyers whom [`Store::list_repurchases`] counts, by shop and customer. The query's group doesn't matter.
    pub async fn list_repurchase_buyers(
        &self,
        scope: &Scope,
        query: &RepurchaseQuery,
        page: &PageRequest<(String, String)>,
    ) -> Result<Page<RepurchaseBuyer>> {
        let mut conn = self.pool.get().await?;
        let selection = select(&mut conn, scope, query.range, Group::Account, &query.filter).await?;
        let sql = format!(
            "WITH first AS ( \
                SELECT DISTINCT ON (shop_id, customer_id) shop_id, customer_id, order_id, paid_day, account_id FROM purchases \
                WHERE merchant_id = $1 AND paid_day BETWEEN $2 AND $3 \
                ORDER BY shop_id, customer_id, paid_day, order_id) \
             SELECT f.shop_id, f.customer_id, f.order_id, f.paid_day, f.account_id, b.order_id AS returned_order, \
                b.paid_day AS returned_day, f.paid_day + $10::int >= $11 AS running \
             FROM first f \
             LEFT JOIN unnest($6::text[], $7::date[], $8::date[]) AS s (account_id, from_day, to_day) \
                ON s.account_id = f.account_id AND f.paid_day BETWEEN s.from_day AND s.to_day \
             LEFT JOIN LATERAL (SELECT p.order_id, p.paid_day FROM purchases p \
                WHERE p.merchant_id = $1 AND p.shop_id = f.shop_id AND p.customer_id = f.customer_id \
                    AND p.paid_day > f.paid_day AND p.paid_day <= least(f.paid_day + $10::int, $11) \
                ORDER BY p.paid_day, p.order_id LIMIT 1) AS b ON true \
             WHERE {NARROWED} AND ($12::text IS NULL OR (f.shop_id, f.customer_id) > ($12, $13)) \
             ORDER BY f.shop_id, f.customer_id LIMIT $14"
        );
        let (shop, customer) =
            page.after.as_ref().map(|(shop, customer)| (shop.as_str(), customer.as_str())).unzip();
        let rows = selecting(&sql, &scope.merchant, query.range, &query.filter, &selection)
            .bind::<Integer, _>(query.within_days)
            .bind::<Date, _>(query.through)
            .bind::<Nullable<Text>, _>(shop)
            .bind::<Nullable<Text>, _>(customer)
            .bind::<BigInt, _>(page.limit())
            .load::<BuyerRow>(&mut conn)
            .await?;
        let buyers = rows.into_iter().map(BuyerRow::read).collect();
        Ok(page.page(buyers, |buyer: &RepurchaseBuyer| (buyer.shop.clone(), buyer.customer.clone()))?)
    }
}

#[derive(QueryableByName)]
struct BuyerRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Text)]
    order_id: String,
    #[diesel(sql_type = Date)]
    paid_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    returned_order: Option<String>,
    #[diesel(sql_type = Nullable<Date>)]
    returned_day: Option<NaiveDate>,
    #[diesel(sql_type = Bool)]
    running: bool,
}

impl BuyerRow {
    fn read(self) -> RepurchaseBuyer {
        let returned = self.returned_order.zip(self.returned_day);
        RepurchaseBuyer {
            shop: self.shop_id,
            customer: self.customer_id,
            first: (self.order_id, self.paid_day),
            account: self.account_id,
            waiting: self.running && returned.is_none(),
            returned,
        }
    }
}

#[derive(QueryableByName)]
struct RepurchaseRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    buyers: i64,
    #[diesel(sql_type = BigInt)]
    returned: i64,
    #[diesel(sql_type = BigInt)]
    waiting: i64,
}

impl RepurchaseRow {
    fn read(self) -> Repurchase {
        let Self { key, buyers, returned, waiting } = self;
        Repurchase { key, name: String::new(), buyers, returned, waiting }
    }
}
