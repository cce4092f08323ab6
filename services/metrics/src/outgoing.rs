//! What metrics tells the other services, in their words: domain values into `jinpai.events.v1`.

pub mod alert;
pub mod campaign;
pub mod incident;
pub mod issue;

use chrono::{DateTime, NaiveDate, Utc};
use events::{Event, Payload};
use proto::common::v1 as common;
use proto::events::v1::{
    AgentDayCount, AgentDayFinalised, AgentSeen, BuyerRating, BuyerReviewReceived, ConversationClosed,
    DayClosed, FinalFigure, TranscriptMessage,
};
use proto::time::{date, timestamp};
use redaction::Redactor;
use runtime::ids::MerchantId;

use crate::domain::any_measure::AnyMeasure;
use crate::domain::conversation::{Conversation, Sender};
use crate::domain::day::{AccountCount, Closing};
use crate::domain::definition::{Definition, LONG_CHAT_THRESHOLD};
use crate::domain::fact::{Body, Fact, Rating};
use crate::domain::fact_draft::ReviewWords;
use crate::domain::restatement::{FinalAgentDay, Telling, figures};

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

/// What others want to know of a fact: a buyer's review with its personal data redacted. This is the only place that
/// its text goes to.
pub fn fact_received(
    merchant: &MerchantId,
    fact: &Fact,
    words: &ReviewWords,
    redactor: &Redactor,
    now: DateTime<Utc>,
) -> Option<Event> {
    let Body::BuyerReview(review) = &fact.body else { return None };
    let rating = match review.rating {
        Rating::Good => BuyerRating::Good,
        Rating::Neutral => BuyerRating::Neutral,
        Rating::Bad => BuyerRating::Bad,
    };
    let payload = BuyerReviewReceived {
        shop_id: fact.key.shop.clone(),
        review_id: fact.key.id.clone(),
        revision: fact.revision,
        order_id: review.order.clone(),
        product_id: review.product.clone(),
        customer_id: fact.customer.clone(),
        account_id: fact.account.clone(),
        reviewed_at: Some(timestamp(fact.occurred_at)),
        business_day: Some(date(fact.day)),
        rating: rating.into(),
        text: redactor.redact(&words.text).into_owned(),
        stars: words.stars,
        append_text: redactor.redact(&words.append_text).into_owned(),
        appended_at: words.appended_at.map(timestamp),
    };
    let entity = format!("buyer_review/{}/{}", fact.key.shop, fact.key.id);
    let version = fact.revision.saturating_add(1);
    let payload = Payload::BuyerReviewReceived(payload);
    Some(events::event(merchant, entity, version, now, payload))
}

/// An account that no conversation or fact named before.
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

/// An account's figures of a day that is final, or was restated.
pub fn agent_day_finalised(
    merchant: &MerchantId,
    agent_day: &FinalAgentDay,
    telling: &Telling,
    definition: &Definition,
    now: DateTime<Utc>,
) -> Event {
    let figure = |(measure, (numerator, denominator)): (AnyMeasure, (i64, i64))| FinalFigure {
        measure: measure.name().to_owned(),
        numerator,
        denominator,
        provisional: telling.running.contains(&measure.window()),
    };
    let last = &telling.day;
    let payload = AgentDayFinalised {
        business_day: Some(date(agent_day.day)),
        account_id: agent_day.account.clone(),
        version: last.version,
        known_day: Some(date(last.known_day)),
        definition_id: definition.id.clone(),
        definition_version: definition.version,
        figures: figures(&agent_day.sums, &agent_day.trade).into_iter().map(figure).collect(),
    };
    let entity = format!("agent_day/{}/{}", agent_day.day, agent_day.account);
    events::event(merchant, entity, last.version, now, Payload::AgentDayFinalised(payload))
}

fn sender(sender: Sender) -> common::Sender {
    match sender {
        Sender::Customer => common::Sender::Customer,
        Sender::Agent => common::Sender::Agent,
        Sender::Bot => common::Sender::Bot,
        Sender::System => common::Sender::System,
    }
}
