//! Draws as they are handed out for checking: filled from what is stored, never computed anew, so that a change in
//! the store shows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Binary, Date, Integer, Nullable, SmallInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::identity::Scope;
use runtime::ids::{AccountId, MerchantId};
use sampling::{AgentHash, AgentList, Bundle, ConversationId, FORMAT, Ranker, Seal};

use super::seeds::Lock;
use super::{Seen, Store, bytes32, draws, late, plans, seeds};
use crate::domain::draw::{DrawSlice, Drawn, LateChat, published_plan};
use crate::domain::plan::SamplingPlan;
use crate::error::QaError;

const LEVEL: i32 = 3;
/// A list of a million chats is far below this.
const MAX_UNPACKED_BYTES: usize = 512 * 1024 * 1024;

#[derive(QueryableByName)]
struct AgentRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Binary)]
    agent_hash: Vec<u8>,
    #[diesel(sql_type = Binary)]
    eligible_list: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    excluded_list: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Integer>)]
    size: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    threshold: Option<i32>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    counts: Option<i16>,
}

/// An account's list as it was frozen.
struct Frozen {
    account: AccountId,
    hash: AgentHash,
    chats: Vec<ConversationId>,
    excluded: Vec<ConversationId>,
    own_plan: Option<sampling::Plan>,
}

impl AgentRow {
    fn own_plan(&self) -> Result<Option<sampling::Plan>, QaError> {
        let (Some(size), Some(threshold), Some(code)) = (self.size, self.threshold, self.counts) else {
            return Ok(None);
        };
        let unreadable = || pg::Error::unreadable("draw_agents", &self.account_id, "it counts nothing known");
        let counts = plans::counts_of(code).ok_or_else(unreadable)?;
        Ok(Some(published_plan(&SamplingPlan { size, threshold, counts, ..SamplingPlan::first() })))
    }
}

#[derive(QueryableByName)]
struct HashRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Binary)]
    agent_hash: Vec<u8>,
}

#[derive(QueryableByName)]
struct DrawnRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
}

/// Packs a list of chats for its column.
pub(super) fn pack(chats: &[ConversationId]) -> Result<Vec<u8>, pg::Error> {
    let rows: Vec<(&str, &str, &str)> =
        chats.iter().map(|chat| (chat.shop.as_str(), chat.channel.as_str(), chat.id.as_str())).collect();
    let json = serde_json::to_vec(&rows).map_err(|e| pg::Error::Internal(e.into()))?;
    zstd::bulk::compress(&json, LEVEL).map_err(|e| pg::Error::Internal(e.into()))
}

fn unpack(packed: &[u8]) -> Option<Vec<ConversationId>> {
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok()??;
    let capacity = usize::try_from(size).ok().filter(|size| *size <= MAX_UNPACKED_BYTES)?;
    let json = zstd::bulk::decompress(packed, capacity).ok()?;
    let rows: Vec<(String, String, String)> = serde_json::from_slice(&json).ok()?;
    Some(rows.into_iter().map(|(shop, channel, id)| ConversationId { shop, channel, id }).collect())
}

