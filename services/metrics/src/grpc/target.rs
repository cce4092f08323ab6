//! `jinpai.metrics.v1.TargetService`: parse, call, encode. No rule lives here.

pub(super) mod decode;
pub(super) mod encode;

use pg::By;
use proto::metrics::v1 as pb;
use proto::metrics::v1::target_service_server::TargetService;
use proto::time::date;
use runtime::identity::{Admitted, admitted};
use tonic::{Request, Response};

use crate::domain::targets::{Seen, Targets};
use crate::grpc::{Reply, page};

/// The path of one of our RPCs.
macro_rules! rpc {
    ($method:literal) => {
        concat!("/jinpai.metrics.v1.TargetService/", $method)
    };
}

/// The service on the wire.
#[derive(Debug, Clone)]
pub struct TargetApi {
    targets: Targets,
}

impl TargetApi {
    /// In front of these use cases.
    pub fn new(targets: Targets) -> Self {
        Self { targets }
    }
}

/// Without day parts, but for who asked for them.
fn one(seen: &Seen) -> Option<pb::Target> {
    Some(encode::target(seen, false))
}

#[tonic::async_trait]
impl TargetService for TargetApi {
    async fn create_target(
        &self,
        request: Request<pb::CreateTargetRequest>,
    ) -> Reply<pb::CreateTargetResponse> {
        let request = admitted(request)?;
        let new = decode::new_target(&request.message, self.targets.currency())?;
        let by = By::new(&request, rpc!("CreateTarget"), &request.message.request_id);
        let target = self.targets.create_target(&by, &request.scope, new).await?;
        Ok(Response::new(pb::CreateTargetResponse { target: one(&target) }))
    }

    async fn get_target(&self, request: Request<pb::GetTargetRequest>) -> Reply<pb::GetTargetResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("target_id", &message.target_id)?;
        let target = self.targets.get_target(&scope, &id).await?;
        let target = encode::target(&target, message.with_days);
        Ok(Response::new(pb::GetTargetResponse { target: Some(target) }))
    }

    async fn list_targets(&self, request: Request<pb::ListTargetsRequest>) -> Reply<pb::ListTargetsResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let filter = decode::filter(&message)?;
        let page = page(message.page_size, &message.page_token, format!("targets {filter:?}"))?;
        let found = self.targets.list_targets(&scope, &filter, &page).await?;
        Ok(Response::new(pb::ListTargetsResponse {
            targets: found.items.iter().filter_map(one).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn update_target(
        &self,
        request: Request<pb::UpdateTargetRequest>,
    ) -> Reply<pb::UpdateTargetResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("target_id", &message.target_id)?;
        super::decode::check_no_nul("name", &message.name)?;
        let goal = decode::goal(message.sales.as_ref(), message.indicator.as_ref(), self.targets.currency())?;
        let by = By::new(&request, rpc!("UpdateTarget"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let name = message.name.clone();
        let target = self.targets.update_target(&by, &request.scope, at, name, goal).await?;
        Ok(Response::new(pb::UpdateTargetResponse { target: one(&target) }))
    }

    async fn split_target(&self, request: Request<pb::SplitTargetRequest>) -> Reply<pb::SplitTargetResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("target_id", &message.target_id)?;
        let split = decode::split(message.split.as_ref())?;
        let by = By::new(&request, rpc!("SplitTarget"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let rule = |target: &_| split.rule(target);
        let target = self.targets.split_target(&by, &request.scope, at, rule).await?;
        Ok(Response::new(pb::SplitTargetResponse { target: one(&target) }))
    }

    async fn override_target_part(
        &self,
        request: Request<pb::OverrideTargetPartRequest>,
    ) -> Reply<pb::OverrideTargetPartResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("target_id", &message.target_id)?;
        let place = decode::place(message)?;
        let by = By::new(&request, rpc!("OverrideTargetPart"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let wanted = message.value.clone();
        let value = |goal: &_| wanted.map(|value| decode::value(goal, &value)).transpose();
        let target = self.targets.override_part(&by, &request.scope, at, place, value).await?;
        let target = Some(encode::target(&target, true));
        Ok(Response::new(pb::OverrideTargetPartResponse { target }))
    }

    async fn get_target_progress(
        &self,
        request: Request<pb::GetTargetProgressRequest>,
    ) -> Reply<pb::GetTargetProgressResponse> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let id = super::decode::id("target_id", &message.target_id)?;
        let through = message.through.as_ref();
        let through = through.map(|day| super::decode::day("through", Some(day))).transpose()?;
        let progress = self.targets.get_progress(&scope, &id, through).await?;
        Ok(Response::new(pb::GetTargetProgressResponse {
            through: Some(date(progress.through)),
            rows: progress.rows.iter().map(|row| encode::progress(&progress, row)).collect(),
            outside: progress.outside.map(|(above, below)| super::encode::rate(above, below)),
            forecast: Some(encode::forecast(&progress.forecast)),
            provisional: progress.provisional,
        }))
    }

    async fn close_target(&self, request: Request<pb::CloseTargetRequest>) -> Reply<pb::CloseTargetResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("target_id", &message.target_id)?;
        let summary = decode::summary(message.summary.as_ref())?;
        let by = By::new(&request, rpc!("CloseTarget"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let target = self.targets.close_target(&by, &request.scope, at, summary).await?;
        Ok(Response::new(pb::CloseTargetResponse { target: one(&target) }))
    }

    async fn withdraw_target(
        &self,
        request: Request<pb::WithdrawTargetRequest>,
    ) -> Reply<pb::WithdrawTargetResponse> {
        let request = admitted(request)?;
        let message = &request.message;
        let id = super::decode::id("target_id", &message.target_id)?;
        let by = By::new(&request, rpc!("WithdrawTarget"), &message.request_id);
        let at = (id.as_str(), message.etag.as_str());
        let target = self.targets.withdraw_target(&by, &request.scope, at).await?;
        Ok(Response::new(pb::WithdrawTargetResponse { target: one(&target) }))
    }
}
