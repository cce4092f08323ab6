//! Postgres: what was committed is there after a stop, a kill and a change of holder.

use std::time::{Duration, Instant};

use servers::{Error, Postgres, PostgresOptions};
use tokio_postgres::NoTls;

use crate::reachable_folder;

async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn numbers(url: &str) -> Vec<i32> {
    let rows = client(url).await.query("SELECT n FROM numbers ORDER BY n", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_survives_a_kill_a_restart_and_a_new_holder() {
    let folder = reachable_folder();
    let mut postgres = Postgres::start(folder.path().join("pg"), PostgresOptions::throwaway()).await.unwrap();
    let url = postgres.url();
    client(&url)
        .await
        .batch_execute("CREATE TABLE numbers (n int); INSERT INTO numbers VALUES (1)")
        .await
        .unwrap();

    postgres.kill9().await.unwrap();
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err(), "it is dead");
    postgres.restart().await.unwrap();
    assert_eq!(postgres.url(), url, "clients find it where it was");
    assert_eq!(numbers(&url).await, [1]);

    client(&url).await.batch_execute("INSERT INTO numbers VALUES (2)").await.unwrap();
    postgres.stop().await.unwrap();
    drop(postgres);
    let postgres = Postgres::start(folder.path().join("pg"), PostgresOptions::default()).await.unwrap();
    assert_eq!(numbers(&postgres.url()).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_holder_and_the_next_one_takes_over_after_a_drop() {
    let folder = reachable_folder();
    let path = folder.path().join("pg");
    let first = Postgres::start(&path, PostgresOptions::throwaway()).await.unwrap();
    let second = Postgres::start(&path, PostgresOptions::throwaway()).await;
    assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
    client(&first.url())
        .await
        .batch_execute("CREATE TABLE numbers (n int); INSERT INTO numbers VALUES (7)")
        .await
        .unwrap();
    // No orderly stop: the guardian ends the server while the next start already waits for it.
    drop(first);
    let next = Postgres::start(&path, PostgresOptions::throwaway()).await.unwrap();
    assert_eq!(numbers(&next.url()).await, [7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drop_alone_ends_the_server() {
    let folder = reachable_folder();
    let postgres = Postgres::start(folder.path().join("pg"), PostgresOptions::throwaway()).await.unwrap();
    let address = ("127.0.0.1", postgres.port());
    drop(postgres);
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "the server outlives its holder");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_asked_for() {
    let folder = reachable_folder();
    let postgres = Postgres::start(folder.path().join("pg"), PostgresOptions::throwaway()).await.unwrap();
    let wrong = format!("postgres://postgres:wrong@127.0.0.1:{}/postgres", postgres.port());
    assert!(tokio_postgres::connect(&wrong, NoTls).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_setting_is_reported_with_the_log() {
    let folder = reachable_folder();
    let options = PostgresOptions {
        settings: vec![("no_such_setting".into(), "1".into())],
        ..PostgresOptions::throwaway()
    };
    let error = Postgres::start(folder.path().join("pg"), options).await.unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}
