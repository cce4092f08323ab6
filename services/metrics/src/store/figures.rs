//! Day facts added up: by group, by step, a page at a time.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::query_builder::BoxedSqlQuery;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};

use crate::domain::figure::{DayRange, Figures, Filter, Group, SpreadFigures, Step};
use crate::domain::histogram::Histogram;
use crate::domain::part::Spread;
use crate::domain::selection::Selection;
use crate::domain::sums::{Sum, Sums};
use crate::error::MetricsError;
use crate::store::conversations::column;
use crate::store::day_facts::sum_column;
use crate::store::selection::{load_names, select};
use crate::store::{Result, Store};

/// Which figures.
#[derive(Debug, Clone)]
pub struct FigureQuery {
    /// Of these days.
    pub range: DayRange,
    /// Added up by this.
    pub group: Group,
    /// Cut like this.
    pub step: Step,
    /// Narrowed to these.
    pub filter: Filter,
    /// Under this definition.
    pub definition_seq: i32,
    /// Whether to count different customers too.
    pub distinct_customers: bool,
}

/// The row that a page begins after: key and first day of the step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FigureCursor(pub String, pub NaiveDate);

/// The sums of a group in a step, without what takes histograms.
#[derive(Debug, Clone)]
pub struct FigureSums {
    /// The group's id.
    pub key: String,
    /// First day of the step.
    pub step: NaiveDate,
    /// What adds up.
    pub sums: Sums,
    /// Whether a day of it is not closed.
    pub provisional: bool,
}

/// All sums as one array, in the order of [`Sum::ALL`].
pub(super) static SUMS: LazyLock<String> = LazyLock::new(|| {
    let sums: Vec<_> = Sum::ALL.into_iter().map(|sum| format!("sum({})::bigint", sum_column(sum))).collect();
    format!("ARRAY[{}]", sums.join(", "))
});

/// The condition that every reader of day facts shares. Parameters: $1 merchant, $2 definition, $3 and $4 days, $5
/// accounts, $6 shops, $7 to $10 the spans, $11 whether days outside of them count.
pub(super) const SELECTED: &str = "FROM day_facts f \
     LEFT JOIN unnest($7::text[], $8::date[], $9::date[], $10::text[]) AS s (account_id, from_day, to_day, key) \
        ON s.account_id = f.account_id AND f.business_day BETWEEN s.from_day AND s.to_day \
     WHERE f.merchant_id = $1 AND f.definition_seq = $2 AND f.business_day BETWEEN $3 AND $4 AND f.conversations <> 0 \
        AND (cardinality($5::text[]) = 0 OR f.account_id = ANY ($5)) \
        AND (cardinality($6::text[]) = 0 OR f.shop_id = ANY ($6)) \
        AND ($11 OR s.account_id IS NOT NULL)";

type Query<'a> = BoxedSqlQuery<'a, Pg, diesel::query_builder::SqlQuery>;

/// A query whose first eleven parameters are those of [`SELECTED`].
pub(super) fn selecting<'a>(
    sql: &str,
    merchant: &'a str,
    definition_seq: i32,
    range: DayRange,
    filter: &'a Filter,
    selection: &'a Selection,
) -> Query<'a> {
    let spans = &selection.spans;
    diesel::sql_query(sql)
        .into_boxed::<Pg>()
        .bind::<Text, _>(merchant)
        .bind::<Integer, _>(definition_seq)
        .bind::<Date, _>(range.from)
        .bind::<Date, _>(range.to)
        .bind::<Array<Text>, _>(&filter.accounts)
        .bind::<Array<Text>, _>(&filter.shops)
        .bind::<Array<Text>, _>(column(spans, |(span, _)| span.account.as_str()))
        .bind::<Array<Date>, _>(column(spans, |(span, _)| span.days.0))
        .bind::<Array<Date>, _>(column(spans, |(span, _)| span.days.1))
        .bind::<Array<Text>, _>(column(spans, |(_, key)| key.as_str()))
        .bind::<Bool, _>(selection.others)
}

impl Store {
    /// The names of people or teams, as far as the directory knows them.
    pub async fn list_names(
        &self,
        scope: &Scope,
        group: Group,
        ids: &[&str],
    ) -> Result<Vec<(String, String)>> {
        let mut conn = self.pool.get().await?;
        load_names(&mut conn, scope.merchant.as_str(), group, ids).await
    }

