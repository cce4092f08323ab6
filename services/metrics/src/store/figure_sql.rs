//! The SQL that every reader of day facts shares: which rows are selected under which ruling, and what is known of days.

use std::sync::LazyLock;

use chrono::NaiveDate;
use diesel::pg::Pg;
use diesel::query_builder::BoxedSqlQuery;
use diesel::sql_types::{Array, Bool, Date, Integer, Nullable, Text};

use crate::domain::figure::{Filter, Group};
use crate::domain::maturity::Window;
use crate::domain::ruling::{Ruled, Ruling};
use crate::domain::selection::Selection;
use crate::domain::sums::{Sum, Sums};
use crate::store::conversations::column;
use crate::store::day_facts::sum_column;

/// All sums as one array, in the order of [`Sum::ALL`].
pub(super) static SUM_ARRAY: LazyLock<String> = LazyLock::new(|| {
    let sum = |sum| format!("coalesce(sum({}), 0)::bigint", sum_column(sum));
    format!("ARRAY[{}]", Sum::ALL.into_iter().map(sum).collect::<Vec<_>>().join(", "))
});

/// Whether any sum of a row is not zero.
pub(super) static ANY_SUM: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<_> = Sum::ALL.into_iter().map(sum_column).collect();
    format!("({}) <> ({})", columns.join(", "), vec!["0"; columns.len()].join(", "))
});

/// What every reader of day facts or trade days joins them with. Parameters: $1 merchant; $2 to $4 and $12 the ruling
/// (definition, first and last day, days to maturity: of the usual window, of conversions times a thousand and of refunds
/// times a million, which are 180 at most); $5 accounts; $6 shops; $7 to $10 the spans; $11 whether days
/// outside of them count; $13 the last known day.
pub(super) const SELECTED_JOINS: &str = "JOIN (SELECT seq, first_day, last_day, windows % 1000 AS maturation, \
            windows / 1000 % 1000 AS conversion_maturation, windows / 1000000 AS refund_maturation \
            FROM unnest($2::int[], $3::date[], $4::date[], $12::int[]) AS r (seq, first_day, last_day, windows)) AS v \
        ON f.definition_seq = v.seq AND f.business_day BETWEEN v.first_day AND v.last_day \
     LEFT JOIN unnest($7::text[], $8::date[], $9::date[], $10::text[]) AS s (account_id, from_day, to_day, key) \
        ON s.account_id = f.account_id AND f.business_day BETWEEN s.from_day AND s.to_day";
/// See [`SELECTED_JOINS`].
pub(super) const SELECTED_WHERE: &str = "WHERE f.merchant_id = $1 \
        AND (cardinality($5::text[]) = 0 OR f.account_id = ANY ($5)) \
        AND (cardinality($6::text[]) = 0 OR f.shop_id = ANY ($6)) \
        AND ($11 OR s.account_id IS NOT NULL) AND ($13::date IS NULL OR f.known_day <= $13)";

/// What is known of the ruled days themselves: whether each is closed, and when anything became known first.
pub(super) const DAY_STATES: &str = "closed AS ( \
        SELECT d.business_day FROM days d WHERE d.merchant_id = $1 \
            AND d.business_day BETWEEN ($3::date[])[1] AND ($4::date[])[cardinality($4::date[])] \
            AND NOT EXISTS (SELECT FROM day_changes c \
                WHERE c.merchant_id = d.merchant_id AND c.business_day = d.business_day)), \
     knowledge AS ( \
        SELECT business_day, min(known_day) AS first_known FROM day_knowledge WHERE merchant_id = $1 \
            AND business_day BETWEEN ($3::date[])[1] AND ($4::date[])[cardinality($4::date[])] GROUP BY business_day)";

/// The last day whose knowledge is in the final figures of a day: its maturation, or for a day of which nothing was
/// known by then the day on which it was.
pub(super) const FINAL_DAY: &str = "greatest(business_day + maturation, coalesce(first_known, business_day))";

pub(super) type Query<'a> = BoxedSqlQuery<'a, Pg, diesel::query_builder::SqlQuery>;

/// A query whose first thirteen parameters are those of [`SELECTED_JOINS`].
pub(super) fn selecting<'a>(
    sql: &str,
    merchant: &'a str,
    ruling: &Ruling,
    filter: &'a Filter,
    selection: &'a Selection,
    known_on: Option<NaiveDate>,
) -> Query<'a> {
    let (spans, ruled) = (&selection.spans, ruling.spans());
    let windows = |r: &Ruled| {
        let days = |window: Window| window.days(&r.definition.rules);
        days(Window::Usual) + 1_000 * days(Window::Conversions) + 1_000_000 * days(Window::Refunds)
    };
    diesel::sql_query(sql)
        .into_boxed::<Pg>()
        .bind::<Text, _>(merchant)
        .bind::<Array<Integer>, _>(column(ruled, |r| r.definition.seq))
        .bind::<Array<Date>, _>(column(ruled, |r| r.days.from))
        .bind::<Array<Date>, _>(column(ruled, |r| r.days.to))
        .bind::<Array<Text>, _>(&filter.accounts)
        .bind::<Array<Text>, _>(&filter.shops)
        .bind::<Array<Text>, _>(column(spans, |(span, _)| span.account.as_str()))
        .bind::<Array<Date>, _>(column(spans, |(span, _)| span.days.0))
        .bind::<Array<Date>, _>(column(spans, |(span, _)| span.days.1))
        .bind::<Array<Text>, _>(column(spans, |(_, key)| key.as_str()))
        .bind::<Bool, _>(selection.others)
        .bind::<Array<Integer>, _>(column(ruled, windows))
        .bind::<Nullable<Date>, _>(known_on)
}

/// The SQL of a row's key.
pub(super) fn key_sql(group: Group) -> &'static str {
    match group {
        Group::Account => "(f.account_id)::text COLLATE \"C\"",
        Group::Person | Group::Team => "(coalesce(s.key, ''))::text COLLATE \"C\"",
        Group::Shop => "(f.shop_id)::text COLLATE \"C\"",
        Group::Merchant => "(''::text) COLLATE \"C\"",
        Group::Product | Group::Category | Group::Hour => "(f.item)::text COLLATE \"C\"",
    }
}

/// Sums in the order of [`Sum::ALL`].
pub(super) fn read_sums(columns: &[i64]) -> Sums {
    let mut sums = Sums::default();
    for (sum, value) in Sum::ALL.into_iter().zip(columns) {
        sums[sum] = *value;
    }
    sums
}
