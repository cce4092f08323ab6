//! Each event is handled once, and one that fails blocks nobody.

use events::subject::{AGENT_SEEN, TEAM_CHANGED};
use testkit::eventually;

use crate::support::{Mood, Noter, Suite, WITHIN, agent, bundles, team, teams};

const EFFECTS: &str = "SELECT count(*) AS n FROM effects";
const ENTITIES: &str = "SELECT count(DISTINCT entity) AS n FROM effects";

#[tokio::test]
async fn every_event_is_handled_once_and_in_batches() {
    let suite = Suite::start().await;
    suite.relay();
    suite.publish(&teams(0..2_000)).await;
    suite.until("SELECT count(*) AS n FROM outbox_waiting", 0).await;
    let noter = Noter::default();
    // Two replicas share the work.
    suite.follow(noter.clone());
    suite.follow(noter.clone());
    suite.until(ENTITIES, 2_000).await;
    assert_eq!(suite.number(EFFECTS).await, 2_000);
    assert_eq!(suite.number("SELECT count(*) AS n FROM inbox").await, 2_000);
    let largest = noter.batches.lock().expect("not poisoned").iter().copied().max();
    assert!(largest > Some(50), "{largest:?}");
}

#[tokio::test]
async fn an_event_delivered_again_has_no_second_effect() {
    let suite = Suite::start().await;
    let once = teams(0..20);
    // Past the broker's own window for repeats: other message ids, the same events.
    for _ in 0..3 {
        for event in &once {
            suite.send(TEAM_CHANGED, events::encode(event).expect("encodes").payload).await;
        }
        for bundle in bundles(&once[5..]) {
            suite.send(TEAM_CHANGED, bundle.payload).await;
        }
    }
    suite.follow(Noter::default());
    suite.until(ENTITIES, 20).await;
    suite.relay();
    suite.publish(&[team(99, 1)]).await;
    suite.until(ENTITIES, 21).await;
    assert_eq!(suite.number(EFFECTS).await, 21);
}

#[tokio::test]
async fn what_fails_is_parked_and_everything_else_is_handled() {
    let suite = Suite::start().await;
    suite.publish(&teams(0..100)).await;
    assert_eq!(suite.number("SELECT count(*) AS n FROM outbox").await, 100);
    failures_stay_alone(&suite).await;
}

#[tokio::test]
async fn what_fails_in_a_bundle_is_parked_alone() {
    let suite = Suite::start().await;
    suite.publish_bundled(&teams(0..100)).await;
    assert_eq!(suite.number("SELECT count(*) AS n FROM outbox").await, 2);
    let noter = failures_stay_alone(&suite).await;
    // Replayed, it is one event and not what it came with.
    noter.set("team/3", None);
    suite.execute("UPDATE parked_events SET state = 'replaying' WHERE entity = 'team/3'").await;
    suite.until(EFFECTS, 97).await;
    suite.until("SELECT count(*) AS n FROM parked_events WHERE state = 'replayed'", 1).await;
}

/// Some of a hundred teams that wait have moods.
async fn failures_stay_alone(suite: &Suite) -> Noter {
    let moods = [
        ("team/3", Mood::Poison),
        ("team/50", Mood::Transient),
        ("team/51", Mood::Panics),
        ("team/77", Mood::BreaksSql),
        ("team/90", Mood::Recovers(2)),
        ("team/91", Mood::LosesRaces(2)),
    ];
    let noter = Noter::with(&moods);
    suite.relay();
    suite.until("SELECT count(*) AS n FROM outbox_waiting", 0).await;
    suite.follow(noter.clone());
    suite.until("SELECT count(*) AS n FROM parked_events", 4).await;
    suite.until(EFFECTS, 96).await;
    let parked = "SELECT count(*) AS n FROM parked_events WHERE merchant_id = 'demo' AND state = 'parked' \
                  AND subject = 'performance.team_changed' AND version = 1 AND consumer = 'echo' AND length(error) > 4 \
                  AND entity IN ('team/3', 'team/50', 'team/51', 'team/77')";
    assert_eq!(suite.number(parked).await, 4);
    // Nothing else was touched by the failures of its neighbours, and all is noted.
    assert_eq!(suite.number(ENTITIES).await, 96);
    assert_eq!(suite.number("SELECT count(*) AS n FROM inbox").await, 100);
    eventually(WITHIN, async || suite.unsettled(TEAM_CHANGED).await == 0).await;
    noter
}

