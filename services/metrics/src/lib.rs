//! What every agent achieves: conversations come in, figures of any days and groups come out, each able to explain
//! itself.
//!
//! Read in this order: [`domain`] for the use cases and, below it, the pure rules; `store` for how a batch is
//! committed; `grpc` for the wire; `forms` for reports written down; `outgoing` for what other services are told, `follower`
//! for what they tell us.
//!
//! - No text of a conversation is stored here, and none leaves before it is redacted.
//! - Figures are additive integers; a revision takes back exactly what the old one gave, so order never matters.
//! - Every definition is computed from packed facts alone, so a new one can be built from old conversations.
//! - Nothing in `domain` knows SQL or a message of the API.

pub mod config;
pub mod domain;
pub mod error;
mod follower;
mod forms;
mod grpc;
mod outgoing;
mod store;

use std::time::Duration;

use anyhow::Context;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use events::Bus;
use proto::metrics::v1::alert_service_server::AlertServiceServer;
use proto::metrics::v1::analysis_service_server::AnalysisServiceServer;
use proto::metrics::v1::board_service_server::BoardServiceServer;
use proto::metrics::v1::bot_service_server::BotServiceServer;
use proto::metrics::v1::campaign_service_server::CampaignServiceServer;
use proto::metrics::v1::case_service_server::CaseServiceServer;
use proto::metrics::v1::customer_service_server::CustomerServiceServer;
use proto::metrics::v1::facts_service_server::FactsServiceServer;
use proto::metrics::v1::follow_up_service_server::FollowUpServiceServer;
use proto::metrics::v1::incident_service_server::IncidentServiceServer;
use proto::metrics::v1::issue_service_server::IssueServiceServer;
use proto::metrics::v1::lost_inquiry_service_server::LostInquiryServiceServer;
use proto::metrics::v1::metrics_service_server::MetricsServiceServer;
use proto::metrics::v1::report_service_server::ReportServiceServer;
use proto::metrics::v1::risk_service_server::RiskServiceServer;
use proto::metrics::v1::target_service_server::TargetServiceServer;
use proto::metrics::v1::voice_service_server::VoiceServiceServer;
use proto::metrics::v1::work_service_server::WorkServiceServer;
use runtime::background::every;
use runtime::clock::SharedClock;
use runtime::identity::Verifier;
use runtime::process::Running;
use runtime::server::{AccessCheck, Server};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use config::Config;
use domain::Metrics;
use domain::alerts::Alerts;
use domain::analysis::Analysis;
use domain::boards::Boards;
use domain::bots::Bots;
use domain::campaigns::Campaigns;
use domain::cases::Cases;
use domain::customer::tier::TierRules;
use domain::customers::Customers;
use domain::follow_ups::FollowUps;
use domain::incidents::Incidents;
use domain::issues::Issues;
use domain::lost_inquiries::LostInquiries;
use domain::reports::Reports;
use domain::risks::Risks;
use domain::targets::Targets;
use domain::voices::Voices;
use domain::work::Work;
use grpc::alert::AlertApi;
use grpc::board::BoardApi;
use grpc::bot::BotApi;
use grpc::campaign::CampaignApi;
use grpc::case::CaseApi;
use grpc::customer::CustomerApi;
use grpc::follow_up::FollowUpApi;
use grpc::incident::IncidentApi;
use grpc::issue::IssueApi;
use grpc::lost_inquiry::LostInquiryApi;
use grpc::report::ReportApi;
use grpc::risk::RiskApi;
use grpc::target::TargetApi;
use grpc::voice::VoiceApi;
use grpc::work::WorkApi;
use grpc::{AnalysisApi, FactsApi, MetricsApi};
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

    let campaigns = Campaigns::new(metrics.clone());
    let alerts = Alerts::new(metrics.clone(), config.alerts.looks());
    let api = MetricsServiceServer::new(MetricsApi::new(metrics.clone()));
    let analysis_api = AnalysisServiceServer::new(AnalysisApi::new(Analysis::new(metrics.clone())));
    let facts_api = FactsServiceServer::new(FactsApi::new(metrics.clone()));
    let campaign_api = CampaignServiceServer::new(CampaignApi::new(campaigns.clone()));
    let case_api = CaseServiceServer::new(CaseApi::new(Cases::new(metrics.clone())));
    let target_api = TargetServiceServer::new(TargetApi::new(Targets::new(metrics.clone())));
    let follow_ups = FollowUps::new(metrics.clone(), config.follow_ups.rules());
    let follow_up_api = FollowUpServiceServer::new(FollowUpApi::new(follow_ups.clone()));
    let issue_api = IssueServiceServer::new(IssueApi::new(Issues::new(metrics.clone())));
    let work_api = WorkServiceServer::new(WorkApi::new(Work::new(metrics.clone())));
    let loss_api = LostInquiryServiceServer::new(LostInquiryApi::new(LostInquiries::new(metrics.clone())));
    let customers = Customers::new(metrics.clone());
    let customer_api = CustomerServiceServer::new(CustomerApi::new(customers.clone()));
    let voice_api = VoiceServiceServer::new(VoiceApi::new(Voices::new(metrics.clone())));
    let reports = Reports::new(metrics.clone(), config.reports.due_after());
    let report_api = ReportServiceServer::new(ReportApi::new(reports.clone()));
    let bot_api = BotServiceServer::new(BotApi::new(Bots::new(metrics.clone())));
    let alert_api = AlertServiceServer::new(AlertApi::new(alerts.clone()));
    let boards = Boards::new(metrics.clone(), config.board.pushing());
    let board_api = BoardServiceServer::new(BoardApi::new(boards, metrics.currency().clone()));
    let incidents = Incidents::new(metrics.clone(), config.incidents.rules());
    let incident_api = IncidentServiceServer::new(IncidentApi::new(incidents.clone()));
    let risk_api = RiskServiceServer::new(RiskApi::new(Risks::new(metrics.clone())));
    let probed = pool.clone();
    let server = Server::new(SCHEMA, &config.server, AccessCheck::new(verifier))
        .add_service(api)
        .add_service(analysis_api)
        .add_service(facts_api)
        .add_service(campaign_api)
        .add_service(case_api)
        .add_service(target_api)
        .add_service(follow_up_api)
        .add_service(alert_api)
        .add_service(board_api)
        .add_service(incident_api)
        .add_service(risk_api)
        .add_service(issue_api)
        .add_service(work_api)
        .add_service(loss_api)
        .add_service(customer_api)
        .add_service(voice_api)
        .add_service(report_api)
        .add_service(bot_api)
        .add_service(events::parked_service(pool.clone(), clock.clone()))
        .probe("database", move || {
            let pool = probed.clone();
            async move { pool.ping().await.map_err(|error| status::chain(&error)) }
        })
        .start(token.clone())
        .await?;

    let background = [
        events::relay(pool.clone(), bus.clone(), token.clone()),
        directory::follow(pool.clone(), bus.clone(), "metrics-directory", token.clone()),
        events::follow(
            pool.clone(),
            bus,
            "metrics-scores",
            follower::SUBJECTS,
            follower::Scores,
            token.clone(),
        ),
        pg::housekeeping(pool, &config.database, clock, token.clone()),
        close_days(metrics.clone(), &config, token.clone()),
        finalise_days(metrics.clone(), &config, token.clone()),
        build_definitions(metrics.clone(), &config, token.clone()),
        end_campaigns(campaigns, &config, token.clone()),
        look_for_follow_ups(follow_ups, &config, token.clone()),
        look_again(customers, &config, token.clone()),
        schedule_reports(reports.clone(), &config, token.clone()),
        make_reports(reports, &config, token.clone()),
        gather_figure_changes(metrics.clone(), &config, token.clone()),
        escalate_incidents(incidents, &config, token.clone()),
        tokio::spawn(async move { alerts.watch().await }),
        tokio::spawn(async move { metrics.count_timelines().await }),
    ];
    Ok(Running::of(server, background, token))
}

