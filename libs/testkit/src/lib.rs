//! For tests: real Postgres and NATS, a database of one's own, a clock that is set, callers with tokens, a
//! connection that fails on command, and waiting without sleeping.
//!
//! ```no_run
//! # async fn example() {
//! let database = testkit::database(&[testkit::schema("qa", |config| async move { qa_migrate(config).await })]).await;
//! let nats = testkit::nats().await;
//! let clock = testkit::FakeClock::at("2020-05-12T10:00:00+08:00");
//! # let _ = (database.config("qa"), nats.config(), clock);
//! # }
//! # async fn qa_migrate(_: pg::DatabaseConfig) -> anyhow::Result<()> { Ok(()) }
//! ```
//!
//! The servers are those named by `JINPAI_TEST_DATABASE_URL` and `JINPAI_TEST_NATS_URL` (`testkit run -- CMD` starts
//! both and sets the variables); a test process that finds them unset starts its own.
//!
//! Helpers panic with the reason when the ground they stand on gives way: a test has nothing better to do.
//! Nothing here is for product code.

pub mod access;
mod clock;
mod collector;
mod database;
mod identity;
mod nats;
mod proxy;
mod scratch;
mod shared;
mod template;
mod wait;

pub use clock::FakeClock;
pub use collector::EventCollector;
pub use database::{Admin, TestDatabase, database};
pub use identity::{Identity, Issuer, TestCaller, caller};
pub use nats::{TestNats, nats};
pub use proxy::{Fault, FaultProxy};
pub use scratch::Scratch;
pub use shared::{database_url, nats_url};
pub use template::{Schema, schema};
pub use wait::eventually;

/// Names the shared Postgres: a superuser's URL of its maintenance database.
pub const DATABASE_VARIABLE: &str = "JINPAI_TEST_DATABASE_URL";
/// Names the shared NATS.
pub const NATS_VARIABLE: &str = "JINPAI_TEST_NATS_URL";
