//! The ready-made gRPC service over [`crate::parked`]: every follower mounts it.

use diesel_async::AsyncConnection;
use pg::Pool;
use pg::audit::AuditEntry;
use pg::page::PageRequest;
use proto::events::v1 as pb;
use proto::events::v1::parked_event_service_server::{ParkedEventService, ParkedEventServiceServer};
use runtime::clock::SharedClock;
use runtime::identity::{Admitted, admitted};
use serde_json::json;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::parked::{self, ParkedError, ParkedEvent, State};

const DOMAIN: &str = "events";
const MAX_PAGE: u32 = 200;
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
        let page = PageRequest::parse(message.page_size, &message.page_token, MAX_PAGE, list)
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
        let Admitted { message, caller, scope } = admitted(request)?;
        let id = parse_id(&message.parked_event_id)?;
        let entry =
            AuditEntry::allowed(&caller, REPLAY, format!("parked_event/{id}"), json!({}), self.clock.now());
        let mut conn = self.pool.get().await.map_err(|e| to_status(&e.into()))?;
        let event = conn
            .transaction::<_, ParkedError, _>(async |conn| {
                let event = parked::replay(conn, &scope.merchant, id).await?;
                pg::audit::append(conn, &entry).await?;
                Ok(event)
            })
            .await
            .map_err(|e| to_status(&e))?;
        Ok(Response::new(pb::ReplayParkedEventResponse { parked_event: Some(encode(event)) }))
    }

    async fn discard_parked_event(
        &self,
        request: Request<pb::DiscardParkedEventRequest>,
    ) -> Result<Response<pb::DiscardParkedEventResponse>, Status> {
        let Admitted { message, caller, scope } = admitted(request)?;
        let id = parse_id(&message.parked_event_id)?;
        let now = self.clock.now();
        let summary = json!({ "reason": message.reason });
        let entry = AuditEntry::allowed(&caller, DISCARD, format!("parked_event/{id}"), summary, now);
        let mut conn = self.pool.get().await.map_err(|e| to_status(&e.into()))?;
        let event = conn
            .transaction::<_, ParkedError, _>(async |conn| {
                let event = parked::discard(conn, &scope.merchant, id, &message.reason, now).await?;
                pg::audit::append(conn, &entry).await?;
                Ok(event)
            })
            .await
            .map_err(|e| to_status(&e))?;
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
    let timestamp = |at: chrono::DateTime<chrono::Utc>| prost_types::Timestamp {
        seconds: at.timestamp(),
        nanos: at.timestamp_subsec_nanos().min(999_999_999) as i32,
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
