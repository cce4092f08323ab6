//! `timelines`, `timeline_days` and `timeline_changes`: counting customers anew after something came in of them.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use runtime::ids::MerchantId;

use crate::domain::contribution::Contribution;
use crate::domain::customer::tier::TierRules;
use crate::domain::explanation::Recorded;
use crate::domain::timeline::History;
use crate::domain::trade::TradeSum;
use crate::error::MetricsError;
use crate::store::conversations::column;
use crate::store::explanations::FactsRow;
use crate::store::ingest::ATTEMPTS;
use crate::store::timeline_news::{Known, News};
use crate::store::{Result, Store, definitions, facts, follow_up_checks, settings};

/// Changes taken up in one transaction.
const CHANGES_MAX: i64 = 500;
/// Customers whose pieces are read first; how many after that, they say themselves.
const CUSTOMERS_AT_ONCE: usize = 16;
/// Conversations and facts in memory at once, about.
const PIECES_AT_ONCE: usize = 2_000;

/// Whom a release counted that knew fewer sums than this one. The number stands in an index (migration `more_figures`).
const FEWER_SUMS: &str = "sums_known < 68";
const _: () = assert!(TradeSum::ALL.len() == 68, "a new sum needs a new index for FEWER_SUMS");

/// A customer of a shop, ordered as timelines are locked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Customer {
    pub id: String,
    pub shop: String,
}

