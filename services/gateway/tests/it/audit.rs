//! Who was turned away is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use proto::access::Role;
use proto::metrics::v1::CloseDayRequest;
use runtime::clock::SystemClock;
use serde_json::Value;
use testkit::caller;
use tokio_stream::StreamExt;
use tonic::Code;

use crate::native::figures_of;
use crate::support::fakes::FINE;
use crate::support::{SOON, TestGateway, with_token};

#[tokio::test]
async fn every_refusal_is_in_the_stream_once() {
    let nats = testkit::nats().await;
    let settings = [("limits.per_caller.per_second", "1"), ("limits.per_caller.burst", "2")];
    let gateway =
        TestGateway::start_with(&settings, SystemClock::shared(), |config| config.events = nats.config())
            .await;
    let mut client = gateway.metrics_client();
    client.get_figures(with_token("forged", figures_of(FINE))).await.expect_err("a bad token");
    let agent = caller().person("p1").roles(&[Role::Agent]);
    let mut denied = gateway.request(&agent, CloseDayRequest::default());
    denied.metadata_mut().insert("x-request-id", "the-request".parse().expect("text"));
    client.close_day(denied).await.expect_err("no role");
    let mut limited = 0;
    for _ in 0..4 {
        let noisy = caller().subject("noisy");
        limited += usize::from(client.get_figures(gateway.request(&noisy, figures_of(FINE))).await.is_err());
    }
    assert!(limited >= 1);

    let entries = read(&nats, 2 + limited).await;
    let mut decisions = BTreeMap::new();
    for entry in &entries {
        *decisions.entry(entry["decision"].as_str().expect("text")).or_insert(0) += 1;
    }
    assert_eq!(decisions, BTreeMap::from([("denied", 1), ("limited", limited), ("unauthenticated", 1)]));
    let denied = entries.iter().find(|entry| entry["decision"] == "denied").expect("it was counted");
    for (key, expected) in [
        ("reason", "ROLE_REQUIRED"),
        ("method", "/jinpai.metrics.v1.MetricsService/CloseDay"),
        ("request_id", "the-request"),
        ("merchant_id", "demo"),
        ("subject", "p1"),
    ] {
        assert_eq!(denied[key], expected, "{denied}");
    }
    assert!(denied["at"].as_str().expect("text").ends_with('Z'));
    let forged = entries.iter().find(|entry| entry["decision"] == "unauthenticated").expect("it was counted");
    assert_eq!(forged.get("subject"), None, "nobody knows who it was");
    assert!(!forged.to_string().contains("forged"), "the token is not kept");
}

#[tokio::test]
async fn the_stream_of_the_events_is_none_of_the_gateways() {
    let nats = testkit::nats().await;
    let gateway =
        TestGateway::start_with(&[], SystemClock::shared(), |config| config.events = nats.config()).await;
    let refused = gateway.metrics_client().get_figures(with_token("forged", figures_of(FINE))).await;
    refused.expect_err("a bad token");
    read(&nats, 1).await;
    let events = format!("{}_EVENTS", nats.prefix().to_uppercase());
    let jetstream = async_nats::jetstream::new(nats.client().await);
    let found = jetstream.get_stream(&events).await;
    assert!(found.is_err(), "a gateway with events.replicas = 1 would take the other copies away");
}

#[tokio::test]
async fn a_stream_of_an_older_release_gets_todays_settings_and_keeps_its_entries() {
    let nats = testkit::nats().await;
    for (days, bytes) in [(400, 20 << 20), (30, 10 << 20)] {
        let gateway = TestGateway::start_with(&[], SystemClock::shared(), |config| {
            config.events = nats.config();
            config.audit.retention_days = days;
            config.audit.stream_bytes_max = bytes;
        })
        .await;
        let refused = gateway.metrics_client().get_figures(with_token("forged", figures_of(FINE))).await;
        refused.expect_err("a bad token");
        let jetstream = async_nats::jetstream::new(nats.client().await);
        let name = format!("{}-audit", nats.prefix());
        let has_settings = async || match jetstream.get_stream(&name).await {
            Ok(stream) => {
                let config = &stream.cached_info().config;
                (config.max_age.as_secs(), config.max_bytes) == (days * 24 * 3600, bytes)
            }
            Err(_) => false,
        };
        testkit::eventually(SOON, has_settings).await;
    }
    read(&nats, 2).await;
}

#[tokio::test]
async fn calls_that_are_refused_while_the_gateway_drains_are_stored_before_it_ends() {
    let nats = testkit::nats().await;
    let gateway =
        TestGateway::start_with(&[("server.drain_notice_ms", "1500")], SystemClock::shared(), |config| {
            config.events = nats.config();
        })
        .await;
    let mut client = gateway.metrics_client();
    client.get_figures(with_token("forged", figures_of(FINE))).await.expect_err("a bad token");
    gateway.ask_to_end();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let refused = client.get_figures(with_token("forged", figures_of(FINE))).await;
        assert_eq!(refused.expect_err("a bad token").code(), Code::Unauthenticated);
    }
    drop(client);
    gateway.ended().await.expect("ends well");
    read(&nats, 6).await;
}

#[tokio::test]
async fn the_gateway_does_not_wait_for_ever_for_a_broker_that_is_away() {
    let nats = testkit::nats().await;
    let gateway = TestGateway::start_with(&[], SystemClock::shared(), |config| {
        // Port 1 is nobody's.
        config.events = nats.config_at("nats://127.0.0.1:1");
    })
    .await;
    let mut client = gateway.metrics_client();
    client.get_figures(with_token("forged", figures_of(FINE))).await.expect_err("a bad token");
    drop(client);
    gateway.ask_to_end();
    gateway.ended().await.expect("ends well");
}

/// The entries of the audit stream: exactly so many.
async fn read(nats: &testkit::TestNats, count: usize) -> Vec<Value> {
    let jetstream = async_nats::jetstream::new(nats.client().await);
    let name = format!("{}-audit", nats.prefix());
    testkit::eventually(SOON, async || match jetstream.get_stream(&name).await {
        Ok(mut stream) => stream.info().await.is_ok_and(|info| info.state.messages >= count as u64),
        Err(_) => false,
    })
    .await;
    let mut stream = jetstream.get_stream(&name).await.expect("the stream is there");
    assert_eq!(stream.info().await.expect("its state").state.messages, count as u64);
    let consumer = stream.create_consumer(pull::Config::default()).await.expect("a consumer");
    let messages = consumer.fetch().max_messages(count).messages().await.expect("the messages");
    let entries = messages.map(|message| {
        serde_json::from_slice(&message.expect("a message").payload).expect("an entry is JSON")
    });
    let entries: Vec<Value> = entries.collect().await;
    jetstream.delete_stream(&name).await.expect("the test's own stream");
    entries
}
