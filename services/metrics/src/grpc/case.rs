//! `jinpai.metrics.v1.CaseService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::case_service_server::CaseService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::cases::{Cases, ListedCase};
use crate::grpc::decode::{EXPLAINED_DAYS_MAX, id, optional_id, range};
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.CaseService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct CaseApi {
    cases: Cases,
}

impl CaseApi {
    /// In front of these use cases.
    pub fn new(cases: Cases) -> Self {
        Self { cases }
    }

    fn one(&self, listed: &ListedCase) -> Option<pb::Case> {
        Some(encode::case(listed, self.cases.currency()))
    }
}

#[tonic::async_trait]
impl CaseService for CaseApi {
    async fn accept_case(&self, request: Request<pb::AcceptCaseRequest>) -> Reply<pb::AcceptCaseResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let case_id = id("case_id", &message.case_id)?;
        let draft = decode::draft(message.content.as_ref())?;
        let owner = optional_id("owner_person_id", &message.owner_person_id)?;
        let by = By::new(&request, rpc!("AcceptCase"), &message.request_id);
        let case = self.cases.accept_case(&by, case_id, draft, owner).await?;
        Ok(Response::new(pb::AcceptCaseResponse { case: self.one(&case) }))
    }

    async fn get_case(&self, request: Request<pb::GetCaseRequest>) -> Reply<pb::GetCaseResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let case = self.cases.get_case(&scope, &id("case_id", &message.case_id)?).await?;
        Ok(Response::new(pb::GetCaseResponse { case: self.one(&case) }))
    }

    async fn list_cases(&self, request: Request<pb::ListCasesRequest>) -> Reply<pb::ListCasesResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("cases {filter:?}"))?;
        let found = self.cases.list_cases(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListCasesResponse {
            cases: found.items.iter().map(|case| encode::case(case, self.cases.currency())).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn list_case_events(
        &self,
        request: Request<pb::ListCaseEventsRequest>,
    ) -> Reply<pb::ListCaseEventsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = id("case_id", &message.case_id)?;
        let page = page(message.page_size, &message.page_token, format!("case events {id}"))?;
        let found = self.cases.list_events(&scope, &id, &page).await?;
        Ok(Response::new(pb::ListCaseEventsResponse {
            events: found.items.into_iter().map(|e| encode::event(e, self.cases.currency())).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn update_case(&self, request: Request<pb::UpdateCaseRequest>) -> Reply<pb::UpdateCaseResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("case_id", &message.case_id)?;
        let draft = decode::draft(message.content.as_ref())?;
        let by = By::new(&request, rpc!("UpdateCase"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let case = self.cases.update_case(&by, &request.scope, at, draft).await?;
        Ok(Response::new(pb::UpdateCaseResponse { case: self.one(&case) }))
    }

    async fn take_case_step(
        &self,
        request: Request<pb::TakeCaseStepRequest>,
    ) -> Reply<pb::TakeCaseStepResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("case_id", &message.case_id)?;
        let step = decode::step(message.step.as_ref(), self.cases.currency())?;
        let by = By::new(&request, rpc!("TakeCaseStep"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let case = self.cases.take_step(&by, &request.scope, at, step).await?;
        Ok(Response::new(pb::TakeCaseStepResponse { case: self.one(&case) }))
    }

    async fn list_case_results(
        &self,
        request: Request<pb::ListCaseResultsRequest>,
    ) -> Reply<pb::ListCaseResultsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = range("days", message.days.as_ref(), EXPLAINED_DAYS_MAX)?;
        let page = page(message.page_size, &message.page_token, format!("case results {days:?}"))?;
        let found = self.cases.list_results(&scope, days, &page).await?;
        Ok(Response::new(pb::ListCaseResultsResponse {
            results: found.items.into_iter().map(|r| encode::result(r, self.cases.currency())).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn get_case_policy(
        &self,
        request: Request<pb::GetCasePolicyRequest>,
    ) -> Reply<pb::GetCasePolicyResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let policy = self.cases.get_policy(&scope, message.version).await?;
        let policy = Some(encode::policy(policy, self.cases.currency()));
        Ok(Response::new(pb::GetCasePolicyResponse { policy }))
    }

    async fn put_case_policy(
        &self,
        request: Request<pb::PutCasePolicyRequest>,
    ) -> Reply<pb::PutCasePolicyResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let (rules, etag) = decode::policy(message.policy.as_ref(), self.cases.currency())?;
        let by = By::new(&request, rpc!("PutCasePolicy"), &message.request_id);
        let policy = self.cases.put_policy(&by, rules, etag).await?;
        let policy = Some(encode::policy(policy, self.cases.currency()));
        Ok(Response::new(pb::PutCasePolicyResponse { policy }))
    }
}