fn close_days(metrics: Metrics, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    every("metrics.close_days", Duration::from_secs(config.closing.check_seconds), token, move || {
        let metrics = metrics.clone();
        async move {
            match metrics.close_quiet_days().await {
                Ok(0) => {}
                Ok(days) => tracing::info!(days, "closed days"),
                Err(error) => tracing::warn!(error.chain = status::chain(&error), "cannot close days now"),
            }
        }
    })
}

fn finalise_days(metrics: Metrics, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    every("metrics.finalise_days", Duration::from_secs(config.closing.check_seconds), token, move || {
        let metrics = metrics.clone();
        async move {
            match metrics.finalise_days().await {
                Ok(0) => {}
                Ok(days) => tracing::info!(days, "told of final days"),
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot tell of final days now");
                }
            }
        }
    })
}

fn build_definitions(metrics: Metrics, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    every(
        "metrics.build_definitions",
        Duration::from_secs(config.definitions.check_seconds),
        token,
        move || {
            let metrics = metrics.clone();
            async move {
                match metrics.recount_older_days().await {
                    Ok(0) => {}
                    Ok(days) => tracing::info!(days, "counted days again that an older release wrote to"),
                    Err(error) => {
                        tracing::warn!(
                            error.chain = status::chain(&error),
                            "cannot count older days again now"
                        );
                    }
                }
                if let Err(error) = metrics.build_definitions().await {
                    tracing::warn!(error.chain = status::chain(&error), "cannot build definitions now");
                }
            }
        },
    )
}

