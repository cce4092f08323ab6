//! The conversations behind a figure.

use std::collections::HashSet;
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Date, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::TryStreamExt;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};

use crate::domain::conversation::ConversationKey;
use crate::domain::explainer::{ExplainQuery, Explainable};
use crate::domain::explanation::Recorded;
use crate::domain::facts::AgentDay;
use crate::domain::figure::{Cut, DayRange, Figures, Filter, Group, RowPlace, Step};
use crate::domain::hours::HourTally;
use crate::domain::ruling::Ruling;
use crate::domain::selection::Selection;
use crate::domain::sums::Sums;
use crate::error::MetricsError;
use crate::store::conversations::unpack;
use crate::store::figure_rows::{SUMS, spreads_of};
use crate::store::figure_sql::{ANY_SUM, SELECTED_JOINS, SELECTED_WHERE, SUM_ARRAY, read_sums, selecting};
use crate::store::figures::{self, FigureQuery};
use crate::store::selection::select;
use crate::store::{Result, Store};

/// The part of a conversation that a page begins after: day, account, id, channel, shop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExplainCursor(pub NaiveDate, pub String, pub String, pub String, pub String);

/// A figure, and a page of the conversations behind it.
#[derive(Debug)]
pub struct Behind {
    /// What `GetFigures` gives.
    pub figure: (i64, i64),
    /// Conversations of the page's first agent-day that came on pages before: they speak for their customers already.
    pub before: Vec<Recorded>,
    /// Accounts or customers of the page that conversations of agent-days before speak for, if the figure counts
    /// different ones.
    pub seen: HashSet<String>,
    /// The page.
    pub page: Page<Recorded>,
}

/// A figure by hour, and all conversations behind it, in the order of the list.
#[derive(Debug)]
pub struct BehindHour {
    /// What `GetFigures` gives.
    pub figure: (i64, i64),
    /// All of them.
    pub conversations: Vec<Recorded>,
}

impl ExplainCursor {
    /// The cursor after a conversation.
    pub fn after(conversation: &Recorded) -> Self {
        let (at, key) = (&conversation.agent_day, &conversation.key);
        Self(at.day, at.account.clone(), key.id.clone(), key.channel.clone(), key.shop.clone())
    }
}

impl Store {
    /// The figure and conversations of the range, the latter in the order of day, account and key. `today` is the merchant's.
    pub async fn list_behind(
        &self,
        scope: &Scope,
        ruling: &Ruling,
        query: &ExplainQuery,
        request: &PageRequest<ExplainCursor>,
        today: NaiveDate,
    ) -> Result<Behind> {
        let (range, filter) = (query.range, &query.filter);
        let mut conn = self.pool.get().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| {
                let merchant = scope.merchant.as_str();
                let selection = select(conn, scope, range, Group::Merchant, filter).await?;
                let facts = FactReader { merchant, ruling, filter, selection: &selection };
                let figure = match query.subject {
                    Explainable::Sums(measure) => measure.of(&facts.sums(conn).await?),
                    subject => {
                        whole(conn, scope, ruling, query, today).await?.map_or((0, 0), |row| subject.of(&row))
                    }
                };
                let before = match &request.after {
                    Some(cursor) => facts.before(conn, cursor).await?,
                    None => Vec::new(),
                };
                let rows = facts.after(conn, request.after.as_ref(), request.limit()).await?;
                let page = request.page(rows, ExplainCursor::after)?;
                let seen = match &request.after {
                    Some(cursor) => facts.seen(conn, query.subject, cursor, &page.items).await?,
                    None => HashSet::new(),
                };
                Ok(Behind { figure, before, seen, page })
            })
            .await
    }

    /// The figure and conversations of one hour of one day, the latter in the order of account and key.
    pub async fn list_behind_hour(
        &self,
        scope: &Scope,
        ruling: &Ruling,
        query: &ExplainQuery,
        hour: u8,
    ) -> Result<BehindHour> {
        let mut conn = self.pool.get().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| {
                let selection = select(conn, scope, query.range, Group::Merchant, &query.filter).await?;
                let merchant = scope.merchant.as_str();
                let facts = FactReader { merchant, ruling, filter: &query.filter, selection: &selection };
                let conversations = facts.of_hour(conn, hour).await?;
                // Whatever the hour is called, all of it is one row.
                let mut tally = HourTally::new(0);
                for conversation in &conversations {
                    tally.add("", conversation, &ruling.on(conversation.agent_day.day).rules);
                }
                let figure = tally.into_rows().next().map_or((0, 0), |((_, day, hours), row)| {
                    let (spreads, within) =
                        spreads_of(&row.histograms, query.subject.within_seconds().as_slice());
                    let days = DayRange { from: day, to: day };
                    query.subject.of(&Figures {
                        place: RowPlace::Hour(day, hours),
                        active_accounts: row.active_accounts(),
                        sums: row.sums,
                        spreads,
                        within,
                        ..Figures::nothing(String::new(), String::new(), days)
                    })
                });
                Ok(BehindHour { figure, conversations })
            })
            .await
    }
}

