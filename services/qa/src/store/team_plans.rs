//! Teams with plans of their own. Which team an account is in may have become known after its chats arrived, so the draw
//! looks at the day's chats once more before it takes any.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::QueryableByName;
use diesel::sql_types::{Array, Binary, Bool, Date, Integer, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use runtime::ids::{AccountId, MerchantId};
use sampling::{Ranker, Seed};

use super::people;
use crate::domain::plan::{self, SamplingPlan};
use crate::error::QaError;

#[derive(QueryableByName)]
struct ChatRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    shop_id: String,
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = Text)]
    conversation_id: String,
    #[diesel(sql_type = Integer)]
    agent_messages: i32,
    #[diesel(sql_type = Integer)]
    message_count: i32,
    #[diesel(sql_type = Bool)]
    long_chat: bool,
}

/// Brings a day's chats in line with the plans of their accounts' teams, and answers with the plans that are not the
/// merchant's. Nothing is read where no team ever had a plan.
pub(super) async fn qualify(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    plans: &[SamplingPlan],
    seed: &Seed,
) -> Result<BTreeMap<AccountId, SamplingPlan>, QaError> {
    if plans.iter().all(|plan| plan.team.is_empty()) {
        return Ok(BTreeMap::new());
    }
    let chats = diesel::sql_query(
        "SELECT account_id, shop_id, channel, conversation_id, agent_messages, message_count, long_chat FROM conversations \
         WHERE merchant_id = $1 AND business_day = $2",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .load::<ChatRow>(conn)
    .await?;
    let keys: BTreeSet<people::AccountDay> =
        chats.iter().map(|chat| (merchant.clone(), AccountId::new(chat.account_id.as_str()), day)).collect();
    let teams = people::teams(conn, &keys).await?;
    let of_accounts: BTreeMap<AccountId, SamplingPlan> = keys
        .into_iter()
        .map(|key| {
            let plan = plan::of_team(plans, teams.get(&key).map(String::as_str), day);
            (key.1, plan)
        })
        .collect();
    let changed: Vec<(&ChatRow, bool)> = chats
        .iter()
        .filter_map(|chat| {
            let plan = of_accounts.get(&AccountId::new(chat.account_id.as_str()))?;
            let takes = plan.takes(&chat.account_id, &chat.channel, chat.agent_messages, chat.message_count);
            (takes != chat.long_chat).then_some((chat, takes))
        })
        .collect();
    update(conn, merchant, day, &changed, &Ranker::new(seed, merchant.as_str(), day)).await?;
    Ok(of_accounts.into_iter().filter(|(_, plan)| !plan.team.is_empty()).collect())
}

/// Gives chats that are drawn from now a rank, and takes it from those that aren't any more.
async fn update(
    conn: &mut AsyncPgConnection,
    merchant: &MerchantId,
    day: NaiveDate,
    changed: &[(&ChatRow, bool)],
    ranker: &Ranker,
) -> Result<(), QaError> {
    if changed.is_empty() {
        return Ok(());
    }
    let rank = |(chat, takes): &(&ChatRow, bool)| {
        let id = sampling::ConversationId::new(
            chat.shop_id.as_str(),
            chat.channel.as_str(),
            chat.conversation_id.as_str(),
        );
        takes.then(|| ranker.rank(&chat.account_id, &id).as_bytes().to_vec())
    };
    diesel::sql_query(
        "UPDATE conversations c SET long_chat = k.takes, rank = k.rank \
         FROM unnest($3::text[], $4::text[], $5::text[], $6::bool[], $7::bytea[]) AS k (s, ch, i, takes, rank) \
         WHERE c.merchant_id = $1 AND c.business_day = $2 AND c.conversation_id = k.i AND c.channel = k.ch \
            AND c.shop_id = k.s",
    )
    .bind::<Text, _>(merchant.as_str())
    .bind::<Date, _>(day)
    .bind::<Array<Text>, _>(changed.iter().map(|(chat, _)| chat.shop_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(changed.iter().map(|(chat, _)| chat.channel.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(changed.iter().map(|(chat, _)| chat.conversation_id.as_str()).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(changed.iter().map(|(_, takes)| *takes).collect::<Vec<_>>())
    .bind::<Array<Nullable<Binary>>, _>(changed.iter().map(rank).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
