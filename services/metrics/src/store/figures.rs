//! Day facts added up: by group, by step or window, a page at a time.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use chrono::{Days, NaiveDate};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::query_builder::BoxedSqlQuery;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};

use crate::domain::figure::{
    Cut, DayRange, Figures, Filter, Group, RowPlace, SpreadFigures, Step, TradeFigures, Within,
};
use crate::domain::histogram::Histogram;
use crate::domain::maturity::Window;
use crate::domain::part::Spread;
use crate::domain::ruling::{Ruled, Ruling};
use crate::domain::selection::Selection;
use crate::domain::slice::Slices;
use crate::domain::sums::{Sum, Sums};
use crate::domain::trade::TradeSum;
use crate::error::MetricsError;
use crate::store::conversations::column;
use crate::store::day_facts::sum_column;
use crate::store::selection::{load_names, select};
use crate::store::settling::RowState;
use crate::store::{Result, Store, timelines, trade_figures};

/// Which figures.
#[derive(Debug, Clone)]
pub struct FigureQuery {
    /// Of these days; with windows, a range that holds them all.
    pub range: DayRange,
    /// Added up by this.
    pub group: Group,
    /// Cut like this.
    pub cut: Cut,
    /// Narrowed to these.
    pub filter: Filter,
    /// What rules each day of the range.
    pub ruling: Ruling,
    /// As known at the end of this day; `None` for all that is known.
    pub known_on: Option<NaiveDate>,
    /// The merchant's business day now.
    pub today: NaiveDate,
    /// Whether to count different customers too.
    pub distinct_customers: bool,
    /// For how many seconds to count the answers within them.
    pub within_seconds: Vec<i32>,
    /// Only these groups, first and last, for rows that are held against others.
    pub keys: Option<(String, String)>,
}

impl FigureQuery {
    /// The slices of sales that are asked for, if any.
    pub fn slices(&self) -> Option<Slices> {
        self.group.slices(&self.filter)
    }

    /// For sums alone, with all that is known.
    pub fn sums(
        range: DayRange,
        group: Group,
        cut: Cut,
        filter: Filter,
        ruling: Ruling,
        today: NaiveDate,
    ) -> Self {
        Self {
            range,
            group,
            cut,
            filter,
            ruling,
            known_on: None,
            today,
            distinct_customers: false,
            within_seconds: Vec::new(),
            keys: None,
        }
    }
}

/// The row that a page begins after: key, first day of the step or the window's stand-in, hours after the cut-over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FigureCursor(pub String, pub NaiveDate, pub u8);

/// The sums of a group in a step, without what takes histograms of conversations.
#[derive(Debug, Clone)]
pub struct FigureSums {
    /// The group's id.
    pub key: String,
    /// First day of the step.
    pub step: NaiveDate,
    /// What adds up of conversations.
    pub sums: Sums,
    /// What customers' timelines add up to.
    pub trade: TradeFigures,
    /// Whether a day of it is not closed.
    pub provisional: bool,
    /// Whether customers of the merchant wait to be counted.
    pub pending: bool,
}

impl FigureCursor {
    /// The cursor after a row.
    pub fn after(row: &Figures) -> Self {
        match row.place {
            RowPlace::Step(step) => Self(row.key.clone(), step, 0),
            RowPlace::Hour(day, hours) => Self(row.key.clone(), day, hours),
            RowPlace::Window(at) => Self(row.key.clone(), window_step(at), 0),
        }
    }
}

/// Windows are counted in days from here, so that a row's place is a date however it was cut.
const FIRST_WINDOW: NaiveDate = NaiveDate::from_ymd_opt(2000, 1, 1).expect("the first day of 2000 is a date");

fn window_step(at: usize) -> NaiveDate {
    FIRST_WINDOW.checked_add_days(Days::new(at as u64)).unwrap_or(NaiveDate::MAX)
}

fn window_at(step: NaiveDate) -> usize {
    usize::try_from((step - FIRST_WINDOW).num_days()).unwrap_or(usize::MAX)
}

/// All sums as columns of the same names.
static SUMS: LazyLock<String> = LazyLock::new(|| {
    let sum = |sum| format!("sum({0})::bigint AS {0}", sum_column(sum));
    Sum::ALL.into_iter().map(sum).collect::<Vec<_>>().join(", ")
});

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

