//! A message as it was delivered, read as far as it can be read.

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::{AckKind, Message};
use proto::events::v1::Event;
use uuid::Uuid;

use crate::bus::MERCHANT_HEADER;
use crate::envelope;
use crate::parked::Parking;

/// One delivered message.
pub struct Delivery {
    message: Message,
    /// The event in it, or why there is none.
    pub event: Result<Event, String>,
    /// The publisher's id of the event; random if it has none, so that it can still be parked.
    pub event_id: Uuid,
}

impl Delivery {
    pub fn new(message: Message) -> Self {
        let event = envelope::decode(&message.payload).map_err(|e| e.to_string());
        let id = match &event {
            Ok(event) => Some(event.event_id.clone()),
            Err(_) => message.headers.as_ref().and_then(|h| h.get(NATS_MESSAGE_ID)).map(ToString::to_string),
        };
        let event_id = id.and_then(|id| Uuid::parse_str(&id).ok()).unwrap_or_else(Uuid::now_v7);
        Self { message, event, event_id }
    }

    /// Tells the broker what became of the message. It is not waited for: if the answer is lost, the message comes
    /// again and the inbox knows it.
    pub async fn answer(&self, kind: AckKind) {
        if let Err(error) = self.message.ack_with(kind).await {
            tracing::debug!(%error, "the broker did not hear an answer");
        }
    }

    /// How it is parked.
    pub fn parking<'a>(&'a self, consumer: &'a str, error: &'a str, attempts: u32) -> Parking<'a> {
        let (merchant_id, entity, version) = match &self.event {
            Ok(event) => (event.merchant_id.as_str(), event.entity.as_str(), event.version),
            Err(_) => (self.merchant_header(), "", 0),
        };
        let payload = &self.message.payload;
        Parking {
            consumer,
            event_id: self.event_id,
            merchant_id,
            subject: self.subject(),
            entity,
            version,
            payload,
            error,
            attempts,
        }
    }

    /// The subject without the stream's prefix.
    fn subject(&self) -> &str {
        let full = self.message.subject.as_str();
        // Publisher and payload are the last two parts; a prefix may have dots of its own.
        match full.rmatch_indices('.').nth(1) {
            Some((at, _)) => &full[at + 1..],
            None => full,
        }
    }

    fn merchant_header(&self) -> &str {
        let headers = self.message.headers.as_ref();
        headers.and_then(|headers| headers.get(MERCHANT_HEADER)).map_or("", |value| value.as_str())
    }
}
