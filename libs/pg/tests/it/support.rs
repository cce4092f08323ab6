//! A database with one small schema.

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use pg::{DatabaseConfig, Pool};
use testkit::TestDatabase;

pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/it/migrations");
pub const SETS: &[EmbeddedMigrations] = &[MIGRATIONS];
pub const SCHEMA: &str = "things";

pub async fn database() -> TestDatabase {
    testkit::database(&[testkit::schema(SCHEMA, async |config: DatabaseConfig| {
        pg::migrate(SCHEMA, &config, SETS).await?;
        Ok(())
    })])
    .await
}

pub async fn pool(database: &TestDatabase) -> Pool {
    pg::connect(SCHEMA, &database.config(SCHEMA)).await.expect("connects")
}

pub async fn execute(conn: &mut AsyncPgConnection, sql: &str) -> Result<usize, pg::Error> {
    Ok(diesel::sql_query(sql).execute(conn).await?)
}

/// The one number that `sql` selects as `n`.
pub async fn number(conn: &mut AsyncPgConnection, sql: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    diesel::sql_query(sql).get_result::<Row>(conn).await.expect("a number").n
}
