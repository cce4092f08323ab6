//! How good the chats are: redacted transcripts, a draw that anybody can verify, reviews.
//!
//! Read in this order: [`domain`] for the nouns and the use cases (`domain::draw` and `domain::review` hold the rules),
//! [`follower`] for what comes in by events, `store` for how an arrival, a draw and a review are each one transaction,
//! `grpc` for the wire, [`committer`] for what happens before a day begins.
//!
//! - A day is drawn once, from a list that metrics' own counts confirmed, and never changes afterwards.
//! - A seed is secret until its day is drawn; its commitment is published before, where this database can't reach it.
//! - Every chat is checked by the rules of its day, once for each of its revisions, off the way of its arrival.
//! - Nobody reviews their own chats. Nobody reads a chat without the access log saying so.
//! - Nothing in `domain` knows SQL or a message of the API.

mod attendance_follower;
pub mod buyer_review_error;
mod buyer_review_worker;
pub mod check_error;
mod check_worker;
pub mod committer;
pub mod config;
pub mod domain;
pub mod error;
pub mod follower;
mod grpc;
mod outgoing;
pub mod privacy_error;
mod privacy_worker;
mod risk_worker;
mod store;
mod weakness_worker;

use anyhow::Context;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use events::Bus;
use proto::qa::v1::appeal_service_server::AppealServiceServer;
use proto::qa::v1::attendance_service_server::AttendanceServiceServer;
use proto::qa::v1::buyer_review_service_server::BuyerReviewServiceServer;
use proto::qa::v1::calibration_service_server::CalibrationServiceServer;
use proto::qa::v1::check_service_server::CheckServiceServer;
use proto::qa::v1::privacy_service_server::PrivacyServiceServer;
use proto::qa::v1::qa_service_server::QaServiceServer;
use proto::qa::v1::quality_service_server::QualityServiceServer;
use proto::qa::v1::review_work_service_server::ReviewWorkServiceServer;
use proto::qa::v1::risk_service_server::RiskServiceServer;
use proto::qa::v1::weakness_service_server::WeaknessServiceServer;
use runtime::clock::SharedClock;
use runtime::identity::Verifier;
use runtime::process::Running;
use runtime::server::{AccessCheck, Server};
use tokio_util::sync::CancellationToken;

pub use config::Config;
use domain::Qa;
use domain::appeals::Appeals;
use domain::attendance::Attendance;
use domain::buyer_reviews::BuyerReviews;
use domain::calibrations::Calibrations;
use domain::checks::Checks;
use domain::privacy::Privacy;
use domain::qualities::Qualities;
use domain::review_work::ReviewWork;
use domain::risks::Risks;
use domain::weaknesses::Weaknesses;
use follower::{Chats, Reviews};
use grpc::appeal::AppealApi;
use grpc::attendance::AttendanceApi;
use grpc::buyer_review::BuyerReviewApi;
use grpc::calibration::CalibrationApi;
use grpc::quality::QualityApi;
use grpc::review_work::ReviewWorkApi;
use grpc::{CheckApi, PrivacyApi, QaApi, RiskApi, WeaknessApi};
use store::Store;
/// Queries whose plans tests look at; the draw's also for the bench that measures it against a window function.
pub use store::{OVERDUE_SQL, SAMPLE_SQL};

/// The schema that is this service's alone.
pub const SCHEMA: &str = "qa";

/// All tables of the schema: those of the libraries used, and our own.
static MIGRATIONS: &[EmbeddedMigrations] = &[events::MIGRATIONS, directory::MIGRATIONS, OWN_MIGRATIONS];
const OWN_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// The settings without a file; `overrides` are dotted keys with their values.
pub fn default_config(overrides: &[(&str, &str)]) -> anyhow::Result<Config> {
    Ok(Config::load(None, overrides)?)
}

/// Brings the schema up to date, with the rights of its owner role.
pub async fn migrate(database: &pg::DatabaseConfig) -> anyhow::Result<Vec<String>> {
    pg::migrate(SCHEMA, database, MIGRATIONS).await.context("cannot migrate qa")
}

