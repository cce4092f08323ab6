//! What reviews come to, counted in the database within the caller's reach.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Date, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;

use super::lists::{Sight, VISIBLE, within};
use super::rows::REVIEWS;
use crate::domain::buyer_review::figure::{Figure, Group};
use crate::error::QaError;
use crate::store::Store;
use crate::store::people::PERSON_OF_ROW;

#[derive(QueryableByName)]
struct FigureRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    reviews: i64,
    #[diesel(sql_type = BigInt)]
    good: i64,
    #[diesel(sql_type = BigInt)]
    neutral: i64,
    #[diesel(sql_type = BigInt)]
    bad: i64,
    #[diesel(sql_type = BigInt)]
    ever_bad: i64,
    #[diesel(sql_type = BigInt)]
    settled: i64,
    #[diesel(sql_type = BigInt)]
    won_back: i64,
    #[diesel(sql_type = BigInt)]
    unfinished: i64,
    #[diesel(sql_type = BigInt)]
    replies_owed: i64,
    #[diesel(sql_type = BigInt)]
    replies_in_time: i64,
}

#[derive(QueryableByName)]
struct OpenRow {
    #[diesel(sql_type = BigInt)]
    without_cause: i64,
    #[diesel(sql_type = BigInt)]
    overdue: i64,
}

impl From<FigureRow> for Figure {
    fn from(row: FigureRow) -> Self {
        Self {
            key: row.key,
            reviews: row.reviews,
            kinds: [row.good, row.neutral, row.bad],
            ever_bad: row.ever_bad,
            settled: row.settled,
            won_back: row.won_back,
            unfinished: row.unfinished,
            replies_owed: row.replies_owed,
            replies_in_time: row.replies_in_time,
        }
    }
}

/// The key of a group, and which rows have one.
fn key(group: Group) -> (String, &'static str) {
    match group {
        Group::Merchant => ("''".to_owned(), "true"),
        Group::Shop => ("r.shop_id".to_owned(), "true"),
        Group::Product => ("r.product_id".to_owned(), "true"),
        Group::Cause => ("r.cause_id".to_owned(), "r.cause_id <> ''"),
        Group::Stage => ("r.stage_id".to_owned(), "r.stage_id <> ''"),
        Group::Agent => (format!("COALESCE({PERSON_OF_ROW}, '')"), "true"),
        Group::Owner => (format!("COALESCE(r.owner_person_id, {PERSON_OF_ROW}, '')"), "true"),
        Group::Day => ("r.reviewed_day::text".to_owned(), "true"),
    }
}

impl Store {
    /// A row per group of the reviews of some days within `scope`, in order of key.
    pub async fn list_buyer_review_figures(
        &self,
        scope: &Scope,
        (today, now): (NaiveDate, DateTime<Utc>),
        days: (NaiveDate, NaiveDate),
        (group, shop): (Group, &str),
        page: &PageRequest<String>,
    ) -> Result<Page<Figure>, QaError> {
        let mut conn = self.connection().await?;
        let sight = Sight::of(&mut conn, scope, now).await?;
        let (key, has_one) = key(group);
        // A deadline that has neither been met nor passed can still be either, and is not counted.
        let sql = format!(
            "SELECT q.key, count(*) AS reviews, count(*) FILTER (WHERE q.kind = 1) AS good, \
                count(*) FILTER (WHERE q.kind = 2) AS neutral, count(*) FILTER (WHERE q.kind = 3) AS bad, \
                count(*) FILTER (WHERE q.worst = 3) AS ever_bad, \
                count(*) FILTER (WHERE q.worst = 3 AND q.runs_until < $9) AS settled, \
                count(*) FILTER (WHERE q.worst = 3 AND q.runs_until < $9 AND q.kind = 1) AS won_back, \
                count(*) FILTER (WHERE q.worst = 3 AND q.state BETWEEN 1 AND 3) AS unfinished, \
                count(*) FILTER (WHERE COALESCE(q.replied_at, $10) > q.reply_due_at \
                    OR (q.reply_due_at IS NOT NULL AND q.replied_at IS NOT NULL)) \
                + count(*) FILTER (WHERE COALESCE(q.comment_replied_at, $10) > q.comment_due_at \
                    OR (q.comment_due_at IS NOT NULL AND q.comment_replied_at IS NOT NULL)) AS replies_owed, \
                count(*) FILTER (WHERE q.replied_at <= q.reply_due_at) \
                + count(*) FILTER (WHERE q.comment_replied_at <= q.comment_due_at) AS replies_in_time \
             FROM (SELECT ({key}) COLLATE \"C\" AS key, r.kind, r.worst, r.state, r.runs_until, r.reply_due_at, r.replied_at, \
                    r.comment_due_at, r.comment_replied_at \
                FROM {REVIEWS} WHERE r.merchant_id = $1 AND {VISIBLE} AND r.reviewed_day BETWEEN $7 AND $8 AND {has_one} \
                    AND ($11 = '' OR r.shop_id = $11)) q \
             WHERE NOT $12 OR q.key > $13 GROUP BY q.key ORDER BY q.key LIMIT $14"
        );
        let rows = within!(sql, scope.merchant, sight)
            .bind::<Date, _>(days.0)
            .bind::<Date, _>(days.1)
            .bind::<Date, _>(today)
            .bind::<Timestamptz, _>(now)
            .bind::<Text, _>(shop)
            .bind::<Bool, _>(page.after.is_some())
            .bind::<Text, _>(page.after.as_deref().unwrap_or_default())
            .bind::<BigInt, _>(page.limit())
            .load::<FigureRow>(&mut conn)
            .await?;
        Ok(page.page(rows.into_iter().map(Figure::from).collect(), |figure: &Figure| figure.key.clone())?)
    }

    /// Bad reviews of some days without a cause, and deadlines of any day that have passed, within `scope`.
    pub async fn count_open_buyer_reviews(
        &self,
        scope: &Scope,
        now: DateTime<Utc>,
        days: (NaiveDate, NaiveDate),
        shop: &str,
    ) -> Result<(i64, i64), QaError> {
        let mut conn = self.connection().await?;
        let sight = Sight::of(&mut conn, scope, now).await?;
        let sql = format!(
            "SELECT \
                (SELECT count(*) FROM {REVIEWS} WHERE r.merchant_id = $1 AND {VISIBLE} AND r.reviewed_day BETWEEN $7 AND $8 \
                    AND r.worst = 3 AND r.cause_id = '' AND ($10 = '' OR r.shop_id = $10)) AS without_cause, \
                (SELECT count(*) FROM {REVIEWS} WHERE r.merchant_id = $1 AND {VISIBLE} AND r.due_at < $9 \
                    AND ($10 = '' OR r.shop_id = $10)) AS overdue"
        );
        let row = within!(sql, scope.merchant, sight)
            .bind::<Date, _>(days.0)
            .bind::<Date, _>(days.1)
            .bind::<Timestamptz, _>(now)
            .bind::<Text, _>(shop)
            .get_result::<OpenRow>(&mut conn)
            .await?;
        Ok((row.without_cause, row.overdue))
    }
}