/// The row that `GetFigures` gives for what is explained.
async fn whole(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    ruling: &Ruling,
    query: &ExplainQuery,
    today: NaiveDate,
) -> Result<Option<Figures>> {
    let figures = FigureQuery {
        distinct_customers: query.subject == Explainable::DistinctCustomers,
        within_seconds: query.subject.within_seconds().into_iter().collect(),
        ..FigureQuery::sums(
            query.range,
            Group::Merchant,
            Cut::Step(Step::Whole),
            query.filter.clone(),
            ruling.clone(),
            today,
        )
    };
    Ok(figures::list(conn, scope, &figures, None, 1).await?.into_iter().next())
}

struct FactReader<'a> {
    merchant: &'a str,
    ruling: &'a Ruling,
    filter: &'a Filter,
    selection: &'a Selection,
}

/// Parts of conversations: each under its own account, and again under each other that answered in it.
const PARTS: &str = "(SELECT f.merchant_id, f.business_day, f.account_id, f.account_id AS owner_id, f.shop_id, f.channel, \
        f.conversation_id, f.customer_id, f.revision, f.started_at, f.facts \
     FROM conversation_facts f \
     UNION ALL \
     SELECT h.merchant_id, h.business_day, h.account_id, h.owner_id, h.shop_id, h.channel, \
        h.conversation_id, f.customer_id, f.revision, f.started_at, f.facts \
     FROM conversation_helpers h JOIN conversation_facts f ON f.merchant_id = h.merchant_id \
        AND f.business_day = h.business_day AND f.account_id = h.owner_id AND f.conversation_id = h.conversation_id \
        AND f.channel = h.channel AND f.shop_id = h.shop_id)";

/// What of parts every reader reads, after its key. The parameters are those of `figure_sql::SELECTED_JOINS`; of the ruling
/// only the first and the last day matter, and known days not at all.
pub(super) static FACTS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "f.business_day, f.account_id, f.owner_id, f.shop_id, f.channel, f.conversation_id, f.customer_id, f.revision, \
            f.started_at, f.facts \
         FROM {PARTS} f \
         LEFT JOIN unnest($7::text[], $8::date[], $9::date[], $10::text[]) AS s (account_id, from_day, to_day, key) \
            ON s.account_id = f.account_id AND f.business_day BETWEEN s.from_day AND s.to_day \
         WHERE f.merchant_id = $1 AND cardinality($2::int[]) = cardinality($12::int[]) AND $13::date IS NULL \
            AND f.business_day BETWEEN ($3::date[])[1] AND ($4::date[])[cardinality($4::date[])] \
            AND (cardinality($5::text[]) = 0 OR f.account_id = ANY ($5)) \
            AND (cardinality($6::text[]) = 0 OR f.shop_id = ANY ($6)) \
            AND ($11 OR s.account_id IS NOT NULL)"
    )
});

