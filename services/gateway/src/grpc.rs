//! `GatewayService`: the few methods that the gateway answers itself.
//!
//! An aggregated view asks its services at the same time, each within its own time, and says of each part where it
//! stands. Nothing here computes a figure.

mod agent_day;
mod memory;
mod section;
mod team_board;

use std::time::Duration;

use proto::access;
use proto::gateway::v1 as pb;
use proto::gateway::v1::gateway_service_server::GatewayService;
use runtime::clock::SharedClock;
use runtime::identity::{self, Caller, admitted};
use tonic::{Request, Response, Status};

use self::memory::Memory;
use crate::config::ViewsConfig;
use crate::upstreams::Upstreams;

/// The service's implementation.
#[derive(Debug)]
pub struct Views {
    upstreams: Upstreams,
    clock: SharedClock,
    memory: Memory,
    section_max: Duration,
}

impl Views {
    /// Asks `upstreams`.
    pub fn new(upstreams: Upstreams, clock: SharedClock, config: &ViewsConfig) -> Self {
        let memory = Memory::new(Duration::from_secs(config.stale_seconds_max), config.stale_bytes_max);
        Self { upstreams, clock, memory, section_max: Duration::from_millis(config.section_ms_max) }
    }
}

#[tonic::async_trait]
impl GatewayService for Views {
    async fn who_am_i(
        &self,
        request: Request<pb::WhoAmIRequest>,
    ) -> Result<Response<pb::WhoAmIResponse>, Status> {
        Ok(Response::new(who_am_i(identity::caller(request.extensions())?)))
    }

    async fn get_agent_day(
        &self,
        request: Request<pb::GetAgentDayRequest>,
    ) -> Result<Response<pb::GetAgentDayResponse>, Status> {
        let admitted = admitted(request)?;
        self.agent_day(&admitted.caller, &admitted.scope, &admitted.message).await.map(Response::new)
    }

    async fn get_team_board(
        &self,
        request: Request<pb::GetTeamBoardRequest>,
    ) -> Result<Response<pb::GetTeamBoardResponse>, Status> {
        let admitted = admitted(request)?;
        self.team_board(&admitted.caller, &admitted.message).await.map(Response::new)
    }
}

fn who_am_i(caller: &Caller) -> pb::WhoAmIResponse {
    let open = |rule: &access::MethodRule| {
        let scope = rule.scope_for(&caller.roles)?;
        Some(pb::OpenMethod { path: rule.path.to_owned(), scope: scope.into() })
    };
    pb::WhoAmIResponse {
        merchant_id: caller.merchant.to_string(),
        subject: caller.subject.clone(),
        person_id: caller.person.as_ref().map(ToString::to_string).unwrap_or_default(),
        roles: caller.roles.iter().map(|role| i32::from(*role)).collect(),
        methods: access::rules().iter().filter_map(open).collect(),
    }
}
