//! Input of a few chats, for tests that are not about volume.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use jinpai::session::Session;
use prost_types::Timestamp;
use proto::common::v1::Sender;
use proto::metrics::v1::metrics_service_client::MetricsServiceClient;
use proto::metrics::v1::{BatchIngestConversationsRequest, Conversation, ConversationLine, Message};
use runtime::clock::{Clock, SystemClock};

/// The shop of all small chats.
pub const SHOP: &str = "small";
/// Their channel.
pub const CHANNEL: &str = "chat";

/// A chat of `account` in the middle of a day, in which the agent answers `replies` times.
pub fn chat(id: &str, account: &str, day: NaiveDate, replies: usize) -> Conversation {
    // 04:00 UTC is noon in Shanghai.
    chat_at(id, account, day.and_hms_opt(4, 0, 0).expect("an hour").and_utc(), replies)
}

/// A chat of `account` on the present day in Shanghai.
pub fn chat_now(id: &str, account: &str) -> Conversation {
    let now = SystemClock.now();
    let offset = TimeDelta::hours(8);
    let midnight = (now + offset).date_naive().and_time(NaiveTime::MIN).and_utc() - offset;
    chat_at(id, account, midnight.max(now - TimeDelta::seconds(30)), 1)
}

fn chat_at(id: &str, account: &str, start: DateTime<Utc>, replies: usize) -> Conversation {
    let messages = (0..replies).flat_map(|n| {
        let asked = Message {
            sent_at: Some(after(start, 20 * n)),
            sender: Sender::Customer.into(),
            text: format!("question {n} of {id}"),
            ..Message::default()
        };
        let answered = Message {
            sent_at: Some(after(start, 20 * n + 5)),
            sender: Sender::Agent.into(),
            text: format!("answer {n} of {id}"),
            ..Message::default()
        };
        [asked, answered]
    });
    Conversation {
        shop_id: SHOP.to_owned(),
        channel: CHANNEL.to_owned(),
        conversation_id: id.to_owned(),
        revision: 0,
        account_id: account.to_owned(),
        customer_id: format!("customer of {id}"),
        started_at: Some(after(start, 0)),
        closed_at: Some(after(start, 20 * replies)),
        messages: messages.collect(),
        satisfied: Some(true),
        ..Conversation::default()
    }
}

/// Sends chats in one batch, all of which have to be accepted.
pub async fn ingest(session: &Session, chats: Vec<Conversation>) {
    let number = i64::try_from(chats.len()).expect("a few chats");
    let lines = (1..).zip(chats).map(|(line, chat)| ConversationLine { line, conversation: Some(chat) });
    let request = BatchIngestConversationsRequest { lines: lines.collect(), request_id: String::new() };
    let mut metrics = MetricsServiceClient::new(session.channel());
    let answer = metrics.batch_ingest_conversations(request).await.expect("is taken in").into_inner();
    assert_eq!(answer.counts.unwrap_or_default().accepted, number, "{:?}", answer.rejects);
}

fn after(start: DateTime<Utc>, seconds: usize) -> Timestamp {
    Timestamp { seconds: start.timestamp() + i64::try_from(seconds).expect("a few seconds"), nanos: 0 }
}
