//! The broker or the database goes away and comes back: nothing is lost, nothing happens twice.

use std::time::Duration;

use events::{Bus, EventsConfig};
use pg::DatabaseConfig;
use servers::{Nats, NatsOptions};
use testkit::{Fault, FaultProxy, Scratch, eventually};
use tokio_util::sync::CancellationToken;

use crate::support::{Noter, SCHEMA, Suite, WITHIN, database, number, pool, teams};

#[tokio::test]
async fn a_broker_killed_in_the_middle_loses_nothing() {
    let database = database().await;
    let pool = pool(&database).await;
    let folder = Scratch::new();
    let mut nats = Nats::start(folder.path().join("nats"), NatsOptions::throwaway()).await.expect("starts");
    let bus = Bus::connect(&EventsConfig::new(nats.url())).await.expect("connects");
    let token = CancellationToken::new();
    events::relay(pool.clone(), bus.clone(), token.clone());
    events::follow(
        pool.clone(),
        bus,
        "echo",
        &[events::subject::TEAM_CHANGED],
        Noter::default(),
        token.clone(),
    );
    for round in 0..3 {
        for part in 0..10 {
            let mut conn = pool.get().await.expect("a connection");
            let from = round * 1_000 + part * 100;
            events::publish_all(&mut conn, &teams(from..from + 100)).await.expect("writes go on");
            if part == 4 {
                // Somewhere in the middle of sending and handling.
                eventually(WITHIN, async || {
                    number(&pool, "SELECT count(*) AS n FROM effects").await > round as i64 * 1_000
                })
                .await;
                nats.kill9().await.expect("dies");
            }
        }
        nats.restart().await.expect("comes back");
    }
    eventually(WITHIN, async || {
        number(&pool, "SELECT count(DISTINCT entity) AS n FROM effects").await == 3_000
    })
    .await;
    assert_eq!(number(&pool, "SELECT count(*) AS n FROM effects").await, 3_000);
    assert_eq!(number(&pool, "SELECT count(*) AS n FROM parked_events").await, 0);
    token.cancel();
    nats.stop().await.expect("stops");
}

#[tokio::test]
async fn a_database_that_is_away_parks_nothing() {
    let suite = Suite::start().await;
    let direct = suite.database.url(SCHEMA);
    let (_, address) = direct.rsplit_once('@').expect("a host");
    let (address, _) = address.split_once('/').expect("a database");
    let proxy = FaultProxy::start(address).await;
    let config = DatabaseConfig {
        acquire_timeout_ms: 500,
        connect_timeout_ms: 500,
        ..DatabaseConfig::new(proxy.url(&direct))
    };
    let behind = pg::connect(SCHEMA, &config).await.expect("connects");
    events::follow(
        behind,
        suite.bus.clone(),
        "echo",
        &[events::subject::TEAM_CHANGED],
        Noter::default(),
        suite.token.clone(),
    );
    suite.relay();
    suite.publish(&teams(0..100)).await;
    suite.until("SELECT count(*) AS n FROM effects", 100).await;
    for (round, fault) in [(1, Fault::Cut), (2, Fault::Stall)] {
        proxy.set(fault);
        suite.publish(&teams(round * 100..round * 100 + 100)).await;
        suite.until("SELECT count(*) AS n FROM outbox_waiting", 0).await;
        // Longer than it takes to fail as often as an event may.
        tokio::time::timeout(Duration::from_secs(4), std::future::pending::<()>())
            .await
            .expect_err("time passes");
        proxy.set(Fault::Cut);
        proxy.set(Fault::None);
        suite.until("SELECT count(*) AS n FROM effects", round as i64 * 100 + 100).await;
    }
    assert_eq!(suite.number("SELECT count(*) AS n FROM parked_events").await, 0);
}