#[tokio::test]
async fn a_bundle_that_an_older_release_parked_is_replayed_whole() {
    let suite = Suite::start().await;
    suite.follow(Noter::default());
    let [bundle] = &bundles(&teams(0..50))[..] else { panic!("fifty fit into one") };
    let sql = format!(
        "INSERT INTO parked_events \
            (parked_id, consumer, event_id, merchant_id, subject, entity, version, payload, error, attempts, state) \
         VALUES (gen_random_uuid(), 'echo', '{}', 'demo', '{TEAM_CHANGED}', '', 0, '\\x{}', 'no payload', 1, 'replaying')",
        bundle.event_id,
        bundle.payload.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    );
    suite.execute(&sql).await;
    suite.until(ENTITIES, 50).await;
    suite.until("SELECT count(*) AS n FROM parked_events WHERE state = 'replayed'", 1).await;
}

#[tokio::test]
async fn a_message_that_is_no_event_is_parked_with_its_merchant() {
    let suite = Suite::start().await;
    assert!(suite.bus.ready(&suite.token).await);
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Jinpai-Merchant", "demo");
    let subject = format!("{}.{TEAM_CHANGED}", suite.nats.prefix());
    let sent =
        suite.bus.jetstream().publish_with_headers(subject, headers, "nonsense".into()).await.expect("sends");
    sent.await.expect("stored");
    suite.relay();
    suite.publish(&teams(0..3)).await;
    suite.follow(Noter::default());
    suite.until(EFFECTS, 3).await;
    suite
        .until("SELECT count(*) AS n FROM parked_events WHERE merchant_id = 'demo' AND entity = ''", 1)
        .await;
}

#[tokio::test]
async fn subjects_do_not_wait_for_each_other() {
    let suite = Suite::start().await;
    let noter = Noter::with(&[("team/0", Mood::Transient)]);
    suite.relay();
    suite.follow_subjects(&[TEAM_CHANGED, AGENT_SEEN], noter.clone());
    suite.publish(&[team(0, 1), agent(1), agent(2)]).await;
    suite.until("SELECT count(*) AS n FROM effects WHERE entity LIKE 'account/%'", 2).await;
    eventually(WITHIN, async || noter.tries("team/0") > 0).await;
}

#[tokio::test]
async fn an_older_version_is_told_from_a_newer_one() {
    let suite = Suite::start().await;
    let mut conn = suite.pool.get().await.expect("a connection");
    for (version, newer) in [(2, true), (1, false), (2, false), (3, true)] {
        assert_eq!(
            events::inbox::advance(&mut conn, "echo", &team(1, version)).await.expect("writes"),
            newer
        );
    }
    assert!(events::inbox::advance(&mut conn, "another", &team(1, 1)).await.expect("writes"));
    assert!(events::inbox::advance(&mut conn, "echo", &team(2, 1)).await.expect("writes"));
}

#[tokio::test]
async fn a_follower_ends_with_its_token_and_the_next_goes_on() {
    let suite = Suite::start().await;
    let token = tokio_util::sync::CancellationToken::new();
    suite.relay();
    suite.publish(&teams(0..500)).await;
    let first = events::follow(
        suite.pool.clone(),
        suite.bus.clone(),
        "echo",
        &[TEAM_CHANGED],
        Noter::default(),
        token.clone(),
    );
    eventually(WITHIN, async || suite.number(EFFECTS).await > 0).await;
    token.cancel();
    tokio::time::timeout(WITHIN, first).await.expect("ends").expect("no panic");
    suite.publish(&teams(500..600)).await;
    suite.follow(Noter::default());
    suite.until(ENTITIES, 600).await;
    assert_eq!(suite.number(EFFECTS).await, 600);
}