/// Takes all migrations back: for the test that each has a way back.
pub async fn revert(database: &pg::DatabaseConfig) -> anyhow::Result<Vec<String>> {
    pg::revert(SCHEMA, database, MIGRATIONS).await.context("cannot revert qa")
}

/// Starts the service; it runs until `token` is cancelled.
pub async fn start(config: Config, clock: SharedClock, token: CancellationToken) -> anyhow::Result<Running> {
    let pool = pg::connect(SCHEMA, &config.database).await.context("cannot reach the database")?;
    pg::ensure_current(&pool, MIGRATIONS).await?;
    let bus = Bus::connect(&config.events).await.context("cannot use the settings of the broker")?;
    let verifier = Verifier::open(&config.access, clock.clone()).context("cannot check who calls")?;
    let store = Store::new(pool.clone(), config.review.default_capacity);
    let qa = Qa::new(store.clone(), clock.clone());
    let checks = Checks::new(store.clone(), clock.clone(), config.checks.language());
    let privacy = Privacy::new(store.clone(), clock.clone(), config.retention.months);
    let weaknesses = Weaknesses::new(store.clone(), checks.clone(), clock.clone());
    let risks = Risks::new(store.clone(), clock.clone());
    let appeals = Appeals::new(store.clone(), clock.clone());
    let buyer_reviews = BuyerReviews::new(store.clone(), clock.clone());
    let calibrations = Calibrations::new(store.clone(), clock.clone());
    let work = ReviewWork::new(store.clone(), clock.clone());
    let attendance = Attendance::new(store.clone(), clock.clone());
    let qualities = Qualities::new(store);

    let probed = pool.clone();
    let server = Server::new(SCHEMA, &config.server, AccessCheck::new(verifier))
        .add_service(QaServiceServer::new(QaApi::new(qa.clone())))
        .add_service(CheckServiceServer::new(CheckApi::new(checks.clone())))
        .add_service(PrivacyServiceServer::new(PrivacyApi::new(privacy.clone())))
        .add_service(WeaknessServiceServer::new(WeaknessApi::new(weaknesses.clone())))
        .add_service(RiskServiceServer::new(RiskApi::new(risks.clone())))
        .add_service(AppealServiceServer::new(AppealApi::new(appeals)))
        .add_service(BuyerReviewServiceServer::new(BuyerReviewApi::new(buyer_reviews.clone())))
        .add_service(CalibrationServiceServer::new(CalibrationApi::new(calibrations)))
        .add_service(ReviewWorkServiceServer::new(ReviewWorkApi::new(work)))
        .add_service(QualityServiceServer::new(QualityApi::new(qualities)))
        .add_service(AttendanceServiceServer::new(AttendanceApi::new(attendance.clone())))
        .add_service(events::parked_service(pool.clone(), clock.clone()))
        .probe("database", move || {
            let pool = probed.clone();
            async move { pool.ping().await.map_err(|error| status::chain(&error)) }
        })
        .start(token.clone())
        .await?;

    let chats = Chats::new(qa.clone());
    let days = attendance_follower::Days::new(attendance);
    let days_subjects = attendance_follower::SUBJECTS;
    let reviews = Reviews::new(buyer_reviews.clone(), clock.clone());
    let background = [
        events::relay(pool.clone(), bus.clone(), token.clone()),
        events::follow(pool.clone(), bus.clone(), "qa-chats", follower::SUBJECTS, chats, token.clone()),
        events::follow(pool.clone(), bus.clone(), "qa-attendance", days_subjects, days, token.clone()),
        events::follow(
            pool.clone(),
            bus.clone(),
            "qa-buyer-reviews",
            follower::REVIEW_SUBJECTS,
            reviews,
            token.clone(),
        ),
        directory::follow(pool.clone(), bus, "qa-directory", token.clone()),
        committer::start(qa, config.draw.commitment_file(), token.clone()),
        check_worker::start(checks, token.clone()),
        privacy_worker::start(privacy, token.clone()),
        weakness_worker::start(weaknesses, token.clone()),
        risk_worker::start(risks, token.clone()),
        buyer_review_worker::start(buyer_reviews, token.clone()),
        pg::housekeeping(pool, &config.database, clock, token.clone()),
    ];
    Ok(Running::of(server, background, token))
}
