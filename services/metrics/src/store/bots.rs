//! Bot events among `facts`, and `bot_question_marks`.

use std::cmp::Reverse;
use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Bool, Date, SmallInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::identity::Scope;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::bot::{
    BotCounts, BotFilter, BotRow, Facet, OpenEvent, Question, QuestionMark, QuestionState,
};
use crate::domain::fact::{FactKind, QuestionClass};
use crate::domain::figure::DayRange;
use crate::error::MetricsError;
use crate::store::{Result, Store, json_of};

/// Which events are counted; what is before `days` only for comparison.
#[derive(Debug, Clone)]
pub struct BotQuery {
    /// The period.
    pub days: DayRange,
    /// The days before it.
    pub previous: DayRange,
    /// Narrowed to these.
    pub filter: BotFilter,
}

/// The row that a page begins after: its questions and key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BotCursor(pub Reverse<i64>, pub String);

impl BotCursor {
    /// After this row.
    pub fn after(row: &BotRow) -> Self {
        Self(Reverse(row.now.questions()), row.key.clone())
    }
}

/// The question that a page begins after: its count and id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QuestionCursor(pub Reverse<i64>, pub String);

impl QuestionCursor {
    /// After this question.
    pub fn after(question: &Question) -> Self {
        Self(Reverse(question.count), question.id.clone())
    }
}

/// The events of both periods that a query is about: parameters 1 to 9.
pub(super) const EVENTS: &str = "FROM facts f WHERE f.merchant_id = $1 AND f.kind = $2 AND f.business_day BETWEEN $3 AND $4 \
     AND (cardinality($5::text[]) = 0 OR f.shop_id = ANY ($5)) \
     AND (cardinality($6::text[]) = 0 OR f.body ->> 'question_class' = ANY ($6)) \
     AND (cardinality($7::text[]) = 0 OR f.body ->> 'product' = ANY ($7)) \
     AND (cardinality($8::text[]) = 0 OR f.body ->> 'scene' = ANY ($8)) \
     AND (cardinality($9::text[]) = 0 OR f.body ->> 'campaign' = ANY ($9))";

fn key(facet: Facet) -> &'static str {
    match facet {
        Facet::All => "''",
        Facet::Class => "f.body ->> 'question_class'",
        Facet::Product => "f.body ->> 'product'",
        Facet::Scene => "f.body ->> 'scene'",
        Facet::Campaign => "f.body ->> 'campaign'",
        Facet::Shop => "f.shop_id",
    }
}

pub(super) fn bind_events<'a>(
    sql: String,
    scope: &'a Scope,
    query: &'a BotQuery,
) -> Result<BoxedSqlQuery<'a, Pg, SqlQuery>> {
    let class = |class: &QuestionClass| Ok(json_of(class)?.as_str().unwrap_or_default().to_owned());
    let classes = query.filter.classes.iter().map(class).collect::<Result<Vec<String>>>()?;
    Ok(diesel::sql_query(sql)
        .into_boxed()
        .bind::<Text, _>(scope.whole_merchant()?.as_str())
        .bind::<SmallInt, _>(FactKind::BotEvent as i16)
        .bind::<Date, _>(query.previous.from)
        .bind::<Date, _>(query.days.to)
        .bind::<Array<Text>, _>(&query.filter.shops)
        .bind::<Array<Text>, _>(classes)
        .bind::<Array<Text>, _>(&query.filter.products)
        .bind::<Array<Text>, _>(&query.filter.scenes)
        .bind::<Array<Text>, _>(&query.filter.campaigns))
}

/// What became of questions, by group, in no order.
pub(super) async fn load_counts(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    query: &BotQuery,
    facet: Facet,
) -> Result<Vec<BotRow>> {
    let sql = format!(
        "SELECT coalesce({key}, '') AS key, f.business_day >= $10 AS now, \
            count(*) FILTER (WHERE f.body ->> 'outcome' = 'answered') AS answered, \
            count(*) FILTER (WHERE f.body ->> 'outcome' = 'accepted') AS accepted, \
            count(*) FILTER (WHERE f.body ->> 'outcome' = 'transferred') AS transferred, \
            count(*) FILTER (WHERE f.body ->> 'outcome' = 'unanswered') AS unanswered \
         {EVENTS} GROUP BY 1, 2",
        key = key(facet),
    );
    let sql = bind_events(sql, scope, query)?.bind::<Date, _>(query.days.from);
    let mut rows: HashMap<String, BotRow> = HashMap::new();
    for row in sql.load::<CountsRow>(conn).await? {
        let counts = BotCounts {
            answered: row.answered,
            accepted: row.accepted,
            transferred: row.transferred,
            unanswered: row.unanswered,
        };
        let entry = rows.entry(row.key.clone()).or_default();
        entry.key = row.key;
        *(if row.now { &mut entry.now } else { &mut entry.previous }) = counts;
    }
    Ok(rows.into_values().collect())
}

