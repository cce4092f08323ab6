//! What metrics tells the other services, in their words: domain values into `jinpai.events.v1`.

pub mod campaign;
pub mod issue;

use chrono::{DateTime, NaiveDate, Utc};
use events::{Event, Payload};
use proto::common::v1 as common;
use proto::events::v1::{AgentDayCount, AgentSeen, ConversationClosed, DayClosed, TranscriptMessage};
use proto::time::{date, timestamp};
use redaction::Redactor;
use runtime::ids::MerchantId;

use crate::domain::conversation::{Conversation, Sender};
use crate::domain::day::{AccountCount, Closing};
use crate::domain::definition::LONG_CHAT_THRESHOLD;

/// The conversation with its personal data redacted. This is the only place that text goes to.
pub fn conversation_closed(
    merchant: &MerchantId,
    conversation: &Conversation,
    day: NaiveDate,
    content_hash: [u8; 32],
    redactor: &Redactor,
    now: DateTime<Utc>,
) -> Event {
    let messages = conversation.messages.iter().map(|message| TranscriptMessage {
        offset_ms: message.offset_ms,
        sender: sender(message.sender).into(),
        text: redactor.redact(&message.text).into_owned(),
        quick_reply: message.quick_reply,
    });
    let closed_at = conversation.started_at + chrono::Duration::milliseconds(conversation.closed_ms);
    let key = &conversation.key;
    let payload = ConversationClosed {
        conversation: Some(common::ConversationRef {
            shop_id: key.shop.clone(),
            channel: key.channel.clone(),
            conversation_id: key.id.clone(),
        }),
        revision: conversation.revision,
        business_day: Some(date(day)),
        account_id: conversation.account.clone(),
        customer_id: conversation.customer.clone(),
        started_at: Some(timestamp(conversation.started_at)),
        closed_at: Some(timestamp(closed_at)),
        messages: messages.collect(),
        satisfied: conversation.satisfied,
        completed: conversation.completed,
        agent_messages: conversation.agent_messages(),
        content_hash: content_hash.to_vec(),
    };
    let entity = format!("conversation/{}/{}/{}", key.shop, key.channel, key.id);
    // Versions begin at 1, revisions at 0.
    let version = conversation.revision.saturating_add(1);
    events::event(merchant, entity, version, now, Payload::ConversationClosed(payload))
}

/// An account that no conversation named before.
pub fn agent_seen(
    merchant: &MerchantId,
    account: &str,
    shop: &str,
    day: NaiveDate,
    now: DateTime<Utc>,
) -> Event {
    let payload =
        AgentSeen { account_id: account.to_owned(), shop_id: shop.to_owned(), first_day: Some(date(day)) };
    events::event(merchant, format!("account/{account}"), 1, now, Payload::AgentSeen(payload))
}

/// What a day held when it was closed.
pub fn day_closed(
    merchant: &MerchantId,
    day: NaiveDate,
    closing: &Closing,
    counts: &[AccountCount],
) -> Event {
    let agents = counts.iter().map(|count| AgentDayCount {
        account_id: count.account.clone(),
        conversations: i32::try_from(count.conversations).unwrap_or(i32::MAX),
        long_chats: i32::try_from(count.long_chats).unwrap_or(i32::MAX),
    });
    let payload = DayClosed {
        business_day: Some(date(day)),
        version: closing.version,
        agents: agents.collect(),
        long_chat_threshold: LONG_CHAT_THRESHOLD,
        closed_at: Some(timestamp(closing.closed_at)),
    };
    events::event(
        merchant,
        format!("day/{day}"),
        closing.version,
        closing.closed_at,
        Payload::DayClosed(payload),
    )
}

fn sender(sender: Sender) -> common::Sender {
    match sender {
        Sender::Customer => common::Sender::Customer,
        Sender::Agent => common::Sender::Agent,
        Sender::Bot => common::Sender::Bot,
        Sender::System => common::Sender::System,
    }
}
