//! Erasures of customers, day by day: transcripts, hits and examples go, at last the words of their reviews; what was counted
//! stays. What comes of them later is emptied at the door.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::ids::MerchantId;
use sampling::ConversationId;
use uuid::Uuid;

use super::arrivals::{Key, KeyColumns};
use super::holds::HELD;
use super::{Store, buyer_reviews, transcript};
use crate::domain::conversation::Arrival;
use crate::domain::hold::{Erasure, OpenErasure, customer_hash};
use crate::error::QaError;

const COLUMNS: &str = "erasure_id, customer_hash, reason, chats_erased, chats_held, requested_by, requested_at, finished_at, \
     buyer_reviews_erased, buyer_reviews_held";

#[derive(QueryableByName)]
struct ErasureRow {
    #[diesel(sql_type = SqlUuid)]
    erasure_id: Uuid,
    #[diesel(sql_type = Binary)]
    customer_hash: Vec<u8>,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = BigInt)]
    chats_erased: i64,
    #[diesel(sql_type = BigInt)]
    chats_held: i64,
    #[diesel(sql_type = Text)]
    requested_by: String,
    #[diesel(sql_type = Timestamptz)]
    requested_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    finished_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = BigInt)]
    buyer_reviews_erased: i64,
    #[diesel(sql_type = BigInt)]
    buyer_reviews_held: i64,
}

#[derive(QueryableByName)]
struct OpenRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = SqlUuid)]
    erasure_id: Uuid,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Nullable<Date>)]
    at_day: Option<NaiveDate>,
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = Nullable<Date>)]
    day: Option<NaiveDate>,
}

#[derive(QueryableByName)]
struct ErasedRow {
    #[diesel(sql_type = BigInt)]
    erased: i64,
    #[diesel(sql_type = BigInt)]
    held: i64,
}

#[derive(QueryableByName)]
struct AskedRow {
    #[diesel(sql_type = Bool)]
    asked: bool,
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
}

impl From<ErasureRow> for Erasure {
    fn from(row: ErasureRow) -> Self {
        Self {
            id: row.erasure_id,
            customer_hash: row.customer_hash,
            reason: row.reason,
            chats_erased: row.chats_erased,
            chats_held: row.chats_held,
            requested_by: row.requested_by,
            requested_at: row.requested_at,
            finished_at: row.finished_at,
            buyer_reviews_erased: row.buyer_reviews_erased,
            buyer_reviews_held: row.buyer_reviews_held,
        }
    }
}

