//! `jinpai.metrics.v1.IncidentService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::incident_service_server::IncidentService;
use proto::time::date;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::incident::task::TaskAt;
use crate::domain::incidents::Incidents;
use crate::grpc::decode::{DAYS_MAX, check_no_nul, id, optional_id, range};
use crate::grpc::{Reply, page};
use crate::outgoing::incident::wording;

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.IncidentService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct IncidentApi {
    incidents: Incidents,
}

impl IncidentApi {
    /// In front of these use cases.
    pub fn new(incidents: Incidents) -> Self {
        Self { incidents }
    }
}

#[tonic::async_trait]
impl IncidentService for IncidentApi {
    async fn open_incident(
        &self,
        request: Request<pb::OpenIncidentRequest>,
    ) -> Reply<pb::OpenIncidentResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let opening = decode::opening(message)?;
        let by = By::new(&request, rpc!("OpenIncident"), &message.request_id);
        let incident = self.incidents.open_incident(&by, opening).await?;
        Ok(Response::new(pb::OpenIncidentResponse { incident: Some(encode::incident(&incident)) }))
    }

    async fn get_incident(&self, request: Request<pb::GetIncidentRequest>) -> Reply<pb::GetIncidentResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = id("incident_id", &message.incident_id)?;
        let incident = self.incidents.get_incident(&scope, &id).await?;
        Ok(Response::new(pb::GetIncidentResponse { incident: Some(encode::incident(&incident)) }))
    }

    async fn list_incidents(
        &self,
        request: Request<pb::ListIncidentsRequest>,
    ) -> Reply<pb::ListIncidentsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("incidents {filter:?}"))?;
        let found = self.incidents.list_incidents(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListIncidentsResponse {
            incidents: found.items.iter().map(encode::incident).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn update_incident(
        &self,
        request: Request<pb::UpdateIncidentRequest>,
    ) -> Reply<pb::UpdateIncidentResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("incident_id", &message.incident_id)?;
        let content = decode::content(message.content.as_ref())?;
        let at = (id.as_str(), message.etag.as_str());
        let by = By::new(&request, rpc!("UpdateIncident"), &message.request_id);
        let incident = self.incidents.update_incident(&by, at, content).await?;
        Ok(Response::new(pb::UpdateIncidentResponse { incident: Some(encode::incident(&incident)) }))
    }

    async fn move_incident(
        &self,
        request: Request<pb::MoveIncidentRequest>,
    ) -> Reply<pb::MoveIncidentResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("incident_id", &message.incident_id)?;
        let to = decode::step(message)?;
        let at = (id.as_str(), message.etag.as_str());
        let by = By::new(&request, rpc!("MoveIncident"), &message.request_id);
        let incident = self.incidents.move_incident(&by, at, to).await?;
        Ok(Response::new(pb::MoveIncidentResponse { incident: Some(encode::incident(&incident)) }))
    }

    async fn note_incident(
        &self,
        request: Request<pb::NoteIncidentRequest>,
    ) -> Reply<pb::NoteIncidentResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("incident_id", &message.incident_id)?;
        decode::text("text", &message.text)?;
        let happened_at = decode::optional_instant("happened_at", message.happened_at.as_ref())?;
        let by = By::new(&request, rpc!("NoteIncident"), &message.request_id);
        let entry = self.incidents.note_incident(&by, &id, &message.text, happened_at).await?;
        Ok(Response::new(pb::NoteIncidentResponse { entry: Some(encode::entry(&entry)) }))
    }

    async fn list_incident_entries(
        &self,
        request: Request<pb::ListIncidentEntriesRequest>,
    ) -> Reply<pb::ListIncidentEntriesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = id("incident_id", &message.incident_id)?;
        let page = page(message.page_size, &message.page_token, format!("incident entries {id}"))?;
        let found = self.incidents.list_entries(&scope, &id, &page).await?;
        Ok(Response::new(pb::ListIncidentEntriesResponse {
            entries: found.items.iter().map(encode::entry).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn agree_incident_wording(
        &self,
        request: Request<pb::AgreeIncidentWordingRequest>,
    ) -> Reply<pb::AgreeIncidentWordingResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("incident_id", &message.incident_id)?;
        decode::text("topic", &message.topic)?;
        decode::text("text", &message.text)?;
        let at = (id.as_str(), message.etag.as_str());
        let by = By::new(&request, rpc!("AgreeIncidentWording"), &message.request_id);
        let incident = self.incidents.agree_wording(&by, at, (&message.topic, &message.text)).await?;
        Ok(Response::new(pb::AgreeIncidentWordingResponse { incident: Some(encode::incident(&incident)) }))
    }

    async fn withdraw_incident_wording(
        &self,
        request: Request<pb::WithdrawIncidentWordingRequest>,
    ) -> Reply<pb::WithdrawIncidentWordingResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("incident_id", &message.incident_id)?;
        decode::text("because", &message.because)?;
        let at = (id.as_str(), message.etag.as_str());
        let by = By::new(&request, rpc!("WithdrawIncidentWording"), &message.request_id);
        let incident = self.incidents.withdraw_wording(&by, at, &message.because).await?;
        Ok(Response::new(pb::WithdrawIncidentWordingResponse { incident: Some(encode::incident(&incident)) }))
    }

    async fn list_incident_wordings(
        &self,
        request: Request<pb::ListIncidentWordingsRequest>,
    ) -> Reply<pb::ListIncidentWordingsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = id("incident_id", &message.incident_id)?;
        let page = page(message.page_size, &message.page_token, format!("incident wordings {id}"))?;
        let found = self.incidents.list_wordings(&scope, &id, &page).await?;
        Ok(Response::new(pb::ListIncidentWordingsResponse {
            wordings: found.items.iter().map(wording).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn list_wordings_in_force(
        &self,
        request: Request<pb::ListWordingsInForceRequest>,
    ) -> Reply<pb::ListWordingsInForceResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let product = optional_id("product_id", &message.product_id)?;
        let withdrawn = message.withdrawn;
        let list = format!("wordings in force {product:?} {withdrawn}");
        let page = page(message.page_size, &message.page_token, list)?;
        let found =
            self.incidents.list_wordings_in_force(&scope, product.as_deref(), withdrawn, &page).await?;
        Ok(Response::new(pb::ListWordingsInForceResponse {
            wordings: found.items.iter().map(wording).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn add_incident_task(
        &self,
        request: Request<pb::AddIncidentTaskRequest>,
    ) -> Reply<pb::AddIncidentTaskResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let incident = id("incident_id", &message.incident_id)?;
        let task_id = id("task_id", &message.task_id)?;
        let content = decode::task(message.content.as_ref())?;
        let by = By::new(&request, rpc!("AddIncidentTask"), &message.request_id);
        let task = self.incidents.add_task(&by, &incident, task_id, content).await?;
        Ok(Response::new(pb::AddIncidentTaskResponse { task: Some(encode::task(&task)) }))
    }

    async fn update_incident_task(
        &self,
        request: Request<pb::UpdateIncidentTaskRequest>,
    ) -> Reply<pb::UpdateIncidentTaskResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let incident = id("incident_id", &message.incident_id)?;
        let task_id = id("task_id", &message.task_id)?;
        let content = decode::task(message.content.as_ref())?;
        let at = TaskAt { incident: &incident, id: &task_id, etag: &message.etag };
        let by = By::new(&request, rpc!("UpdateIncidentTask"), &message.request_id);
        let task = self.incidents.update_task(&by, &request.scope, at, content).await?;
        Ok(Response::new(pb::UpdateIncidentTaskResponse { task: Some(encode::task(&task)) }))
    }

    async fn mark_incident_task(
        &self,
        request: Request<pb::MarkIncidentTaskRequest>,
    ) -> Reply<pb::MarkIncidentTaskResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let incident = id("incident_id", &message.incident_id)?;
        let task_id = id("task_id", &message.task_id)?;
        check_no_nul("note", &message.note)?;
        let at = TaskAt { incident: &incident, id: &task_id, etag: "" };
        let by = By::new(&request, rpc!("MarkIncidentTask"), &message.request_id);
        let task = self.incidents.mark_task(&by, &request.scope, at, message.done, &message.note).await?;
        Ok(Response::new(pb::MarkIncidentTaskResponse { task: Some(encode::task(&task)) }))
    }

    async fn list_incident_tasks(
        &self,
        request: Request<pb::ListIncidentTasksRequest>,
    ) -> Reply<pb::ListIncidentTasksResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::task_filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("incident tasks {filter:?}"))?;
        let found = self.incidents.list_tasks(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListIncidentTasksResponse {
            tasks: found.items.iter().map(encode::task).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn submit_retrospective(
        &self,
        request: Request<pb::SubmitRetrospectiveRequest>,
    ) -> Reply<pb::SubmitRetrospectiveResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("incident_id", &message.incident_id)?;
        let learnt = decode::retrospective(message.retrospective.as_ref())?;
        let at = (id.as_str(), message.etag.as_str());
        let by = By::new(&request, rpc!("SubmitRetrospective"), &message.request_id);
        let incident = self.incidents.submit_retrospective(&by, at, learnt).await?;
        Ok(Response::new(pb::SubmitRetrospectiveResponse { incident: Some(encode::incident(&incident)) }))
    }

    async fn list_retrospectives(
        &self,
        request: Request<pb::ListRetrospectivesRequest>,
    ) -> Reply<pb::ListRetrospectivesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = id("incident_id", &message.incident_id)?;
        let page = page(message.page_size, &message.page_token, format!("retrospectives {id}"))?;
        let found = self.incidents.list_retrospectives(&scope, &id, &page).await?;
        Ok(Response::new(pb::ListRetrospectivesResponse {
            retrospectives: found.items.iter().map(encode::handed_in).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn get_incident_policy(
        &self,
        request: Request<pb::GetIncidentPolicyRequest>,
    ) -> Reply<pb::GetIncidentPolicyResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let policy = self.incidents.get_policy(&scope, message.version).await?;
        Ok(Response::new(pb::GetIncidentPolicyResponse { policy: Some(encode::policy(policy)) }))
    }

    async fn put_incident_policy(
        &self,
        request: Request<pb::PutIncidentPolicyRequest>,
    ) -> Reply<pb::PutIncidentPolicyResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let (rules, etag) = decode::policy(message.policy.as_ref())?;
        let by = By::new(&request, rpc!("PutIncidentPolicy"), &message.request_id);
        let policy = self.incidents.put_policy(&by, rules, etag).await?;
        Ok(Response::new(pb::PutIncidentPolicyResponse { policy: Some(encode::policy(policy)) }))
    }

    async fn file_incident_case(
        &self,
        request: Request<pb::FileIncidentCaseRequest>,
    ) -> Reply<pb::FileIncidentCaseResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("incident_id", &message.incident_id)?;
        let case = decode::case(message.case.as_ref())?;
        let at = (id.as_str(), message.etag.as_str());
        let by = By::new(&request, rpc!("FileIncidentCase"), &message.request_id);
        let incident = self.incidents.file_case(&by, at, case).await?;
        Ok(Response::new(pb::FileIncidentCaseResponse { incident: Some(encode::incident(&incident)) }))
    }

    async fn list_drills(&self, request: Request<pb::ListDrillsRequest>) -> Reply<pb::ListDrillsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let page = page(message.page_size, &message.page_token, "drills".to_owned())?;
        let found = self.incidents.list_drills(&scope, &page).await?;
        Ok(Response::new(pb::ListDrillsResponse {
            drills: found.drills.items.iter().map(encode::incident).collect(),
            next_page_token: found.drills.next_page_token,
            next_due_day: found.next_due.map(date),
            overdue: found.overdue,
        }))
    }

    async fn get_incident_times(
        &self,
        request: Request<pb::GetIncidentTimesRequest>,
    ) -> Reply<pb::GetIncidentTimesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = range("days", message.days.as_ref(), DAYS_MAX)?;
        let levels = decode::levels(message.levels());
        let counted = self.incidents.get_times(&scope, days, &levels).await?;
        Ok(Response::new(encode::times(&counted)))
    }

    async fn explain_incident_times(
        &self,
        request: Request<pb::ExplainIncidentTimesRequest>,
    ) -> Reply<pb::ExplainIncidentTimesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = range("days", message.days.as_ref(), DAYS_MAX)?;
        let levels = decode::levels(message.levels());
        let page =
            page(message.page_size, &message.page_token, format!("incident times {days:?} {levels:?}"))?;
        let found = self.incidents.explain_times(&scope, days, &levels, &page).await?;
        Ok(Response::new(pb::ExplainIncidentTimesResponse {
            incidents: found.items.iter().map(encode::course).collect(),
            next_page_token: found.next_page_token,
        }))
    }
}
