//! The ready-made gRPC service over [`crate::parked`]: every follower mounts it.

use diesel_async::AsyncPgConnection;
use pg::page::PageRequest;
use pg::{By, Pool};
use proto::events::v1 as pb;
use proto::events::v1::parked_event_service_server::{ParkedEventService, ParkedEventServiceServer};
use proto::time::timestamp;
use runtime::clock::SharedClock;
use runtime::identity::{Admitted, admitted};
use serde_json::json;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::parked::{self, ParkedError, ParkedEvent, State};

const DOMAIN: &str = "events";
const REPLAY: &str = "/jinpai.events.v1.ParkedEventService/ReplayParkedEvent";
const DISCARD: &str = "/jinpai.events.v1.ParkedEventService/DiscardParkedEvent";

/// The service over this schema's parked events. Its rules let in managers and service accounts, who see their own
/// merchant's events.
pub fn parked_service(pool: Pool, clock: SharedClock) -> ParkedEventServiceServer<impl ParkedEventService> {
    ParkedEventServiceServer::new(Service { pool, clock })
}

struct Service {
    pool: Pool,
    clock: SharedClock,
}

#[tonic::async_trait]
impl ParkedEventService for Service {
    async fn list_parked_events(
        &self,
        request: Request<pb::ListParkedEventsRequest>,
    ) -> Result<Response<pb::ListParkedEventsResponse>, Status> {
        let Admitted { message, scope, .. } = admitted(request)?;
        let list = format!("parked {} {} {}", scope.merchant, message.consumer, message.include_resolved);
        let page = PageRequest::parse(message.page_size, &message.page_token, list)
            .map_err(|e| to_status(&e.into()))?;
        let found =
            parked::list(&self.pool, &scope.merchant, &message.consumer, message.include_resolved, &page);
        let found = found.await.map_err(|e| to_status(&e))?;
        Ok(Response::new(pb::ListParkedEventsResponse {
            parked_events: found.items.into_iter().map(encode).collect(),
            next_page_token: found.next_page_token,
        }))
    }

    async fn replay_parked_event(
        &self,
        request: Request<pb::ReplayParkedEventRequest>,
    ) -> Result<Response<pb::ReplayParkedEventResponse>, Status> {
        let request = admitted(request)?;
        let id = parse_id(&request.message.parked_event_id)?;
        let (merchant, now) = (&request.scope.merchant, self.clock.now());
        let by = By::new(&request, REPLAY, &request.message.request_id);
        let replay = async |conn: &mut AsyncPgConnection| {
            let event = parked::replay(conn, merchant, id).await?;
            by.audit(conn, now, format!("parked_event/{id}"), json!({})).await?;
            Ok::<_, ParkedError>(event)
        };
        let event = by.change(&self.pool, now, replay).await.map_err(|e| to_status(&e))?;
        Ok(Response::new(pb::ReplayParkedEventResponse { parked_event: Some(encode(event)) }))
    }

    async fn discard_parked_event(
        &self,
        request: Request<pb::DiscardParkedEventRequest>,
    ) -> Result<Response<pb::DiscardParkedEventResponse>, Status> {
        let request = admitted(request)?;
        let id = parse_id(&request.message.parked_event_id)?;
        let (merchant, reason, now) = (&request.scope.merchant, &request.message.reason, self.clock.now());
        let by = By::new(&request, DISCARD, &request.message.request_id);
        let discard = async |conn: &mut AsyncPgConnection| {
            let event = parked::discard(conn, merchant, id, reason, now).await?;
            by.audit(conn, now, format!("parked_event/{id}"), json!({ "reason": reason })).await?;
            Ok::<_, ParkedError>(event)
        };
        let event = by.change(&self.pool, now, discard).await.map_err(|e| to_status(&e))?;
        Ok(Response::new(pb::DiscardParkedEventResponse { parked_event: Some(encode(event)) }))
    }
}

fn parse_id(id: &str) -> Result<Uuid, Status> {
    Uuid::parse_str(id).map_err(|_| status::invalid("parked_event_id", "must be a UUID"))
}

fn to_status(error: &ParkedError) -> Status {
    status::to_status(DOMAIN, error)
}

fn encode(event: ParkedEvent) -> pb::ParkedEvent {
    let state = match event.state {
        State::Parked => pb::ParkedEventState::Parked,
        State::Replaying => pb::ParkedEventState::Replaying,
        State::Replayed => pb::ParkedEventState::Replayed,
        State::Discarded => pb::ParkedEventState::Discarded,
    };
    pb::ParkedEvent {
        parked_event_id: event.id.to_string(),
        event_id: event.event_id.to_string(),
        consumer: event.consumer,
        subject: event.subject,
        entity: event.entity,
        version: event.version,
        state: state.into(),
        error: event.error,
        attempts: event.attempts,
        parked_at: Some(timestamp(event.parked_at)),
        resolved_at: event.resolved_at.map(timestamp),
        discard_reason: event.discard_reason,
    }
}
