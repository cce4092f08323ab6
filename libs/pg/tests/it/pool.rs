//! Connections: where they work, what limits them, and that broken ones are not given out.

use std::time::{Duration, Instant};

use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use pg::{DatabaseConfig, Error};

use crate::support::{SCHEMA, database, execute, number, pool};

#[tokio::test]
async fn every_connection_works_in_its_schema() {
    let database = database().await;
    let pool = pool(&database).await;
    let mut conn = pool.get().await.expect("a connection");
    execute(&mut conn, "INSERT INTO things (id, name) VALUES (1, 'a')").await.expect("inserts");
    // Not even a session that was reset falls out of its schema.
    conn.batch_execute("DISCARD ALL").await.expect("resets");
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM things.things").await, 1);
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM things").await, 1);
    let side = pool.side_client().await.expect("a client");
    assert_eq!(side.query_one("SELECT count(*) FROM things", &[]).await.expect("counts").get::<_, i64>(0), 1);
}

#[tokio::test]
async fn a_busy_pool_refuses_within_its_limit() {
    let database = database().await;
    let config = DatabaseConfig { pool_size: 2, acquire_timeout_ms: 2_000, ..database.config(SCHEMA) };
    let pool = pg::connect(SCHEMA, &config).await.expect("connects");
    let held = [pool.get().await.expect("first"), pool.get().await.expect("second")];
    let asked = Instant::now();
    assert!(matches!(pool.get().await, Err(Error::Exhausted)));
    // As long as it was told to and not for ever: the rest is the machine's.
    let waited = asked.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(15)).contains(&waited), "{waited:?}");
    drop(held);
    pool.get().await.expect("free again");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_a_timeout() {
    let database = database().await;
    let config = DatabaseConfig { statement_timeout_ms: 100, ..database.config(SCHEMA) };
    let pool = pg::connect(SCHEMA, &config).await.expect("connects");
    let mut conn = pool.get().await.expect("a connection");
    let slow = execute(&mut conn, "SELECT pg_sleep(20)").await;
    assert!(matches!(slow, Err(Error::Timeout(_))), "{slow:?}");
    // The connection is as good as before.
    assert_eq!(number(&mut conn, "SELECT 1::bigint AS n").await, 1);
    let side = pool.side_client().await.expect("a client");
    side.batch_execute("SELECT pg_sleep(0.2)").await.expect("bulk work has no limit");
}

#[tokio::test]
async fn a_transaction_that_was_dropped_half_way_leaves_nothing_behind() {
    let database = database().await;
    let config = DatabaseConfig { pool_size: 1, ..database.config(SCHEMA) };
    let pool = pg::connect(SCHEMA, &config).await.expect("connects");
    let mut conn = pool.get().await.expect("a connection");
    let endless = conn.transaction::<(), Error, _>(async |conn| {
        execute(conn, "INSERT INTO things (id, name) VALUES (1, 'a')").await?;
        std::future::pending().await
    });
    assert!(tokio::time::timeout(Duration::from_millis(200), endless).await.is_err());
    drop(conn);
    let mut conn = pool.get().await.expect("another connection");
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM things").await, 0);
    execute(&mut conn, "INSERT INTO things (id, name) VALUES (1, 'a')").await.expect("nothing is locked");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_without_showing_the_password() {
    let cases = [
        ("mysql://u:geheim@h/d", "x"),
        ("postgres://u:geheim@127.0.0.1:1/d?sslmode=require", "x"),
        ("postgres://u:geheim@127.0.0.1:1/d?nonsense=1", "x"),
    ];
    for (url, _) in cases {
        let config = DatabaseConfig { startup_timeout_ms: 60_000, ..DatabaseConfig::new(url) };
        assert!(!format!("{config:?}").contains("geheim"));
        let error = pg::connect("x", &config).await.expect_err("refused");
        assert!(matches!(error, Error::Config(_)), "{url}: {error:?}");
        assert!(!format!("{error:?} {error}").contains("geheim"));
    }
    for schema in ["", "Robert'; DROP SCHEMA", "a-b", "1a", "a b"] {
        let done = pg::connect(schema, &DatabaseConfig::new("postgres://u@127.0.0.1:1/d")).await;
        assert!(matches!(done, Err(Error::Config(_))), "{schema:?}");
    }
}

#[tokio::test]
async fn start_up_waits_for_the_database_but_not_for_ever() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let url = format!("postgres://u:p@127.0.0.1:{port}/d");
    let config = DatabaseConfig { startup_timeout_ms: 400, ..DatabaseConfig::new(url) };
    let begun = Instant::now();
    let error = pg::connect("x", &config).await.expect_err("nobody listens");
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(3));
}