    /// The sums of all groups and steps, sorted by key, then day.
    pub async fn list_sums(&self, scope: &Scope, query: &FigureQuery) -> Result<Vec<FigureSums>> {
        let mut conn = self.pool.get().await?;
        let selection = select(&mut conn, scope, query.range, query.group, &query.filter).await?;
        let reader = Reader { merchant: scope.merchant.as_str(), query, selection: &selection };
        let rows = reader.sums(&mut conn, None, i64::MAX).await?;
        let read = |row: SumsRow| FigureSums {
            sums: read_sums(&row.sums),
            key: row.key,
            step: row.step,
            provisional: row.provisional,
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// A page of figures, sorted by key, then day. What the page says comes from one moment.
    pub async fn list_figures(
        &self,
        scope: &Scope,
        query: &FigureQuery,
        page: &PageRequest<FigureCursor>,
    ) -> Result<Page<Figures>> {
        let mut conn = self.pool.get().await?;
        let figures = conn
            .build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| {
                list(conn, scope, query, page.after.as_ref(), page.limit()).await
            })
            .await?;
        Ok(page.page(figures, |row| FigureCursor(row.key.clone(), row.step))?)
    }
}

async fn list(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    query: &FigureQuery,
    after: Option<&FigureCursor>,
    limit: i64,
) -> Result<Vec<Figures>> {
    let merchant = scope.merchant.as_str();
    let selection = select(conn, scope, query.range, query.group, &query.filter).await?;
    let reader = Reader { merchant, query, selection: &selection };
    let rows = reader.sums(conn, after, limit).await?;
    // Diesel's own `first` would win on the vector.
    let (Some(first), Some(last)) = (rows.as_slice().first(), rows.as_slice().last()) else {
        return Ok(Vec::new());
    };
    let page = Ends { first, last };
    let mut spreads = reader.spreads(conn, &page).await?;
    let distinct =
        if query.distinct_customers { reader.distinct(conn, &page).await? } else { HashMap::new() };
    let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    let names: HashMap<_, _> = load_names(conn, merchant, query.group, &keys).await?.into_iter().collect();
    let figures = rows.iter().map(|row| {
        let at = (row.key.clone(), row.step);
        Figures {
            name: names.get(&row.key).cloned().unwrap_or_default(),
            days: query.step.row(row.step, query.range),
            provisional: row.provisional,
            sums: read_sums(&row.sums),
            active_accounts: row.active,
            distinct_customers: query.distinct_customers.then(|| distinct.get(&at).copied().unwrap_or(0)),
            spreads: spreads.remove(&at).unwrap_or_default(),
            step: row.step,
            key: at.0,
        }
    });
    Ok(figures.collect())
}

/// Sums in the order of [`Sum::ALL`].
pub(super) fn read_sums(columns: &[i64]) -> Sums {
    let mut sums = Sums::default();
    for (sum, value) in Sum::ALL.into_iter().zip(columns) {
        sums[sum] = *value;
    }
    sums
}

struct Reader<'a> {
    merchant: &'a str,
    query: &'a FigureQuery,
    selection: &'a Selection,
}

/// The rows of a page, by their ends.
struct Ends<'a> {
    first: &'a SumsRow,
    last: &'a SumsRow,
}

type ByRow<T> = HashMap<(String, NaiveDate), T>;

impl<'a> Reader<'a> {
    /// The selected day facts with their row's key and step.
    fn rows(&self) -> String {
        let key = match self.query.group {
            Group::Account => "f.account_id",
            Group::Person | Group::Team => "coalesce(s.key, '')",
            Group::Shop => "f.shop_id",
            Group::Merchant => "''",
        };
        let step = match self.query.step {
            Step::Whole => "$3",
            Step::Day => "f.business_day",
            Step::Week => "date_trunc('week', f.business_day)",
            Step::Month => "date_trunc('month', f.business_day)",
            Step::Quarter => "date_trunc('quarter', f.business_day)",
            Step::Year => "date_trunc('year', f.business_day)",
        };
        format!("SELECT ({key})::text COLLATE \"C\" AS key, ({step})::date AS step, f.* {SELECTED}")
    }

