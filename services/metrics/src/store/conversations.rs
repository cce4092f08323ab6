//! `conversations` and `conversation_facts`: the statements of a batch, each for many rows at once.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Date, Integer, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::batch::Known;
use crate::domain::conversation::ConversationKey;
use crate::domain::facts::{AgentDay, Facts};
use crate::domain::intake::Candidate;
use crate::store::Result;

/// What is stored under a key, locked.
#[derive(Debug)]
pub(super) struct Stored {
    pub known: Known,
    pub agent_day: AgentDay,
    pub counted_seq: i32,
}

/// Facts that were taken out of the table.
#[derive(Debug)]
pub(super) struct OldFacts {
    pub customer: String,
    pub facts: Facts,
}

/// Inserts the keys that are new and locks all others, in the given order. Gives the new ones by their place.
pub(super) async fn insert_keys(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    newest_seq: i32,
    known_day: NaiveDate,
    sorted: &[&Candidate],
) -> Result<Vec<bool>> {
    // `DO UPDATE ... WHERE false` locks the row that is there and leaves it alone; `DO NOTHING` would not lock it.
    let rows = diesel::sql_query(
        "INSERT INTO conversations AS c \
            (merchant_id, shop_id, channel, conversation_id, revision, business_day, account_id, content_hash, counted_seq, \
            known_day) \
         SELECT $1, n.shop, n.channel, n.id, n.revision, n.day, n.account, n.hash, $2, $10 \
         FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::date[], $8::text[], $9::bytea[]) \
            WITH ORDINALITY AS n (shop, channel, id, revision, day, account, hash, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT conversations_pkey DO UPDATE SET revision = c.revision WHERE false \
         RETURNING shop_id, channel, conversation_id",
    )
    .bind::<Text, _>(merchant)
    .bind::<Integer, _>(newest_seq)
    .bind::<Array<Text>, _>(column(sorted, |c| c.key.shop.as_str()))
    .bind::<Array<Text>, _>(column(sorted, |c| c.key.channel.as_str()))
    .bind::<Array<Text>, _>(column(sorted, |c| c.key.id.as_str()))
    .bind::<Array<BigInt>, _>(column(sorted, |c| c.revision))
    .bind::<Array<Date>, _>(column(sorted, |c| c.agent_day.day))
    .bind::<Array<Text>, _>(column(sorted, |c| c.agent_day.account.as_str()))
    .bind::<Array<Binary>, _>(column(sorted, |c| c.content_hash.as_slice()))
    .bind::<Date, _>(known_day)
    .load::<KeyRow>(conn)
    .await?;
    // Both are in the order of the keys, and every row returned is one of those asked for.
    let mut inserted = rows.iter().peekable();
    Ok(sorted.iter().map(|candidate| inserted.next_if(|row| row.is(&candidate.key)).is_some()).collect())
}

/// What is stored under keys that were locked before, by the keys' places.
pub(super) async fn list_stored(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    keys: &[(usize, &ConversationKey)],
) -> Result<HashMap<usize, Stored>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    // The limit makes it look each key up; a join of a batch of unknown size may read the whole table instead.
    let rows = diesel::sql_query(
        "SELECT n.place::bigint AS place, c.shop_id, c.revision, c.business_day, c.account_id, c.content_hash, c.counted_seq \
         FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS n (shop, channel, id, place) \
         CROSS JOIN LATERAL (SELECT * FROM conversations WHERE merchant_id = $1 AND conversation_id = n.id \
            AND channel = n.channel AND shop_id = n.shop LIMIT 1) AS c",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(column(keys, |(_, key)| key.shop.as_str()))
    .bind::<Array<Text>, _>(column(keys, |(_, key)| key.channel.as_str()))
    .bind::<Array<Text>, _>(column(keys, |(_, key)| key.id.as_str()))
    .load::<StoredRow>(conn)
    .await?;
    let stored = rows.into_iter().filter_map(|row| {
        let (place, _) = *keys.get(usize::try_from(row.place - 1).ok()?)?;
        let agent_day = AgentDay { day: row.business_day, shop: row.shop_id, account: row.account_id };
        let known = Known { revision: row.revision, content_hash: row.content_hash };
        Some((place, Stored { known, agent_day, counted_seq: row.counted_seq }))
    });
    Ok(stored.collect())
}

