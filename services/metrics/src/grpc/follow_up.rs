//! `jinpai.metrics.v1.FollowUpService`: parse, call, encode. No rule lives here.

mod decode;
mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::follow_up_service_server::FollowUpService;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::follow_ups::{FollowUps, ListedFollowUp};
use crate::grpc::decode::{EXPLAINED_DAYS_MAX, check_no_nul, id, optional_id, range};
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.FollowUpService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct FollowUpApi {
    follow_ups: FollowUps,
}

impl FollowUpApi {
    /// In front of these use cases.
    pub fn new(follow_ups: FollowUps) -> Self {
        Self { follow_ups }
    }

    fn one(&self, listed: &ListedFollowUp) -> Option<pb::FollowUp> {
        Some(encode::follow_up(listed, self.follow_ups.currency()))
    }
}

#[tonic::async_trait]
impl FollowUpService for FollowUpApi {
    async fn create_follow_up(
        &self,
        request: Request<pb::CreateFollowUpRequest>,
    ) -> Reply<pb::CreateFollowUpResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let follow_up_id = id("follow_up_id", &message.follow_up_id)?;
        let draft = decode::draft(message, self.follow_ups.currency())?;
        let owner = optional_id("owner_person_id", &message.owner_person_id)?;
        let by = By::new(&request, rpc!("CreateFollowUp"), &message.request_id);
        let follow_up = self.follow_ups.create_follow_up(&by, follow_up_id, draft, owner).await?;
        Ok(Response::new(pb::CreateFollowUpResponse { follow_up: self.one(&follow_up) }))
    }

    async fn get_follow_up(
        &self,
        request: Request<pb::GetFollowUpRequest>,
    ) -> Reply<pb::GetFollowUpResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = id("follow_up_id", &message.follow_up_id)?;
        let follow_up = self.follow_ups.get_follow_up(&scope, &id).await?;
        Ok(Response::new(pb::GetFollowUpResponse { follow_up: self.one(&follow_up) }))
    }

    async fn list_follow_ups(
        &self,
        request: Request<pb::ListFollowUpsRequest>,
    ) -> Reply<pb::ListFollowUpsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("follow-ups {filter:?}"))?;
        let found = self.follow_ups.list_follow_ups(&scope, &filter, &page).await?;
        let currency = self.follow_ups.currency();
        Ok(Response::new(pb::ListFollowUpsResponse {
            follow_ups: found.items.iter().map(|listed| encode::follow_up(listed, currency)).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn list_follow_up_events(
        &self,
        request: Request<pb::ListFollowUpEventsRequest>,
    ) -> Reply<pb::ListFollowUpEventsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = id("follow_up_id", &message.follow_up_id)?;
        let page = page(message.page_size, &message.page_token, format!("follow-up events {id}"))?;
        let found = self.follow_ups.list_events(&scope, &id, &page).await?;
        Ok(Response::new(pb::ListFollowUpEventsResponse {
            events: found.items.into_iter().map(encode::event).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn contact_follow_up(
        &self,
        request: Request<pb::ContactFollowUpRequest>,
    ) -> Reply<pb::ContactFollowUpResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("follow_up_id", &message.follow_up_id)?;
        let contact = decode::contact(message.contact.as_ref())?;
        let by = By::new(&request, rpc!("ContactFollowUp"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let follow_up = self.follow_ups.contact_follow_up(&by, &request.scope, at, contact).await?;
        Ok(Response::new(pb::ContactFollowUpResponse { follow_up: self.one(&follow_up) }))
    }

    async fn close_follow_up(
        &self,
        request: Request<pb::CloseFollowUpRequest>,
    ) -> Reply<pb::CloseFollowUpResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = id("follow_up_id", &message.follow_up_id)?;
        let end = decode::end(message.end.as_ref())?;
        let by = By::new(&request, rpc!("CloseFollowUp"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let follow_up = self.follow_ups.close_follow_up(&by, &request.scope, at, end).await?;
        Ok(Response::new(pb::CloseFollowUpResponse { follow_up: self.one(&follow_up) }))
    }

    async fn assign_follow_ups(
        &self,
        request: Request<pb::AssignFollowUpsRequest>,
    ) -> Reply<pb::AssignFollowUpsResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let ids = decode::ids("follow_up_ids", &message.follow_up_ids)?;
        let to = decode::ids("to_person_ids", &message.to_person_ids)?;
        check_no_nul("note", &message.note)?;
        let by = By::new(&request, rpc!("AssignFollowUps"), &message.request_id);
        let assigned =
            self.follow_ups.assign_follow_ups(&by, &request.scope, &ids, &to, &message.note).await?;
        Ok(Response::new(pb::AssignFollowUpsResponse { assigned }))
    }

    async fn list_follow_up_results(
        &self,
        request: Request<pb::ListFollowUpResultsRequest>,
    ) -> Reply<pb::ListFollowUpResultsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let days = range("days", message.days.as_ref(), EXPLAINED_DAYS_MAX)?;
        let page = page(message.page_size, &message.page_token, format!("follow-up results {days:?}"))?;
        let found = self.follow_ups.list_results(&scope, days, &page).await?;
        let currency = self.follow_ups.currency();
        Ok(Response::new(pb::ListFollowUpResultsResponse {
            results: found.items.into_iter().map(|result| encode::result(result, currency)).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn get_follow_up_policy(
        &self,
        request: Request<pb::GetFollowUpPolicyRequest>,
    ) -> Reply<pb::GetFollowUpPolicyResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let policy = self.follow_ups.get_policy(&scope, message.version).await?;
        Ok(Response::new(pb::GetFollowUpPolicyResponse { policy: Some(encode::policy(policy)) }))
    }

    async fn put_follow_up_policy(
        &self,
        request: Request<pb::PutFollowUpPolicyRequest>,
    ) -> Reply<pb::PutFollowUpPolicyResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let (rules, etag) = decode::policy(message.policy.as_ref())?;
        let by = By::new(&request, rpc!("PutFollowUpPolicy"), &message.request_id);
        let policy = self.follow_ups.put_policy(&by, rules, etag).await?;
        Ok(Response::new(pb::PutFollowUpPolicyResponse { policy: Some(encode::policy(policy)) }))
    }
}
