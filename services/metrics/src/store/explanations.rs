//! The conversations behind a figure.

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
use crate::domain::figure::{DayRange, Filter, Group};
use crate::domain::selection::Selection;
use crate::domain::sums::Sums;
use crate::error::MetricsError;
use crate::store::conversations::unpack;
use crate::store::figures::{SELECTED, SUMS, read_sums, selecting};
use crate::store::selection::select;
use crate::store::{Result, Store};

/// The conversation that a page begins after: day, account, id, channel, shop.
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
        definition_seq: i32,
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
                let total = format!("SELECT {} AS sums {SELECTED}", *SUMS);
                let total = selecting(&total, merchant, definition_seq, range, filter, &selection)
                    .get_result::<SumsRow>(conn)
                    .await?;
                let facts = FactReader { merchant, range, filter, selection: &selection };
                let before = match &request.after {
                    Some(cursor) => facts.before(conn, cursor).await?,
                    None => Vec::new(),
                };
                let rows = facts.after(conn, request.after.as_ref(), request.limit()).await?;
                let page = request.page(rows, ExplainCursor::after)?;
                let sums: Vec<i64> = total.sums.into_iter().map(Option::unwrap_or_default).collect();
                Ok(Behind { sums: read_sums(&sums), before, page })
            })
            .await
    }
}

struct FactReader<'a> {
    merchant: &'a str,
    range: DayRange,
    filter: &'a Filter,
    selection: &'a Selection,
}

/// As in `figures::SELECTED`, over single conversations; $2 is not used there.
const FACTS: &str = "SELECT f.business_day, f.account_id, f.shop_id, f.channel, f.conversation_id, f.customer_id, \
        f.revision, f.started_at, f.facts \
     FROM conversation_facts f \
     LEFT JOIN unnest($7::text[], $8::date[], $9::date[], $10::text[]) AS s (account_id, from_day, to_day, key) \
        ON s.account_id = f.account_id AND f.business_day BETWEEN s.from_day AND s.to_day \
     WHERE f.merchant_id = $1 AND $2::int IS NOT NULL AND f.business_day BETWEEN $3 AND $4 \
        AND (cardinality($5::text[]) = 0 OR f.account_id = ANY ($5)) \
        AND (cardinality($6::text[]) = 0 OR f.shop_id = ANY ($6)) \
        AND ($11 OR s.account_id IS NOT NULL)";

impl FactReader<'_> {
    async fn after(
        &self,
        conn: &mut AsyncPgConnection,
        after: Option<&ExplainCursor>,
        limit: i64,
    ) -> Result<Vec<Recorded>> {
        // The first condition follows from the second and lets partitions before the cursor be left out.
        let sql = format!(
            "{FACTS} AND ($12::date IS NULL OR (f.business_day >= $12 \
                AND (f.business_day, f.account_id, f.conversation_id, f.channel, f.shop_id) > ($12, $13, $14, $15, $16))) \
             ORDER BY f.business_day, f.account_id, f.conversation_id, f.channel, f.shop_id LIMIT $17"
        );
        let part = |value: fn(&ExplainCursor) -> &String| after.map(|cursor| value(cursor).clone());
        let rows = selecting(&sql, self.merchant, 0, self.range, self.filter, self.selection)
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
            "{FACTS} AND f.business_day = $12 AND f.account_id = $13 \
                AND (f.conversation_id, f.channel, f.shop_id) <= ($14, $15, $16) \
             ORDER BY f.conversation_id, f.channel, f.shop_id"
        );
        let rows = selecting(&sql, self.merchant, 0, self.range, self.filter, self.selection)
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
    // Sums over no row are NULL.
    #[diesel(sql_type = Array<Nullable<BigInt>>)]
    sums: Vec<Option<i64>>,
}

#[derive(QueryableByName)]
struct FactsRow {
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
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
    fn read(self) -> Result<Recorded> {
        let facts = unpack(&self.facts, &self.conversation_id)?;
        Ok(Recorded {
            agent_day: AgentDay {
                day: self.business_day,
                shop: self.shop_id.clone(),
                account: self.account_id,
            },
            key: ConversationKey { shop: self.shop_id, channel: self.channel, id: self.conversation_id },
            revision: self.revision,
            customer: self.customer_id,
            started_at: self.started_at,
            facts,
        })
    }
}