/// Brings locked keys to their new revision.
pub(super) async fn update_keys(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    newest_seq: i32,
    known_day: NaiveDate,
    candidates: &[&Candidate],
) -> Result<()> {
    if candidates.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "UPDATE conversations c SET revision = n.revision, business_day = n.day, account_id = n.account, \
            content_hash = n.hash, counted_seq = $2, known_day = $10 \
         FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::date[], $8::text[], $9::bytea[]) \
            AS n (shop, channel, id, revision, day, account, hash) \
         WHERE c.merchant_id = $1 AND c.shop_id = n.shop AND c.channel = n.channel AND c.conversation_id = n.id",
    )
    .bind::<Text, _>(merchant)
    .bind::<Integer, _>(newest_seq)
    .bind::<Array<Text>, _>(column(candidates, |c| c.key.shop.as_str()))
    .bind::<Array<Text>, _>(column(candidates, |c| c.key.channel.as_str()))
    .bind::<Array<Text>, _>(column(candidates, |c| c.key.id.as_str()))
    .bind::<Array<BigInt>, _>(column(candidates, |c| c.revision))
    .bind::<Array<Date>, _>(column(candidates, |c| c.agent_day.day))
    .bind::<Array<Text>, _>(column(candidates, |c| c.agent_day.account.as_str()))
    .bind::<Array<Binary>, _>(column(candidates, |c| c.content_hash.as_slice()))
    .bind::<Date, _>(known_day)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes out the facts of these conversations, by their places in the list.
