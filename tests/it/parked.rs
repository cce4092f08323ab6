//! An event that nobody can handle is set aside where people see it, and blocks nobody.

use std::time::Duration;

use chrono::NaiveDate;
use e2e::{InProcess, MERCHANT, people, small};
use events::{Bus, EventsConfig, Payload};
use proto::access::Role;
use proto::events::v1::ConversationClosed;
use runtime::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use testkit::eventually;
use tokio_util::sync::CancellationToken;

const LIST: &str = "/jinpai.events.v1.ParkedEventService/ListParkedEvents";
const REPLAY: &str = "/jinpai.events.v1.ParkedEventService/ReplayParkedEvent";
const DISCARD: &str = "/jinpai.events.v1.ParkedEventService/DiscardParkedEvent";
/// Which service is meant: each has parked events of its own.
const TO_QA: [(&str, &str); 1] = [("x-jinpai-target", "qa")];

/// Publishes a conversation that says nothing about itself.
async fn publish_poison(suite: &InProcess) {
    let bus = Bus::connect(&EventsConfig::new(suite.ground.nats.url())).await.expect("a bus");
    assert!(bus.ready(&CancellationToken::new()).await);
    let payload = Payload::ConversationClosed(ConversationClosed::default());
    let event = events::event(MERCHANT, "conversation/poison", 1, SystemClock.now(), payload);
    let encoded = events::encode(&event).expect("encodes");
    let subject = format!("{}.{}", bus.prefix(), encoded.subject);
    let sent = bus.jetstream().publish(subject, encoded.payload.into()).await.expect("is sent");
    sent.await.expect("is acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_event_is_parked_shown_replayed_and_discarded_and_blocks_nobody() {
    let suite = InProcess::start().await;
    let token = suite.door.token(MERCHANT, Role::Manager, None);
    let list = async |body: Value| suite.door.json_with(LIST, &token, &body, &TO_QA).await.json();
    publish_poison(&suite).await;
    let manager = suite.door.session(Role::Manager, None).await;
    people::import(
        &manager,
        "person_id,name,status,account_id,account_from\np,甲,regular,acc-1,2020-05-01\n",
    )
    .await;
    let day = NaiveDate::from_ymd_opt(2020, 5, 12).expect("a day");
    small::ingest(&manager, vec![small::chat("c-1", "acc-1", day, 12)]).await;

    let read = json!({ "conversation": {
        "shopId": small::SHOP, "channel": small::CHANNEL, "conversationId": "c-1" } });
    eventually(Duration::from_secs(60), async || {
        let answer = suite.door.json("/jinpai.qa.v1.QaService/GetConversation", &token, &read).await;
        answer.status == 200
    })
    .await;
    eventually(Duration::from_secs(60), async || {
        list(json!({})).await["parkedEvents"].as_array().is_some_and(|parked| parked.len() == 1)
    })
    .await;
    let parked = list(json!({})).await["parkedEvents"][0].clone();
    assert_eq!(parked["entity"], json!("conversation/poison"));
    assert!(!parked["error"].as_str().unwrap_or_default().is_empty(), "{parked}");
    let other =
        suite.door.json_with(LIST, &token, &json!({}), &[("x-jinpai-target", "metrics")]).await.json();
    assert!(other["parkedEvents"].as_array().is_none_or(Vec::is_empty), "metrics has none: {other}");

    let id = json!({ "parkedEventId": parked["parkedEventId"] });
    let replayed = suite.door.json_with(REPLAY, &token, &id, &TO_QA).await;
    assert_eq!(replayed.status, 200, "{}", replayed.json());
    let attempts = |event: &Value| event["attempts"].as_i64().unwrap_or_default();
    eventually(Duration::from_secs(60), async || {
        let again = list(json!({})).await["parkedEvents"][0].clone();
        again["state"] == json!("PARKED_EVENT_STATE_PARKED") && attempts(&again) > attempts(&parked)
    })
    .await;

    let discard =
        json!({ "parkedEventId": parked["parkedEventId"], "reason": "it never was a conversation" });
    let discarded = suite.door.json_with(DISCARD, &token, &discard, &TO_QA).await;
    assert_eq!(discarded.status, 200, "{}", discarded.json());
    assert!(list(json!({})).await["parkedEvents"].as_array().is_none_or(Vec::is_empty));
    let resolved = list(json!({ "includeResolved": true })).await;
    assert_eq!(resolved["parkedEvents"][0]["discardReason"], json!("it never was a conversation"));
}
