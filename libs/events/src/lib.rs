//! Events between the services: an outbox row in the transaction of the change, a relay that sends it to JetStream,
//! and followers that handle it once.
//!
//! ```text
//! // In the transaction of the change:
//! events::publish(conn, events::event(&merchant, "review/r-1", 3, clock.now(), Payload::ReviewPublished(review))).await?;
//! // In the service's start:
//! let bus = events::Bus::connect(&config.events).await?;
//! events::relay(pool.clone(), bus.clone(), token.clone());
//! events::follow(pool, bus, "qa-people", &[events::subject::PERSON_CHANGED], handler, token);
//! ```
//!
//! Invariants:
//! - An event is published if and only if the change it tells of was committed.
//! - A handler's effect and the note that the event was handled are one transaction; the broker hears of it after.
//! - No order is promised. A handler keeps its entity's version and ignores what is not newer.
//! - An event that cannot be handled is parked with its error, and blocks nobody.
//! - NATS away: writes go on, events wait. Nobody waits for the broker inside a transaction.
//!
//! This crate knows the envelope, not what is in it. Start reading at [`envelope`](encode) for the format, `relay` for
//! the way out, `follow` for the way in.

mod bundle;
mod bus;
mod config;
mod envelope;
mod error;
mod figures;
mod follow;
mod handler;
pub mod inbox;
mod outbox;
pub mod parked;
mod parked_service;
mod relay;
pub mod subject;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use bundle::{Bundled, bundle, gather};
pub use bus::{Bus, jetstream};
pub use config::EventsConfig;
pub use envelope::{Encoded, MAX_PAYLOAD_BYTES, decode, encode, event};
pub use error::Error;
pub use follow::follow;
pub use handler::{HandleError, Handler};
pub use outbox::{insert_encoded, publish, publish_all};
pub use parked_service::parked_service;
pub use proto::events::v1::Event;
pub use proto::events::v1::event::Payload;
pub use relay::relay;

/// The tables that this library needs in a service's schema; for `pg::migrate`.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
