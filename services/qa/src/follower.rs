//! What qa follows: conversations, closed days and buyers' reviews from metrics.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use events::{Event, HandleError, Handler, Payload};
use pg::Transaction;
use proto::common::v1::Sender as WireSender;
use proto::events::v1::{BuyerRating, BuyerReviewReceived, ConversationClosed, DayClosed, TranscriptMessage};
use proto::time::{day, instant};
use runtime::clock::SharedClock;
use runtime::ids::{AccountId, MerchantId};
use sampling::ConversationId;

use crate::domain::Qa;
use crate::domain::buyer_review::arrival::Received;
use crate::domain::buyer_review::{BuyerReviewId, Kind, Revision};
use crate::domain::buyer_reviews::BuyerReviews;
use crate::domain::conversation::{Arrival, Message, Sender};
use crate::domain::draw::{DayClosing, DayCount};
use crate::error::QaError;

/// Subjects that [`Chats`] handles.
pub const SUBJECTS: &[&str] = &[events::subject::CONVERSATION_CLOSED, events::subject::DAY_CLOSED];

/// Subjects that [`Reviews`] handles. By a follower of their own: a review that waits for its merchant holds up no chat.
pub const REVIEW_SUBJECTS: &[&str] = &[events::subject::BUYER_REVIEW_RECEIVED];

/// Follows metrics.
#[derive(Debug, Clone)]
pub struct Chats {
    qa: Qa,
}

impl Chats {
    /// Into this service.
    pub fn new(qa: Qa) -> Self {
        Self { qa }
    }
}

impl Handler for Chats {
    async fn handle(&self, conn: &mut Transaction, event: &Event) -> Result<(), HandleError> {
        self.handle_batch(conn, &[event]).await
    }

    async fn handle_batch(&self, conn: &mut Transaction, events: &[&Event]) -> Result<(), HandleError> {
        let mut arrivals = Vec::with_capacity(events.len());
        for event in events {
            match &event.payload {
                Some(Payload::ConversationClosed(closed)) => arrivals.push(arrival(event, closed)?),
                Some(Payload::DayClosed(closed)) => {
                    let merchant = MerchantId::new(event.merchant_id.as_str());
                    let (day, closing) = closing(closed)?;
                    self.qa.take_in_closing(conn, &merchant, day, &closing).await.map_err(failed)?;
                }
                _ => return Err(HandleError::poison("an event of another kind than was asked for")),
            }
        }
        self.qa.take_in(conn, &arrivals).await.map_err(failed)
    }

    /// A conversation's revision and a closing's version tell what came before.
    fn notes_events(&self) -> bool {
        false
    }

    fn batch_size(&self) -> usize {
        1_000
    }
}

/// Follows the reviews that metrics accepted.
#[derive(Debug, Clone)]
pub struct Reviews {
    reviews: BuyerReviews,
    clock: SharedClock,
}

impl Reviews {
    /// Into this service, by a clock.
    pub fn new(reviews: BuyerReviews, clock: SharedClock) -> Self {
        Self { reviews, clock }
    }
}

impl Handler for Reviews {
    async fn handle(&self, conn: &mut Transaction, event: &Event) -> Result<(), HandleError> {
        self.handle_batch(conn, &[event]).await
    }

    async fn handle_batch(&self, conn: &mut Transaction, events: &[&Event]) -> Result<(), HandleError> {
        let now = self.clock.now();
        let received = events.iter().map(|event| match &event.payload {
            Some(Payload::BuyerReviewReceived(review)) => received(event, review, now),
            _ => Err(HandleError::poison("an event of another kind than was asked for")),
        });
        let received = received.collect::<Result<Vec<_>, _>>()?;
        self.reviews.take_in(conn, &received).await.map_err(failed)
    }

    /// A review's revisions tell what came before.
    fn notes_events(&self) -> bool {
        false
    }
}

