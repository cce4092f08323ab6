//! A suite of one service that follows its own events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use chrono::DateTime;
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use events::{Bundled, Bus, Encoded, Event, HandleError, Handler, Payload};
use pg::{DatabaseConfig, Pool};
use proto::events::v1::{AgentSeen, TeamChanged};
use testkit::{TestDatabase, TestNats, eventually};
use tokio_util::sync::CancellationToken;

const EFFECTS: EmbeddedMigrations = embed_migrations!("tests/it/migrations");
pub const SETS: &[EmbeddedMigrations] = &[events::MIGRATIONS, EFFECTS];
pub const SCHEMA: &str = "echo";
pub const WITHIN: Duration = Duration::from_secs(60);

pub struct Suite {
    pub database: TestDatabase,
    pub nats: TestNats,
    pub pool: Pool,
    pub bus: Bus,
    pub token: CancellationToken,
}

impl Suite {
    pub async fn start() -> Self {
        let database = database().await;
        let nats = testkit::nats().await;
        let pool = pool(&database).await;
        let bus = Bus::connect(&nats.config()).await.expect("connects");
        Self { database, nats, pool, bus, token: CancellationToken::new() }
    }

    pub fn relay(&self) -> tokio::task::JoinHandle<()> {
        events::relay(self.pool.clone(), self.bus.clone(), self.token.clone())
    }

    pub fn follow(&self, handler: impl Handler) -> tokio::task::JoinHandle<()> {
        self.follow_subjects(&[events::subject::TEAM_CHANGED], handler)
    }

    pub fn follow_subjects(&self, subjects: &[&str], handler: impl Handler) -> tokio::task::JoinHandle<()> {
        events::follow(self.pool.clone(), self.bus.clone(), "echo", subjects, handler, self.token.clone())
    }

    /// Publishes in one transaction.
    pub async fn publish(&self, events: &[Event]) {
        let mut conn = self.pool.get().await.expect("a connection");
        conn.transaction::<_, events::Error, _>(async |conn| events::publish_all(conn, events).await)
            .await
            .expect("publishes");
    }

    /// Publishes in one transaction, in bundles.
    pub async fn publish_bundled(&self, events: &[Event]) {
        let encoded = bundles(events);
        let mut conn = self.pool.get().await.expect("a connection");
        events::insert_encoded(&mut conn, &encoded).await.expect("publishes");
    }

    /// Sends to the stream past outbox and relay, under an id of the broker's own.
    pub async fn send(&self, subject: &str, payload: Vec<u8>) {
        let subject = format!("{}.{subject}", self.nats.prefix());
        assert!(self.bus.ready(&self.token).await);
        let sent = self.bus.jetstream().publish(subject, payload.into()).await.expect("sends");
        sent.await.expect("stored");
    }

    pub async fn number(&self, sql: &str) -> i64 {
        number(&self.pool, sql).await
    }

    pub async fn execute(&self, sql: &str) {
        let mut conn = self.pool.get().await.expect("a connection");
        diesel::sql_query(sql).execute(&mut conn).await.expect("runs");
    }

    /// Messages of the subject that the broker still means to deliver, or waits to hear of.
    pub async fn unsettled(&self, subject: &str) -> u64 {
        let stream = self.nats.prefix().to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let consumer = format!("echo--{}", subject.replace('.', "_"));
        let mut consumer: PullConsumer = self
            .bus
            .jetstream()
            .get_consumer_from_stream(consumer, format!("{stream}_EVENTS"))
            .await
            .expect("is there");
        let info = consumer.info().await.expect("the broker answers");
        info.num_pending + info.num_ack_pending as u64
    }

