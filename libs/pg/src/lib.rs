//! Postgres for the services: pool, migrations, errors, pages, idempotency keys, audit.
//!
//! A service's start is three lines:
//!
//! ```text
//! pg::migrate("qa", &config.database, &[events::MIGRATIONS, directory::MIGRATIONS, MIGRATIONS]).await?; // `qa migrate`
//! let pool = pg::connect("qa", &config.database).await?;
//! pg::ensure_current(&pool, &[events::MIGRATIONS, directory::MIGRATIONS, MIGRATIONS]).await?;          // `qa serve`
//! ```
//!
//! Every connection has the service's schema as its search path from its first packet on. This crate knows no
//! service, no protobuf message of one, and no business rule. Start reading at [`Pool`].

pub mod audit;
mod by;
mod config;
mod connector;
mod error;
mod housekeeping;
pub mod idempotency;
mod migrate;
pub mod page;
mod pool;
mod retry;
pub mod roles;

pub use by::By;
pub use config::DatabaseConfig;
pub use error::{Error, on_constraint};
pub use housekeeping::housekeeping;
pub use migrate::{SHARED, ensure_current, migrate, revert};
pub use pool::{Connection, Pool, Session, SideClient, connect};
pub use retry::with_retry;

/// An open transaction, for layers that hand it on to the store and write no SQL: a follower gets one from the event's
/// handling and gives it to the use case.
pub type Transaction = diesel_async::AsyncPgConnection;

/// What a stored answer or a database operation gives back.
pub type Result<T, E = Error> = std::result::Result<T, E>;
