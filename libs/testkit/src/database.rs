//! A database per test.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_postgres::Client;

use crate::template::{Schema, clone_into, connect, owner_of, runtime_of, url_of};
use crate::{database_url, shared};

/// Set, it keeps the databases of tests, to look into them afterwards.
const KEEP_VARIABLE: &str = "JINPAI_TEST_KEEP";

/// A superuser's connection.
pub type Admin = Arc<Client>;

/// A database that no other test sees. Dropped with the value, whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase {
    server: &'static str,
    name: String,
    /// The connection of [`admin`](Self::admin), and the schema it looks into.
    admin: Mutex<Option<(String, Admin)>>,
}

/// A new database with `schemas`, each owned by a role of its own and used by another, as in production.
pub async fn database(schemas: &[Schema]) -> TestDatabase {
    // Starting a server blocks for a moment: not on a thread that drives other tests' tasks.
    let server = tokio::task::spawn_blocking(database_url).await.expect("the test server starts");
    let name = format!("test_{}", hex::encode(rand::random::<[u8; 10]>()));
    if let Err(error) = clone_into(server, &name, schemas).await {
        panic!("no test database: {error:#}");
    }
    TestDatabase { server, name, admin: Mutex::new(None) }
}

impl TestDatabase {
    /// The settings of a service: its runtime role, which may do nothing but read and write rows of its schema.
    pub fn config(&self, schema: &str) -> pg::DatabaseConfig {
        // As patient as a machine needs on which many tests run at once: limits are tested where they are set.
        pg::DatabaseConfig {
            pool_size: 8,
            acquire_timeout_ms: 20_000,
            connect_timeout_ms: 20_000,
            ..pg::DatabaseConfig::new(self.url(schema))
        }
    }

    /// The settings of a service's owner role, which may migrate.
    pub fn owner_config(&self, schema: &str) -> pg::DatabaseConfig {
        pg::DatabaseConfig::new(url_of(self.server, &self.name, Some(&owner_of(schema))))
    }

    /// The URL of a service's runtime role.
    pub fn url(&self, schema: &str) -> String {
        url_of(self.server, &self.name, Some(&runtime_of(schema)))
    }

    /// A superuser's connection that looks into `schema` first. It stays open, since tests that wait for something ask
    /// over and over, and a connection costs more than the question.
    pub async fn admin(&self, schema: &str) -> Admin {
        let mut admin = self.admin.lock().await;
        match &*admin {
            Some((of, client)) if of == schema && !client.is_closed() => Arc::clone(client),
            _ => {
                let client = connect(&self.admin_url()).await.expect("the test server answers");
                client.batch_execute(&format!("SET search_path TO {schema}")).await.expect("a schema");
                let (_, client) = admin.insert((schema.to_owned(), Arc::new(client)));
                Arc::clone(client)
            }
        }
    }

    /// One number from the database, with a superuser's eyes.
    pub async fn count(&self, schema: &str, sql: &str) -> i64 {
        self.admin(schema).await.query_one(sql, &[]).await.expect("counts").get(0)
    }

    /// The superuser's URL of this database: to look, or to break something.
    pub fn admin_url(&self) -> String {
        url_of(self.server, &self.name, None)
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::env::var_os(KEEP_VARIABLE).is_some() {
            return;
        }
        let (server, name) = (self.server, self.name.clone());
        // A failure to clean up must not turn a green test red: the server is thrown away soon anyway.
        shared::in_background(async move {
            if let Ok(admin) = connect(server).await {
                let _ = admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            }
        });
    }
}
