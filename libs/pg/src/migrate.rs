//! Migrations of a service's schema.
//!
//! Each library that needs tables in a service's schema brings its own set (`pg::SHARED`, `events::MIGRATIONS`,
//! `directory::MIGRATIONS`); the service names the sets it uses and adds its own. All are recorded in one
//! `__diesel_schema_migrations` inside the schema. Versions of the libraries begin with many zeros, so they run
//! before the service's own, whose versions are dates.

use diesel::QueryableByName;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::sql_types::{Array, Text};
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::connector::{Connector, check_name};
use crate::{DatabaseConfig, Error, Pool};

/// Idempotency keys and audit: the tables that this library needs in every schema.
pub const SHARED: EmbeddedMigrations = embed_migrations!("migrations");

type Blocking = AsyncConnectionWrapper<AsyncPgConnection>;

/// Brings the schema up to date: creates it if it is missing, then runs what has not run of [`SHARED`] and of `sets`,
/// in the order of their versions. Several migrators at once queue up; each migration is one transaction, so a
/// killed one is simply run again. Returns the versions that ran.
pub async fn migrate(
    schema: &'static str,
    config: &DatabaseConfig,
    sets: &'static [EmbeddedMigrations],
) -> Result<Vec<String>, Error> {
    with_schema_locked(schema, config, move |conn| {
        let applied = versions_applied(conn)?;
        let mut ran = Vec::new();
        for migration in in_order(sets)? {
            let version = migration.name().version().to_string();
            if !applied.contains(&version) {
                conn.run_migration(&*migration).map_err(Error::Internal)?;
                ran.push(version);
            }
        }
        Ok(ran)
    })
    .await
}

/// Takes everything back that [`migrate`] did with the same sets, newest first. For tests that every migration has
/// a way back.
pub async fn revert(
    schema: &'static str,
    config: &DatabaseConfig,
    sets: &'static [EmbeddedMigrations],
) -> Result<Vec<String>, Error> {
    with_schema_locked(schema, config, move |conn| {
        let applied = versions_applied(conn)?;
        let mut reverted = Vec::new();
        for migration in in_order(sets)?.into_iter().rev() {
            let version = migration.name().version().to_string();
            if applied.contains(&version) {
                conn.revert_migration(&*migration).map_err(Error::Internal)?;
                reverted.push(version);
            }
        }
        Ok(reverted)
    })
    .await
}

/// Refuses a schema that lacks a migration of [`SHARED`] or of `sets`. A newer schema passes: migrations stay
/// compatible with the program before them, so that a release can be taken back.
pub async fn ensure_current(pool: &Pool, sets: &'static [EmbeddedMigrations]) -> Result<(), Error> {
    let wanted: Vec<String> = in_order(sets)?.iter().map(|m| m.name().version().to_string()).collect();
    let mut conn = pool.get().await?;
    let sql = "SELECT version FROM unnest($1::text[]) AS wanted (version) WHERE to_regclass('__diesel_schema_migrations') IS NULL";
    let never_migrated =
        diesel::sql_query(sql).bind::<Array<Text>, _>(&wanted).load::<VersionRow>(&mut conn).await?;
    let sql = "SELECT version FROM unnest($1::text[]) AS wanted (version) \
               WHERE version NOT IN (SELECT version FROM __diesel_schema_migrations) ORDER BY version";
    let missing = if never_migrated.is_empty() {
        diesel::sql_query(sql).bind::<Array<Text>, _>(&wanted).load::<VersionRow>(&mut conn).await?
    } else {
        never_migrated
    };
    match missing.into_iter().next() {
        Some(row) => Err(Error::SchemaOlder { schema: pool.schema().to_owned(), missing: row.version }),
        None => Ok(()),
    }
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = Text)]
    version: String,
}

async fn with_schema_locked<T: Send + 'static>(
    schema: &'static str,
    config: &DatabaseConfig,
    work: impl FnOnce(&mut Blocking) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    check_name(schema)?;
    let connector = Connector::new(schema, config, 0)?;
    let mut conn = connector.diesel().await.map_err(|e| Error::Unavailable(e.into()))?;
    // The session holds the lock; it goes with the connection, however that ends.
    conn.batch_execute(&format!("SELECT pg_advisory_lock(hashtextextended('{schema}.migrate', 0))")).await?;
    create_schema(&mut conn, schema).await?;
    // Diesel's migrations are synchronous: they get a thread that may block.
    let done = tokio::task::spawn_blocking(move || work(&mut Blocking::from(conn))).await;
    done.map_err(|e| Error::Internal(e.into()))?
}

/// `CREATE SCHEMA IF NOT EXISTS` needs the right to create even where the schema exists; an owner role of one schema
/// has no such right.
async fn create_schema(conn: &mut AsyncPgConnection, schema: &str) -> Result<(), Error> {
    let sql = format!(
        "DO $$ BEGIN IF to_regnamespace('{schema}') IS NULL THEN CREATE SCHEMA {schema}; END IF; END $$"
    );
    Ok(conn.batch_execute(&sql).await?)
}

fn versions_applied(conn: &mut Blocking) -> Result<Vec<String>, Error> {
    let applied = conn.applied_migrations().map_err(Error::Internal)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// The migrations of all sets by version; two of one version are refused.
fn in_order(sets: &'static [EmbeddedMigrations]) -> Result<Vec<Box<dyn Migration<Pg>>>, Error> {
    let mut all = MigrationSource::<Pg>::migrations(&SHARED).map_err(Error::Internal)?;
    for set in sets {
        all.extend(MigrationSource::<Pg>::migrations(set).map_err(Error::Internal)?);
    }
    all.sort_by_cached_key(|migration| migration.name().version().to_string());
    for pair in all.windows(2) {
        let version = pair[1].name().version().to_string();
        if pair[0].name().version().to_string() == version {
            return Err(Error::config(format!("two migrations have the version {version}")));
        }
    }
    Ok(all)
}