    /// Waits until `sql` selects `wanted` as `n`.
    pub async fn until(&self, sql: &str, wanted: i64) {
        let mut last = None;
        let wait = eventually(WITHIN, async || {
            last = Some(number(&self.pool, sql).await);
            last == Some(wanted)
        });
        wait.await;
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

pub async fn database() -> TestDatabase {
    testkit::database(&[testkit::schema(SCHEMA, async |config: DatabaseConfig| {
        pg::migrate(SCHEMA, &config, SETS).await?;
        Ok(())
    })])
    .await
}

pub async fn pool(database: &TestDatabase) -> Pool {
    // The machine that tests run on may be busy with other things.
    let config = DatabaseConfig { acquire_timeout_ms: 10_000, ..database.config(SCHEMA) };
    pg::connect(SCHEMA, &config).await.expect("connects")
}

/// The one number that `sql` selects as `n`.
pub async fn number(pool: &Pool, sql: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let mut conn = pool.get().await.expect("a connection");
    diesel::sql_query(sql).get_result::<Row>(&mut conn).await.expect("a number").n
}

/// Events as those bundle them who tell of many.
pub fn bundles(events: &[Event]) -> Vec<Encoded> {
    let mut bundled: Vec<Bundled> =
        events.iter().map(|event| Bundled::new(event).expect("is complete")).collect();
    events::bundle(&mut bundled.iter_mut().collect::<Vec<_>>()).expect("bundles");
    events::gather(&bundled).expect("gathers")
}

/// A change of team `n`.
pub fn team(n: usize, version: i64) -> Event {
    let payload = TeamChanged { team_id: n.to_string(), name: format!("组{n}"), archived: false };
    events::event("demo", format!("team/{n}"), version, DateTime::UNIX_EPOCH, Payload::TeamChanged(payload))
}

pub fn teams(range: std::ops::Range<usize>) -> Vec<Event> {
    range.map(|n| team(n, 1)).collect()
}

pub fn agent(n: usize) -> Event {
    let payload = AgentSeen { account_id: n.to_string(), shop_id: "s".into(), first_day: None };
    events::event("demo", format!("account/{n}"), 1, DateTime::UNIX_EPOCH, Payload::AgentSeen(payload))
}

/// What a handler does with an entity other than noting it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mood {
    Poison,
    Transient,
    Panics,
    /// Fails this many times, then works.
    Recovers(u32),
    /// Fails as a lost race this many times, then works.
    LosesRaces(u32),
    /// Sends bytes to Postgres that it has no place for.
    BreaksSql,
}

/// Notes each event in `effects`; entities may have a mood.
#[derive(Clone, Default)]
pub struct Noter {
    pub moods: Arc<Mutex<HashMap<String, Mood>>>,
    pub tries: Arc<Mutex<HashMap<String, u32>>>,
    pub batches: Arc<Mutex<Vec<usize>>>,
}

impl Noter {
    pub fn with(moods: &[(&str, Mood)]) -> Self {
        let noter = Self::default();
        for (entity, mood) in moods {
            noter.set(entity, Some(*mood));
        }
        noter
    }

    pub fn set(&self, entity: &str, mood: Option<Mood>) {
        let mut moods = self.moods.lock().expect("not poisoned");
        match mood {
            Some(mood) => moods.insert(entity.to_owned(), mood),
            None => moods.remove(entity),
        };
    }

    pub fn tries(&self, entity: &str) -> u32 {
        self.tries.lock().expect("not poisoned").get(entity).copied().unwrap_or(0)
    }

    fn count_try(&self, entity: &str) -> u32 {
        let mut tries = self.tries.lock().expect("not poisoned");
        let count = tries.entry(entity.to_owned()).or_default();
        *count += 1;
        *count
    }
}

impl Handler for Noter {
    async fn handle(&self, conn: &mut AsyncPgConnection, event: &Event) -> Result<(), HandleError> {
        diesel::sql_query("INSERT INTO effects (entity, version) VALUES ($1, $2)")
            .bind::<Text, _>(&event.entity)
            .bind::<BigInt, _>(event.version)
            .execute(conn)
            .await?;
        let tried = self.count_try(&event.entity);
        let mood = self.moods.lock().expect("not poisoned").get(&event.entity).copied();
        match mood {
            Some(Mood::Poison) => Err(HandleError::poison("never\0 ever")),
            Some(Mood::Transient) => Err(HandleError::transient("not today")),
            Some(Mood::Panics) => panic!("no such luck"),
            Some(Mood::Recovers(times)) if tried <= times => Err(HandleError::transient("not yet")),
            Some(Mood::LosesRaces(times)) if tried <= times => {
                Err(pg::Error::Contended("deadlock".into()).into())
            }
            Some(Mood::BreaksSql) => {
                diesel::sql_query("SELECT $1").bind::<Text, _>("\0").execute(conn).await?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn handle_batch(&self, conn: &mut AsyncPgConnection, events: &[&Event]) -> Result<(), HandleError> {
        self.batches.lock().expect("not poisoned").push(events.len());
        for event in events {
            self.handle(conn, event).await?;
        }
        Ok(())
    }
}