async fn lists(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    account: &str,
) -> Result<Vec<Frozen>, QaError> {
    let rows = diesel::sql_query(
        "SELECT account_id, agent_hash, eligible_list, excluded_list, size, threshold, counts FROM draw_agents \
         WHERE merchant_id = $1 AND business_day = $2 AND ($3 = '' OR account_id = $3) ORDER BY account_id",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Text, _>(account)
    .load::<AgentRow>(conn)
    .await?;
    let list = |row: AgentRow| {
        let hash = bytes32("draw_agents", &row.account_id, AgentHash::from_slice, &row.agent_hash)?;
        let unreadable = || pg::Error::unreadable("draw_agents", &row.account_id, "its list does not unpack");
        let chats = unpack(&row.eligible_list).ok_or_else(unreadable)?;
        let excluded =
            row.excluded_list.as_deref().map_or(Some(Vec::new()), unpack).ok_or_else(unreadable)?;
        let own_plan = row.own_plan()?;
        Ok(Frozen { account: AccountId::new(row.account_id), hash, chats, excluded, own_plan })
    };
    rows.into_iter().map(list).collect()
}

/// The chats that were drawn on time, by account, lowest rank first.
async fn drawn(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    account: &str,
) -> Result<BTreeMap<AccountId, Vec<ConversationId>>, QaError> {
    let rows = diesel::sql_query(
        "SELECT account_id, shop_id, channel, conversation_id FROM reviews \
         WHERE merchant_id = $1 AND business_day = $2 AND NOT late AND ($3 = '' OR account_id = $3) \
         ORDER BY account_id, place",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Text, _>(account)
    .load::<DrawnRow>(conn)
    .await?;
    let mut drawn: BTreeMap<AccountId, Vec<ConversationId>> = BTreeMap::new();
    for row in rows {
        let chat = ConversationId::new(row.shop_id, row.channel, row.conversation_id);
        drawn.entry(AccountId::new(row.account_id)).or_default().push(chat);
    }
    Ok(drawn)
}

async fn hashes(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
) -> Result<Vec<(AccountId, AgentHash)>, QaError> {
    let rows = diesel::sql_query(
        "SELECT account_id, agent_hash FROM draw_agents WHERE merchant_id = $1 AND business_day = $2 ORDER BY account_id",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .load::<HashRow>(conn)
    .await?;
    let hash = |row: HashRow| {
        let hash = bytes32("draw_agents", &row.account_id, AgentHash::from_slice, &row.agent_hash)?;
        Ok((AccountId::new(row.account_id), hash))
    };
    rows.into_iter().map(hash).collect()
}

/// The seeds that ranked late chats; only those of days that are drawn are told.
async fn late_seeds(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    late: &[LateChat],
) -> Result<Vec<sampling::LateSeed>, QaError> {
    let days: BTreeSet<NaiveDate> = late.iter().map(|chat| chat.seed_day).collect();
    let keys: Vec<seeds::Day> = days.into_iter().map(|day| (merchant.clone(), day)).collect();
    let mut told = Vec::with_capacity(keys.len());
    for (key, seed) in seeds::find(conn, &keys, Lock::Free).await? {
        let revealed = draws::is_drawn(conn, merchant, key.1).await?;
        told.push(sampling::LateSeed {
            day: key.1,
            commitment: seed.commitment.hash,
            seed: revealed.then_some(seed.seed),
        });
    }
    Ok(told)
}

async fn bundle(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
) -> Result<Option<Bundle>, QaError> {
    let Some(draw) = draws::find(conn, merchant, day).await? else { return Ok(None) };
    let Some(Drawn { plan, seed, day_closed_version, list_hash, drawn_at, .. }) = draw.drawn else {
        return Ok(None);
    };
    let mut samples = drawn(conn, merchant, day, "").await?;
    let listed = lists(conn, merchant, day, "").await?;
    let mut agents: Vec<AgentList> = listed
        .into_iter()
        .map(|frozen| AgentList {
            drawn: samples.remove(&frozen.account).unwrap_or_default(),
            account: frozen.account.into_string(),
            eligible: frozen.chats,
            agent_hash: frozen.hash,
            plan: frozen.own_plan,
            excluded: frozen.excluded,
        })
        .collect();
    // A sample of an account that has no list is handed out too: the verifier is to see it, not we.
    for (account, drawn) in samples {
        let agent_hash = sampling::agent_hash(merchant.as_str(), day, account.as_str(), &[]);
        let (account, eligible, excluded) = (account.into_string(), Vec::new(), Vec::new());
        agents.push(AgentList { account, eligible, agent_hash, drawn, plan: None, excluded });
    }
    let late = late::list(conn, merchant, day, None).await?;
    let late_seeds = late_seeds(conn, merchant, &late).await?;
    let late = late.into_iter().map(|chat| sampling::LateChat {
        account: chat.account.into_string(),
        conversation: chat.conversation,
        arrived_at: chat.arrived_at,
        seed_day: chat.seed_day,
        accepted: chat.accepted,
    });
    let bundle = Bundle {
        format: FORMAT.to_owned(),
        merchant: merchant.to_string(),
        day,
        plan,
        commitment: draw.commitment.hash,
        committed_at: draw.commitment.committed_at,
        before_day: draw.commitment.before_day,
        seed,
        day_closed_version,
        agents,
        list_hash,
        late: late.collect(),
        late_seeds,
        drawn_at,
        seal: Seal::UNSET,
    };
    Ok(Some(bundle.sealed()))
}

async fn slice(
    conn: &mut AsyncPgConnection,
    scope: &Scope,
    day: NaiveDate,
    account: &AccountId,
) -> Result<Option<DrawSlice>, QaError> {
    let merchant = &scope.merchant;
    let seen = Seen::of(conn, scope, day, day).await?;
    let visible = seen.all || seen.accounts.iter().any(|own| own == account.as_str());
    let Some(draw) = draws::find(conn, merchant, day).await?.filter(|_| visible) else { return Ok(None) };
    let Some(revealed) = &draw.drawn else { return Ok(None) };
    let ranker = Ranker::new(&revealed.seed, merchant.as_str(), day).agent(account.as_str());
    let sample = drawn(conn, merchant, day, account.as_str()).await?.remove(account).unwrap_or_default();
    let sample: BTreeSet<ConversationId> = sample.into_iter().collect();
    let lists = lists(conn, merchant, day, account.as_str()).await?;
    let own_plan = lists.iter().find_map(|list| list.own_plan);
    let (chats, excluded): (Vec<_>, Vec<_>) =
        lists.into_iter().map(|list| (list.chats, list.excluded)).unzip();
    let chats = chats.into_iter().flatten();
    let mut chats: Vec<_> = chats
        .map(|chat| {
            let (rank, drawn) = (ranker.rank(&chat), sample.contains(&chat));
            (chat, rank, drawn)
        })
        .collect();
    chats.sort_unstable_by_key(|chat| chat.1);
    let late = late::list(conn, merchant, day, Some(account)).await?;
    let agent_hashes = hashes(conn, merchant, day).await?;
    let excluded = excluded.into_iter().flatten().collect();
    Ok(Some(DrawSlice { draw, account: account.clone(), chats, excluded, late, agent_hashes, own_plan }))
}

impl Store {
    /// Everything needed to check a drawn day, as it was at one moment.
    pub async fn find_bundle(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
    ) -> Result<Option<Bundle>, QaError> {
        let mut conn = self.connection().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run(async |conn| bundle(conn, merchant, day).await)
            .await
    }

    /// One account's part of a drawn day, if `scope` reaches the account on that day.
    pub async fn find_slice(
        &self,
        scope: &Scope,
        day: NaiveDate,
        account: &AccountId,
    ) -> Result<Option<DrawSlice>, QaError> {
        let mut conn = self.connection().await?;
        conn.build_transaction()
            .read_only()
            .repeatable_read()
            .run(async |conn| slice(conn, scope, day, account).await)
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back_as_it_was() {
        let chats = vec![ConversationId::new("店", "chat", "1"), ConversationId::new("", "x", "\"2\"")];
        for list in [Vec::new(), chats] {
            assert_eq!(unpack(&pack(&list).unwrap()), Some(list));
        }
        assert_eq!(unpack(b"no list"), None);
    }
}
