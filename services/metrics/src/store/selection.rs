//! What of the directory a selection needs.

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, Bool, Date, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use directory::Visible;
use runtime::identity::Scope;
use runtime::ids::MerchantId;

use crate::domain::figure::{DayRange, Filter, Group};
use crate::domain::selection::{self, Membership, Ownership, People, Selection, Span};
use crate::store::Result;
use crate::store::conversations::column;

/// The rows that `scope` may see of the range, under the keys of the group.
pub(super) async fn select(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    range: DayRange,
    group: Group,
    filter: &Filter,
) -> Result<Selection> {
    let visible = match directory::visible(conn, scope, range.from, range.to).await? {
        Visible::All => None,
        Visible::Spans(spans) => {
            let span =
                |s: directory::AccountSpan| Span { account: s.account.into_string(), days: (s.from, s.to) };
            Some(spans.into_iter().map(span).collect::<Vec<_>>())
        }
    };
    let people = if selection::needs_people(group, filter) {
        load_people(conn, scope.merchant.as_str(), range).await?
    } else {
        People::default()
    };
    Ok(selection::select(visible.as_deref(), &people, group, filter, range))
}

async fn load_people(conn: &mut AsyncPgConnection, merchant: &str, range: DayRange) -> Result<People> {
    let ownerships = diesel::sql_query(
        "SELECT account_id, person_id, from_day, to_day FROM accounts \
         WHERE merchant_id = $1 AND from_day <= $3 AND to_day >= $2 ORDER BY account_id, from_day, person_id",
    )
    .bind::<Text, _>(merchant)
    .bind::<Date, _>(range.from)
    .bind::<Date, _>(range.to)
    .load::<OwnershipRow>(conn)
    .await?;
    let memberships = diesel::sql_query(
        "SELECT person_id, team_id, lead, from_day, to_day FROM memberships \
         WHERE merchant_id = $1 AND from_day <= $3 AND to_day >= $2 ORDER BY person_id, team_id, from_day",
    )
    .bind::<Text, _>(merchant)
    .bind::<Date, _>(range.from)
    .bind::<Date, _>(range.to)
    .load::<MembershipRow>(conn)
    .await?;
    Ok(People {
        ownerships: ownerships.into_iter().map(OwnershipRow::read).collect(),
        memberships: memberships.into_iter().map(MembershipRow::read).collect(),
    })
}

/// The accounts and shops of a query made by [`selecting`], of rows `f` by account that are joined with the spans as `s`:
/// `unnest($6::text[], $7::date[], $8::date[])`.
pub(super) const NARROWED: &str = "(cardinality($4::text[]) = 0 OR f.account_id = ANY ($4)) \
     AND (cardinality($5::text[]) = 0 OR f.shop_id = ANY ($5)) AND ($9 OR s.account_id IS NOT NULL)";

/// A query whose first nine parameters are: $1 merchant; $2 and $3 first and last day; $4 accounts; $5 shops; $6 to $8 the
/// spans; $9 whether rows outside of them count. The keys of the spans are for those who need them: [`span_keys`].
pub(super) fn selecting<'a>(
    sql: &str,
    merchant: &'a MerchantId,
    range: DayRange,
    filter: &'a Filter,
    selection: &'a Selection,
) -> BoxedSqlQuery<'a, Pg, SqlQuery> {
    let spans = &selection.spans;
    diesel::sql_query(sql)
        .into_boxed::<Pg>()
        .bind::<Text, _>(merchant.as_str())
        .bind::<Date, _>(range.from)
        .bind::<Date, _>(range.to)
        .bind::<Array<Text>, _>(&filter.accounts)
        .bind::<Array<Text>, _>(&filter.shops)
        .bind::<Array<Text>, _>(column(spans, |(span, _)| span.account.as_str()))
        .bind::<Array<Date>, _>(column(spans, |(span, _)| span.days.0))
        .bind::<Array<Date>, _>(column(spans, |(span, _)| span.days.1))
        .bind::<Bool, _>(selection.others)
}

/// The key of each span, in their order.
pub(super) fn span_keys(selection: &Selection) -> Vec<&str> {
    column(&selection.spans, |(_, key)| key.as_str())
}

/// The names of keys, as far as the directory knows them.
pub(super) async fn load_names(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    group: Group,
    keys: &[&str],
) -> Result<Vec<(String, String)>> {
    let sql = match group {
        Group::Person => {
            "SELECT person_id AS key, name FROM people WHERE merchant_id = $1 AND person_id = ANY ($2)"
        }
        Group::Team => "SELECT team_id AS key, name FROM teams WHERE merchant_id = $1 AND team_id = ANY ($2)",
        Group::Shop => "SELECT shop_id AS key, name FROM shops WHERE merchant_id = $1 AND shop_id = ANY ($2)",
        // One product may be in several shops; what it is called in one of them will do.
        Group::Product => {
            "SELECT product_id AS key, min(title) AS name FROM products \
             WHERE merchant_id = $1 AND product_id = ANY ($2) GROUP BY product_id"
        }
        Group::Account | Group::Merchant | Group::Category | Group::Hour => return Ok(Vec::new()),
    };
    let rows = diesel::sql_query(sql)
        .bind::<Text, _>(merchant)
        .bind::<Array<Text>, _>(keys)
        .load::<NameRow>(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.name)).collect())
}

#[derive(QueryableByName)]
struct OwnershipRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
}

impl OwnershipRow {
    fn read(self) -> Ownership {
        let span = Span { account: self.account_id, days: (self.from_day, self.to_day) };
        Ownership { span, person: self.person_id }
    }
}

#[derive(QueryableByName)]
struct MembershipRow {
    #[diesel(sql_type = Text)]
    person_id: String,
    #[diesel(sql_type = Text)]
    team_id: String,
    #[diesel(sql_type = Bool)]
    lead: bool,
    #[diesel(sql_type = Date)]
    from_day: NaiveDate,
    #[diesel(sql_type = Date)]
    to_day: NaiveDate,
}

impl MembershipRow {
    fn read(self) -> Membership {
        let days = (self.from_day, self.to_day);
        Membership { person: self.person_id, team: self.team_id, lead: self.lead, days }
    }
}

#[derive(QueryableByName)]
struct NameRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Text)]
    name: String,
}