impl Store {
    /// What became of questions, by group, in no order.
    pub async fn list_bot_counts(
        &self,
        scope: &Scope,
        query: &BotQuery,
        facet: Facet,
    ) -> Result<Vec<BotRow>> {
        let mut conn = self.pool.get().await?;
        load_counts(&mut conn, scope, query, facet).await
    }

    /// Events of both periods that left a question open, at most `limit`.
    pub async fn list_open_events(
        &self,
        scope: &Scope,
        query: &BotQuery,
        transferred: bool,
        limit: usize,
    ) -> Result<Vec<OpenEvent>> {
        let sql = format!(
            "SELECT coalesce(f.body ->> 'question', '') AS text, coalesce(f.body ->> 'product', '') AS product, f.shop_id, \
                f.customer_id, f.occurred_at, f.business_day {EVENTS} \
                AND (f.body ->> 'outcome' = 'unanswered' OR ($10 AND f.body ->> 'outcome' = 'transferred')) LIMIT $11"
        );
        let mut conn = self.pool.get().await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = bind_events(sql, scope, query)?.bind::<Bool, _>(transferred).bind::<BigInt, _>(limit);
        Ok(sql.load::<EventRow>(&mut conn).await?.into_iter().map(EventRow::read).collect())
    }

    /// What was decided about questions, by their ids.
    pub async fn list_question_marks(&self, scope: &Scope) -> Result<HashMap<String, QuestionMark>> {
        let mut conn = self.pool.get().await?;
        let rows = diesel::sql_query(
            "SELECT question_id, state, note, marked_by, marked_at FROM bot_question_marks WHERE merchant_id = $1",
        )
        .bind::<Text, _>(scope.whole_merchant()?.as_str())
        .load::<MarkRow>(&mut conn)
        .await?;
        rows.into_iter().map(MarkRow::read).collect()
    }

    /// Keeps what is decided about a question; an open one has no row.
    pub async fn put_question_mark(&self, by: &By, id: &str, mark: &QuestionMark) -> Result<()> {
        by.change(&self.pool, mark.at, async |conn| {
            let merchant = by.caller.merchant.as_str();
            if mark.state == QuestionState::Open {
                diesel::sql_query("DELETE FROM bot_question_marks WHERE merchant_id = $1 AND question_id = $2")
                    .bind::<Text, _>(merchant)
                    .bind::<Text, _>(id)
                    .execute(conn)
                    .await?;
            } else {
                diesel::sql_query(
                    "INSERT INTO bot_question_marks (merchant_id, question_id, state, note, marked_by, marked_at) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT ON CONSTRAINT bot_question_marks_pkey DO UPDATE \
                     SET state = $3, note = $4, marked_by = $5, marked_at = $6",
                )
                .bind::<Text, _>(merchant)
                .bind::<Text, _>(id)
                .bind::<Text, _>(mark.state.name())
                .bind::<Text, _>(&mark.note)
                .bind::<Text, _>(&mark.by)
                .bind::<Timestamptz, _>(mark.at)
                .execute(conn)
                .await?;
            }
            let summary = json!({ "state": mark.state.name() });
            by.audit(conn, mark.at, format!("bot_question/{id}"), summary).await?;
            Ok::<_, MetricsError>(())
        })
        .await
    }
}

#[derive(QueryableByName)]
struct CountsRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Bool)]
    now: bool,
    #[diesel(sql_type = BigInt)]
    answered: i64,
    #[diesel(sql_type = BigInt)]
    accepted: i64,
    #[diesel(sql_type = BigInt)]
    transferred: i64,
    #[diesel(sql_type = BigInt)]
    unanswered: i64,
}

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = Text)]
    text: String,
    #[diesel(sql_type = Text)]
    product: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: DateTime<Utc>,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
}

impl EventRow {
    fn read(self) -> OpenEvent {
        OpenEvent {
            text: self.text,
            product: self.product,
            asker: (self.shop_id, self.customer_id),
            at: self.occurred_at,
            day: self.business_day,
        }
    }
}

#[derive(QueryableByName)]
struct MarkRow {
    #[diesel(sql_type = Text)]
    question_id: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    note: String,
    #[diesel(sql_type = Text)]
    marked_by: String,
    #[diesel(sql_type = Timestamptz)]
    marked_at: DateTime<Utc>,
}

impl MarkRow {
    fn read(self) -> Result<(String, QuestionMark)> {
        let unknown = || {
            pg::Error::unreadable("bot_question_marks", &self.question_id, "its state is unknown".to_owned())
        };
        let state = QuestionState::of(&self.state).ok_or_else(unknown)?;
        let mark = QuestionMark { state, note: self.note, by: self.marked_by, at: self.marked_at };
        Ok((self.question_id, mark))
    }
}
