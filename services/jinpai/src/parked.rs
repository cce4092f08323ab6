//! `jinpai events`: what a service could not handle, and handling it again.

use std::io::Write;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use prost_types::Timestamp;
use proto::events::v1::parked_event_service_client::ParkedEventServiceClient;
use proto::events::v1::{
    DiscardParkedEventRequest, ListParkedEventsRequest, ParkedEvent, ReplayParkedEventRequest,
};
use serde::Serialize;
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;

use crate::session::{Session, Signed, explain};

/// The metadata by which the gateway picks the service.
const TARGET_KEY: &str = "x-jinpai-target";

/// What to do with events that were set aside.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// List events that could not be handled, newest first.
    #[command(after_help = "Example:\n  jinpai events parked --service qa")]
    Parked(Parked),
    /// Have an event handled again.
    #[command(after_help = "Example:\n  jinpai events replay --service qa 0193…")]
    Replay(Chosen),
    /// Give an event up for good; it stays listed with the reason.
    Discard(Discard),
}

/// Which events to list.
#[derive(Debug, Clone, Args)]
pub struct Parked {
    /// The service that set them aside: metrics, qa, performance.
    #[arg(long)]
    pub service: String,
    /// Also those that were replayed or discarded.
    #[arg(long)]
    pub all: bool,
}

/// One event.
#[derive(Debug, Clone, Args)]
pub struct Chosen {
    /// The service that set it aside.
    #[arg(long)]
    pub service: String,
    /// Its id, from `jinpai events parked`.
    pub id: String,
}

/// An event to give up.
#[derive(Debug, Clone, Args)]
pub struct Discard {
    /// Which one.
    #[command(flatten)]
    pub event: Chosen,
    /// Why; kept with the event.
    #[arg(long)]
    pub reason: String,
}

/// An event as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Names it in `replay` and `discard`.
    pub id: String,
    /// Publisher and payload.
    pub subject: String,
    /// What it is about.
    pub entity: String,
    /// `parked`, `replaying`, `replayed`, `discarded`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was set aside, in seconds since 1970.
    pub parked_at: Option<i64>,
    /// Why.
    pub error: String,
}

impl From<ParkedEvent> for Event {
    fn from(event: ParkedEvent) -> Self {
        let state = event.state().as_str_name().trim_start_matches("PARKED_EVENT_STATE_").to_lowercase();
        Self {
            id: event.parked_event_id,
            subject: event.subject,
            entity: event.entity,
            state,
            attempts: event.attempts,
            parked_at: event.parked_at.map(|Timestamp { seconds, .. }| seconds),
            error: event.error,
        }
    }
}

/// Does what was asked; the events it is about, as they are now.
pub async fn run(session: &Session, command: &Command) -> Result<Vec<Event>> {
    let mut client = ParkedEventServiceClient::new(session.channel());
    match command {
        Command::Parked(wanted) => list(&mut client, wanted).await,
        Command::Replay(event) => {
            let request = ReplayParkedEventRequest {
                parked_event_id: event.id.clone(),
                // Repeating it is harmless.
                request_id: String::new(),
            };
            let answer = client.replay_parked_event(to(&event.service, request)?).await;
            let answer = answer.map_err(|status| explain(&status, "replay the event"))?;
            Ok(answer.into_inner().parked_event.into_iter().map(Event::from).collect())
        }
        Command::Discard(Discard { event, reason }) => {
            let request = DiscardParkedEventRequest {
                parked_event_id: event.id.clone(),
                reason: reason.clone(),
                request_id: String::new(),
            };
            let answer = client.discard_parked_event(to(&event.service, request)?).await;
            let answer = answer.map_err(|status| explain(&status, "discard the event"))?;
            Ok(answer.into_inner().parked_event.into_iter().map(Event::from).collect())
        }
    }
}

async fn list(client: &mut ParkedEventServiceClient<Signed>, wanted: &Parked) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListParkedEventsRequest {
            page_size: 200,
            page_token,
            include_resolved: wanted.all,
            ..ListParkedEventsRequest::default()
        };
        let page = client.list_parked_events(to(&wanted.service, request)?).await;
        let page = page.map_err(|status| explain(&status, "list parked events"))?.into_inner();
        events.extend(page.parked_events.into_iter().map(Event::from));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(events);
        }
    }
}

fn to<T>(service: &str, message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    let service: AsciiMetadataValue = service.parse().context("--service is a plain name, such as qa")?;
    request.metadata_mut().insert(TARGET_KEY, service);
    Ok(request)
}

/// The events for people.
pub fn print(out: &mut dyn Write, events: &[Event]) -> Result<()> {
    if events.is_empty() {
        writeln!(out, "no parked events")?;
    }
    for event in events {
        let Event { id, subject, entity, state, attempts, error, .. } = event;
        writeln!(out, "{id}  {state:<9} {subject} {entity}, tried {attempts} times: {error}")?;
    }
    Ok(())
}