/// The oldest erasure that goes on and that nobody else is at.
async fn take(conn: &mut AsyncPgConnection) -> Result<Option<OpenErasure>, QaError> {
    let rows = diesel::sql_query(
        "SELECT merchant_id, erasure_id, customer_id, at_day FROM erasures WHERE finished_at IS NULL \
         ORDER BY erasure_id LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .load::<OpenRow>(conn)
    .await?;
    let open = |row: OpenRow| OpenErasure {
        merchant: MerchantId::new(row.merchant_id),
        id: row.erasure_id,
        customer: row.customer_id,
        after: row.at_day,
    };
    Ok(rows.into_iter().next().map(open))
}

/// The merchant's next day with chats: one descent into an index.
async fn next_day(conn: &mut AsyncPgConnection, open: &OpenErasure) -> Result<Option<NaiveDate>, QaError> {
    let row = diesel::sql_query(
        "SELECT min(business_day) AS day FROM conversations WHERE merchant_id = $1 AND ($2 IS NULL OR business_day > $2)",
    )
    .bind::<Text, _>(open.merchant.as_str())
    .bind::<Nullable<Date>, _>(open.after)
    .get_result::<DayRow>(conn)
    .await?;
    Ok(row.day)
}

async fn erase_day(
    conn: &mut AsyncPgConnection,
    open: &OpenErasure,
    day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<ErasedRow, QaError> {
    let nothing = transcript::pack(now, &[])?;
    mark_keys(conn, open, day, now).await?;
    let row = diesel::sql_query(format!(
        "WITH theirs AS MATERIALIZED (SELECT c.shop_id, c.channel, c.conversation_id, {HELD} AS held \
            FROM conversations c WHERE c.merchant_id = $1 AND c.business_day = $2 AND c.customer_id = $3), \
         gone AS (UPDATE conversations c SET transcript = $4, customer_id = '', erased_at = $5 FROM theirs t \
            WHERE NOT t.held AND c.merchant_id = $1 AND c.business_day = $2 AND c.conversation_id = t.conversation_id \
                AND c.channel = t.channel AND c.shop_id = t.shop_id RETURNING 1), \
         hits AS (DELETE FROM check_hits h USING theirs t WHERE NOT t.held AND h.merchant_id = $1 AND h.business_day = $2 \
            AND h.conversation_id = t.conversation_id AND h.channel = t.channel AND h.shop_id = t.shop_id), \
         examples AS (DELETE FROM dry_run_examples e USING theirs t WHERE NOT t.held AND e.merchant_id = $1 \
            AND e.business_day = $2 AND e.conversation_id = t.conversation_id AND e.channel = t.channel \
            AND e.shop_id = t.shop_id) \
         SELECT (SELECT count(*) FROM gone) AS erased, (SELECT count(*) FROM theirs WHERE held) AS held"
    ))
    .bind::<Text, _>(open.merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Text, _>(&open.customer)
    .bind::<Binary, _>(nothing)
    .bind::<Timestamptz, _>(now)
    .get_result::<ErasedRow>(conn)
    .await?;
    Ok(row)
}

/// Marks the keys of a day's chats, before the chats themselves: arrivals lock both in this order.
async fn mark_keys(
    conn: &mut AsyncPgConnection,
    open: &OpenErasure,
    day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<(), QaError> {
    diesel::sql_query(format!(
        "UPDATE conversation_keys k SET erased_at = $4 FROM (SELECT k.conversation_id, k.channel, k.shop_id \
            FROM conversations c JOIN conversation_keys k ON k.merchant_id = c.merchant_id \
                AND k.conversation_id = c.conversation_id AND k.channel = c.channel AND k.shop_id = c.shop_id \
            WHERE c.merchant_id = $1 AND c.business_day = $2 AND c.customer_id = $3 AND NOT {HELD} \
            ORDER BY k.shop_id, k.channel, k.conversation_id FOR UPDATE OF k) l \
         WHERE k.merchant_id = $1 AND k.conversation_id = l.conversation_id AND k.channel = l.channel \
            AND k.shop_id = l.shop_id"
    ))
    .bind::<Text, _>(open.merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Text, _>(&open.customer)
    .bind::<Timestamptz, _>(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Marks those of some arriving chats that ended before their customer was to be forgotten, and that nothing holds.
/// Answers with them. Their keys are locked already.
pub(super) async fn forget(
    conn: &mut AsyncPgConnection,
    arrivals: &[&Arrival],
    now: DateTime<Utc>,
) -> Result<BTreeSet<Key>, QaError> {
    let merchants: BTreeSet<&str> = arrivals.iter().map(|arrival| arrival.merchant.as_str()).collect();
    let asked = diesel::sql_query(
        "SELECT EXISTS (SELECT FROM unnest($1::text[]) m JOIN erasures e ON e.merchant_id = m) AS asked",
    )
    .bind::<Array<Text>, _>(merchants.into_iter().collect::<Vec<_>>())
    .get_result::<AskedRow>(conn)
    .await?;
    if !asked.asked {
        return Ok(BTreeSet::new());
    }
    let keys = KeyColumns::of(arrivals.iter().copied());
    let hashes = arrivals.iter().map(|arrival| customer_hash(&arrival.merchant, &arrival.customer_id));
    let rows = diesel::sql_query(format!(
        "UPDATE conversation_keys k SET erased_at = $9 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[], \
            $6::text[], $7::bytea[], $8::timestamptz[]) AS c (merchant_id, shop_id, channel, conversation_id, business_day, \
            account_id, customer_hash, closed_at) \
         WHERE k.merchant_id = c.merchant_id AND k.conversation_id = c.conversation_id AND k.channel = c.channel \
            AND k.shop_id = c.shop_id AND EXISTS (SELECT FROM erasures e WHERE e.merchant_id = c.merchant_id \
                AND e.customer_hash = c.customer_hash AND e.requested_at >= c.closed_at) AND NOT {HELD} \
         RETURNING k.merchant_id, k.shop_id, k.channel, k.conversation_id"
    ))
    .bind::<Array<Text>, _>(keys.merchants)
    .bind::<Array<Text>, _>(keys.shops)
    .bind::<Array<Text>, _>(keys.channels)
    .bind::<Array<Text>, _>(keys.ids)
    .bind::<Array<Date>, _>(keys.days)
    .bind::<Array<Text>, _>(arrivals.iter().map(|arrival| arrival.account.as_str()).collect::<Vec<_>>())
    .bind::<Array<Binary>, _>(hashes.collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(arrivals.iter().map(|arrival| arrival.closed_at).collect::<Vec<_>>())
    .bind::<Timestamptz, _>(now)
    .load::<KeyRow>(conn)
    .await?;
    let key = |row: KeyRow| {
        let id = ConversationId::new(row.shop_id, row.channel, row.conversation_id);
        (MerchantId::new(row.merchant_id), id)
    };
    Ok(rows.into_iter().map(key).collect())
}

impl Store {
    /// Asks for a customer to be erased.
    pub async fn insert_erasure(
        &self,
        by: &By,
        now: DateTime<Utc>,
        customer: &str,
        reason: &str,
    ) -> Result<Erasure, QaError> {
        let merchant = &by.caller.merchant;
        by.change(&self.pool, now, async |conn| {
            let erasure = Erasure {
                id: Uuid::now_v7(),
                customer_hash: customer_hash(merchant, customer),
                reason: reason.to_owned(),
                chats_erased: 0,
                chats_held: 0,
                requested_by: by.caller.subject.clone(),
                requested_at: now,
                finished_at: None,
                buyer_reviews_erased: 0,
                buyer_reviews_held: 0,
            };
            diesel::sql_query(
                "INSERT INTO erasures (merchant_id, erasure_id, customer_id, customer_hash, reason, requested_by, requested_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind::<Text, _>(merchant.as_str())
            .bind::<SqlUuid, _>(erasure.id)
            .bind::<Text, _>(customer)
            .bind::<Binary, _>(&erasure.customer_hash)
            .bind::<Text, _>(reason)
            .bind::<Text, _>(&erasure.requested_by)
            .bind::<Timestamptz, _>(now)
            .execute(conn)
            .await?;
            let summary = serde_json::json!({ "customer": hex::encode(&erasure.customer_hash), "reason": reason });
            by.audit(conn, now, format!("erasure/{}", erasure.id), summary).await?;
            Ok(erasure)
        })
        .await
    }

    /// One erasure.
    pub async fn find_erasure(&self, merchant: &MerchantId, id: Uuid) -> Result<Option<Erasure>, QaError> {
        let sql = format!("SELECT {COLUMNS} FROM erasures WHERE merchant_id = $1 AND erasure_id = $2");
        let rows = diesel::sql_query(sql)
            .bind::<Text, _>(merchant.as_str())
            .bind::<SqlUuid, _>(id)
            .load::<ErasureRow>(&mut *self.connection().await?)
            .await?;
        Ok(rows.into_iter().next().map(Erasure::from))
    }

    /// Erasures, newest first.
    pub async fn list_erasures(
        &self,
        merchant: &MerchantId,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<Erasure>, QaError> {
        let rows = diesel::sql_query(format!(
            "SELECT {COLUMNS} FROM erasures WHERE merchant_id = $1 AND ($2 IS NULL OR erasure_id < $2) \
             ORDER BY erasure_id DESC LIMIT $3"
        ))
        .bind::<Text, _>(merchant.as_str())
        .bind::<Nullable<SqlUuid>, _>(page.after)
        .bind::<BigInt, _>(page.limit())
        .load::<ErasureRow>(&mut *self.connection().await?)
        .await?;
        Ok(page.page(rows.into_iter().map(Erasure::from).collect(), |erasure: &Erasure| erasure.id)?)
    }

    /// Goes on with the oldest erasure by a day, or ends it if there is none left; tells whether there was an erasure. A
    /// day is one transaction with the place in the job, so a crash loses nothing and repeats nothing.
    pub async fn advance_erasure(&self, now: DateTime<Utc>) -> Result<bool, QaError> {
        let mut conn = self.connection().await?;
        conn.transaction(async |conn| {
            let Some(open) = take(conn).await? else { return Ok(false) };
            // A hold that is placed meanwhile waits: what it keeps must be there when it is in force.
            diesel::sql_query("LOCK TABLE legal_holds IN SHARE MODE").execute(conn).await?;
            let day = next_day(conn, &open).await?;
            let (chats, reviews) = match day {
                Some(day) => (erase_day(conn, &open, day, now).await?, (0, 0)),
                None => {
                    let reviews =
                        buyer_reviews::erase_customer(conn, &open.merchant, &open.customer, now).await?;
                    (ErasedRow { erased: 0, held: 0 }, reviews)
                }
            };
            diesel::sql_query(
                "UPDATE erasures SET at_day = COALESCE($3, at_day), chats_erased = chats_erased + $4, \
                    chats_held = chats_held + $5, buyer_reviews_erased = buyer_reviews_erased + $7, \
                    buyer_reviews_held = buyer_reviews_held + $8, finished_at = CASE WHEN $3 IS NULL THEN $6 END, \
                    customer_id = CASE WHEN $3 IS NULL THEN '' ELSE customer_id END \
                 WHERE merchant_id = $1 AND erasure_id = $2",
            )
            .bind::<Text, _>(open.merchant.as_str())
            .bind::<SqlUuid, _>(open.id)
            .bind::<Nullable<Date>, _>(day)
            .bind::<BigInt, _>(chats.erased)
            .bind::<BigInt, _>(chats.held)
            .bind::<Timestamptz, _>(now)
            .bind::<BigInt, _>(reviews.0)
            .bind::<BigInt, _>(reviews.1)
            .execute(conn)
            .await?;
            Ok(true)
        })
        .await
    }
}
