//! What a suite stands on.

use std::net::TcpListener;
use std::path::Path;

use servers::{Nats, NatsOptions, Postgres, PostgresOptions};
use testkit::Scratch;
use tokio_postgres::{Client, NoTls};

/// A private Postgres and a private NATS, thrown away with the value.
#[derive(Debug)]
pub struct Ground {
    /// The database server.
    pub postgres: Postgres,
    /// The broker.
    pub nats: Nats,
    // Dropped after the servers that live in it.
    folder: Scratch,
}

impl Ground {
    /// Starts both, fast and forgetful, as tests want them.
    pub async fn new() -> Self {
        Self::with(Scratch::in_memory(), PostgresOptions::throwaway(), NatsOptions::throwaway()).await
    }

    /// Starts both as they are operated: what is committed survives a power cut.
    pub async fn durable() -> Self {
        Self::with(Scratch::new(), PostgresOptions::default(), NatsOptions::default()).await
    }

    async fn with(folder: Scratch, postgres: PostgresOptions, nats: NatsOptions) -> Self {
        let (postgres, nats) = tokio::join!(
            Postgres::start(folder.path().join("postgres"), postgres),
            Nats::start(folder.path().join("nats"), nats),
        );
        let postgres = postgres.unwrap_or_else(|error| panic!("no Postgres: {error}"));
        let nats = nats.unwrap_or_else(|error| panic!("no NATS: {error}"));
        Self { postgres, nats, folder }
    }

    /// A folder for keys, input and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection with a superuser's eyes; `None` while the database is away.
    pub async fn look(&self) -> Option<Client> {
        let (client, connection) = tokio_postgres::connect(&self.postgres.url(), NoTls).await.ok()?;
        // It ends with the client, or with the server: nothing to do about either.
        tokio::spawn(async move { drop(connection.await) });
        Some(client)
    }

    /// One number from the database; `None` while it is away.
    pub async fn count(&self, sql: &str) -> Option<i64> {
        let row = self.look().await?.query_one(sql, &[]).await.ok()?;
        row.try_get(0).ok()
    }
}

/// A port of the loopback interface that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}
