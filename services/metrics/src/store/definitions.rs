//! `definitions`, and the building of new ones from stored facts.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use pg::By;
use runtime::ids::MerchantId;
use serde_json::json;

use crate::domain::customer::tier::TierRules;
use crate::domain::definition::{BUILT_IN_SEQ, Definition, Rules, State};
use crate::domain::intake::given_parts;
use crate::domain::tally::{Place, Tally};
use crate::error::MetricsError;
use crate::store::conversations::{list_to_count, update_counted_seq};
use crate::store::{Result, Store, day_facts, timelines};

/// Conversations that the builder counts in one transaction.
const BUILD_BATCH: i64 = 1_000;
/// How often a batch that lost a race is tried.
const ATTEMPTS: u32 = 8;

const COLUMNS: &str =
    "definition_seq, definition_id, version, name, rules, ready, built, created_by, created_at, valid_from";

/// A version to put.
#[derive(Debug, Clone)]
pub struct NewDefinition {
    /// Which definition.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The choices.
    pub rules: Rules,
    /// First day that it rules; `None` rules all.
    pub valid_from: Option<NaiveDate>,
    /// Of the newest version; empty for a new definition.
    pub etag: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// How many versions a merchant may have.
    pub limit: usize,
}

/// Waits until nobody puts a definition, keeps it so until the transaction ends, and gives the newest one's place.
pub(super) async fn lock_shared(conn: &mut AsyncPgConnection, merchant: &str) -> Result<i32> {
    diesel::sql_query(
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('metrics.definitions.' || $1, 0))",
    )
    .bind::<Text, _>(merchant)
    .execute(conn)
    .await?;
    newest_seq(conn, merchant).await
}

/// Waits until nobody counts under the merchant's definitions, and keeps everybody out until the transaction ends.
pub(super) async fn lock_exclusive(conn: &mut AsyncPgConnection, merchant: &str) -> Result<()> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended('metrics.definitions.' || $1, 0))")
        .bind::<Text, _>(merchant)
        .execute(conn)
        .await?;
    Ok(())
}

async fn newest_seq(conn: &mut AsyncPgConnection, merchant: &str) -> Result<i32> {
    let row = diesel::sql_query(
        "SELECT coalesce(max(definition_seq), $2) AS seq FROM definitions WHERE merchant_id = $1",
    )
    .bind::<Text, _>(merchant)
    .bind::<Integer, _>(BUILT_IN_SEQ)
    .get_result::<SeqRow>(conn)
    .await?;
    Ok(row.seq)
}

/// All versions of the merchant, by place, the built-in one first.
pub(super) async fn load(conn: &mut AsyncPgConnection, merchant: &str) -> Result<Vec<Definition>> {
    let sql = format!("SELECT {COLUMNS} FROM definitions WHERE merchant_id = $1 ORDER BY definition_seq");
    let rows = diesel::sql_query(sql).bind::<Text, _>(merchant).load::<DefinitionRow>(conn).await?;
    let mut definitions = vec![Definition::built_in()];
    for row in rows {
        match definitions.first_mut().filter(|_| row.definition_seq == BUILT_IN_SEQ) {
            // Everything is counted again under it; its rules are ours all the same.
            Some(built_in) => {
                built_in.state = if row.ready { State::Ready } else { State::Building };
                built_in.built = row.built;
            }
            None => definitions.push(row.try_into()?),
        }
    }
    Ok(definitions)
}

impl Store {
    /// All versions of the merchant's definitions in the order they were put. There are few: `PutDefinition` has a limit.
    pub async fn list_definitions(&self, merchant: &MerchantId) -> Result<Vec<Definition>> {
        let mut conn = self.pool.get().await?;
        load(&mut conn, merchant.as_str()).await
    }

    /// Adds the next version of a definition, still to be built.
    pub async fn insert_definition(&self, by: &By, new: &NewDefinition) -> Result<Definition> {
        let merchant = &by.caller.merchant;
        let put = async |conn: &mut AsyncPgConnection| {
            // Batches that count under the definitions of before finish first.
            lock_exclusive(conn, merchant.as_str()).await?;
            let put = insert(conn, by, new).await?;
            let summary = json!({
                "version": put.version,
                "name": put.name,
                "rules": put.rules,
                "valid_from": put.valid_from,
            });
            by.audit(conn, new.created_at, format!("definition/{}", put.id), summary).await?;
            Ok::<_, MetricsError>(put.version)
        };
        let version = by.change(&self.pool, new.created_at, put).await?;
        let stored = self.list_definitions(merchant).await?;
        let found = stored.into_iter().find(|d| d.id == new.id && d.version == version);
        found.ok_or_else(|| pg::Error::unreadable("definitions", &new.id, "it is gone").into())
    }

    /// Counts the next conversations, then the next customers, under the oldest definition that is not ready. `false`: there is nothing to build.
    /// Any number of replicas may do this at once; each batch is one transaction and takes up where the last ended.
    pub async fn build_definition_batch(&self, now: DateTime<Utc>) -> Result<bool> {
        pg::with_retry(ATTEMPTS, async || {
            let mut conn = self.pool.get().await?;
            let rules = &self.tier_rules;
            conn.transaction::<_, MetricsError, _>(async |conn| build_batch(conn, rules, now).await).await
        })
        .await
    }
}

