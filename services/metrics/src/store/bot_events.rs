//! The bot events behind figures of the bot.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Date, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};

use crate::domain::bot::{BotCounts, Facet};
use crate::domain::fact::{Body, Fact, FactKey, FactKind};
use crate::error::MetricsError;
use crate::store::bots::{BotQuery, EVENTS, bind_events, load_counts};
use crate::store::{Result, Store};

/// The event that a page begins after: its time, id and shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotEventCursor(pub DateTime<Utc>, pub String, pub String);

impl BotEventCursor {
    /// After this event.
    pub fn after(event: &Fact) -> Self {
        Self(event.occurred_at, event.key.id.clone(), event.key.shop.clone())
    }
}

impl Store {
    /// What became of the questions of the period, and a page of them by time. Both come from one moment.
    pub async fn list_bot_events(
        &self,
        scope: &Scope,
        query: &BotQuery,
        request: &PageRequest<BotEventCursor>,
    ) -> Result<(BotCounts, Page<Fact>)> {
        let sql = format!(
            "SELECT f.fact_id, f.shop_id, f.revision, f.business_day, f.occurred_at, f.customer_id, f.account_id, f.body \
             {EVENTS} AND f.business_day >= $10 \
                AND ($11::timestamptz IS NULL OR (f.occurred_at, f.fact_id, f.shop_id) > ($11, $12, $13)) \
             ORDER BY f.occurred_at, f.fact_id, f.shop_id LIMIT $14"
        );
        let after = request.after.as_ref();
        let mut conn = self.pool.get().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run::<_, MetricsError, _>(async |conn| {
                let counts = load_counts(conn, scope, query, Facet::All).await?;
                let counts = counts.into_iter().next().map(|row| row.now).unwrap_or_default();
                let rows = bind_events(sql, scope, query)?
                    .bind::<Date, _>(query.days.from)
                    .bind::<Nullable<Timestamptz>, _>(after.map(|cursor| cursor.0))
                    .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.1.clone()))
                    .bind::<Nullable<Text>, _>(after.map(|cursor| cursor.2.clone()))
                    .bind::<BigInt, _>(request.limit())
                    .load::<EventRow>(conn)
                    .await?;
                let events = rows.into_iter().map(EventRow::read).collect::<Result<Vec<Fact>>>()?;
                Ok((counts, request.page(events, BotEventCursor::after)?))
            })
            .await
    }
}

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = Text)]
    fact_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Jsonb)]
    body: serde_json::Value,
}

impl EventRow {
    fn read(self) -> Result<Fact> {
        let body: Body = serde_json::from_value(self.body)
            .map_err(|why| pg::Error::unreadable("facts", &self.fact_id, why))?;
        Ok(Fact {
            key: FactKey { id: self.fact_id, kind: FactKind::BotEvent, shop: self.shop_id },
            revision: self.revision,
            occurred_at: self.occurred_at,
            day: self.business_day,
            customer: self.customer_id,
            account: self.account_id,
            body,
        })
    }
}
