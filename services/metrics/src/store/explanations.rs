//! The conversations behind a figure.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Date, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};

use crate::domain::conversation::ConversationKey;
use crate::domain::explanation::{ExplainQuery, Recorded};
use crate::domain::facts::AgentDay;
use crate::domain::figure::{Filter, Group};
use crate::domain::ruling::Ruling;
use crate::domain::selection::Selection;
use crate::domain::sums::Sums;
use crate::error::MetricsError;
use crate::store::conversations::unpack;
use crate::store::figure_sql::{SELECTED_JOINS, SELECTED_WHERE, SUM_ARRAY, read_sums, selecting};
use crate::store::selection::select;
use crate::store::{Result, Store};

/// The part of a conversation that a page begins after: day, account, id, channel, shop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExplainCursor(pub NaiveDate, pub String, pub String, pub String, pub String);

/// The sums of a selection, and a page of the conversations in it.
#[derive(Debug)]
pub struct Behind {
    /// What `GetFigures` adds up.
    pub sums: Sums,
    /// Conversations of the page's first agent-day that came on pages before: they speak for their customers already.
    pub before: Vec<Recorded>,
    /// The page.
    pub page: Page<Recorded>,
}

impl ExplainCursor {
    /// The cursor after a conversation.
    pub fn after(conversation: &Recorded) -> Self {
        let (at, key) = (&conversation.agent_day, &conversation.key);
        Self(at.day, at.account.clone(), key.id.clone(), key.channel.clone(), key.shop.clone())
    }
}

impl Store {
    /// Sums and conversations of the range, the latter in the order of day, account and key.
    pub async fn list_behind(
        &self,
        scope: &Scope,
        ruling: &Ruling,
        query: &ExplainQuery,
        request: &PageRequest<ExplainCursor>,
    ) -> Result<Behind> {
        let (range, filter) = (query.range, &query.filter);
        let mut conn = self.pool.get().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| {
                let merchant = scope.merchant.as_str();
                let selection = select(conn, scope, range, Group::Merchant, filter).await?;
                let total = format!(
                    "SELECT {} AS sums FROM day_facts f {SELECTED_JOINS} {SELECTED_WHERE}",
                    *SUM_ARRAY
                );
                let total = selecting(&total, merchant, ruling, filter, &selection, None)
                    .get_result::<SumsRow>(conn)
                    .await?;
                let facts = FactReader { merchant, ruling, filter, selection: &selection };
                let before = match &request.after {
                    Some(cursor) => facts.before(conn, cursor).await?,
                    None => Vec::new(),
                };
                let rows = facts.after(conn, request.after.as_ref(), request.limit()).await?;
                let page = request.page(rows, ExplainCursor::after)?;
                Ok(Behind { sums: read_sums(&total.sums), before, page })
            })
            .await
    }
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
