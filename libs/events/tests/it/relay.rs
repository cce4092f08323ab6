//! The way from the outbox to the broker.

use std::collections::HashSet;

use testkit::EventCollector;

use crate::support::{Suite, WITHIN, team, teams};
use testkit::eventually;

const WAITING: &str = "SELECT count(*) AS n FROM outbox WHERE published_at IS NULL";

async fn in_stream(suite: &Suite) -> u64 {
    let name = format!("{}_EVENTS", suite.nats.prefix().to_uppercase());
    let stream = suite.bus.jetstream().get_stream(name).await.expect("the stream");
    stream.cached_info().state.messages
}

#[tokio::test]
async fn several_relays_of_a_service_send_each_event_once() {
    let suite = Suite::start().await;
    let relays = [suite.relay(), suite.relay(), suite.relay()];
    for part in 0..10 {
        suite.publish(&teams(part * 300..(part + 1) * 300)).await;
    }
    suite.until(WAITING, 0).await;
    assert_eq!(in_stream(&suite).await, 3_000);
    suite.token.cancel();
    for relay in relays {
        relay.await.expect("ends with its token");
    }
}

#[tokio::test]
async fn another_relay_takes_over_when_the_first_loses_its_connection() {
    let suite = Suite::start().await;
    suite.relay();
    suite.relay();
    suite.publish(&teams(0..10)).await;
    suite.until(WAITING, 0).await;
    let admin =
        pg::connect("echo", &pg::DatabaseConfig::new(suite.database.admin_url())).await.expect("connects");
    let holder = "SELECT count(pg_terminate_backend(pid)) AS n FROM pg_locks WHERE locktype = 'advisory' AND granted \
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(crate::support::number(&admin, holder).await, 1);
    suite.publish(&teams(10..20)).await;
    suite.until(WAITING, 0).await;
    assert_eq!(in_stream(&suite).await, 20);
}

#[tokio::test]
async fn an_event_sent_again_after_a_crash_is_dropped_by_the_broker() {
    let suite = Suite::start().await;
    suite.relay();
    suite.publish(&teams(0..100)).await;
    suite.until(WAITING, 0).await;
    // As if the relay had died between sending and noting it.
    let again =
        "WITH again AS (UPDATE outbox SET published_at = NULL RETURNING seq) SELECT count(*) AS n FROM again";
    assert_eq!(suite.number(again).await, 100);
    suite.until(WAITING, 0).await;
    assert_eq!(in_stream(&suite).await, 100);
}

#[tokio::test]
async fn a_broker_that_lost_its_store_gets_its_stream_back() {
    let suite = Suite::start().await;
    suite.relay();
    suite.publish(&teams(0..5)).await;
    suite.until(WAITING, 0).await;
    let name = format!("{}_EVENTS", suite.nats.prefix().to_uppercase());
    suite.bus.jetstream().delete_stream(&name).await.expect("deletes");
    suite.publish(&teams(5..9)).await;
    suite.until(WAITING, 0).await;
    assert_eq!(in_stream(&suite).await, 4);
}

#[tokio::test]
async fn what_the_broker_has_had_for_a_day_is_deleted_and_nothing_else() {
    let suite = Suite::start().await;
    suite.publish(&teams(0..6)).await;
    let aged = "WITH aged AS (UPDATE outbox SET published_at = now() - interval '25 hours' WHERE seq <= 3 RETURNING seq) \
                SELECT count(*) AS n FROM aged";
    assert_eq!(suite.number(aged).await, 3);
    suite.relay();
    suite.until("SELECT count(*) AS n FROM outbox", 3).await;
    suite.until(WAITING, 0).await;
    assert_eq!(suite.number("SELECT count(*) AS n FROM outbox WHERE seq <= 3").await, 0);
}

#[tokio::test]
async fn large_events_go_out_too_and_in_bounded_batches() {
    let suite = Suite::start().await;
    let collector = EventCollector::start(&suite.nats).await;
    let large: Vec<_> = (0..40)
        .map(|n| {
            let mut event = team(n, 1);
            // 400 KB that do not compress: 40 of them are two batches.
            let noise: String =
                std::iter::repeat_with(|| uuid::Uuid::new_v4().simple().to_string()).take(22_000).collect();
            if let Some(events::Payload::TeamChanged(team)) = &mut event.payload {
                team.name = noise;
            }
            event
        })
        .collect();
    suite.publish(&large).await;
    suite.relay();
    suite.until(WAITING, 0).await;
    eventually(WITHIN, async || collector.events().len() >= 40).await;
    let sent: HashSet<_> = large.iter().map(|event| event.event_id.clone()).collect();
    let seen: HashSet<_> = collector.events().iter().map(|event| event.event_id.clone()).collect();
    assert_eq!(sent, seen);
}