/// Notes that something came in of these customers.
pub(super) async fn insert_changes(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    customers: &BTreeSet<Customer>,
) -> Result<()> {
    if customers.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO timeline_changes (merchant_id, shop_id, customer_id) SELECT $1, * FROM unnest($2::text[], $3::text[])",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(customers.iter().map(|c| c.shop.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(customers.iter().map(|c| c.id.as_str()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether customers of the merchant wait to be counted.
pub(super) async fn is_pending(conn: &mut AsyncPgConnection, merchant: &str) -> Result<bool> {
    let row = diesel::sql_query(format!(
        "SELECT EXISTS (SELECT FROM timeline_changes WHERE merchant_id = $1) \
            OR EXISTS (SELECT FROM timelines WHERE merchant_id = $1 AND {FEWER_SUMS}) AS pending",
    ))
    .bind::<Text, _>(merchant)
    .get_result::<PendingRow>(conn)
    .await?;
    Ok(row.pending)
}

impl Store {
    /// The first merchant after `after` of whom customers wait to be counted.
    pub async fn find_waiting_merchant(&self, after: &str) -> Result<Option<String>> {
        let mut conn = self.pool.get().await?;
        let next = diesel::sql_query(format!(
            "SELECT least( \
                (SELECT min(merchant_id) FROM timeline_changes WHERE merchant_id > $1), \
                (SELECT min(merchant_id) FROM timelines WHERE merchant_id > $1 AND {FEWER_SUMS})) AS merchant_id",
        ))
        .bind::<Text, _>(after)
        .get_result::<MerchantRow>(&mut conn)
        .await?;
        Ok(next.merchant_id)
    }

    /// Counts the customers of the merchant's oldest changes, or else those whom a release before counted with fewer
    /// sums, and gives how many that were. Any number of replicas may do this at once: taken changes are locked until their
    /// customers are counted, and come back if that fails.
    pub async fn count_timelines(&self, merchant: &str, now: DateTime<Utc>) -> Result<usize> {
        pg::with_retry(ATTEMPTS, async || {
            let mut conn = self.pool.get().await?;
            let rules = &self.tier_rules;
            conn.transaction::<_, MetricsError, _>(async |conn| count_next(conn, merchant, rules, now).await)
                .await
        })
        .await
    }
}

async fn count_next(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    rules: &TierRules,
    now: DateTime<Utc>,
) -> Result<usize> {
    let changes = diesel::sql_query(
        "DELETE FROM timeline_changes c USING ( \
            SELECT change_id FROM timeline_changes WHERE merchant_id = $1 ORDER BY change_id LIMIT $2 \
            FOR UPDATE SKIP LOCKED) AS taken \
         WHERE c.merchant_id = $1 AND c.change_id = taken.change_id RETURNING c.shop_id, c.customer_id",
    )
    .bind::<Text, _>(merchant)
    .bind::<BigInt, _>(CHANGES_MAX)
    .load::<CustomerRow>(conn)
    .await?;
    let mut taken = changes;
    if taken.is_empty() {
        taken = diesel::sql_query(format!(
            "SELECT shop_id, customer_id FROM timelines WHERE merchant_id = $1 AND {FEWER_SUMS} LIMIT $2",
        ))
        .bind::<Text, _>(merchant)
        .bind::<BigInt, _>(CHANGES_MAX)
        .load::<CustomerRow>(conn)
        .await?;
    }
    let count = taken.len();
    let customers: BTreeSet<Customer> = taken.into_iter().map(CustomerRow::read).collect();
    recount(conn, merchant, &customers, rules, now).await?;
    Ok(count)
}

/// Counts the next customers that are not counted under a definition yet; `false`: there are none.
pub(super) async fn recount_behind(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    definition_seq: i32,
    rules: &TierRules,
    now: DateTime<Utc>,
) -> Result<bool> {
    let behind = diesel::sql_query(
        "SELECT shop_id, customer_id FROM timelines WHERE merchant_id = $1 AND counted_seq < $2 LIMIT $3",
    )
    .bind::<Text, _>(merchant)
    .bind::<Integer, _>(definition_seq)
    .bind::<BigInt, _>(CHANGES_MAX)
    .load::<CustomerRow>(conn)
    .await?;
    let customers: BTreeSet<Customer> = behind.into_iter().map(CustomerRow::read).collect();
    recount(conn, merchant, &customers, rules, now).await?;
    Ok(!customers.is_empty())
}

/// Takes back what these customers gave and gives what they give now, under all definitions, and puts their portraits;
/// `rules` are those of merchants that put none.
async fn recount(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    customers: &BTreeSet<Customer>,
    rules: &TierRules,
    now: DateTime<Utc>,
) -> Result<()> {
    if customers.is_empty() {
        return Ok(());
    }
    let newest_seq = definitions::lock_shared(conn, merchant).await?;
    let definitions = definitions::load(conn, merchant).await?;
    let calendar = directory::calendar(conn, &MerchantId::new(merchant.to_owned())).await?;
    let sorted: Vec<&Customer> = customers.iter().collect();
    let before = lock(conn, merchant, &sorted).await?;
    let put_rules: Option<TierRules> = settings::find(conn, merchant, None).await?;
    let rules = put_rules.as_ref().unwrap_or(rules);
    let today = calendar.business_day(now);
    let known = Known { definitions: &definitions, newest_seq, rules, today };
    let mut news = News::default();
    let (mut waiting, mut before) = (sorted.as_slice(), before.into_iter());
    let mut at_once = CUSTOMERS_AT_ONCE;
    while !waiting.is_empty() {
        let (part, later) = waiting.split_at(at_once.min(waiting.len()));
        // Read after the locks: whatever was committed before them is in, whatever comes later left its own change.
        let histories = load_histories(conn, merchant, part).await?;
        follow_up_checks::insert_recent(conn, merchant, part, &histories, now).await?;
        at_once = next_part(part.len(), histories.iter().map(History::pieces).sum());
        for ((customer, before), history) in part.iter().zip(before.by_ref()).zip(histories) {
            news.count(customer, &before, &history, &known)?;
        }
        waiting = later;
    }
    news.write(conn, merchant, &known).await
}

/// How many customers to read next, after so many with so many pieces. Most have a few; of some there are hundreds, and a
/// part of them in memory at once must not be a shop's whole year.
fn next_part(customers: usize, pieces: usize) -> usize {
    (customers * PIECES_AT_ONCE / pieces.max(1)).max(1)
}

/// What was stored of a timeline. What it gave stays packed until the customer is counted: unpacked, each gift holds all sums,
/// and a map of them by slice.
pub(super) struct Before {
    pub counted_seq: i32,
    /// Whether a release that knows fewer sums counted it.
    pub fewer_sums: bool,
    contribution: Vec<u8>,
}

impl Before {
    /// What the customer gave.
    pub fn contribution(&self, customer: &Customer) -> Result<Contribution> {
        let damaged = |why| pg::Error::unreadable("timelines", &customer.id, why);
        Ok(Contribution::unpack(&self.contribution).map_err(damaged)?)
    }
}

/// Makes the timelines that are missing, locks all in the given order, and reads them.
async fn lock(conn: &mut AsyncPgConnection, merchant: &str, sorted: &[&Customer]) -> Result<Vec<Before>> {
    let (shops, ids) = (column(sorted, |c| c.shop.as_str()), column(sorted, |c| c.id.as_str()));
    // `DO UPDATE ... WHERE false` locks the row that is there and leaves it alone; `DO NOTHING` would not lock it.
    diesel::sql_query(
        "INSERT INTO timelines AS t (merchant_id, shop_id, customer_id) \
         SELECT $1, n.shop, n.customer FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS n (shop, customer, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT timelines_pkey DO UPDATE SET counted_seq = t.counted_seq WHERE false",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(&shops)
    .bind::<Array<Text>, _>(&ids)
    .execute(conn)
    .await?;
    let rows = diesel::sql_query(format!(
        "SELECT n.place::bigint AS place, t.counted_seq, t.fewer_sums, t.contribution \
         FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS n (shop, customer, place) \
         CROSS JOIN LATERAL (SELECT counted_seq, {FEWER_SUMS} AS fewer_sums, contribution FROM timelines \
            WHERE merchant_id = $1 AND customer_id = n.customer AND shop_id = n.shop LIMIT 1) AS t \
         ORDER BY n.place",
    ))
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(&shops)
    .bind::<Array<Text>, _>(&ids)
    .load::<TimelineRow>(conn)
    .await?;
    let before = rows.into_iter().map(|row| Before {
        counted_seq: row.counted_seq,
        fewer_sums: row.fewer_sums,
        contribution: row.contribution,
    });
    let before: Vec<Before> = before.collect();
    if before.len() != sorted.len() {
        return Err(pg::Error::unreadable("timelines", merchant, "a locked row is gone").into());
    }
    Ok(before)
}

/// Everything known of customers, in their order.
pub(super) async fn load_histories(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    customers: &[&Customer],
) -> Result<Vec<History>> {
    // The offset keeps it from being joined: each customer is looked up.
    let rows = diesel::sql_query(
        "SELECT n.place::bigint AS place, f.* \
         FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS n (shop, customer, place) \
         CROSS JOIN LATERAL (SELECT business_day, account_id, account_id AS owner_id, shop_id, channel, conversation_id, customer_id, revision, \
                started_at, facts FROM conversation_facts \
            WHERE merchant_id = $1 AND shop_id = n.shop AND customer_id = n.customer OFFSET 0) AS f",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(column(customers, |customer| customer.shop.as_str()))
    .bind::<Array<Text>, _>(column(customers, |customer| customer.id.as_str()))
    .load::<ChatRow>(conn)
    .await?;
    let mut chats: HashMap<usize, Vec<Recorded>> = HashMap::new();
    for ChatRow { place, chat } in rows {
        chats.entry(usize::try_from(place - 1).unwrap_or(usize::MAX)).or_default().push(chat.read()?);
    }
    let mut facts = facts::list_of_customers(conn, merchant, customers).await?;
    let calendar = directory::calendar(conn, &MerchantId::new(merchant.to_owned())).await?;
    let history = |at| {
        let (chats, facts) = (chats.remove(&at).unwrap_or_default(), facts.remove(&at).unwrap_or_default());
        History::new(chats, facts).with_calendar(calendar.clone())
    };
    Ok((0..customers.len()).map(history).collect())
}

#[derive(QueryableByName)]
struct MerchantRow {
    #[diesel(sql_type = Nullable<Text>)]
    merchant_id: Option<String>,
}

#[derive(QueryableByName)]
struct PendingRow {
    #[diesel(sql_type = Bool)]
    pending: bool,
}

#[derive(QueryableByName)]
struct CustomerRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
}

impl CustomerRow {
    fn read(self) -> Customer {
        Customer { id: self.customer_id, shop: self.shop_id }
    }
}

#[derive(QueryableByName)]
struct TimelineRow {
    #[diesel(sql_type = Integer)]
    counted_seq: i32,
    #[diesel(sql_type = Bool)]
    fewer_sums: bool,
    #[diesel(sql_type = Binary)]
    contribution: Vec<u8>,
}

#[derive(QueryableByName)]
struct ChatRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(embed)]
    chat: FactsRow,
}
