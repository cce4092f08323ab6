//! What a release from before known days wrote while an upgrade rolls on: found by the notes that the schema makes of it
//! (migration `older_writers`), and counted again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Binary, Date, Integer, Text};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use runtime::ids::MerchantId;

use crate::domain::day_recount::{Counted, Stored, corrections};
use crate::domain::facts::AgentDay;
use crate::domain::intake::given_parts;
use crate::domain::sums::{Sum, Sums};
use crate::domain::tally::{Place, Tally};
use crate::error::MetricsError;
use crate::store::conversations::unpack;
use crate::store::ingest::ATTEMPTS;
use crate::store::timelines::{self, Customer};
use crate::store::{Result, Store, day_facts, days, definitions};

/// The known day of such a release's notes.
const NOTED: &str = "'0001-01-01'";

impl Store {
    /// Counts a business day again of which an older release wrote something; `false`: there is none.
    pub async fn recount_older_day(&self, now: DateTime<Utc>) -> Result<bool> {
        pg::with_retry(ATTEMPTS, async || {
            let mut conn = self.pool.get().await?;
            conn.transaction::<_, MetricsError, _>(async |conn| recount_next(conn, now).await).await
        })
        .await
    }
}

async fn recount_next(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> Result<bool> {
    let noted = diesel::sql_query(format!(
        "SELECT merchant_id, business_day FROM day_facts WHERE known_day = {NOTED} \
         ORDER BY merchant_id, business_day LIMIT 1"
    ))
    .get_result::<NotedRow>(conn)
    .await
    .optional()?;
    let Some(NotedRow { merchant_id, business_day }) = noted else { return Ok(false) };
    // Nobody builds a definition or commits a batch of the merchant meanwhile. The builder locks in this order too.
    diesel::sql_query(
        "SELECT definition_seq FROM definitions WHERE merchant_id = $1 ORDER BY definition_seq FOR SHARE",
    )
    .bind::<Text, _>(&merchant_id)
    .execute(conn)
    .await?;
    definitions::lock_exclusive(conn, &merchant_id).await?;
    recount(conn, &merchant_id, business_day, now).await?;
    Ok(true)
}

async fn recount(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    day: NaiveDate,
    now: DateTime<Utc>,
) -> Result<()> {
    let merchant_id = MerchantId::new(merchant.to_owned());
    let known_day = directory::calendar(conn, &merchant_id).await?.business_day(now);
    let noted = take_notes(conn, merchant, day).await?;
    let definitions = definitions::load(conn, merchant).await?;
    let mut given = Tally::default();
    let mut customers = BTreeSet::new();
    for conversation in list_day(conn, merchant, day).await? {
        let facts = unpack(&conversation.facts, &conversation.conversation_id)?;
        let at = AgentDay { day, shop: conversation.shop_id.clone(), account: conversation.account_id };
        let counting = definitions.iter().filter(|definition| definition.seq <= conversation.counted_seq);
        for part in given_parts(&facts, &at, counting) {
            let customer = conversation.customer_id.as_str();
            let place = Place {
                definition_seq: part.definition_seq,
                agent_day: &part.agent_day,
                customer,
                known_day,
            };
            given.give(place, &part.part);
        }
        customers.insert(Customer { id: conversation.customer_id, shop: conversation.shop_id });
    }
    let stored = list_stored(conn, merchant, day).await?;
    update_known_day(conn, merchant, day, known_day).await?;
    // Such a release may not have known of timelines either.
    timelines::insert_changes(conn, merchant, &customers).await?;
    days::insert_changes(conn, merchant, &BTreeSet::from([day]), known_day, now).await?;
    day_facts::put_right(conn, merchant, &corrections(&noted, given, &stored, known_day)).await
}

/// Takes the notes of a day away; gives whose days they were about.
async fn take_notes(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    day: NaiveDate,
) -> Result<BTreeSet<Counted>> {
    let rows = diesel::sql_query(format!(
        "DELETE FROM day_facts WHERE merchant_id = $1 AND business_day = $2 AND known_day = {NOTED} \
         RETURNING definition_seq, shop_id, account_id"
    ))
    .bind::<Text, _>(merchant)
    .bind::<Date, _>(day)
    .load::<CountedRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.read(day)).collect())
}