async fn insert(conn: &mut AsyncPgConnection, by: &By, new: &NewDefinition) -> Result<Definition> {
    let merchant = by.caller.merchant.as_str();
    let existing = load(conn, merchant).await?;
    let newest = existing.iter().filter(|d| d.id == new.id).max_by_key(|d| d.version);
    if newest.map(Definition::etag).unwrap_or_default() != new.etag {
        return Err(MetricsError::DefinitionChanged { id: new.id.clone() });
    }
    if existing.len() >= new.limit {
        return Err(MetricsError::TooManyDefinitions { limit: new.limit });
    }
    let definition = Definition {
        seq: existing.last().map_or(BUILT_IN_SEQ, |d| d.seq) + 1,
        id: new.id.clone(),
        version: newest.map_or(0, |d| d.version) + 1,
        name: new.name.clone(),
        rules: new.rules.clone(),
        state: State::Building,
        built: 0,
        created_by: by.caller.subject.clone(),
        created_at: Some(new.created_at),
        valid_from: new.valid_from,
    };
    let rules = serde_json::to_value(&definition.rules).map_err(|e| pg::Error::Internal(e.into()))?;
    diesel::sql_query(
        "INSERT INTO definitions \
            (merchant_id, definition_seq, definition_id, version, name, rules, ready, created_by, created_at, valid_from) \
         VALUES ($1, $2, $3, $4, $5, $6, false, $7, $8, $9)",
    )
    .bind::<Text, _>(merchant)
    .bind::<Integer, _>(definition.seq)
    .bind::<Text, _>(&definition.id)
    .bind::<Integer, _>(definition.version)
    .bind::<Text, _>(&definition.name)
    .bind::<Jsonb, _>(rules)
    .bind::<Text, _>(&definition.created_by)
    .bind::<Timestamptz, _>(new.created_at)
    .bind::<Nullable<Date>, _>(new.valid_from)
    .execute(conn)
    .await?;
    Ok(definition)
}

async fn build_batch(conn: &mut AsyncPgConnection, rules: &TierRules, now: DateTime<Utc>) -> Result<bool> {
    let next = diesel::sql_query(
        "SELECT merchant_id, definition_seq AS seq, built_through FROM definitions WHERE NOT ready \
         ORDER BY merchant_id, definition_seq LIMIT 1 FOR UPDATE SKIP LOCKED",
    )
    .get_result::<BuildRow>(conn)
    .await
    .optional()?;
    let Some(BuildRow { merchant_id, seq, built_through }) = next else { return Ok(false) };
    let conversations =
        list_to_count(conn, &merchant_id, built_through.as_deref().unwrap_or_default(), BUILD_BATCH).await?;
    let definitions = load(conn, &merchant_id).await?;
    let mut tally = Tally::default();
    let mut counted = Vec::new();
    for conversation in conversations.iter().filter(|c| c.counted_seq < seq) {
        let missing = definitions.iter().filter(|d| d.seq > conversation.counted_seq && d.seq <= seq);
        for given in given_parts(&conversation.facts, &conversation.agent_day, missing) {
            // As known since the conversation itself was, not since somebody thought of the definition.
            let place = Place {
                definition_seq: given.definition_seq,
                agent_day: &given.agent_day,
                customer: &conversation.customer,
                known_day: conversation.known_day,
            };
            tally.give(place, &given.part);
        }
        counted.push(&conversation.key);
    }
    update_counted_seq(conn, &merchant_id, seq, &counted).await?;
    let counted_all = conversations.len() < BUILD_BATCH as usize;
    let through =
        conversations.last().map(|c| vec![c.key.id.as_str(), c.key.channel.as_str(), c.key.shop.as_str()]);
    day_facts::apply(conn, &merchant_id, tally).await?;
    // Whoever is counted after the definition was put counts under it; these are the ones from before.
    let done = counted_all && !timelines::recount_behind(conn, &merchant_id, seq, rules, now).await?;
    diesel::sql_query(
        "UPDATE definitions SET ready = $3, built = built + $4, built_through = coalesce($5, built_through) \
         WHERE merchant_id = $1 AND definition_seq = $2",
    )
    .bind::<Text, _>(&merchant_id)
    .bind::<Integer, _>(seq)
    .bind::<Bool, _>(done)
    .bind::<BigInt, _>(conversations.len() as i64)
    .bind::<Nullable<Array<Text>>, _>(through)
    .execute(conn)
    .await?;
    Ok(true)
}

#[derive(QueryableByName)]
struct SeqRow {
    #[diesel(sql_type = Integer)]
    seq: i32,
}

#[derive(QueryableByName)]
struct BuildRow {
    #[diesel(sql_type = Text)]
    merchant_id: String,
    #[diesel(sql_type = Integer)]
    seq: i32,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    built_through: Option<Vec<String>>,
}

#[derive(QueryableByName)]
struct DefinitionRow {
    #[diesel(sql_type = Integer)]
    definition_seq: i32,
    #[diesel(sql_type = Text)]
    definition_id: String,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Jsonb)]
    rules: serde_json::Value,
    #[diesel(sql_type = Bool)]
    ready: bool,
    #[diesel(sql_type = BigInt)]
    built: i64,
    #[diesel(sql_type = Text)]
    created_by: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Date>)]
    valid_from: Option<NaiveDate>,
}

impl TryFrom<DefinitionRow> for Definition {
    type Error = pg::Error;

    fn try_from(row: DefinitionRow) -> Result<Self, pg::Error> {
        // Rules of which nothing is said are the built-in ones.
        let rules =
            if row.rules == json!({}) { Ok(Rules::default()) } else { serde_json::from_value(row.rules) };
        let rules = rules.map_err(|why| pg::Error::unreadable("definitions", &row.definition_id, why))?;
        Ok(Self {
            seq: row.definition_seq,
            id: row.definition_id,
            version: row.version,
            name: row.name,
            rules,
            state: if row.ready { State::Ready } else { State::Building },
            built: row.built,
            created_by: row.created_by,
            created_at: Some(row.created_at),
            valid_from: row.valid_from,
        })
    }
}
