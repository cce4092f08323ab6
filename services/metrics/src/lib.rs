//! What every agent achieves: conversations come in, figures of any days and groups come out, each able to explain
//! itself.
//!
//! Read in this order: [`domain`] for the use cases and, below it, the pure rules; `store` for how a batch is
//! committed; `grpc` for the wire; `forms` for reports written down; `outgoing` for what other services are told, `follower`
//! for what they tell us. `services` says what answers on the wire, `background` what goes on by itself.
//!
//! - No text of a conversation is stored here, and none leaves before it is redacted.
//! - Figures are additive integers; a revision takes back exactly what the old one gave, so order never matters.
//! - Every definition is computed from packed facts alone, so a new one can be built from old conversations.
//! - Nothing in `domain` knows SQL or a message of the API.

mod background;
pub mod config;
pub mod domain;
pub mod error;
mod follower;
mod forms;
mod grpc;
mod outgoing;
mod services;
mod store;

use anyhow::Context;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use events::Bus;
use runtime::clock::SharedClock;
use runtime::identity::Verifier;
use runtime::process::Running;
use runtime::server::{AccessCheck, Server};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use config::Config;
use domain::Metrics;
use domain::alerts::Alerts;
use domain::campaigns::Campaigns;
use domain::customer::tier::TierRules;
use domain::customers::Customers;
use domain::follow_ups::FollowUps;
use domain::incidents::Incidents;
use domain::reports::Reports;
use store::Store;

/// The schema that is this service's alone.
pub const SCHEMA: &str = "metrics";

/// All tables of the schema: those of the libraries used, and our own.
static MIGRATIONS: &[EmbeddedMigrations] = &[events::MIGRATIONS, directory::MIGRATIONS, OWN_MIGRATIONS];
const OWN_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// The settings without a file; `overrides` are dotted keys with their values.
pub fn default_config(overrides: &[(&str, &str)]) -> anyhow::Result<Config> {
    Ok(Config::load(None, overrides)?)
}

/// Brings the schema up to date, with the rights of its owner role.
pub async fn migrate(database: &pg::DatabaseConfig) -> anyhow::Result<Vec<String>> {
    pg::migrate(SCHEMA, database, MIGRATIONS).await.context("cannot migrate metrics")
}

/// Takes all migrations back: for the test that each has a way back.
pub async fn revert(database: &pg::DatabaseConfig) -> anyhow::Result<Vec<String>> {
    pg::revert(SCHEMA, database, MIGRATIONS).await.context("cannot revert metrics")
}

/// Starts the service; it runs until `token` is cancelled.
pub async fn start(config: Config, clock: SharedClock, token: CancellationToken) -> anyhow::Result<Running> {
    let pool = pg::connect(SCHEMA, &config.database).await.context("cannot reach the database")?;
    pg::ensure_current(&pool, MIGRATIONS).await?;
    let bus = Bus::connect(&config.events).await.context("cannot use the settings of the broker")?;
    let verifier = Verifier::open(&config.access, clock.clone()).context("cannot check who calls")?;
    let store = Store::new(pool.clone(), TierRules::built_in(&config.money.currency()));
    let metrics = Metrics::start(store, clock.clone(), &config, token.clone()).await?;
    let uses = UseCases::over(metrics, &config);

    let probed = pool.clone();
    let server = Server::new(SCHEMA, &config.server, AccessCheck::new(verifier));
    let server = services::add(server, &uses, &config)
        .add_service(events::parked_service(pool.clone(), clock.clone()))
        .probe("database", move || {
            let pool = probed.clone();
            async move { pool.ping().await.map_err(|error| status::chain(&error)) }
        })
        .start(token.clone())
        .await?;

    let mut tasks = exchange(&pool, &bus, &token);
    tasks.push(pg::housekeeping(pool, &config.database, clock, token.clone()));
    tasks.extend(background::start(uses, &config, &token));
    Ok(Running::of(server, tasks, token))
}

/// The use cases that callers ask for and that go on by themselves, too. All others are made where they are served.
#[derive(Debug, Clone)]
struct UseCases {
    metrics: Metrics,
    alerts: Alerts,
    campaigns: Campaigns,
    customers: Customers,
    follow_ups: FollowUps,
    incidents: Incidents,
    reports: Reports,
}

impl UseCases {
    fn over(metrics: Metrics, config: &Config) -> Self {
        Self {
            alerts: Alerts::new(metrics.clone(), config.alerts.looks()),
            campaigns: Campaigns::new(metrics.clone()),
            customers: Customers::new(metrics.clone()),
            follow_ups: FollowUps::new(metrics.clone(), config.follow_ups.rules()),
            incidents: Incidents::new(metrics.clone(), config.incidents.rules()),
            reports: Reports::new(metrics.clone(), config.reports.due_after()),
            metrics,
        }
    }
}

/// Tells other services what happens here, and follows what they tell.
fn exchange(pool: &pg::Pool, bus: &Bus, token: &CancellationToken) -> Vec<JoinHandle<()>> {
    let (scores, subjects) = (follower::Scores, follower::SUBJECTS);
    vec![
        events::relay(pool.clone(), bus.clone(), token.clone()),
        directory::follow(pool.clone(), bus.clone(), "metrics-directory", token.clone()),
        events::follow(pool.clone(), bus.clone(), "metrics-scores", subjects, scores, token.clone()),
    ]
}