pub(super) async fn delete_facts(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    old: &[(&AgentDay, &ConversationKey)],
) -> Result<HashMap<usize, OldFacts>> {
    if old.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = diesel::sql_query(
        "DELETE FROM conversation_facts f \
         USING unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::text[]) \
            WITH ORDINALITY AS n (day, account, shop, channel, id, place) \
         WHERE f.merchant_id = $1 AND f.business_day = n.day AND f.account_id = n.account AND f.shop_id = n.shop \
            AND f.channel = n.channel AND f.conversation_id = n.id \
         RETURNING n.place::bigint AS place, f.customer_id, f.facts",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Date>, _>(column(old, |(at, _)| at.day))
    .bind::<Array<Text>, _>(column(old, |(at, _)| at.account.as_str()))
    .bind::<Array<Text>, _>(column(old, |(_, key)| key.shop.as_str()))
    .bind::<Array<Text>, _>(column(old, |(_, key)| key.channel.as_str()))
    .bind::<Array<Text>, _>(column(old, |(_, key)| key.id.as_str()))
    .load::<OldFactsRow>(conn)
    .await?;
    let mut taken = HashMap::new();
    for row in rows {
        let place = usize::try_from(row.place - 1).unwrap_or(usize::MAX);
        taken.insert(place, OldFacts { customer: row.customer_id, facts: unpack(&row.facts, row.place)? });
    }
    Ok(taken)
}

/// Stores the facts of conversations that have none.
pub(super) async fn insert_facts(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    candidates: &[&Candidate],
) -> Result<()> {
    diesel::sql_query(
        "INSERT INTO conversation_facts (merchant_id, business_day, account_id, shop_id, channel, conversation_id, \
            customer_id, revision, started_at, agent_messages, facts) \
         SELECT $1, * FROM unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], \
            $9::timestamptz[], $10::int[], $11::bytea[])",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Date>, _>(column(candidates, |c| c.agent_day.day))
    .bind::<Array<Text>, _>(column(candidates, |c| c.agent_day.account.as_str()))
    .bind::<Array<Text>, _>(column(candidates, |c| c.key.shop.as_str()))
    .bind::<Array<Text>, _>(column(candidates, |c| c.key.channel.as_str()))
    .bind::<Array<Text>, _>(column(candidates, |c| c.key.id.as_str()))
    .bind::<Array<Text>, _>(column(candidates, |c| c.customer.as_str()))
    .bind::<Array<BigInt>, _>(column(candidates, |c| c.revision))
    .bind::<Array<Timestamptz>, _>(column(candidates, |c| c.started_at))
    .bind::<Array<Integer>, _>(column(candidates, |c| c.agent_messages))
    .bind::<Array<Binary>, _>(column(candidates, |c| c.facts.as_slice()))
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes which other accounts sent messages in these conversations.
pub(super) async fn insert_helpers(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    candidates: &[&Candidate],
) -> Result<()> {
    let helpers: Vec<(&Candidate, &str)> =
        candidates.iter().flat_map(|c| c.helpers.iter().map(|helper| (*c, helper.as_str()))).collect();
    if helpers.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "INSERT INTO conversation_helpers \
            (merchant_id, business_day, account_id, conversation_id, channel, shop_id, owner_id) \
         SELECT $1, * FROM unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Date>, _>(column(&helpers, |(c, _)| c.agent_day.day))
    .bind::<Array<Text>, _>(column(&helpers, |(_, helper)| *helper))
    .bind::<Array<Text>, _>(column(&helpers, |(c, _)| c.key.id.as_str()))
    .bind::<Array<Text>, _>(column(&helpers, |(c, _)| c.key.channel.as_str()))
    .bind::<Array<Text>, _>(column(&helpers, |(c, _)| c.key.shop.as_str()))
    .bind::<Array<Text>, _>(column(&helpers, |(c, _)| c.agent_day.account.as_str()))
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets which other accounts sent messages in conversations: their day, the other account, their key.
pub(super) async fn delete_helpers(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    helpers: &[(NaiveDate, &str, &ConversationKey)],
) -> Result<()> {
    if helpers.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "DELETE FROM conversation_helpers h \
         USING unnest($2::date[], $3::text[], $4::text[], $5::text[], $6::text[]) AS n (day, account, id, channel, shop) \
         WHERE h.merchant_id = $1 AND h.business_day = n.day AND h.account_id = n.account AND h.conversation_id = n.id \
            AND h.channel = n.channel AND h.shop_id = n.shop",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Date>, _>(column(helpers, |row| row.0))
    .bind::<Array<Text>, _>(column(helpers, |row| row.1))
    .bind::<Array<Text>, _>(column(helpers, |row| row.2.id.as_str()))
    .bind::<Array<Text>, _>(column(helpers, |row| row.2.channel.as_str()))
    .bind::<Array<Text>, _>(column(helpers, |row| row.2.shop.as_str()))
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes accounts as met and gives those that nobody had met before. `accounts` are sorted by account, each once.
pub(super) async fn insert_accounts(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    accounts: &[(&str, &AgentDay)],
) -> Result<Vec<String>> {
    let rows = diesel::sql_query(
        "INSERT INTO accounts_seen (merchant_id, account_id, shop_id, first_day) \
         SELECT $1, n.account, n.shop, n.day \
         FROM unnest($2::text[], $3::text[], $4::date[]) WITH ORDINALITY AS n (account, shop, day, place) \
         ORDER BY n.place \
         ON CONFLICT ON CONSTRAINT accounts_seen_pkey DO NOTHING RETURNING account_id",
    )
    .bind::<Text, _>(merchant)
    .bind::<Array<Text>, _>(column(accounts, |(account, _)| *account))
    .bind::<Array<Text>, _>(column(accounts, |(_, at)| at.shop.as_str()))
    .bind::<Array<Date>, _>(column(accounts, |(_, at)| at.day))
    .load::<AccountRow>(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.account_id).collect())
}

/// A conversation that the builder of a definition looks at, locked.
#[derive(Debug)]
pub(super) struct ToCount {
    pub key: ConversationKey,
    pub agent_day: AgentDay,
    pub customer: String,
    pub counted_seq: i32,
    pub known_day: NaiveDate,
    pub facts: Facts,
}

/// Locks the next conversations after a key, in the order of keys, and reads their facts.
pub(super) async fn list_to_count(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    after: &[String],
    limit: i64,
) -> Result<Vec<ToCount>> {
    let after = |at: usize| after.get(at).map_or("", String::as_str);
    let rows = diesel::sql_query(
        "WITH locked AS ( \
            SELECT * FROM conversations \
            WHERE merchant_id = $1 AND (conversation_id, channel, shop_id) > ($2, $3, $4) \
            ORDER BY conversation_id, channel, shop_id LIMIT $5 FOR UPDATE) \
         SELECT l.shop_id, l.channel, l.conversation_id, l.business_day, l.account_id, l.counted_seq, \
            l.known_day, f.customer_id, f.facts \
         FROM locked l JOIN conversation_facts f USING (merchant_id, business_day, account_id, shop_id, channel, conversation_id) \
         ORDER BY l.conversation_id, l.channel, l.shop_id",
    )
    .bind::<Text, _>(merchant)
    .bind::<Text, _>(after(0))
    .bind::<Text, _>(after(1))
    .bind::<Text, _>(after(2))
    .bind::<BigInt, _>(limit)
    .load::<ToCountRow>(conn)
    .await?;
    rows.into_iter().map(ToCountRow::read).collect()
}

/// Notes under which definition conversations count now.
pub(super) async fn update_counted_seq(
    conn: &mut AsyncPgConnection,
    merchant: &str,
    seq: i32,
    keys: &[&ConversationKey],
) -> Result<()> {
    diesel::sql_query(
        "UPDATE conversations c SET counted_seq = $2 \
         FROM unnest($3::text[], $4::text[], $5::text[]) AS n (shop, channel, id) \
         WHERE c.merchant_id = $1 AND c.shop_id = n.shop AND c.channel = n.channel AND c.conversation_id = n.id",
    )
    .bind::<Text, _>(merchant)
    .bind::<Integer, _>(seq)
    .bind::<Array<Text>, _>(column(keys, |key| key.shop.as_str()))
    .bind::<Array<Text>, _>(column(keys, |key| key.channel.as_str()))
    .bind::<Array<Text>, _>(column(keys, |key| key.id.as_str()))
    .execute(conn)
    .await?;
    Ok(())
}

/// Packed facts of the row that `key` tells of.
pub(super) fn unpack(bytes: &[u8], key: impl std::fmt::Display) -> Result<Facts> {
    Ok(Facts::unpack(bytes).map_err(|why| pg::Error::unreadable("conversation_facts", key, why))?)
}

/// One column of many rows.
pub(super) fn column<'a, T, C>(rows: &'a [T], value: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(value).collect()
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
}

impl KeyRow {
    fn is(&self, key: &ConversationKey) -> bool {
        self.conversation_id == key.id && self.channel == key.channel && self.shop_id == key.shop
    }
}

#[derive(QueryableByName)]
struct StoredRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Binary)]
    content_hash: Vec<u8>,
    #[diesel(sql_type = Integer)]
    counted_seq: i32,
}

#[derive(QueryableByName)]
struct OldFactsRow {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Binary)]
    facts: Vec<u8>,
}

#[derive(QueryableByName)]
struct AccountRow {
    #[diesel(sql_type = Text)]
    account_id: String,
}

#[derive(QueryableByName)]
struct ToCountRow {
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Date)]
    business_day: NaiveDate,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Integer)]
    counted_seq: i32,
    #[diesel(sql_type = Date)]
    known_day: NaiveDate,
    #[diesel(sql_type = Text)]
    customer_id: String,
    #[diesel(sql_type = Binary)]
    facts: Vec<u8>,
}

impl ToCountRow {
    fn read(self) -> Result<ToCount> {
        let facts = unpack(&self.facts, &self.conversation_id)?;
        Ok(ToCount {
            agent_day: AgentDay {
                day: self.business_day,
                shop: self.shop_id.clone(),
                account: self.account_id,
            },
            key: ConversationKey { shop: self.shop_id, channel: self.channel, id: self.conversation_id },
            customer: self.customer_id,
            counted_seq: self.counted_seq,
            known_day: self.known_day,
            facts,
        })
    }
}
