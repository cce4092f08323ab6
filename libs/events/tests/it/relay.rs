//! The way from the outbox to the broker.

use std::collections::HashSet;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use testkit::{EventCollector, eventually};
use tokio_util::sync::CancellationToken;

use crate::support::{Suite, WITHIN, team, teams};

const WAITING: &str = "SELECT count(*) AS n FROM outbox_waiting";

async fn in_stream(suite: &Suite) -> u64 {
    let name = format!("{}_EVENTS", suite.nats.prefix().to_uppercase());
    // A stream that is not made yet holds nothing.
    let stream = suite.bus.jetstream().get_stream(name).await;
    stream.map_or(0, |stream| stream.cached_info().state.messages)
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

/// Runs a relay until everything is sent.
async fn send_everything(suite: &Suite) {
    relay_until(suite, WAITING, 0).await;
}

/// Runs a relay until `sql` selects `wanted` as `n`.
async fn relay_until(suite: &Suite, sql: &str, wanted: i64) {
    let token = CancellationToken::new();
    let relay = events::relay(suite.pool.clone(), suite.bus.clone(), token.clone());
    suite.until(sql, wanted).await;
    token.cancel();
    relay.await.expect("ends with its token");
}

#[tokio::test]
async fn an_event_sent_again_after_a_crash_is_dropped_by_the_broker() {
    let suite = Suite::start().await;
    suite.publish(&teams(0..100)).await;
    send_everything(&suite).await;
    // As if the relay had died between sending and noting it.
    let again = "WITH again AS (UPDATE outbox_relay SET sent = '4:4:' RETURNING sent) SELECT count(*) AS n FROM again";
    assert_eq!(suite.number(again).await, 1);
    assert_eq!(suite.number(WAITING).await, 100);
    send_everything(&suite).await;
    assert_eq!(in_stream(&suite).await, 100);
}

#[tokio::test]
async fn what_commits_late_is_sent_though_others_began_later() {
    let suite = Suite::start().await;
    suite.relay();
    let mut slow = suite.pool.get().await.expect("a connection");
    let mut slowest = suite.pool.get().await.expect("a connection");
    begin(&mut slowest).await;
    events::publish(&mut slowest, team(1_000, 1)).await.expect("publishes");
    for round in 0..3 {
        begin(&mut slow).await;
        events::publish(&mut slow, team(2_000 + round, 1)).await.expect("publishes");
        suite.publish(&teams(round * 10..round * 10 + 10)).await;
        // What has committed does not wait for what hasn't.
        eventually(WITHIN, async || in_stream(&suite).await == round as u64 * 11 + 10).await;
        suite.until(WAITING, 0).await;
        slow.batch_execute("COMMIT").await.expect("commits");
        eventually(WITHIN, async || in_stream(&suite).await == round as u64 * 11 + 11).await;
    }
    slowest.batch_execute("COMMIT").await.expect("commits");
    eventually(WITHIN, async || in_stream(&suite).await == 34).await;
    suite.until(WAITING, 0).await;
}

async fn begin(conn: &mut AsyncPgConnection) {
    conn.batch_execute("BEGIN").await.expect("begins");
}

#[tokio::test]
async fn a_relay_takes_up_in_the_middle_where_another_left_off() {
    let suite = Suite::start().await;
    for part in 0..3 {
        suite.publish(&teams(part * 900..(part + 1) * 900)).await;
    }
    // As if the relay had died with two thirds sent: of a window of three transactions it had noted two.
    let left = "WITH left_off AS (UPDATE outbox_relay SET reading = pg_current_snapshot(), \
                    (through_xid, through_seq) = (SELECT xid, seq FROM outbox ORDER BY xid, seq OFFSET 1799 LIMIT 1) \
                    RETURNING sent) SELECT count(*) AS n FROM left_off";
    assert_eq!(suite.number(left).await, 1);
    assert_eq!(suite.number(WAITING).await, 900);
    suite.publish(&teams(2_700..2_800)).await;
    assert_eq!(suite.number(WAITING).await, 1_000);
    assert!(suite.bus.ready(&suite.token).await);
    send_everything(&suite).await;
    assert_eq!(in_stream(&suite).await, 1_000);
}

#[tokio::test]
async fn transactions_go_out_in_the_order_of_their_numbers_and_once() {
    let suite = Suite::start().await;
    assert!(suite.bus.ready(&suite.token).await);
    let collector = EventCollector::start(&suite.nats).await;
    suite.publish(&teams(0..1_400)).await;
    // Of which one would come before the other if they were compared as text.
    let numbered = "WITH numbered AS (UPDATE outbox SET xid = CASE WHEN seq <= 700 THEN '9'::xid8 ELSE '10' END RETURNING seq) \
                    SELECT count(*) AS n FROM numbered";
    assert_eq!(suite.number(numbered).await, 1_400);
    send_everything(&suite).await;
    eventually(WITHIN, async || collector.events().len() >= 1_400).await;
    suite.publish(&teams(1_400..1_401)).await;
    send_everything(&suite).await;
    eventually(WITHIN, async || collector.events().len() >= 1_401).await;
    assert_eq!(collector.events().len(), 1_401, "nothing is sent twice");
}

#[tokio::test]
async fn events_that_the_broker_refuses_hold_up_nobody_and_go_out_later() {
    let suite = Suite::start().await;
    suite.relay();
    let put = "WITH put AS (INSERT INTO outbox (event_id, merchant_id, subject, payload) \
                SELECT gen_random_uuid(), 'demo', CASE WHEN n % 10 = 0 THEN 'nobody.listens' ELSE 'qa.something' END, 'x' \
                FROM generate_series(1, 100) n RETURNING seq) SELECT count(*) AS n FROM put";
    assert_eq!(suite.number(put).await, 100);
    suite.until(WAITING, 10).await;
    assert_eq!(suite.number("SELECT count(*) AS n FROM outbox_held").await, 10);
    assert_eq!(in_stream(&suite).await, 90);
    suite.publish(&teams(0..5)).await;
    eventually(WITHIN, async || in_stream(&suite).await == 95).await;
    let mended = "WITH mended AS (UPDATE outbox SET subject = 'qa.something' RETURNING seq) SELECT count(*) AS n FROM mended";
    suite.number(mended).await;
    suite.until(WAITING, 0).await;
    assert_eq!(in_stream(&suite).await, 105);
    assert_eq!(suite.number("SELECT count(*) AS n FROM outbox_held").await, 0);
}

#[tokio::test]
async fn in_a_database_restored_elsewhere_all_that_is_kept_goes_out_again() {
    let suite = Suite::start().await;
    suite.publish(&teams(0..20)).await;
    send_everything(&suite).await;
    // Another cluster, whose transaction ids are far behind.
    let elsewhere = "WITH moved AS (UPDATE outbox_relay SET cluster = 1, sent = '9000000:9000000:' RETURNING sent), \
                     old AS (UPDATE outbox SET xid = '8000000' RETURNING seq) SELECT count(*) AS n FROM old";
    assert_eq!(suite.number(elsewhere).await, 20);
    let collector = EventCollector::start(&suite.nats).await;
    suite.publish(&teams(20..30)).await;
    relay_until(&suite, "SELECT count(*) AS n FROM outbox_relay WHERE cluster <> 1", 1).await;
    send_everything(&suite).await;
    eventually(WITHIN, async || collector.events().len() >= 30).await;
    suite.publish(&teams(30..31)).await;
    assert_eq!(suite.number(WAITING).await, 1);
    send_everything(&suite).await;
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
    suite.publish(&teams(0..3)).await;
    // What was sent is noted when a relay begins, and each minute.
    send_everything(&suite).await;
    relay_until(&suite, "SELECT count(*) AS n FROM outbox_history", 2).await;
    suite.publish(&teams(3..6)).await;
    let aged = "WITH aged AS (UPDATE outbox_history SET noted_at = noted_at - interval '25 hours' RETURNING noted_at) \
                SELECT count(*) AS n FROM aged";
    assert_eq!(suite.number(aged).await, 2);
    suite.relay();
    suite.until("SELECT count(*) AS n FROM outbox", 3).await;
    suite.until(WAITING, 0).await;
    assert_eq!(suite.number("SELECT count(*) AS n FROM outbox").await, 3);
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
