//! Migrations: in order, once, by anybody at any time.

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use pg::{DatabaseConfig, Error};

use crate::support::{MIGRATIONS, SCHEMA, SETS, database, number};

const LATER: EmbeddedMigrations = embed_migrations!("tests/it/later");
const BROKEN: EmbeddedMigrations = embed_migrations!("tests/it/broken");
const CLASH: EmbeddedMigrations = embed_migrations!("tests/it/clash");

#[tokio::test]
async fn a_service_starts_only_on_a_schema_that_is_new_enough() {
    let database = database().await;
    let pool = crate::support::pool(&database).await;
    pg::ensure_current(&pool, SETS).await.expect("current");
    let older = pg::ensure_current(&pool, &[MIGRATIONS, LATER]).await.expect_err("older");
    assert!(
        matches!(&older, Error::SchemaOlder { missing, .. } if missing.starts_with("20260201")),
        "{older:?}"
    );
    pg::migrate(SCHEMA, &database.owner_config(SCHEMA), &[MIGRATIONS, LATER]).await.expect("migrates");
    pg::ensure_current(&pool, &[MIGRATIONS, LATER]).await.expect("current");
    // The release before goes on working on the newer schema.
    pg::ensure_current(&pool, SETS).await.expect("newer is fine");
}

#[tokio::test]
async fn a_schema_that_was_never_migrated_is_refused() {
    let database = testkit::database(&[testkit::schema("empty", async |_: DatabaseConfig| Ok(()))]).await;
    let pool = pg::connect("empty", &database.config("empty")).await.expect("connects");
    let error = pg::ensure_current(&pool, &[]).await.expect_err("nothing ran");
    assert!(matches!(error, Error::SchemaOlder { .. }), "{error:?}");
}

#[tokio::test]
async fn several_migrators_at_once_run_each_migration_once() {
    let database = testkit::database(&[testkit::schema("empty", async |_: DatabaseConfig| Ok(()))]).await;
    let config = database.owner_config("empty");
    let runs = (0..4).map(|_| {
        let config = config.clone();
        tokio::spawn(async move { pg::migrate("empty", &config, SETS).await })
    });
    let mut ran = 0;
    for run in runs.collect::<Vec<_>>() {
        ran += run.await.expect("runs").expect("migrates").len();
    }
    assert_eq!(ran, 2, "the shared one and the service's own");
}

#[tokio::test]
async fn up_down_up() {
    let database = database().await;
    let config = database.owner_config(SCHEMA);
    assert_eq!(pg::revert(SCHEMA, &config, SETS).await.expect("reverts").len(), 2);
    let pool = crate::support::pool(&database).await;
    let mut conn = pool.get().await.expect("a connection");
    let left = "SELECT count(*) AS n FROM pg_class WHERE relnamespace = 'things'::regnamespace \
                AND relkind IN ('r', 'S', 'v') AND relname <> '__diesel_schema_migrations'";
    assert_eq!(number(&mut conn, left).await, 0);
    assert_eq!(pg::migrate(SCHEMA, &config, SETS).await.expect("migrates").len(), 2);
    assert_eq!(pg::migrate(SCHEMA, &config, SETS).await.expect("nothing to do").len(), 0);
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_half_done() {
    let database = database().await;
    let config = database.owner_config(SCHEMA);
    pg::migrate(SCHEMA, &config, &[MIGRATIONS, BROKEN]).await.expect_err("divides by zero");
    let pool = crate::support::pool(&database).await;
    let mut conn = pool.get().await.expect("a connection");
    let half = "SELECT count(*) AS n FROM pg_class WHERE relname = 'half_done'";
    assert_eq!(number(&mut conn, half).await, 0);
    // The lock is free again: the mended release goes on.
    pg::migrate(SCHEMA, &config, &[MIGRATIONS, LATER]).await.expect("migrates");
}

#[tokio::test]
async fn two_migrations_of_one_version_are_refused() {
    let database = database().await;
    let error =
        pg::migrate(SCHEMA, &database.owner_config(SCHEMA), &[MIGRATIONS, CLASH]).await.expect_err("clash");
    assert!(matches!(error, Error::Config(_)), "{error:?}");
}
