//! What a service's role cannot do.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use pg::audit::AuditEntry;
use pg::{DatabaseConfig, Pool};

use crate::support::SETS;

const SCHEMAS: [&str; 2] = ["things_one", "things_two"];

async fn two_services() -> (testkit::TestDatabase, Vec<Pool>) {
    let schema = |name: &'static str| {
        testkit::schema(name, move |config: DatabaseConfig| async move {
            pg::migrate(name, &config, SETS).await?;
            Ok(())
        })
    };
    let database = testkit::database(&SCHEMAS.map(schema)).await;
    let mut pools = Vec::new();
    for name in SCHEMAS {
        pools.push(pg::connect(name, &database.config(name)).await.expect("connects"));
    }
    (database, pools)
}

async fn refused(conn: &mut AsyncPgConnection, sql: &str) {
    let error = conn.batch_execute(sql).await.expect_err(sql).to_string();
    let by_rights =
        ["permission denied", "must be owner", "audit rows are never changed", "no schema has been selected"];
    assert!(by_rights.iter().any(|text| error.contains(text)), "{sql}: {error}");
}

#[tokio::test]
async fn a_service_works_with_its_own_rows_and_sees_nobody_elses() {
    let (_database, pools) = two_services().await;
    for (pool, (own, other)) in pools.iter().zip([("things_one", "things_two"), ("things_two", "things_one")])
    {
        let mut conn = pool.get().await.expect("a connection");
        let work = format!(
            "INSERT INTO {own}.things (id, name) VALUES (1, 'a'); UPDATE things SET count = 1; SELECT * FROM things; \
             DELETE FROM things"
        );
        conn.batch_execute(&work).await.expect("own rows");
        for sql in [
            format!("SELECT * FROM {other}.things"),
            format!("INSERT INTO {other}.things (id, name) VALUES (1, 'a')"),
            format!("SELECT * FROM {other}.audit_entries"),
            format!("CREATE TABLE {other}.mine (id int)"),
        ] {
            refused(&mut conn, &sql).await;
        }
    }
}

#[tokio::test]
async fn a_service_cannot_change_its_schema() {
    let (_database, pools) = two_services().await;
    let mut conn = pools[0].get().await.expect("a connection");
    for sql in [
        "CREATE TABLE mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "ALTER TABLE things ADD COLUMN mine int",
        "DROP TABLE things",
        "TRUNCATE things",
        "CREATE INDEX mine ON things (name)",
        "DROP SCHEMA things_one CASCADE",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
    ] {
        refused(&mut conn, sql).await;
    }
}

#[tokio::test]
async fn nobody_changes_the_audit_not_even_the_owner() {
    let (database, pools) = two_services().await;
    let mut conn = pools[0].get().await.expect("a connection");
    let caller = testkit::caller().caller();
    let at = chrono::DateTime::UNIX_EPOCH;
    let entry = AuditEntry::allowed(&caller, "/a/b", "thing/1", serde_json::json!({ "count": 1 }), at);
    pg::audit::append(&mut conn, &entry).await.expect("appends");
    pg::audit::chain_pending(&pools[0]).await.expect("chains");
    let owner = pg::connect("things_one", &database.owner_config("things_one")).await.expect("connects");
    let mut owner = owner.get().await.expect("a connection");
    for (table, column) in [("audit_entries", "subject"), ("audit_chain", "hash")] {
        for sql in [
            format!("UPDATE {table} SET {column} = {column}"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
        ] {
            refused(&mut conn, &sql).await;
            refused(&mut owner, &sql).await;
        }
    }
    refused(&mut conn, "ALTER TABLE audit_entries DISABLE TRIGGER ALL").await;
}
