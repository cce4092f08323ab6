//! The people directory: who works for a merchant, in which team on which day, behind which platform accounts.
//!
//! Read in this order: [`domain::person`] for the nouns and their rules, [`domain`] for the use cases, `store` for
//! how a change of a merchant is made under one lock, `grpc` for the wire, [`follower`] for what comes in by events.
//!
//! - An account has at most one owner on a day; a person is in at most one team on a day.
//! - Every change of a person is a revision, an audit entry and an event, in the transaction of the change.
//! - Nothing in `domain` knows SQL or a message of the API.

pub mod config;
pub mod domain;
pub mod error;
pub mod follower;
mod grpc;
mod outgoing;
mod store;

use anyhow::Context;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use events::Bus;
use proto::performance::v1::people_service_server::PeopleServiceServer;
use runtime::clock::SharedClock;
use runtime::identity::Verifier;
use runtime::process::Running;
use runtime::server::{AccessCheck, Server};
use tokio_util::sync::CancellationToken;

pub use config::Config;
use domain::Performance;
use follower::AccountsSeen;
use grpc::PeopleApi;
use store::Store;

/// The schema that is this service's alone.
pub const SCHEMA: &str = "performance";

/// All tables of the schema: those of the libraries used, and our own.
static MIGRATIONS: &[EmbeddedMigrations] = &[events::MIGRATIONS, OWN_MIGRATIONS];
const OWN_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// The settings without a file; `overrides` are dotted keys with their values.
pub fn default_config(overrides: &[(&str, &str)]) -> anyhow::Result<Config> {
    Ok(Config::load(None, overrides)?)
}

/// Brings the schema up to date, with the rights of its owner role.
pub async fn migrate(database: &pg::DatabaseConfig) -> anyhow::Result<Vec<String>> {
    pg::migrate(SCHEMA, database, MIGRATIONS).await.context("cannot migrate the people directory")
}

/// Takes all migrations back: for the test that each has a way back.
pub async fn revert(database: &pg::DatabaseConfig) -> anyhow::Result<Vec<String>> {
    pg::revert(SCHEMA, database, MIGRATIONS).await.context("cannot revert the people directory")
}

/// Starts the service; it runs until `token` is cancelled.
pub async fn start(config: Config, clock: SharedClock, token: CancellationToken) -> anyhow::Result<Running> {
    let pool = pg::connect(SCHEMA, &config.database).await.context("cannot reach the database")?;
    pg::ensure_current(&pool, MIGRATIONS).await?;
    let bus = Bus::connect(&config.events).await.context("cannot use the settings of the broker")?;
    let verifier = Verifier::open(&config.access, clock.clone()).context("cannot check who calls")?;
    let performance = Performance::new(Store::new(pool.clone()), clock.clone());

    let api = PeopleServiceServer::new(PeopleApi::new(performance.clone()));
    let probed = pool.clone();
    let server = Server::new(SCHEMA, &config.server, AccessCheck::new(verifier))
        .add_service(api)
        .add_service(events::parked_service(pool.clone(), clock.clone()))
        .probe("database", move || {
            let pool = probed.clone();
            async move { pool.ping().await.map_err(|error| status::chain(&error)) }
        })
        .start(token.clone())
        .await?;

    let seen = AccountsSeen::new(performance);
    let background = [
        events::relay(pool.clone(), bus.clone(), token.clone()),
        events::follow(
            pool.clone(),
            bus,
            "performance-accounts",
            &[events::subject::AGENT_SEEN],
            seen,
            token.clone(),
        ),
        pg::housekeeping(pool, &config.database, clock, token.clone()),
    ];
    Ok(Running::of(server, background, token))
}