fn received(
    event: &Event,
    review: &BuyerReviewReceived,
    now: DateTime<Utc>,
) -> Result<Received, HandleError> {
    let lacks = |what: &str| HandleError::poison(format!("a review without {what}"));
    if review.review_id.is_empty() || review.shop_id.is_empty() {
        return Err(lacks("an id"));
    }
    let rating = match review.rating() {
        BuyerRating::Good => Kind::Good,
        BuyerRating::Neutral => Kind::Neutral,
        BuyerRating::Bad => Kind::Bad,
        BuyerRating::Unspecified => return Err(lacks("a rating")),
    };
    let appended_at = match &review.appended_at {
        Some(at) => Some(instant(at).ok_or_else(|| lacks("a time of its comment"))?),
        None => None,
    };
    Ok(Received {
        merchant: MerchantId::new(event.merchant_id.as_str()),
        id: BuyerReviewId { shop: review.shop_id.clone(), id: review.review_id.clone() },
        order: review.order_id.clone(),
        product: review.product_id.clone(),
        customer: review.customer_id.clone(),
        account: AccountId::new(review.account_id.as_str()),
        reviewed_at: review.reviewed_at.as_ref().and_then(instant).ok_or_else(|| lacks("a time"))?,
        business_day: review.business_day.as_ref().and_then(day).ok_or_else(|| lacks("a business day"))?,
        words: Revision {
            revision: review.revision,
            rating,
            stars: review.stars,
            text: review.text.clone(),
            append_text: review.append_text.clone(),
            appended_at,
            arrived_at: now,
        },
    })
}

/// What becomes of an event whose effect failed.
pub(crate) fn failed(error: QaError) -> HandleError {
    match error {
        QaError::Directory(error) => error.into(),
        QaError::Database(error) => error.into(),
        QaError::Event(error) => error.into(),
        other => HandleError::transient(other),
    }
}

fn arrival(event: &Event, closed: &ConversationClosed) -> Result<Arrival, HandleError> {
    let lacks = |what: &str| HandleError::poison(format!("a conversation without {what}"));
    let conversation = closed.conversation.as_ref().ok_or_else(|| lacks("an id"))?;
    let started_at = closed.started_at.as_ref().and_then(instant).ok_or_else(|| lacks("a start"))?;
    let messages = closed.messages.iter().map(|message| self::message(started_at, message));
    Ok(Arrival {
        merchant: MerchantId::new(event.merchant_id.as_str()),
        id: ConversationId::new(&conversation.shop_id, &conversation.channel, &conversation.conversation_id),
        revision: closed.revision,
        business_day: closed.business_day.as_ref().and_then(day).ok_or_else(|| lacks("a business day"))?,
        account: AccountId::new(closed.account_id.as_str()),
        customer_id: closed.customer_id.clone(),
        started_at,
        closed_at: closed.closed_at.as_ref().and_then(instant).ok_or_else(|| lacks("an end"))?,
        satisfied: closed.satisfied,
        completed: closed.completed,
        agent_messages: closed.agent_messages,
        messages: messages.collect::<Result<_, _>>()?,
    })
}

fn message(started_at: DateTime<Utc>, message: &TranscriptMessage) -> Result<Message, HandleError> {
    let sender = match message.sender() {
        WireSender::Customer => Sender::Customer,
        WireSender::Agent => Sender::Agent,
        WireSender::Bot => Sender::Bot,
        WireSender::System => Sender::System,
        WireSender::Unspecified => return Err(HandleError::poison("a message without a sender")),
    };
    let offset = TimeDelta::try_milliseconds(message.offset_ms);
    let sent_at = offset.and_then(|offset| started_at.checked_add_signed(offset));
    let sent_at = sent_at.ok_or_else(|| HandleError::poison("a message at no time"))?;
    Ok(Message { sent_at, sender, text: message.text.clone(), quick_reply: message.quick_reply })
}

fn closing(closed: &DayClosed) -> Result<(NaiveDate, DayClosing), HandleError> {
    let lacks = |what: &str| HandleError::poison(format!("a closed day without {what}"));
    let agents = closed.agents.iter().map(|agent| {
        let count = DayCount { conversations: agent.conversations, long_chats: agent.long_chats };
        (AccountId::new(agent.account_id.as_str()), count)
    });
    let closing = DayClosing {
        version: closed.version,
        long_chat_threshold: closed.long_chat_threshold,
        closed_at: closed.closed_at.as_ref().and_then(instant).ok_or_else(|| lacks("a time"))?,
        agents: agents.collect(),
    };
    Ok((closed.business_day.as_ref().and_then(day).ok_or_else(|| lacks("a day"))?, closing))
}
