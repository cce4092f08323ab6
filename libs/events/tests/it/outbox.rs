//! An event is published exactly if its change was committed.

use std::time::Duration;

use diesel_async::AsyncConnection;
use events::Error;
use testkit::EventCollector;
use tokio_util::sync::CancellationToken;

use crate::support::{SCHEMA, SETS, Suite, team, teams};

#[tokio::test]
async fn a_change_that_was_rolled_back_publishes_nothing() {
    let suite = Suite::start().await;
    assert!(suite.bus.ready(&suite.token).await);
    let collector = EventCollector::start(&suite.nats).await;
    let mut conn = suite.pool.get().await.expect("a connection");
    let failed = conn
        .transaction::<(), Error, _>(async |conn| {
            events::publish(conn, team(1, 1)).await?;
            Err(Error::Incomplete("changed its mind"))
        })
        .await;
    assert!(failed.is_err());
    events::publish(&mut conn, team(2, 1)).await.expect("publishes");
    suite.relay();
    suite.until("SELECT count(*) AS n FROM outbox_waiting", 0).await;
    let seen = collector.wait_for(1, |payload| Some(payload.clone())).await;
    assert_eq!(seen.len(), 1);
    assert_eq!(collector.events()[0].entity, "team/2");
}

#[tokio::test]
async fn writing_does_not_wait_for_the_broker() {
    let suite = Suite::start().await;
    let nowhere = events::EventsConfig::new("nats://127.0.0.1:1");
    let bus = tokio::time::timeout(Duration::from_secs(5), events::Bus::connect(&nowhere)).await;
    let bus = bus.expect("at once").expect("a broker that is away is no error");
    let token = CancellationToken::new();
    let relay = events::relay(suite.pool.clone(), bus, token.clone());
    suite.publish(&teams(0..50)).await;
    assert_eq!(suite.number("SELECT count(*) AS n FROM outbox_waiting").await, 50);
    token.cancel();
    tokio::time::timeout(Duration::from_secs(10), relay)
        .await
        .expect("ends with its token")
        .expect("no panic");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_without_showing_the_password() {
    for url in ["nats://u:geheim@", "nats://u:geheim@127.0.0.1:notaport", ""] {
        let error = events::Bus::connect(&events::EventsConfig::new(url)).await.expect_err("refused");
        assert!(matches!(error, Error::Config(_)), "{url}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("geheim"));
    }
}

#[tokio::test]
async fn up_down_up() {
    let suite = Suite::start().await;
    let config = suite.database.owner_config(SCHEMA);
    assert_eq!(pg::revert(SCHEMA, &config, SETS).await.expect("reverts").len(), 4);
    assert_eq!(pg::migrate(SCHEMA, &config, SETS).await.expect("migrates").len(), 4);
    suite.publish(&teams(0..1)).await;
}
