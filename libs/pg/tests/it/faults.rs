//! The database goes away and comes back.

use std::time::{Duration, Instant};

use pg::{DatabaseConfig, Error};
use servers::{Postgres, PostgresOptions};
use testkit::{Fault, FaultProxy, Scratch, eventually};

#[tokio::test]
async fn after_a_crash_of_the_database_the_first_call_succeeds() {
    let folder = Scratch::new();
    let mut server =
        Postgres::start(folder.path().join("server"), PostgresOptions::throwaway()).await.expect("starts");
    let config = DatabaseConfig { pool_size: 4, ..DatabaseConfig::new(server.url()) };
    let pool = pg::connect("public", &config).await.expect("connects");
    // Several open connections, all of which will be dead.
    let held = [pool.get().await, pool.get().await, pool.get().await];
    assert!(held.iter().all(Result::is_ok));
    drop(held);
    server.kill9().await.expect("dies");
    let asked = Instant::now();
    let away = pool.ping().await.expect_err("nobody is there");
    assert!(matches!(away, Error::Unavailable(_)), "{away:?}");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    server.restart().await.expect("comes back");
    for _ in 0..8 {
        pool.ping().await.expect("no dead connection is given out");
    }
    server.stop().await.expect("stops");
}

#[tokio::test]
async fn a_black_hole_ends_in_a_bounded_time_and_heals() {
    let database = crate::support::database().await;
    let direct = database.url("things");
    let (_, address) = direct.rsplit_once('@').expect("a host");
    let (address, _) = address.split_once('/').expect("a database");
    let proxy = FaultProxy::start(address).await;
    let config = DatabaseConfig {
        pool_size: 2,
        connect_timeout_ms: 1_000,
        acquire_timeout_ms: 1_000,
        ..DatabaseConfig::new(proxy.url(&direct))
    };
    let pool = pg::connect("things", &config).await.expect("connects");
    pool.ping().await.expect("answers");
    proxy.set(Fault::Stall);
    for _ in 0..4 {
        // The caller's deadline ends the call; here a stand-in for it.
        let done = tokio::time::timeout(Duration::from_millis(300), pool.ping()).await;
        assert!(!matches!(done, Ok(Ok(()))), "the hole answered");
    }
    assert!(pool.usage().0 <= 2, "connections must not pile up");
    proxy.set(Fault::Cut);
    proxy.set(Fault::None);
    eventually(Duration::from_secs(10), async || pool.ping().await.is_ok()).await;
}
