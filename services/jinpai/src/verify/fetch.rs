//! What is verified, as the gateway hands it out.

use anyhow::{Context, Result, bail, ensure};
use chrono::NaiveDate;
use proto::common::v1::ConversationRef;
use proto::qa::v1::qa_service_client::QaServiceClient;
use proto::qa::v1::{
    CountedMessages, GetDrawBundleRequest, GetDrawSliceRequest, GetDrawSliceResponse, GetSamplingPlanRequest,
};
use proto::time::date;
use sampling::{
    AgentHash, AgentHashEntry, Commitment, ConversationId, Counts, ListHash, Plan, SLICE_FORMAT, Seed, Slice,
};

use crate::session::{Session, explain};

/// The largest bundle taken, in bytes: 10⁶ chats are about 150 MB.
const BUNDLE_BYTES_MAX: usize = 1 << 30;

/// Fetches a day's bundle as the bytes that were published.
pub async fn bundle(session: &Session, day: NaiveDate) -> Result<Vec<u8>> {
    let mut qa = QaServiceClient::new(session.channel());
    let refused = |status| explain(&status, &format!("the bundle of {day} can't be had"));
    let request = GetDrawBundleRequest { business_day: Some(date(day)) };
    let mut chunks = qa.get_draw_bundle(request).await.map_err(refused)?.into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = chunks.message().await.map_err(refused)? {
        bytes.extend_from_slice(&piece.chunk);
        if bytes.len() > BUNDLE_BYTES_MAX {
            bail!("the bundle of {day} is larger than {BUNDLE_BYTES_MAX} bytes");
        }
    }
    Ok(bytes)
}

/// Fetches one account's slice of a day, as the JSON that strangers verify. Open to agents for their own accounts.
pub async fn slice(session: &Session, merchant: &str, day: NaiveDate, account: &str) -> Result<Vec<u8>> {
    let mut qa = QaServiceClient::new(session.channel());
    let request = GetDrawSliceRequest { business_day: Some(date(day)), account_id: account.to_owned() };
    let answer = qa.get_draw_slice(request).await;
    let answer = answer.map_err(|s| explain(&s, &format!("the slice of {account} on {day} can't be had")))?;
    let request = GetSamplingPlanRequest { business_day: Some(date(day)), team_id: String::new() };
    let plan = qa.get_sampling_plan(request).await;
    let plan = plan.map_err(|s| explain(&s, &format!("the plan of {day} can't be had")))?.into_inner().plan;
    let plan = plan.context("the answer lacks the plan")?;
    let answer = answer.into_inner();
    ensure!(
        answer.account_id == account,
        "the answer is the slice of {:?}, not of {account:?}",
        answer.account_id
    );
    let version = answer.draw.as_ref().map(|draw| draw.plan_version);
    ensure!(
        version == Some(plan.version),
        "{day} was drawn by version {} of the plan, and version {} is said to be in force on it",
        version.unwrap_or_default(),
        plan.version
    );
    let plan = plan_of(plan.size, plan.threshold, plan.counts())?;
    Ok(serde_json::to_vec(&slice_of(answer, merchant, day, plan)?)?)
}

fn slice_of(answer: GetDrawSliceResponse, merchant: &str, day: NaiveDate, plan: Plan) -> Result<Slice> {
    let draw = answer.draw.context("the answer lacks the draw")?;
    let commitment = draw.commitment.context("the answer lacks the commitment")?.commitment;
    let chats = || answer.chats.iter().map(|chat| (chat.conversation.as_ref(), chat.drawn));
    let drawn = chats().filter(|(_, drawn)| *drawn).map(|(chat, _)| conversation(chat));
    let hashes = answer.agent_hashes.iter().map(|entry| {
        let agent_hash =
            AgentHash::from_slice(&entry.agent_hash).context("an agent's hash has not 32 bytes")?;
        Ok(AgentHashEntry { account: entry.account_id.clone(), agent_hash })
    });
    let own_plan =
        answer.own_plan.map(|plan| plan_of(plan.size, plan.threshold, plan.counts())).transpose()?;
    Ok(Slice {
        format: SLICE_FORMAT.to_owned(),
        merchant: merchant.to_owned(),
        day,
        plan,
        commitment: Commitment::from_slice(&commitment).context("the commitment has not 32 bytes")?,
        seed: Seed::from_slice(&draw.seed).context("the seed has not 32 bytes")?,
        day_closed_version: draw.day_closed_version,
        account: answer.account_id.clone(),
        eligible: chats().map(|(chat, _)| conversation(chat)).collect::<Result<_>>()?,
        drawn: drawn.collect::<Result<_>>()?,
        own_plan,
        excluded: answer.excluded.iter().map(|chat| conversation(Some(chat))).collect::<Result<_>>()?,
        agent_hashes: hashes.collect::<Result<_>>()?,
        list_hash: ListHash::from_slice(&draw.list_hash).context("the list hash has not 32 bytes")?,
    })
}

fn plan_of(size: i32, threshold: i32, counts: CountedMessages) -> Result<Plan> {
    let number = |value: i32| u32::try_from(value).context("the plan has a negative number");
    let counts = match counts {
        CountedMessages::AgentReplies => Counts::AgentReplies,
        CountedMessages::All => Counts::AllMessages,
        CountedMessages::Unspecified => bail!("the plan doesn't say which messages it counts"),
    };
    Ok(Plan { size: number(size)?, threshold: number(threshold)?, counts })
}

fn conversation(chat: Option<&ConversationRef>) -> Result<ConversationId> {
    let chat = chat.context("the answer lacks a conversation")?;
    Ok(ConversationId::new(&chat.shop_id, &chat.channel, &chat.conversation_id))
}
