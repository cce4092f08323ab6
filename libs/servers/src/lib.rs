//! A private Postgres and a private NATS JetStream: on 127.0.0.1, on a free port, with a password, as an
//! unprivileged user, in a folder that outlives them.
//!
//! ```no_run
//! # async fn example() -> Result<(), servers::Error> {
//! let postgres = servers::Postgres::start("/var/lib/example/postgres", servers::PostgresOptions::default()).await?;
//! let nats = servers::Nats::start("/var/lib/example/nats", servers::NatsOptions::default()).await?;
//! println!("{} {}", postgres.url(), nats.url());
//! # Ok(()) }
//! ```
//!
//! Start reading at [`Postgres`]. What both share: [`binary`] finds the programs, `user` decides who they run as
//! and makes folders theirs, `process` starts, signals and guards them.
//!
//! Invariants:
//! - One process holds a data folder at a time (a lock that the kernel frees when its holder dies).
//! - A server never outlives its holder for long: when the holder dies in whatever way, a guardian stops it; if
//!   the guardian died too, the next start stops what is left over before it starts anew.
//! - A restart comes back on the same port, so that clients that hold the address reconnect.
//! - This crate knows nothing of Jinpai: no schema, no role, no stream.

pub mod binary;
mod error;
mod folder;
mod nats;
mod postgres;
mod process;
mod user;

pub use error::Error;
pub use nats::{Nats, NatsOptions};
pub use postgres::{Postgres, PostgresOptions};
