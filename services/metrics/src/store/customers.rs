//! `customers` as people see them.

use chrono::NaiveDate;
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, SmallInt, Text};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use directory::LAST_DAY;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use runtime::ids::AccountId;
use serde::{Deserialize, Serialize};

use crate::domain::customer::filter::{CustomerFilter, CustomerRiskKind};
use crate::domain::customer::profile::{Profile, Risk};
use crate::domain::customer::tier::Tier;
use crate::domain::customers::{Customer, TierCount};
use crate::domain::figure::{DayRange, Filter, Group};
use crate::domain::selection::Selection;
use crate::store::conversations::column;
use crate::store::portraits::{GRIEVANCE, OVERDUE};
use crate::store::selection::select;
use crate::store::{Result, Store};

const COLUMNS: &str = "f.shop_id, f.customer_id, f.tier, f.member_level, f.account_id, f.account_day, f.first_seen, \
     f.last_seen, f.last_paid, f.orders, f.net_amount, f.months, f.orders_ever, f.risk, f.risk_since, \
     f.risk_usual_gap_days, f.risk_limit_days, f.rules_version, EXISTS (SELECT FROM care_tasks t \
        WHERE t.merchant_id = f.merchant_id AND t.shop_id = f.shop_id AND t.customer_id = f.customer_id \
            AND t.state = 'open') AS cared_for";
/// What a query of selected customers begins with; its first nine parameters are those of [`selecting`].
pub(super) const SELECTED: &str = "FROM customers f \
     LEFT JOIN unnest($2::text[], $3::date[], $4::date[]) AS s (account_id, from_day, to_day) \
        ON s.account_id = f.account_id AND f.account_day BETWEEN s.from_day AND s.to_day \
     WHERE f.merchant_id = $1 AND ($5 OR s.account_id IS NOT NULL) \
        AND (cardinality($6::text[]) = 0 OR f.shop_id = ANY ($6)) \
        AND (cardinality($7::smallint[]) = 0 OR f.tier = ANY ($7)) \
        AND (cardinality($8::smallint[]) = 0 OR f.risk = ANY ($8)) \
        AND (cardinality($9::text[]) = 0 OR f.account_id = ANY ($9))";

fn number(risk: CustomerRiskKind) -> i16 {
    match risk {
        CustomerRiskKind::Overdue => OVERDUE,
        CustomerRiskKind::Grievance => GRIEVANCE,
    }
}

/// The customer that a page begins after: tier and net amount, both negative, shop and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerCursor(i16, i64, String, String);

impl CustomerCursor {
    fn after(customer: &Customer) -> Self {
        let profile = &customer.profile;
        Self(-(profile.tier as i16), -profile.net_amount, customer.shop.clone(), customer.id.clone())
    }
}

pub(super) type Query<'a> = BoxedSqlQuery<'a, Pg, SqlQuery>;

/// Before any day that was ever told of, and one that Postgres knows.
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(1, 1, 1).expect("the first day of the year 1 is a date");

/// The accounts and days that the scope reaches.
pub(super) async fn reached_accounts(conn: &mut AsyncPgConnection, scope: &Scope) -> Result<Selection> {
    let always = DayRange { from: FIRST_DAY, to: LAST_DAY };
    select(conn, scope, always, Group::Account, &Filter::default()).await
}

/// A query whose first nine parameters are those of [`SELECTED`].
pub(super) fn selecting<'a>(
    sql: &str,
    scope: &'a Scope,
    selection: &'a Selection,
    filter: &'a CustomerFilter,
) -> Query<'a> {
    let spans = &selection.spans;
    diesel::sql_query(sql)
        .into_boxed::<Pg>()
        .bind::<Text, _>(scope.merchant.as_str())
        .bind::<Array<Text>, _>(column(spans, |(span, _)| span.account.as_str()))
        .bind::<Array<Date>, _>(column(spans, |(span, _)| span.days.0))
        .bind::<Array<Date>, _>(column(spans, |(span, _)| span.days.1))
        .bind::<Bool, _>(selection.others)
        .bind::<Array<Text>, _>(&filter.shops)
        .bind::<Array<SmallInt>, _>(column(&filter.tiers, |tier| *tier as i16))
        .bind::<Array<SmallInt>, _>(column(&filter.risks, |risk| number(*risk)))
        .bind::<Array<Text>, _>(&filter.accounts)
}

