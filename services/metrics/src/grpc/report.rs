//! `jinpai.metrics.v1.ReportService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use std::pin::Pin;

use futures::{Stream, stream};
use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::report_service_server::ReportService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response, Status};

use crate::domain::report::ReportError;
use crate::domain::reports::Reports;
use crate::error::MetricsError;
use crate::forms;
use crate::grpc::{Reply, page};

/// Bytes of a piece of a file.
const PIECE: usize = 64 << 10;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.ReportService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct ReportApi {
    reports: Reports,
}

impl ReportApi {
    /// In front of these use cases.
    pub fn new(reports: Reports) -> Self {
        Self { reports }
    }
}

#[tonic::async_trait]
impl ReportService for ReportApi {
    type DownloadReportStream =
        Pin<Box<dyn Stream<Item = Result<pb::DownloadReportResponse, Status>> + Send>>;

    async fn create_report(
        &self,
        request: Request<pb::CreateReportRequest>,
    ) -> Reply<pb::CreateReportResponse> {
        let request = admitted(request)?;
        let new = decode::new_report(&request.message)?;
        let by = By::new(&request, rpc!("CreateReport"), &request.message.request_id);
        let report = self.reports.create_report(&by, &request.scope, new).await?;
        Ok(Response::new(pb::CreateReportResponse { report: Some(encode::report(&report)) }))
    }

    async fn get_report(&self, request: Request<pb::GetReportRequest>) -> Reply<pb::GetReportResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("report_id", &message.report_id)?;
        let report = self.reports.get_report(&scope, &id).await?;
        Ok(Response::new(pb::GetReportResponse { report: Some(encode::report(&report)) }))
    }

    async fn list_reports(&self, request: Request<pb::ListReportsRequest>) -> Reply<pb::ListReportsResponse> {
        let Admitted { message, scope, caller } = admitted(request)?;
        let filter = decode::filter(&message, &caller)?;
        let page = page(message.page_size, &message.page_token, format!("reports {filter:?}"))?;
        let found = self.reports.list_reports(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListReportsResponse {
            reports: found.items.iter().map(encode::report).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn download_report(
        &self,
        request: Request<pb::DownloadReportRequest>,
    ) -> Reply<Self::DownloadReportStream> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("report_id", &message.report_id)?;
        let (form, language) = decode::form(&message)?;
        let document = self.reports.get_document(&scope, &id).await?;
        // A workbook of many people takes a while: not on a thread that answers others.
        let written = tokio::task::spawn_blocking(move || forms::write(&document, form, language));
        let file = written.await.map_err(MetricsError::Worker)?;
        let file = file.map_err(|why| MetricsError::from(ReportError::Form(why)))?;
        Ok(Response::new(Box::pin(stream::iter(encode::pieces(file, PIECE).map(Ok)))))
    }

    async fn get_report_schedule(
        &self,
        request: Request<pb::GetReportScheduleRequest>,
    ) -> Reply<pb::GetReportScheduleResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let schedule = self.reports.get_schedule(&scope.merchant, message.version).await?;
        let upcoming = self.reports.list_upcoming(&scope.merchant, &schedule).await?;
        Ok(Response::new(pb::GetReportScheduleResponse {
            schedule: Some(encode::schedule(schedule)),
            upcoming: upcoming.iter().map(encode::upcoming).collect(),
        }))
    }

    async fn put_report_schedule(
        &self,
        request: Request<pb::PutReportScheduleRequest>,
    ) -> Reply<pb::PutReportScheduleResponse> {
        let request = admitted(request)?;
        let (content, etag) = decode::schedule(request.message.schedule.as_ref())?;
        let by = By::new(&request, rpc!("PutReportSchedule"), &request.message.request_id);
        let schedule = self.reports.put_schedule(&by, etag, content).await?;
        let upcoming = self.reports.list_upcoming(&request.scope.merchant, &schedule).await?;
        Ok(Response::new(pb::PutReportScheduleResponse {
            schedule: Some(encode::schedule(schedule)),
            upcoming: upcoming.iter().map(encode::upcoming).collect(),
        }))
    }
}
