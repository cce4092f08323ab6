//! A database per test.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

static MIGRATED: AtomicUsize = AtomicUsize::new(0);

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn notes() -> testkit::Schema {
    testkit::schema("notes", |config| async move {
        use secrecy::ExposeSecret;
        MIGRATED.fetch_add(1, Ordering::SeqCst);
        client(config.url.expose_secret())
            .await
            .batch_execute("CREATE TABLE notes.notes (note text)")
            .await?;
        Ok(())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_test_has_rows_of_its_own_and_the_migrations_run_once() {
    let (one, two) = tokio::join!(async { testkit::database(&[notes()]).await }, async {
        testkit::database(&[notes()]).await
    });
    client(&one.url("notes")).await.batch_execute("INSERT INTO notes.notes VALUES ('one')").await.unwrap();
    let rows = client(&two.url("notes")).await.query("SELECT note FROM notes.notes", &[]).await.unwrap();
    assert!(rows.is_empty());
    assert!(MIGRATED.load(Ordering::SeqCst) <= 1, "the template is built once, or was there");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_role_cannot_change_the_schema() {
    let database = testkit::database(&[notes()]).await;
    let refused = client(&database.url("notes")).await.batch_execute("CREATE TABLE notes.more (n int)").await;
    assert_eq!(refused.unwrap_err().code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_database_is_gone_although_somebody_is_connected() {
    let database = testkit::database(&[notes()]).await;
    let admin_url = database.admin_url();
    let name = database.name().to_owned();
    let connected = client(&database.url("notes")).await;
    drop(database);
    let server = admin_url.replace(&name, "postgres");
    let found =
        client(&server).await.query("SELECT FROM pg_database WHERE datname = $1", &[&name]).await.unwrap();
    assert!(found.is_empty());
    assert!(connected.batch_execute("SELECT 1").await.is_err());
}
