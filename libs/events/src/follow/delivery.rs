//! A message as it was delivered, read as far as it can be read: an event, or the events of a bundle.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::{AckKind, Message};
use proto::events::v1::Event;
use uuid::Uuid;

use crate::bus::MERCHANT_HEADER;
use crate::envelope;
use crate::parked::Parking;

/// One event of a delivered message.
pub struct Delivery {
    shared: Arc<Shared>,
    /// The event, or why there is none.
    pub event: Result<Event, String>,
    /// The publisher's id of the event; random if it has none, so that it can still be parked.
    pub event_id: Uuid,
}

/// What has become of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is handled, or parked.
    Done,
    /// It is to come again, not before so long.
    Again(Duration),
}

struct Shared {
    message: Message,
    open: Mutex<Open>,
}

/// What the broker is to be told once every event of the message has its answer.
#[derive(Debug)]
struct Open {
    events: usize,
    again: Option<Duration>,
}

impl Open {
    /// Notes one answer. After the last one: the answer for the message, which comes again if any event is to.
    fn close(&mut self, answer: Answer) -> Option<AckKind> {
        if let Answer::Again(pause) = answer {
            self.again = self.again.max(Some(pause));
        }
        self.events = self.events.saturating_sub(1);
        let whole = match self.again {
            None => AckKind::Ack,
            Some(Duration::ZERO) => AckKind::Nak(None),
            Some(pause) => AckKind::Nak(Some(pause)),
        };
        (self.events == 0).then_some(whole)
    }
}

impl Delivery {
    /// The events of a message; a message that cannot be read counts as one.
    pub fn all(message: Message) -> Vec<Self> {
        let events = envelope::decode(&message.payload);
        let count = events.as_ref().map_or(1, Vec::len);
        let named = message.headers.as_ref().and_then(|h| h.get(NATS_MESSAGE_ID)).map(ToString::to_string);
        let shared = Arc::new(Shared { message, open: Mutex::new(Open { events: count, again: None }) });
        let one = |event: Result<Event, String>, id: Option<&str>| {
            let event_id = id.and_then(|id| Uuid::parse_str(id).ok()).unwrap_or_else(Uuid::now_v7);
            Self { shared: Arc::clone(&shared), event, event_id }
        };
        match events {
            Ok(events) => events
                .into_iter()
                .map(|event| {
                    let id = event.event_id.clone();
                    one(Ok(event), Some(&id))
                })
                .collect(),
            Err(error) => vec![one(Err(error.to_string()), named.as_deref())],
        }
    }

    /// Says what became of the event; call it once. The broker hears of it when all events of the message have their
    /// answer. It is not waited for: if the answer is lost, the message comes again and the inbox knows it.
    pub async fn answer(&self, answer: Answer) {
        let whole = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).close(answer);
        if let Some(kind) = whole {
            self.tell(kind).await;
        }
    }

    /// Whether this is an event of the same message.
    pub fn is_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Tells the broker that the message is being worked on, unless it had its answer.
    pub async fn progress(&self) {
        let open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).events > 0;
        if open {
            self.tell(AckKind::Progress).await;
        }
    }

    async fn tell(&self, kind: AckKind) {
        if let Err(error) = self.shared.message.ack_with(kind).await {
            tracing::debug!(%error, "the broker did not hear an answer");
        }
    }

    /// The event as it is parked: alone, whatever it came with.
    pub fn payload(&self) -> Result<Vec<u8>, crate::Error> {
        match &self.event {
            Ok(event) => Ok(envelope::encode(event)?.payload),
            Err(_) => Ok(self.shared.message.payload.to_vec()),
        }
    }

    /// How it is parked.
    pub fn parking<'a>(
        &'a self,
        payload: &'a [u8],
        consumer: &'a str,
        error: &'a str,
        attempts: u32,
    ) -> Parking<'a> {
        let (merchant_id, entity, version) = match &self.event {
            Ok(event) => (event.merchant_id.as_str(), event.entity.as_str(), event.version),
            Err(_) => (self.merchant_header(), "", 0),
        };
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
        let full = self.shared.message.subject.as_str();
        // Publisher and payload are the last two parts; a prefix may have dots of its own.
        match full.rmatch_indices('.').nth(1) {
            Some((at, _)) => &full[at + 1..],
            None => full,
        }
    }

    fn merchant_header(&self) -> &str {
        let headers = self.shared.message.headers.as_ref();
        headers.and_then(|headers| headers.get(MERCHANT_HEADER)).map_or("", |value| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answers: &[Answer]) -> Option<String> {
        let mut open = Open { events: answers.len(), again: None };
        let mut told: Vec<_> = answers.iter().filter_map(|answer| open.close(*answer)).collect();
        assert_eq!(told.len(), 1, "the broker is told once");
        told.pop().map(|kind| format!("{kind:?}"))
    }

    #[test]
    fn a_message_comes_again_if_one_of_its_events_is_to() {
        let (soon, later) = (Duration::from_millis(100), Duration::from_secs(3));
        let cases = [
            (vec![Answer::Done], AckKind::Ack),
            (vec![Answer::Done, Answer::Done], AckKind::Ack),
            (vec![Answer::Done, Answer::Again(Duration::ZERO), Answer::Done], AckKind::Nak(None)),
            (vec![Answer::Again(later), Answer::Done, Answer::Again(soon)], AckKind::Nak(Some(later))),
        ];
        for (answers, wanted) in cases {
            assert_eq!(told(&answers), Some(format!("{wanted:?}")));
        }
    }
}