async fn list_day(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    day: NaiveDate,
) -> Result<Vec<ConversationRow>> {
    Ok(diesel::sql_query(
        "SELECT f.shop_id, f.account_id, f.conversation_id, f.customer_id, f.facts, c.counted_seq \
         FROM conversation_facts f JOIN conversations c USING (merchant_id, conversation_id, channel, shop_id) \
         WHERE f.merchant_id = $1 AND f.business_day = $2",
    )
    .bind::<Text, _>(merchant)
    .bind::<Date, _>(day)
    .load(conn)
    .await?)
}

/// What is stored of a day without its notes.
async fn list_stored(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    day: NaiveDate,
) -> Result<BTreeMap<Counted, Stored>> {
    let columns: Vec<_> = Sum::ALL.into_iter().map(day_facts::sum_column).collect();
    let sql = format!(
        "SELECT definition_seq, shop_id, account_id, ARRAY[{}] AS sums, responses, first_responses, lengths \
         FROM day_facts WHERE merchant_id = $1 AND business_day = $2 AND known_day > {NOTED}",
        columns.join(", "),
    );
    let rows =
        diesel::sql_query(sql).bind::<Text, _>(merchant).bind::<Date, _>(day).load::<StoredRow>(conn).await?;
    let mut days: BTreeMap<Counted, Stored> = BTreeMap::new();
    for row in rows {
        let account = row.account_id.clone();
        let key = (row.definition_seq, AgentDay { day, shop: row.shop_id, account: row.account_id });
        let stored = days.entry(key).or_default();
        let mut sums = Sums::default();
        Sum::ALL.into_iter().zip(row.sums).for_each(|(sum, value)| sums[sum] = value);
        stored.sums += &sums;
        for (histogram, packed) in
            stored.histograms.iter_mut().zip([&row.responses, &row.first_responses, &row.lengths])
        {
            histogram.add_packed(packed).map_err(|why| pg::Error::unreadable("day_facts", &account, why))?;
        }
    }
    Ok(days)
}

/// What such a release stored became known today, as far as anybody can tell.
async fn update_known_day(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    day: NaiveDate,
    known_day: NaiveDate,
) -> Result<()> {
    diesel::sql_query(format!(
        "UPDATE conversations c SET known_day = $3 FROM conversation_facts f \
         WHERE f.merchant_id = $1 AND f.business_day = $2 AND c.merchant_id = $1 \
            AND c.conversation_id = f.conversation_id AND c.channel = f.channel AND c.shop_id = f.shop_id \
            AND c.known_day = {NOTED}"
    ))
    .bind::<Text, _>(merchant)
    .bind::<Date, _>(day)
    .bind::<Date, _>(known_day)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct NotedRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
}

#[derive(QueryableByName)]
struct CountedRow {
    #[diesel(sql_type = Integer)]
    definition_seq: i32,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
}

impl CountedRow {
    fn read(self, day: NaiveDate) -> Counted {
        (self.definition_seq, AgentDay { day, shop: self.shop_id, account: self.account_id })
    }
}

#[derive(QueryableByName)]
struct ConversationRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Binary)]
    facts: Vec<u8>,
    #[diesel(sql_type = Integer)]
    counted_seq: i32,
}

#[derive(QueryableByName)]
struct StoredRow {
    #[diesel(sql_type = Integer)]
    definition_seq: i32,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
    #[diesel(sql_type = Binary)]
    responses: Vec<u8>,
    #[diesel(sql_type = Binary)]
    first_responses: Vec<u8>,
    #[diesel(sql_type = Binary)]
    lengths: Vec<u8>,
}
