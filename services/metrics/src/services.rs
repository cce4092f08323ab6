//! Which services answer on the wire, each in front of its use cases.

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
use runtime::server::Server;

use crate::UseCases;
use crate::config::Config;
use crate::domain::analysis::Analysis;
use crate::domain::boards::Boards;
use crate::domain::bots::Bots;
use crate::domain::cases::Cases;
use crate::domain::issues::Issues;
use crate::domain::lost_inquiries::LostInquiries;
use crate::domain::risks::Risks;
use crate::domain::targets::Targets;
use crate::domain::voices::Voices;
use crate::domain::work::Work;
use crate::grpc::alert::AlertApi;
use crate::grpc::board::BoardApi;
use crate::grpc::bot::BotApi;
use crate::grpc::campaign::CampaignApi;
use crate::grpc::case::CaseApi;
use crate::grpc::customer::CustomerApi;
use crate::grpc::follow_up::FollowUpApi;
use crate::grpc::incident::IncidentApi;
use crate::grpc::issue::IssueApi;
use crate::grpc::lost_inquiry::LostInquiryApi;
use crate::grpc::report::ReportApi;
use crate::grpc::risk::RiskApi;
use crate::grpc::target::TargetApi;
use crate::grpc::voice::VoiceApi;
use crate::grpc::work::WorkApi;
use crate::grpc::{AnalysisApi, FactsApi, MetricsApi};

/// Adds all of them.
pub(crate) fn add(server: Server, uses: &UseCases, config: &Config) -> Server {
    let server = add_figures(server, uses);
    let server = add_plans(server, uses);
    let server = add_work(server, uses);
    let server = add_customers(server, uses);
    add_watching(server, uses, config)
}

/// Figures: conversations and facts in, figures out, what they mean.
fn add_figures(server: Server, uses: &UseCases) -> Server {
    let metrics = MetricsServiceServer::new(MetricsApi::new(uses.metrics.clone()));
    let facts = FactsServiceServer::new(FactsApi::new(uses.metrics.clone()));
    let analysis = AnalysisServiceServer::new(AnalysisApi::new(Analysis::new(uses.metrics.clone())));
    let bots = BotServiceServer::new(BotApi::new(Bots::new(uses.metrics.clone())));
    let reports = ReportServiceServer::new(ReportApi::new(uses.reports.clone()));
    server
        .add_service(metrics)
        .add_service(facts)
        .add_service(analysis)
        .add_service(bots)
        .add_service(reports)
}

/// What is planned by figures.
fn add_plans(server: Server, uses: &UseCases) -> Server {
    let campaigns = CampaignServiceServer::new(CampaignApi::new(uses.campaigns.clone()));
    let targets = TargetServiceServer::new(TargetApi::new(Targets::new(uses.metrics.clone())));
    let issues = IssueServiceServer::new(IssueApi::new(Issues::new(uses.metrics.clone())));
    server.add_service(campaigns).add_service(targets).add_service(issues)
}

/// People's work.
fn add_work(server: Server, uses: &UseCases) -> Server {
    let cases = CaseServiceServer::new(CaseApi::new(Cases::new(uses.metrics.clone())));
    let follow_ups = FollowUpServiceServer::new(FollowUpApi::new(uses.follow_ups.clone()));
    let work = WorkServiceServer::new(WorkApi::new(Work::new(uses.metrics.clone())));
    server.add_service(cases).add_service(follow_ups).add_service(work)
}

/// Customers, and what they say.
fn add_customers(server: Server, uses: &UseCases) -> Server {
    let losses = LostInquiryServiceServer::new(LostInquiryApi::new(LostInquiries::new(uses.metrics.clone())));
    let customers = CustomerServiceServer::new(CustomerApi::new(uses.customers.clone()));
    let voices = VoiceServiceServer::new(VoiceApi::new(Voices::new(uses.metrics.clone())));
    server.add_service(losses).add_service(customers).add_service(voices)
}

/// What is watched while it happens.
fn add_watching(server: Server, uses: &UseCases, config: &Config) -> Server {
    let alerts = AlertServiceServer::new(AlertApi::new(uses.alerts.clone()));
    let boards = Boards::new(uses.metrics.clone(), config.board.pushing());
    let boards = BoardServiceServer::new(BoardApi::new(boards, uses.metrics.currency().clone()));
    let incidents = IncidentServiceServer::new(IncidentApi::new(uses.incidents.clone()));
    let risks = RiskServiceServer::new(RiskApi::new(Risks::new(uses.metrics.clone())));
    server.add_service(alerts).add_service(boards).add_service(incidents).add_service(risks)
}
