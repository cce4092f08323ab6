//! The pool of connections, and single connections beside it.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use bb8::{QueueStrategy, RunError};
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolError, PoolableConnection, RecyclingMethod,
};
use futures::FutureExt;
use tokio_postgres::Client;

use crate::connector::Connector;
use crate::{DatabaseConfig, Error};

type Manager = AsyncDieselConnectionManager<AsyncPgConnection>;

/// A pooled connection; goes back when dropped. One that was dropped inside a transaction is closed instead.
pub type Connection = bb8::PooledConnection<'static, Manager>;

/// A service's connections. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    inner: bb8::Pool<Manager>,
    connector: Connector,
    schema: &'static str,
}

/// Opens the pool and waits until the database answers, with growing pauses, for at most the configured start-up
/// time.
pub async fn connect(schema: &'static str, config: &DatabaseConfig) -> Result<Pool, Error> {
    // What did not come in through a service's loading: the pool panics at settings that cannot work.
    config.check().map_err(Error::Config)?;
    let connector = Connector::new(schema, config, config.statement_timeout_ms)?;
    let mut manager = ManagerConfig::<AsyncPgConnection>::default();
    // A look at the socket's state costs nothing; asking the server would cost every call a round trip.
    manager.recycling_method = RecyclingMethod::CustomFunction(Box::new(|conn| {
        let broken = conn.is_broken();
        async move { if broken { Err(diesel::result::Error::BrokenTransactionManager) } else { Ok(()) } }
            .boxed()
    }));
    let opener = connector.clone();
    manager.custom_setup = Box::new(move |_| {
        let opener = opener.clone();
        async move { opener.diesel().await }.boxed()
    });
    let inner = bb8::Pool::builder()
        .max_size(config.pool_size)
        .connection_timeout(config.acquire_timeout())
        .max_lifetime(Some(Duration::from_secs(1_800)))
        .idle_timeout(Some(Duration::from_secs(600)))
        .test_on_check_out(true)
        // The one used last comes first: its statements are prepared, its buffers are large already, and what a peak needed
        // gets idle and closes. In turns, every connection would come to hold a batch's worth of memory.
        .queue_strategy(QueueStrategy::Lifo)
        .build_unchecked(Manager::new_with_config("", manager));
    let pool = Pool { inner, connector, schema };
    pool.wait_until_reachable(config.startup_timeout()).await?;
    Ok(pool)
}

impl Pool {
    /// A free connection. Waits at most the configured time: then [`Error::Exhausted`] if all are busy,
    /// [`Error::Unavailable`] if no more could be opened.
    pub async fn get(&self) -> Result<Connection, Error> {
        self.inner.get_owned().await.map_err(|error| match error {
            RunError::User(PoolError::ConnectionError(e)) => Error::Unavailable(e.into()),
            RunError::User(PoolError::QueryError(e)) => Error::Unavailable(e.into()),
            RunError::TimedOut => {
                let state = self.inner.state();
                let idle_or_missing =
                    state.connections < self.inner.config().max_size || state.idle_connections > 0;
                if idle_or_missing {
                    Error::Unavailable("no connection could be opened in time".into())
                } else {
                    Error::Exhausted
                }
            }
        })
    }

    /// A connection of its own that takes any SQL, COPY too, which Diesel cannot do; today only tests look into tables by
    /// it. Not pooled: keep it as long as the work runs. Same schema, same limits but no statement timeout.
    pub async fn side_client(&self) -> Result<SideClient, Error> {
        let client = self.connector.bare().await?;
        client.batch_execute("SET statement_timeout = 0").await?;
        Ok(SideClient { client })
    }

    /// A connection of its own that can hold session locks.
    pub async fn session(&self) -> Result<Session, Error> {
        Ok(Session { client: self.connector.bare().await? })
    }

    /// The schema that every connection works in.
    pub fn schema(&self) -> &'static str {
        self.schema
    }

    /// Asks the database for an answer: what a readiness probe wants to know.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut conn = self.get().await?;
        Ok(diesel_async::SimpleAsyncConnection::batch_execute(&mut *conn, "SELECT 1").await?)
    }

    /// Connections open, and how many of them are idle: for gauges.
    pub fn usage(&self) -> (u32, u32) {
        let state = self.inner.state();
        (state.connections, state.idle_connections)
    }

    async fn wait_until_reachable(&self, limit: Duration) -> Result<(), Error> {
        let deadline = tokio::time::Instant::now() + limit;
        let mut pause = Duration::from_millis(50);
        loop {
            let error = match self.connector.bare().await {
                Ok(_) => return Ok(()),
                // Settings that cannot work don't get better by waiting.
                Err(error @ Error::Config(_)) => return Err(error),
                Err(error) => error,
            };
            if tokio::time::Instant::now() + pause > deadline {
                return Err(error);
            }
            tracing::info!(schema = self.schema, pause_ms = pause.as_millis(), "waiting for the database");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("schema", &self.schema).field("usage", &self.usage()).finish()
    }
}

/// A client for any SQL. Dropping it closes the connection.
pub struct SideClient {
    client: Client,
}

impl Deref for SideClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for SideClient {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// A client that keeps its connection. Dropping it closes the connection and frees its locks.
pub struct Session {
    /// For statements.
    pub client: Client,
}

impl Session {
    /// Takes the session's advisory lock of that name in this schema, if nobody has it.
    pub async fn try_lock(&self, name: &str) -> Result<bool, Error> {
        let sql = "SELECT pg_try_advisory_lock(hashtextextended(current_schema() || '.' || $1, 0))";
        Ok(self.client.query_one(sql, &[&name]).await?.get(0))
    }
}
