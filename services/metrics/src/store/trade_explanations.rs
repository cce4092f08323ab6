//! What is behind a figure of customers' timelines.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Date, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};

use crate::domain::figure::{Cut, Filter, Group, Step};
use crate::domain::ruling::Ruling;
use crate::domain::selection::Selection;
use crate::domain::timeline::{History, Item, Share, shares};
use crate::domain::trade_explainer::{ExplainedTrade, Piece, TradeExplainQuery, TradeExplainer};
use crate::domain::trade_measure::Below;
use crate::error::MetricsError;
use crate::store::figure_sql::selecting;
use crate::store::figures::FigureQuery;
use crate::store::selection::select;
use crate::store::timelines::{Customer, load_histories};
use crate::store::trade_figures::WholePaid;
use crate::store::{Result, Store, figure_rows, trade_figures};

/// The piece that a page begins after: day, account, shop, customer, and its place among the customer's pieces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TradeCursor(pub NaiveDate, pub String, pub String, pub String, pub usize);

/// Days of customers read at once.
const CHUNK: i64 = 200;

/// The figure, and a page of the pieces behind it.
#[derive(Debug)]
pub struct TradeBehind {
    /// What `GetFigures` adds up.
    pub figure: (i64, i64),
    /// The page.
    pub page: Page<ExplainedTrade>,
}

impl TradeCursor {
    /// The cursor after a piece.
    pub fn after(explained: &ExplainedTrade) -> Self {
        let (shop, customer) = explained.piece.owner();
        Self(explained.day, explained.account.clone(), shop.to_owned(), customer.to_owned(), explained.place)
    }
}

impl Store {
    /// The figure and the pieces behind it, by day, account, shop and customer, then by time.
    pub async fn list_trade_behind(
        &self,
        scope: &Scope,
        ruling: &Ruling,
        query: &TradeExplainQuery,
        page: &PageRequest<TradeCursor>,
    ) -> Result<TradeBehind> {
        let mut conn = self.pool.get().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| {
                let merchant = scope.merchant.as_str();
                let selection = select(conn, scope, query.range, Group::Merchant, &query.filter).await?;
                let figures = FigureQuery {
                    range: query.range,
                    group: Group::Merchant,
                    cut: Cut::Step(Step::Whole),
                    filter: query.filter.clone(),
                    ruling: ruling.clone(),
                    known_on: None,
                    today: query.range.to,
                    distinct_customers: false,
                    within_seconds: Vec::new(),
                    keys: None,
                };
                let figures = figure_rows::Reader { merchant, query: &figures, selection: &selection };
                let total = trade_figures::list(conn, &figures, None, 1).await?;
                let mut total = total.into_iter().next().map(|(_, (figures, _))| figures).unwrap_or_default();
                if query.measure.formula().below == Below::WholePaid {
                    // Whoever sold nothing has no row, and a share of nothing all the same.
                    total.whole_paid = WholePaid::read(conn, &figures).await?.total();
                }
                let (filter, listed) = whole(query, &selection)?;
                let asked = Asked { filter: &query.filter, selection: &selection };
                let reader = Reader { merchant, ruling, query, filter: &filter, selection: &listed, asked };
                let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
                let pieces = reader.page(conn, page.after.as_ref(), limit).await?;
                let page = page.page(pieces, TradeCursor::after)?;
                Ok(TradeBehind { figure: query.measure.of(&total.sums, total.beside()), page })
            })
            .await
    }
}

/// What has to be listed: all that the query takes in, or where the whole shop stands below the line, all of that.
fn whole(query: &TradeExplainQuery, selection: &Selection) -> Result<(Filter, Selection)> {
    if query.measure.formula().below != Below::WholePaid {
        return Ok((query.filter.clone(), selection.clone()));
    }
    if !selection.sees_all {
        return Err(MetricsError::WholeShopHidden);
    }
    Ok((Filter { shops: query.filter.shops.clone(), ..Filter::default() }, Selection::all()))
}

/// Whose figure it is.
struct Asked<'a> {
    filter: &'a Filter,
    selection: &'a Selection,
}

impl Asked<'_> {
    fn holds(&self, share: &Share) -> bool {
        let accounts = &self.filter.accounts;
        (accounts.is_empty() || accounts.contains(&share.account))
            && self.selection.holds(&share.account, share.day)
    }
}

struct Reader<'a> {
    merchant: &'a str,
    ruling: &'a Ruling,
    query: &'a TradeExplainQuery,
    /// What is listed.
    filter: &'a Filter,
    selection: &'a Selection,
    asked: Asked<'a>,
}