    fn selecting(&self, sql: &str) -> Query<'a> {
        let query = self.query;
        selecting(sql, self.merchant, query.definition_seq, query.range, &query.filter, self.selection)
    }

    async fn sums(
        &self,
        conn: &mut AsyncPgConnection,
        after: Option<&FigureCursor>,
        limit: i64,
    ) -> Result<Vec<SumsRow>> {
        let sql = format!(
            "WITH selected AS ({}), \
             closed AS ( \
                SELECT d.business_day FROM days d WHERE d.merchant_id = $1 AND d.business_day BETWEEN $3 AND $4 \
                    AND NOT EXISTS (SELECT FROM day_changes c \
                        WHERE c.merchant_id = d.merchant_id AND c.business_day = d.business_day)) \
             SELECT key, step, count(DISTINCT account_id) AS active, bool_or(closed.business_day IS NULL) AS provisional, \
                {} AS sums \
             FROM selected LEFT JOIN closed USING (business_day) \
             WHERE $12::text IS NULL OR (key, step) > ($12, $13) \
             GROUP BY key, step ORDER BY key, step LIMIT $14",
            self.rows(),
            *SUMS
        );
        let query = self
            .selecting(&sql)
            .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.0.clone()))
            .bind::<Nullable<Date>, _>(after.map(|cursor| cursor.1))
            .bind::<BigInt, _>(limit);
        Ok(query.load::<SumsRow>(conn).await?)
    }

    /// Medians and 90th percentiles. The histograms come as a stream: a year of a large merchant is more than should
    /// lie in memory at once.
    async fn spreads(
        &self,
        conn: &mut AsyncPgConnection,
        page: &Ends<'_>,
    ) -> Result<ByRow<Vec<SpreadFigures>>> {
        let sql = format!(
            "WITH selected AS ({}) \
             SELECT key, step, responses, first_responses, lengths FROM selected \
             WHERE (key, step) BETWEEN ($12, $13) AND ($14, $15)",
            self.rows()
        );
        let mut totals: ByRow<[Histogram; Spread::ALL.len()]> = HashMap::new();
        let query = self.on_page(&sql, page);
        let mut rows = query.load_stream::<HistogramRow>(conn).await?;
        while let Some(row) = rows.try_next().await? {
            let damaged = |why| pg::Error::unreadable("day_facts", &row.key, why);
            let packed = [&row.responses, &row.first_responses, &row.lengths];
            let totals = totals.entry((row.key.clone(), row.step)).or_default();
            for (total, packed) in totals.iter_mut().zip(packed) {
                total.add_packed(packed).map_err(damaged)?;
            }
        }
        let of = |histograms: [Histogram; Spread::ALL.len()]| {
            Spread::ALL
                .into_iter()
                .zip(&histograms)
                .filter_map(|(spread, h)| SpreadFigures::of(spread, h))
                .collect()
        };
        Ok(totals.into_iter().map(|(row, histograms)| (row, of(histograms))).collect())
    }

    async fn distinct(&self, conn: &mut AsyncPgConnection, page: &Ends<'_>) -> Result<ByRow<i64>> {
        let sql = format!(
            "WITH selected AS ({}) \
             SELECT r.key, r.step, count(DISTINCT c.customer_id) AS customers \
             FROM selected r JOIN day_customers c ON c.merchant_id = $1 AND c.day_fact_id = r.day_fact_id \
             WHERE (r.key, r.step) BETWEEN ($12, $13) AND ($14, $15) AND c.received > 0 \
             GROUP BY r.key, r.step",
            self.rows()
        );
        let rows = self.on_page(&sql, page).load::<DistinctRow>(conn).await?;
        Ok(rows.into_iter().map(|row| ((row.key, row.step), row.customers)).collect())
    }

    fn on_page(&self, sql: &str, page: &Ends<'_>) -> Query<'a> {
        self.selecting(sql)
            .bind::<Text, _>(page.first.key.clone())
            .bind::<Date, _>(page.first.step)
            .bind::<Text, _>(page.last.key.clone())
            .bind::<Date, _>(page.last.step)
    }
}

#[derive(QueryableByName)]
struct SumsRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Date)]
    step: NaiveDate,
    #[diesel(sql_type = BigInt)]
    active: i64,
    #[diesel(sql_type = Bool)]
    provisional: bool,
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
}

/// The columns in the order of [`Spread::ALL`].
#[derive(QueryableByName)]
struct HistogramRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Date)]
    step: NaiveDate,
    #[diesel(sql_type = Binary)]
    responses: Vec<u8>,
    #[diesel(sql_type = Binary)]
    first_responses: Vec<u8>,
    #[diesel(sql_type = Binary)]
    lengths: Vec<u8>,
}

#[derive(QueryableByName)]
struct DistinctRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Date)]
    step: NaiveDate,
    #[diesel(sql_type = BigInt)]
    customers: i64,
}