impl Store {
    /// A customer that the scope reaches.
    pub async fn find_customer(&self, scope: &Scope, shop: &str, id: &str) -> Result<Option<Customer>> {
        let mut conn = self.pool.get().await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM customers f WHERE f.merchant_id = $1 AND f.shop_id = $2 AND f.customer_id = $3"
        );
        let row = diesel::sql_query(sql)
            .bind::<Text, _>(scope.merchant.as_str())
            .bind::<Text, _>(shop)
            .bind::<Text, _>(id)
            .get_result::<CustomerRow>(&mut conn)
            .await
            .optional()?;
        let Some(customer) = row.map(CustomerRow::read).transpose()? else { return Ok(None) };
        let day = customer.profile.account_day;
        let visible = directory::visible(&mut conn, scope, day, day).await?;
        Ok(visible.sees(&AccountId::new(customer.profile.account.clone()), day).then_some(customer))
    }

    /// A page of customers that the scope reaches: the highest tier first, then the largest net amount, then by id.
    pub async fn list_customers(
        &self,
        scope: &Scope,
        filter: &CustomerFilter,
        page: &PageRequest<CustomerCursor>,
    ) -> Result<Page<Customer>> {
        let mut conn = self.pool.get().await?;
        let selection = reached_accounts(&mut conn, scope).await?;
        let sql = format!(
            "SELECT {COLUMNS} {SELECTED} AND ($10::smallint IS NULL \
                OR (-f.tier, -f.net_amount, f.shop_id, f.customer_id) > ($10, $11, $12, $13)) \
             ORDER BY -f.tier, -f.net_amount, f.shop_id, f.customer_id LIMIT $14"
        );
        let after = page.after.as_ref();
        let rows = selecting(&sql, scope, &selection, filter)
            .bind::<Nullable<SmallInt>, _>(after.map(|cursor| cursor.0))
            .bind::<Nullable<BigInt>, _>(after.map(|cursor| cursor.1))
            .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.2.as_str()))
            .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.3.as_str()))
            .bind::<BigInt, _>(page.limit())
            .load::<CustomerRow>(&mut conn)
            .await?;
        let customers = rows.into_iter().map(CustomerRow::read).collect::<Result<_>>()?;
        Ok(page.page(customers, CustomerCursor::after)?)
    }

    /// The tiers that customers whom the scope reaches have.
    pub async fn count_tiers(&self, scope: &Scope, filter: &CustomerFilter) -> Result<Vec<TierCount>> {
        let mut conn = self.pool.get().await?;
        let selection = reached_accounts(&mut conn, scope).await?;
        let sql = format!(
            "SELECT f.tier, count(*) AS customers, count(*) FILTER (WHERE f.risk <> 0) AS at_risk, \
                sum(f.net_amount)::bigint AS net_amount {SELECTED} GROUP BY f.tier"
        );
        let rows = selecting(&sql, scope, &selection, filter).load::<TierRow>(&mut conn).await?;
        rows.into_iter().map(TierRow::read).collect()
    }
}

/// The tier of a row.
pub(super) fn tier_of(number: i16, table: &str, id: &str) -> Result<Tier> {
    let unknown = || pg::Error::unreadable(table, id, "unknown tier").into();
    Tier::of(number).ok_or_else(unknown)
}

#[derive(QueryableByName)]
struct TierRow {
    #[diesel(sql_type = SmallInt)]
    tier: i16,
    #[diesel(sql_type = BigInt)]
    customers: i64,
    #[diesel(sql_type = BigInt)]
    at_risk: i64,
    #[diesel(sql_type = BigInt)]
    net_amount: i64,
}

impl TierRow {
    fn read(self) -> Result<TierCount> {
        let Self { tier, customers, at_risk, net_amount } = self;
        Ok(TierCount { tier: tier_of(tier, "customers", "of a tier")?, customers, at_risk, net_amount })
    }
}

#[derive(QueryableByName)]
struct CustomerRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = SmallInt)]
    tier: i16,
    #[diesel(sql_type = Text)]
    member_level: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Date)]
    account_day: NaiveDate,
    #[diesel(sql_type = Date)]
    first_seen: NaiveDate,
    #[diesel(sql_type = Date)]
    last_seen: NaiveDate,
    #[diesel(sql_type = Nullable<Date>)]
    last_paid: Option<NaiveDate>,
    #[diesel(sql_type = Integer)]
    orders: i32,
    #[diesel(sql_type = BigInt)]
    net_amount: i64,
    #[diesel(sql_type = Integer)]
    months: i32,
    #[diesel(sql_type = Integer)]
    orders_ever: i32,
    #[diesel(sql_type = SmallInt)]
    risk: i16,
    #[diesel(sql_type = Nullable<Date>)]
    risk_since: Option<NaiveDate>,
    #[diesel(sql_type = Integer)]
    risk_usual_gap_days: i32,
    #[diesel(sql_type = Integer)]
    risk_limit_days: i32,
    #[diesel(sql_type = Integer)]
    rules_version: i32,
    #[diesel(sql_type = Bool)]
    cared_for: bool,
}

impl CustomerRow {
    fn read(self) -> Result<Customer> {
        let risk = match (self.risk, self.risk_since) {
            (OVERDUE, Some(since)) => Some(Risk::Overdue {
                since,
                usual_gap_days: self.risk_usual_gap_days,
                limit_days: self.risk_limit_days,
            }),
            (GRIEVANCE, Some(since)) => Some(Risk::Grievance { since }),
            (0, None) => None,
            _ => return Err(pg::Error::unreadable("customers", &self.customer_id, "unknown risk").into()),
        };
        let profile = Profile {
            tier: tier_of(self.tier, "customers", &self.customer_id)?,
            member_level: self.member_level,
            account: self.account_id,
            account_day: self.account_day,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            last_paid: self.last_paid,
            orders: self.orders,
            net_amount: self.net_amount,
            months: self.months,
            orders_ever: self.orders_ever,
            risk,
            rules_version: self.rules_version,
            look_again: None,
        };
        Ok(Customer { shop: self.shop_id, id: self.customer_id, profile, cared_for: self.cared_for })
    }
}
