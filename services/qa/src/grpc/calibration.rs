//! `jinpai.qa.v1.CalibrationService`: parse, call, encode. No rule lives here.

mod encode;

use pg::By;
use proto::qa::v1 as pb;
use proto::qa::v1::calibration_service_server::CalibrationService;
use runtime::identity::{Admitted, admitted};
use runtime::ids::PersonId;
use tonic::{Request, Response};
use uuid::Uuid;

use super::decode::{conversation, day, days, id, text};
use super::{Reply, converted, page, review};
use crate::domain::calibration::{OpenSession, RateChat};
use crate::domain::calibrations::Calibrations;
use crate::domain::review::Assessment;
use crate::error::QaError;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.qa.v1.CalibrationService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct CalibrationApi {
    calibrations: Calibrations,
}

impl CalibrationApi {
    /// In front of these use cases.
    pub fn new(calibrations: Calibrations) -> Self {
        Self { calibrations }
    }
}

#[tonic::async_trait]
impl CalibrationService for CalibrationApi {
    async fn open_calibration(
        &self,
        request: Request<pb::OpenCalibrationRequest>,
    ) -> Reply<pb::OpenCalibrationResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("OpenCalibration"), &request.message.request_id);
        let open = open(request.message)?;
        let session = self.calibrations.open_calibration(&by, &open).await?;
        Ok(Response::new(pb::OpenCalibrationResponse { session: Some(session.into()) }))
    }

    async fn get_calibration(
        &self,
        request: Request<pb::GetCalibrationRequest>,
    ) -> Reply<pb::GetCalibrationResponse> {
        let Admitted { message, scope, caller } = admitted(request)?;
        let id = session_id(&message.session_id)?;
        let session = self.calibrations.get_calibration(&scope, caller.person.as_ref(), id).await?;
        Ok(Response::new(pb::GetCalibrationResponse { session: Some(session.into()) }))
    }

    async fn list_calibrations(
        &self,
        request: Request<pb::ListCalibrationsRequest>,
    ) -> Reply<pb::ListCalibrationsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, format!("calibrations {}", message.open))?;
        let listed = self.calibrations.list_calibrations(&scope, message.open, &page).await?;
        Ok(Response::new(pb::ListCalibrationsResponse {
            sessions: converted(listed.items),
            next_page_token: listed.next_page_token,
        }))
    }

    async fn rate_calibration(
        &self,
        request: Request<pb::RateCalibrationRequest>,
    ) -> Reply<pb::RateCalibrationResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("RateCalibration"), &request.message.request_id);
        let rate = rate(request.message)?;
        let session = self.calibrations.rate_calibration(&by, &rate).await?;
        Ok(Response::new(pb::RateCalibrationResponse { session: Some(session.into()) }))
    }

    async fn close_calibration(
        &self,
        request: Request<pb::CloseCalibrationRequest>,
    ) -> Reply<pb::CloseCalibrationResponse> {
        let request = admitted(request)?;
        let by = By::new(&request, rpc!("CloseCalibration"), &request.message.request_id);
        let id = session_id(&request.message.session_id)?;
        let session = self.calibrations.close_calibration(&by, id, &request.message.etag).await?;
        Ok(Response::new(pb::CloseCalibrationResponse { session: Some(session.into()) }))
    }

    async fn get_calibration_report(
        &self,
        request: Request<pb::GetCalibrationReportRequest>,
    ) -> Reply<pb::GetCalibrationReportResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = session_id(&message.session_id)?;
        let report = self.calibrations.get_calibration_report(&scope, id).await?;
        Ok(Response::new(pb::GetCalibrationReportResponse { report: Some(report.into()) }))
    }

    async fn list_calibration_cases(
        &self,
        request: Request<pb::ListCalibrationCasesRequest>,
    ) -> Reply<pb::ListCalibrationCasesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, format!("cases {}", message.open))?;
        let listed = self.calibrations.list_calibration_cases(&scope, message.open, &page).await?;
        let cases = converted(listed.items);
        Ok(Response::new(pb::ListCalibrationCasesResponse { cases, next_page_token: listed.next_page_token }))
    }

    async fn list_raters(&self, request: Request<pb::ListRatersRequest>) -> Reply<pb::ListRatersResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = days("days", message.days)?;
        let page = page(message.page_size, &message.page_token, format!("raters {days:?}"))?;
        let listed = self.calibrations.list_raters(&scope, days, &page).await?;
        let raters = converted(listed.items);
        Ok(Response::new(pb::ListRatersResponse { raters, next_page_token: listed.next_page_token }))
    }
}

/// A session's id. One that is no UUID is the id of no session.
fn session_id(wire: &str) -> Result<Uuid, QaError> {
    Uuid::parse_str(wire).map_err(|_| QaError::CalibrationNotFound { id: wire.to_owned() })
}

fn open(wire: pb::OpenCalibrationRequest) -> Result<OpenSession, QaError> {
    text("name", &wire.name)?;
    let conversations = wire.conversations.into_iter().enumerate();
    let conversations =
        conversations.map(|(at, chat)| conversation(&format!("conversations[{at}]"), Some(chat)));
    let cases = wire
        .case_ids
        .iter()
        .map(|id| Uuid::parse_str(id).map_err(|_| QaError::CalibrationCaseNotFound { id: id.clone() }));
    let raters = wire.rater_person_ids.iter().enumerate();
    let raters = raters.map(|(at, rater)| Ok(PersonId::new(id(&format!("rater_person_ids[{at}]"), rater)?)));
    let expert = text("expert_person_id", &wire.expert_person_id)?;
    Ok(OpenSession {
        conversations: conversations.collect::<Result<_, _>>()?,
        cases: cases.collect::<Result<_, _>>()?,
        raters: raters.collect::<Result<_, QaError>>()?,
        expert: (!expert.is_empty()).then(|| PersonId::new(expert)),
        due_day: day("due_day", wire.due_day)?,
        name: wire.name,
    })
}

fn rate(wire: pb::RateCalibrationRequest) -> Result<RateChat, QaError> {
    text("summary", &wire.summary)?;
    Ok(RateChat {
        session: session_id(&wire.session_id)?,
        conversation: conversation("conversation", wire.conversation)?,
        assessment: Assessment {
            scores: review::scores("scores", wire.scores)?,
            critical_errors: wire.critical_error_ids,
            comments: Vec::new(),
            summary: wire.summary,
        },
    })
}