type Query<'a> = BoxedSqlQuery<'a, Pg, diesel::query_builder::SqlQuery>;

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

    /// The sums of all groups and steps, sorted by key, then day. They come from one moment.
    pub async fn list_sums(&self, scope: &Scope, query: &FigureQuery) -> Result<Vec<FigureSums>> {
        let mut conn = self.pool.get().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| sums(conn, scope, query).await)
            .await
    }

    /// A page of figures, sorted by key, then day or window. What the page says comes from one moment.
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
        Ok(page.page(figures, FigureCursor::after)?)
    }
}

async fn sums(conn: &mut AsyncPgConnection, scope: &Scope, query: &FigureQuery) -> Result<Vec<FigureSums>> {
    let merchant = scope.merchant.as_str();
    let selection = select(conn, scope, query.range, query.group, &query.filter).await?;
    let reader = Reader { merchant, query, selection: &selection };
    let rows = reader.sums(conn, None, i64::MAX).await?;
    let trade = trade_figures::list(conn, &reader, None, i64::MAX).await?;
    let pending = timelines::is_pending(conn, merchant).await?;
    let figures =
        merge(rows, trade).into_iter().map(|((key, step), (row, (mut trade, trade_state)))| FigureSums {
            key,
            step,
            provisional: trade_state.open || row.as_ref().is_some_and(|row| row.open),
            sums: row.map_or_else(|| reader.sums_of_slices(&mut trade), |row| read_sums(&row.sums)),
            trade,
            pending,
        });
    Ok(figures.collect())
}