impl FactReader<'_> {
    /// What `GetFigures` adds up.
    async fn sums(&self, conn: &mut AsyncPgConnection) -> Result<Sums> {
        let sql = format!("SELECT {} AS sums FROM day_facts f {SELECTED_JOINS} {SELECTED_WHERE}", *SUM_ARRAY);
        let row = selecting(&sql, self.merchant, self.ruling, self.filter, self.selection, None)
            .get_result::<SumsRow>(conn)
            .await?;
        Ok(read_sums(&row.sums))
    }

    /// Which of the page's accounts, or customers, agent-days before that of the cursor speak for.
    async fn seen(
        &self,
        conn: &mut AsyncPgConnection,
        subject: Explainable,
        cursor: &ExplainCursor,
        page: &[Recorded],
    ) -> Result<HashSet<String>> {
        let id: fn(&Recorded) -> &str = match subject {
            Explainable::ActiveAccounts => |row| &row.agent_day.account,
            Explainable::DistinctCustomers => |row| &row.customer,
            Explainable::Sums(_) | Explainable::Within(_) | Explainable::FirstWithin(_) => {
                return Ok(HashSet::new());
            }
        };
        let sql = if subject == Explainable::ActiveAccounts {
            format!(
                "SELECT id FROM (SELECT f.account_id AS id, {} FROM day_facts f {SELECTED_JOINS} {SELECTED_WHERE} \
                    AND (f.business_day, f.account_id) < ($14, $16) AND f.account_id = ANY ($15) \
                    GROUP BY f.account_id) AS accounts WHERE {}",
                *SUMS, *ANY_SUM
            )
        } else {
            format!(
                "SELECT DISTINCT c.customer_id AS id FROM day_facts f {SELECTED_JOINS} \
                 JOIN day_customers c ON c.merchant_id = $1 AND c.agent_day_id = f.agent_day_id {SELECTED_WHERE} \
                    AND (f.business_day, f.account_id) < ($14, $16) AND c.customer_id = ANY ($15) AND c.received > 0"
            )
        };
        let ids: HashSet<&str> = page.iter().map(id).collect();
        let rows = selecting(&sql, self.merchant, self.ruling, self.filter, self.selection, None)
            .bind::<Date, _>(cursor.0)
            .bind::<Array<Text>, _>(ids.into_iter().collect::<Vec<_>>())
            .bind::<Text, _>(cursor.1.clone())
            .load::<IdRow>(conn)
            .await?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// Whatever began in an hour of the local clock.
    async fn of_hour(&self, conn: &mut AsyncPgConnection, hour: u8) -> Result<Vec<Recorded>> {
        let sql = format!(
            "SELECT {} ORDER BY f.business_day, f.account_id, f.conversation_id, f.channel, f.shop_id",
            *FACTS
        );
        let query = selecting(&sql, self.merchant, self.ruling, self.filter, self.selection, None);
        // A stream: a day of a large shop is more than should lie in memory at once.
        let mut rows = query.load_stream::<FactsRow>(conn).await?;
        let mut found = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let conversation = row.read()?;
            if conversation.hour() == hour {
                found.push(conversation);
            }
        }
        Ok(found)
    }

    async fn after(
        &self,
        conn: &mut AsyncPgConnection,
        after: Option<&ExplainCursor>,
        limit: i64,
    ) -> Result<Vec<Recorded>> {
        // The first condition follows from the second and lets partitions before the cursor be left out.
        let sql = format!(
            "SELECT {} AND ($14::date IS NULL OR (f.business_day >= $14 \
                AND (f.business_day, f.account_id, f.conversation_id, f.channel, f.shop_id) > ($14, $15, $16, $17, $18))) \
             ORDER BY f.business_day, f.account_id, f.conversation_id, f.channel, f.shop_id LIMIT $19",
            *FACTS
        );
        let part = |value: fn(&ExplainCursor) -> &String| after.map(|cursor| value(cursor).clone());
        let rows = selecting(&sql, self.merchant, self.ruling, self.filter, self.selection, None)
            .bind::<Nullable<Date>, _>(after.map(|cursor| cursor.0))
            .bind::<Nullable<Text>, _>(part(|c| &c.1))
            .bind::<Nullable<Text>, _>(part(|c| &c.2))
            .bind::<Nullable<Text>, _>(part(|c| &c.3))
            .bind::<Nullable<Text>, _>(part(|c| &c.4))
            .bind::<BigInt, _>(limit)
            .load::<FactsRow>(conn)
            .await?;
        rows.into_iter().map(FactsRow::read).collect()
    }

    /// What the cursor's agent-day holds up to the cursor: as many rows as an agent serves in a day.
    async fn before(&self, conn: &mut AsyncPgConnection, cursor: &ExplainCursor) -> Result<Vec<Recorded>> {
        let sql = format!(
            "SELECT {} AND f.business_day = $14 AND f.account_id = $15 \
                AND (f.conversation_id, f.channel, f.shop_id) <= ($16, $17, $18) \
             ORDER BY f.conversation_id, f.channel, f.shop_id",
            *FACTS
        );
        let rows = selecting(&sql, self.merchant, self.ruling, self.filter, self.selection, None)
            .bind::<Date, _>(cursor.0)
            .bind::<Text, _>(cursor.1.clone())
            .bind::<Text, _>(cursor.2.clone())
            .bind::<Text, _>(cursor.3.clone())
            .bind::<Text, _>(cursor.4.clone())
            .load::<FactsRow>(conn)
            .await?;
        rows.into_iter().map(FactsRow::read).collect()
    }
}

#[derive(QueryableByName)]
struct SumsRow {
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    id: String,
}

#[derive(QueryableByName)]
pub(super) struct FactsRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    owner_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Timestamptz)]
    started_at: DateTime<Utc>,
    #[diesel(sql_type = Binary)]
    facts: Vec<u8>,
}

impl FactsRow {
    pub(super) fn read(self) -> Result<Recorded> {
        let facts = unpack(&self.facts, &self.conversation_id)?;
        Ok(Recorded {
            agent_day: AgentDay {
                day: self.business_day,
                shop: self.shop_id.clone(),
                account: self.account_id,
            },
            owner: self.owner_id,
            key: ConversationKey { shop: self.shop_id, channel: self.channel, id: self.conversation_id },
            revision: self.revision,
            customer: self.customer_id,
            started_at: self.started_at,
            facts,
        })
    }
}
