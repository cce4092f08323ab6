//! Places whose checks wait to be brought up to date. Arrivals only ever add to it and never wait for it; what is done
//! is taken away in the transaction of its effect.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Date, Nullable, Text, Timestamptz};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use runtime::ids::{AccountId, MerchantId};
use sampling::ConversationId;

use super::{Store, chat_checks, transcript};
use crate::domain::hit::{Chat, Outcome, Place, Waiting};
use crate::error::QaError;

#[derive(QueryableByName)]
struct WaitingRow {
    #[diesel(sql_type = BigInt)]
    entry_id: i64,
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Nullable<Text>)]
    account_id: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    revision: Option<i64>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    started_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    closed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Binary>)]
    transcript: Option<Vec<u8>>,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    erased: bool,
}

#[derive(QueryableByName)]
struct LockRow {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    locked: bool,
}

impl From<WaitingRow> for Waiting {
    fn from(row: WaitingRow) -> Self {
        let place = Place {
            merchant: MerchantId::new(row.merchant_id),
            day: row.business_day,
            conversation: ConversationId::new(row.shop_id, row.channel, row.conversation_id),
        };
        let chat = match (row.account_id, row.revision, row.started_at, row.closed_at, row.transcript) {
            (Some(account), Some(revision), Some(started_at), Some(closed_at), Some(packed)) => {
                match transcript::unpack(started_at, &packed) {
                    Some(messages) => {
                        Some(Chat { account: AccountId::new(account), revision, closed_at, messages })
                    }
                    None => {
                        // One chat that cannot be read must not keep all others from being checked.
                        tracing::error!(conversation = %place.conversation, day = %place.day,
                            "a transcript does not unpack and is not checked");
                        None
                    }
                }
            }
            _ => None,
        };
        Self { place, chat }
    }
}

/// Places as columns.
pub(super) struct PlaceColumns<'a> {
    pub(super) merchants: Vec<&'a str>,
    pub(super) days: Vec<NaiveDate>,
    pub(super) shops: Vec<&'a str>,
    pub(super) channels: Vec<&'a str>,
    pub(super) ids: Vec<&'a str>,
}

impl<'a> PlaceColumns<'a> {
    pub(super) fn of(places: impl Iterator<Item = (&'a MerchantId, NaiveDate, &'a ConversationId)>) -> Self {
        let mut columns = Self {
            merchants: Vec::new(),
            days: Vec::new(),
            shops: Vec::new(),
            channels: Vec::new(),
            ids: Vec::new(),
        };
        for (merchant, day, conversation) in places {
            columns.merchants.push(merchant.as_str());
            columns.days.push(day);
            columns.shops.push(&conversation.shop);
            columns.channels.push(&conversation.channel);
            columns.ids.push(&conversation.id);
        }
        columns
    }
}

/// Asks for places to be checked.
pub(super) async fn insert<'a>(
    conn: &mut AsyncPgConnection,
    places: impl Iterator<Item = (&'a MerchantId, NaiveDate, &'a ConversationId)>,
) -> Result<(), QaError> {
    let columns = PlaceColumns::of(places);
    if columns.ids.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO check_queue (merchant_id, business_day, shop_id, channel, conversation_id) \
         SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::text[])",
    )
    .bind::<Array<Text>, _>(columns.merchants)
    .bind::<Array<Date>, _>(columns.days)
    .bind::<Array<Text>, _>(columns.shops)
    .bind::<Array<Text>, _>(columns.channels)
    .bind::<Array<Text>, _>(columns.ids)
    .execute(conn)
    .await?;
    Ok(())
}

/// The entries that wait longest, with what is at their places now. A chat counts where its key says it is: a day that
/// was drawn keeps its row of a chat that moved away.
async fn list(conn: &mut AsyncPgConnection, limit: i64) -> Result<Vec<WaitingRow>, QaError> {
    let rows = diesel::sql_query(
        "SELECT q.entry_id, q.merchant_id, q.business_day, q.shop_id, q.channel, q.conversation_id, \
            c.account_id, c.revision, c.started_at, c.closed_at, c.transcript, \
            c.erased_at IS NOT NULL AS erased \
         FROM (SELECT * FROM check_queue ORDER BY entry_id LIMIT $1) q \
         LEFT JOIN LATERAL (SELECT c.account_id, c.revision, c.started_at, c.closed_at, c.transcript, c.erased_at \
            FROM conversation_keys k JOIN conversations c ON c.merchant_id = k.merchant_id \
                AND c.business_day = k.business_day AND c.conversation_id = k.conversation_id \
                AND c.channel = k.channel AND c.shop_id = k.shop_id \
            WHERE k.merchant_id = q.merchant_id AND k.conversation_id = q.conversation_id AND k.channel = q.channel \
                AND k.shop_id = q.shop_id AND k.business_day = q.business_day AND c.business_day = q.business_day \
            LIMIT 1) c ON true \
         ORDER BY q.entry_id",
    )
    .bind::<BigInt, _>(limit)
    .load(conn)
    .await?;
    Ok(rows)
}

/// Whether this transaction alone works on the queue. Another replica that does so now will be through it soon.
async fn lock(conn: &mut AsyncPgConnection) -> Result<bool, QaError> {
    let rows = diesel::sql_query(
        "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.check_queue', 0)) AS locked",
    )
    .load::<LockRow>(conn)
    .await?;
    Ok(rows.into_iter().any(|row| row.locked))
}

async fn delete(conn: &mut AsyncPgConnection, entries: &[i64]) -> Result<(), QaError> {
    diesel::sql_query("DELETE FROM check_queue WHERE entry_id = ANY ($1)")
        .bind::<Array<BigInt>, _>(entries)
        .execute(conn)
        .await?;
    Ok(())
}

impl Store {
    /// Brings up to `limit` places up to date with what `decide` finds there, and takes them off the queue: one
    /// transaction, so that each counts once however often this is cut off. Gives how many there were; none also while
    /// another replica is at it.
    pub async fn update_checks<F>(
        &self,
        limit: i64,
        now: DateTime<Utc>,
        decide: impl FnOnce(Vec<Waiting>) -> F + Send,
    ) -> Result<usize, QaError>
    where
        F: Future<Output = Result<Vec<Outcome>, QaError>> + Send,
    {
        let mut conn = self.connection().await?;
        conn.transaction(async |conn| {
            if !lock(conn).await? {
                return Ok(0);
            }
            let rows = list(conn, limit).await?;
            let entries: Vec<i64> = rows.iter().map(|row| row.entry_id).collect();
            if entries.is_empty() {
                return Ok(0);
            }
            // What was counted of an erased chat stays, though nothing is left to check.
            let mut waiting: Vec<Waiting> =
                rows.into_iter().filter(|row| !row.erased).map(Waiting::from).collect();
            // All rows were read at one moment: of a place that is here twice, one is enough.
            waiting.sort_by(|one, other| one.place.cmp(&other.place));
            waiting.dedup_by(|one, other| one.place == other.place);
            let outcomes = decide(waiting).await?;
            chat_checks::replace(conn, &outcomes, now).await?;
            delete(conn, &entries).await?;
            Ok(entries.len())
        })
        .await
    }
}