fn end_campaigns(campaigns: Campaigns, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_seconds = Duration::from_secs(config.campaigns.check_seconds);
    every("metrics.end_campaigns", every_seconds, token, move || {
        let campaigns = campaigns.clone();
        async move {
            match campaigns.end_campaigns().await {
                Ok(0) => {}
                Ok(ended) => tracing::info!(ended, "ended campaigns"),
                Err(error) => tracing::warn!(error.chain = status::chain(&error), "cannot end campaigns now"),
            }
        }
    })
}

fn look_for_follow_ups(follow_ups: FollowUps, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_seconds = Duration::from_secs(config.follow_ups.check_seconds);
    every("metrics.look_for_follow_ups", every_seconds, token, move || {
        let follow_ups = follow_ups.clone();
        async move {
            match follow_ups.look().await {
                Ok(looked) if looked.created + looked.ended + looked.assigned + looked.cases == 0 => {}
                Ok(looked) => tracing::info!(
                    looked.customers,
                    looked.created,
                    looked.ended,
                    looked.assigned,
                    looked.cases,
                    "looked for follow-ups"
                ),
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot look for follow-ups now");
                }
            }
        }
    })
}

fn look_again(customers: Customers, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_seconds = Duration::from_secs(config.timelines.look_again_seconds);
    every("metrics.look_again", every_seconds, token, move || {
        let customers = customers.clone();
        async move {
            match customers.look_again().await {
                Ok(0) => {}
                Ok(counted) => tracing::info!(counted, "looked at customers again for the time that passed"),
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot look at customers again now");
                }
            }
        }
    })
}

fn schedule_reports(reports: Reports, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_seconds = Duration::from_secs(config.reports.schedule_seconds);
    every("metrics.schedule_reports", every_seconds, token, move || {
        let reports = reports.clone();
        async move {
            match reports.schedule_reports().await {
                Ok(0) => {}
                Ok(asked) => tracing::info!(asked, "asked for reports that are due"),
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot ask for reports now");
                }
            }
        }
    })
}

/// Makes reports as they are asked for here, and looks now and then for what others asked for.
fn make_reports(reports: Reports, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let pause = Duration::from_secs(config.reports.check_seconds);
    tokio::spawn(async move {
        while !token.is_cancelled() {
            match reports.make_reports().await {
                Ok(0) => {}
                Ok(made) => tracing::info!(made, "made reports"),
                Err(error) => tracing::warn!(error.chain = status::chain(&error), "cannot make reports now"),
            }
            tokio::select! {
                () = token.cancelled() => {}
                () = reports.asked() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    })
}

fn gather_figure_changes(metrics: Metrics, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_ms = Duration::from_millis(config.board.gather_ms);
    every("metrics.gather_figure_changes", every_ms, token, move || {
        let metrics = metrics.clone();
        async move {
            if let Err(error) = metrics.gather_figure_changes().await {
                tracing::warn!(error.chain = status::chain(&error), "cannot gather changes of figures now");
            }
        }
    })
}

fn escalate_incidents(incidents: Incidents, config: &Config, token: CancellationToken) -> JoinHandle<()> {
    let every_ms = Duration::from_millis(config.incidents.check_ms);
    every("metrics.escalate_incidents", every_ms, token, move || {
        let incidents = incidents.clone();
        async move {
            match incidents.escalate().await {
                Ok(0) => {}
                Ok(told) => tracing::info!(told, "told of incidents that are not contained"),
                Err(error) => {
                    tracing::warn!(error.chain = status::chain(&error), "cannot tell of incidents now");
                }
            }
        }
    })
}
