//! A database per test.

use crate::template::{Schema, clone_into, connect, owner_of, runtime_of, url_of};
use crate::{database_url, shared};

/// Set, it keeps the databases of tests, to look into them afterwards.
const KEEP_VARIABLE: &str = "JINPAI_TEST_KEEP";

/// A database that no other test sees. Dropped with the value, whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase {
    server: &'static str,
    name: String,
}

/// A new database with `schemas`, each owned by a role of its own and used by another, as in production.
pub async fn database(schemas: &[Schema]) -> TestDatabase {
    // Starting a server blocks for a moment: not on a thread that drives other tests' tasks.
    let server = tokio::task::spawn_blocking(database_url).await.expect("the test server starts");
    let name = format!("test_{}", hex::encode(rand::random::<[u8; 10]>()));
    if let Err(error) = clone_into(server, &name, schemas).await {
        panic!("no test database: {error:#}");
    }
    TestDatabase { server, name }
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