impl Reader<'_> {
    async fn page(
        &self,
        conn: &mut AsyncPgConnection,
        after: Option<&TradeCursor>,
        limit: usize,
    ) -> Result<Vec<ExplainedTrade>> {
        let mut explainer = TradeExplainer::new(self.query.measure, self.query.filter.slices.clone());
        let mut page = Vec::new();
        // The customer's day of the cursor may have more to say; who opened an hour is known only from the account's
        // day on.
        let opens = matches!(self.query.measure.formula().below, Below::ActiveDays | Below::ActiveHours);
        let mut from = after.map(|cursor| DayRow {
            business_day: cursor.0,
            account_id: cursor.1.clone(),
            shop_id: cursor.2.clone(),
            customer_id: if opens { String::new() } else { cursor.3.clone() },
        });
        let mut inclusive = true;
        while page.len() < limit {
            let days = self.days(conn, from.as_ref(), inclusive).await?;
            let customers: BTreeSet<Customer> = days.iter().map(DayRow::customer).collect();
            let customers: Vec<&Customer> = customers.iter().collect();
            let histories = match customers.as_slice() {
                [] => Vec::new(),
                customers => load_histories(conn, self.merchant, customers).await?,
            };
            let told: Vec<_> = histories.iter().map(|h| self.shares(h)).collect();
            for day in &days {
                let Ok(at) = customers.binary_search(&&day.customer()) else { continue };
                let here =
                    told[at].iter().filter(|s| s.day == day.business_day && s.account == day.account_id);
                for (place, share) in here.enumerate() {
                    let Some(mut part) = explainer.explain(&day.shop_id, share) else { continue };
                    if !self.asked.holds(share) {
                        part.leave_to_another();
                    }
                    if after.is_some_and(|after| day.cursor(place) <= *after) || page.len() == limit {
                        continue;
                    }
                    let piece = match share.item {
                        Item::Chat(at_chat) => Piece::Chat(Box::new(histories[at].chats()[at_chat].clone())),
                        Item::Fact(at_fact) => Piece::Fact(Box::new(histories[at].facts()[at_fact].clone())),
                    };
                    let (day, account) = (share.day, share.account.clone());
                    page.push(ExplainedTrade { piece, day, account, place, part });
                }
            }
            if days.len() < CHUNK as usize {
                break;
            }
            from = days.into_iter().next_back();
            inclusive = false;
        }
        Ok(page)
    }

    /// What a history says, each day under the version that rules it.
    fn shares(&self, history: &History) -> Vec<Share> {
        let mut all = Vec::new();
        for ruled in self.ruling.spans() {
            let days = ruled.days.from..=ruled.days.to;
            let told = shares(history, &ruled.definition.rules);
            all.extend(told.into_iter().filter(|share| days.contains(&share.day)));
        }
        all
    }

    /// The next days of customers that have anything to say about the measure.
    async fn days(
        &self,
        conn: &mut AsyncPgConnection,
        from: Option<&DayRow>,
        inclusive: bool,
    ) -> Result<Vec<DayRow>> {
        let compare = if inclusive { ">=" } else { ">" };
        // Of the ruling only the first and the last day matter. The condition on the day follows from the one on the row
        // and lets the index begin there.
        let sql = format!(
            "SELECT f.business_day, f.account_id, f.shop_id, f.customer_id FROM timeline_days f \
             LEFT JOIN unnest($7::text[], $8::date[], $9::date[], $10::text[]) AS s (account_id, from_day, to_day, key) \
                ON s.account_id = f.account_id AND f.business_day BETWEEN s.from_day AND s.to_day \
             WHERE f.merchant_id = $1 AND cardinality($2::int[]) = cardinality($12::int[]) AND $13::date IS NULL \
                AND f.business_day BETWEEN ($3::date[])[1] AND ($4::date[])[cardinality($4::date[])] \
                AND (cardinality($5::text[]) = 0 OR f.account_id = ANY ($5)) \
                AND (cardinality($6::text[]) = 0 OR f.shop_id = ANY ($6)) \
                AND ($11 OR s.account_id IS NOT NULL) AND f.topics & $14 <> 0 \
                AND ($15::date IS NULL OR (f.business_day >= $15 \
                    AND (f.business_day, f.account_id, f.shop_id, f.customer_id) {compare} ($15, $16, $17, $18))) \
             ORDER BY f.business_day, f.account_id, f.shop_id, f.customer_id LIMIT $19"
        );
        let (query, text) = (self.query, |value: fn(&DayRow) -> &String| from.map(|day| value(day).clone()));
        let rows = selecting(&sql, self.merchant, self.ruling, self.filter, self.selection, None)
            .bind::<Integer, _>(query.measure.topics().cast_signed())
            .bind::<Nullable<Date>, _>(from.map(|day| day.business_day))
            .bind::<Nullable<Text>, _>(text(|day| &day.account_id))
            .bind::<Nullable<Text>, _>(text(|day| &day.shop_id))
            .bind::<Nullable<Text>, _>(text(|day| &day.customer_id))
            .bind::<BigInt, _>(CHUNK)
            .load::<DayRow>(conn)
            .await?;
        Ok(rows)
    }
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
}

impl DayRow {
    fn customer(&self) -> Customer {
        Customer { id: self.customer_id.clone(), shop: self.shop_id.clone() }
    }

    fn cursor(&self, place: usize) -> TradeCursor {
        let Self { business_day, account_id, shop_id, customer_id } = self;
        TradeCursor(*business_day, account_id.clone(), shop_id.clone(), customer_id.clone(), place)
    }
}