/// Rows of conversations and of timelines side by side, by key and step.
fn merge(rows: Vec<SumsRow>, trade: Vec<((String, NaiveDate), TradeRow)>) -> Merged {
    let mut merged = Merged::new();
    for (at, figures) in trade {
        merged.entry(at).or_default().1 = figures;
    }
    for row in rows {
        let at = (row.key.clone(), row.step);
        merged.entry(at).or_default().0 = Some(row);
    }
    merged
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
    let trade = trade_figures::list(conn, &reader, after, limit).await?;
    let pending = timelines::is_pending(conn, merchant).await?;
    // Diesel's own `first` would win on the vector.
    let (mut spreads, distinct) = match (rows.as_slice().first(), rows.as_slice().last()) {
        (Some(first), Some(last)) => {
            let page = Ends { first, last };
            let spreads = reader.spreads(conn, &page).await?;
            let distinct =
                if query.distinct_customers { reader.distinct(conn, &page).await? } else { HashMap::new() };
            (spreads, distinct)
        }
        _ => (HashMap::new(), HashMap::new()),
    };
    // Both lists are whole up to their last row, so the first rows of both together are whole too.
    let merged = merge(rows, trade);
    let keys: Vec<&str> = merged.keys().map(|(key, _)| key.as_str()).collect();
    let names: HashMap<_, _> = load_names(conn, merchant, query.group, &keys).await?.into_iter().collect();
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let figures = merged.into_iter().take(size).map(|(at, (row, (mut trade, trade_state)))| {
        let (place, days) = reader.place(at.1);
        let spread = spreads.remove(&at).unwrap_or_default();
        let mut state = trade_state;
        if let Some(row) = &row {
            state.add(&row.state());
        }
        // Whether a day was closed on the day asked about is not on record.
        let open = state.open && query.known_on.is_none();
        Figures {
            name: names.get(&at.0).cloned().unwrap_or_default(),
            days,
            place,
            hour: (query.group == Group::Hour).then(|| at.0.parse().ok()).flatten(),
            provisional: open,
            states: state.states(open),
            restatements: state.restatements,
            sums: row.as_ref().map_or_else(|| reader.sums_of_slices(&mut trade), |row| read_sums(&row.sums)),
            active_accounts: row.as_ref().map_or(0, |row| row.active),
            distinct_customers: query.distinct_customers.then(|| distinct.get(&at).copied().unwrap_or(0)),
            spreads: spread.ranks,
            within: spread.within,
            trade,
            pending,
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

/// Reads the rows of a query.
pub(super) struct Reader<'a> {
    pub merchant: &'a str,
    pub query: &'a FigureQuery,
    pub selection: &'a Selection,
}

/// The rows of a page, by their ends.
struct Ends<'a> {
    first: &'a SumsRow,
    last: &'a SumsRow,
}

#[derive(Default)]
struct RowSpreads {
    ranks: Vec<SpreadFigures>,
    within: Vec<Within>,
}

/// What timelines say of a row, and how settled that is.
type TradeRow = (TradeFigures, RowState);
type Merged = BTreeMap<(String, NaiveDate), (Option<SumsRow>, TradeRow)>;
pub(super) type ByRow<T> = HashMap<(String, NaiveDate), T>;

impl<'a> Reader<'a> {
    /// The selected rows of a day table with their key and step. Uses $14 and $15 for the windows.
    pub(super) fn rows(&self, table: &str) -> String {
        let key = key_sql(self.query.group);
        let (step, windows) = match &self.query.cut {
            Cut::Windows(_) => (
                "'2000-01-01'::date + (w.place - 1)::int",
                "JOIN unnest($14::date[], $15::date[]) WITH ORDINALITY AS w (from_day, to_day, place) \
                    ON f.business_day BETWEEN w.from_day AND w.to_day",
            ),
            Cut::Step(step) => (
                match step {
                    Step::Whole => "($3::date[])[1]",
                    Step::Day | Step::Hour => "f.business_day",
                    Step::Week => "date_trunc('week', f.business_day)",
                    Step::Month => "date_trunc('month', f.business_day)",
                    Step::Quarter => "date_trunc('quarter', f.business_day)",
                    Step::Year => "date_trunc('year', f.business_day)",
                },
                "",
            ),
        };
        format!(
            "SELECT {key} AS key, ({step})::date AS step, v.maturation, v.conversion_maturation, v.refund_maturation, f.* \
             FROM {table} f {SELECTED_JOINS} {windows} {SELECTED_WHERE} \
                AND cardinality($14::date[]) = cardinality($15::date[])"
        )
    }

    pub(super) fn selecting(&self, sql: &str) -> Query<'a> {
        let query = self.query;
        let windows: &[DayRange] = match &query.cut {
            Cut::Windows(windows) => windows,
            Cut::Step(_) => &[],
        };
        selecting(sql, self.merchant, &query.ruling, &query.filter, self.selection, query.known_on)
            .bind::<Array<Date>, _>(column(windows, |days| days.from))
            .bind::<Array<Date>, _>(column(windows, |days| days.to))
    }

    /// Where a row stands, and its days.
    fn place(&self, step: NaiveDate) -> (RowPlace, DayRange) {
        match &self.query.cut {
            Cut::Step(cut) => (RowPlace::Step(step), cut.row(step, self.query.range)),
            Cut::Windows(windows) => {
                let at = window_at(step);
                (RowPlace::Window(at), windows.get(at).copied().unwrap_or(self.query.range))
            }
        }
    }

    /// What of slices is told beside timelines: who was received, whom only hours know.
    fn sums_of_slices(&self, trade: &mut TradeFigures) -> Sums {
        let mut sums = Sums::default();
        if self.query.slices().is_some() {
            sums[Sum::ReceivedCustomers] = std::mem::take(&mut trade.sums[TradeSum::ReceivedCustomers]);
        }
        sums
    }

    /// Sums of conversations; slices have none.
    async fn sums(
        &self,
        conn: &mut AsyncPgConnection,
        after: Option<&FigureCursor>,
        limit: i64,
    ) -> Result<Vec<SumsRow>> {
        if self.query.slices().is_some() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "WITH selected AS ({rows}), {DAY_STATES}, \
             by_account AS ( \
                SELECT key, step, account_id, bool_or(closed.business_day IS NULL) AS open, \
                    bool_or({FINAL_DAY} >= $16) AS maturing, \
                    count(*) FILTER (WHERE known_day > {FINAL_DAY} AND {any}) AS restatements, {sums} \
                FROM selected LEFT JOIN closed USING (business_day) LEFT JOIN knowledge USING (business_day) \
                WHERE ($17::text IS NULL OR (key, step) > ($17, $18)) \
                    AND ($20::text IS NULL OR key BETWEEN $20 AND $21) \
                GROUP BY key, step, account_id) \
             SELECT key, step, count(*) FILTER (WHERE {any}) AS active, bool_or(open) AS open, \
                bool_or(maturing) AS maturing, sum(restatements)::bigint AS restatements, {array} AS sums \
             FROM by_account GROUP BY key, step HAVING count(*) FILTER (WHERE {any}) > 0 \
             ORDER BY key, step LIMIT $19",
            rows = self.rows("day_facts"),
            sums = *SUMS,
            array = *SUM_ARRAY,
            any = *ANY_SUM,
        );
        Ok(self.after(&sql, after, limit).load::<SumsRow>(conn).await?)
    }

    /// Binds $16, the day from which it is seen, $17 and $18, the cursor, $19, the limit, $20 and $21, the keys.
    pub(super) fn after(&self, sql: &str, after: Option<&FigureCursor>, limit: i64) -> Query<'a> {
        // Figures as known on a day are what the day after would have shown.
        let today = self.query.known_on.and_then(|day| day.succ_opt()).unwrap_or(self.query.today);
        let (first_key, last_key) = self.query.keys.clone().unzip();
        self.selecting(sql)
            .bind::<Date, _>(today)
            .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.0.clone()))
            .bind::<Nullable<Date>, _>(after.map(|cursor| cursor.1))
            .bind::<BigInt, _>(limit)
            .bind::<Nullable<Text>, _>(first_key)
            .bind::<Nullable<Text>, _>(last_key)
    }

    /// Medians, 90th percentiles and shares within some seconds. The histograms come as a stream: a year of a large
    /// merchant is more than should lie in memory at once.
    async fn spreads(&self, conn: &mut AsyncPgConnection, page: &Ends<'_>) -> Result<ByRow<RowSpreads>> {
        let sql = format!(
            "WITH selected AS ({}) \
             SELECT key, step, responses, first_responses, lengths FROM selected \
             WHERE (key, step) BETWEEN ($16, $17) AND ($18, $19)",
            self.rows("day_facts")
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
        let of = |histograms| spreads_of(&histograms, &self.query.within_seconds);
        Ok(totals
            .into_iter()
            .map(|(row, histograms)| {
                let (ranks, within) = of(histograms);
                (row, RowSpreads { ranks, within })
            })
            .collect())
    }

    async fn distinct(&self, conn: &mut AsyncPgConnection, page: &Ends<'_>) -> Result<ByRow<i64>> {
        let sql = format!(
            "WITH selected AS ({}) \
             SELECT r.key, r.step, count(DISTINCT c.customer_id) AS customers \
             FROM selected r JOIN day_customers c ON c.merchant_id = $1 AND c.agent_day_id = r.agent_day_id \
             WHERE (r.key, r.step) BETWEEN ($16, $17) AND ($18, $19) AND c.received > 0 \
             GROUP BY r.key, r.step",
            self.rows("day_facts")
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

/// What a row's histograms, in the order of [`Spread::ALL`], say.
pub(super) fn spreads_of(
    histograms: &[Histogram; Spread::ALL.len()],
    within_seconds: &[i32],
) -> (Vec<SpreadFigures>, Vec<Within>) {
    let ranks =
        Spread::ALL.into_iter().zip(histograms).filter_map(|(spread, h)| SpreadFigures::of(spread, h));
    let (rounds, first_rounds) =
        (&histograms[Spread::Response as usize], &histograms[Spread::FirstResponse as usize]);
    let within = within_seconds.iter().map(|seconds| Within::of(*seconds, rounds, first_rounds));
    (ranks.collect(), within.collect())
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
    open: bool,
    #[diesel(sql_type = Bool)]
    maturing: bool,
    #[diesel(sql_type = BigInt)]
    restatements: i64,
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
}

impl SumsRow {
    /// All figures of conversations are of the usual window.
    fn state(&self) -> RowState {
        let mut state = RowState { open: self.open, restatements: self.restatements, ..RowState::default() };
        state.maturing[Window::Usual as usize] = self.maturing;
        state.late[Window::Usual as usize] = self.restatements;
        state
    }
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
