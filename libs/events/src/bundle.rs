//! Many events as one row and one message, compressed together: for those who tell of thousands at once.
//!
//! On chats a bundle takes half the bytes and half the CPU of its events one by one, and database, relay and broker have
//! one thing to do instead of dozens. A follower never sees it: it is taken apart as it is read, and each event is
//! handled, failed and parked by itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use proto::events::v1::Event;
use uuid::Uuid;

use crate::envelope::{MAX_PAYLOAD_BYTES, complete, seal};
use crate::{Encoded, Error, subject};

/// Events of a bundle. More save little, and all come again if one of them has to.
const MAX_EVENTS: usize = 64;
/// Bytes of a bundle before compression; what is more goes alone. So no bundle can come near the limit of a message.
const MAX_BYTES: usize = MAX_PAYLOAD_BYTES / 2;

/// An event on its way to the outbox, and the bundle it lies in, if it does.
#[derive(Debug, Clone)]
pub struct Bundled {
    event_id: Uuid,
    merchant_id: String,
    subject: &'static str,
    plain: Bytes,
    bundle: Option<Arc<Bundle>>,
}

#[derive(Debug)]
struct Bundle {
    encoded: Encoded,
    events: usize,
}

/// The envelope of a bundle with its events as they were encoded: field for field what [`Event`] says.
#[derive(Clone, PartialEq, Message)]
struct Envelope {
    #[prost(string, tag = "1")]
    event_id: String,
    #[prost(string, tag = "2")]
    merchant_id: String,
    #[prost(message, optional, tag = "50")]
    bundle: Option<Contents>,
}

#[derive(Clone, PartialEq, Message)]
struct Contents {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    events: Vec<Bytes>,
}

impl Bundled {
    /// The event, in no bundle yet; refuses what [`encode`](crate::encode) refuses.
    pub fn new(event: &Event) -> Result<Self, Error> {
        let (payload, event_id) = complete(event)?;
        let subject = subject::of(payload);
        let plain = Bytes::from(event.encode_to_vec());
        if plain.len() > MAX_BYTES {
            // Whether it can travel at all shows only when it is compressed.
            seal(event_id, &event.merchant_id, subject, &plain)?;
        }
        Ok(Self { event_id, merchant_id: event.merchant_id.clone(), subject, plain, bundle: None })
    }

    /// Its id.
    pub fn event_id(&self) -> Uuid {
        self.event_id
    }
}

/// Puts neighbours into bundles ahead of [`gather`]. Costs CPU time only: call it where that does not hold a lock.
pub fn bundle(events: &mut [&mut Bundled]) -> Result<(), Error> {
    let mut rest = events;
    while let Some(count) = first_part(rest.iter().map(|event| &**event)) {
        let (part, later) = rest.split_at_mut(count);
        let encoded = pack(&part.iter().map(|event| &**event).collect::<Vec<_>>())?;
        let bundle = Arc::new(Bundle { encoded, events: count });
        for event in part {
            event.bundle = Some(Arc::clone(&bundle));
        }
        rest = later;
    }
    Ok(())
}

/// The events for [`insert_encoded`](crate::insert_encoded). A bundle is taken as it is if all its events are there; what
/// is left of others is put into new ones.
pub fn gather<'a>(events: impl IntoIterator<Item = &'a Bundled>) -> Result<Vec<Encoded>, Error> {
    let events: Vec<&Bundled> = events.into_iter().collect();
    // How many of each bundle's events there are.
    let mut present: HashMap<*const Bundle, usize> = HashMap::new();
    for bundle in events.iter().filter_map(|event| event.bundle.as_ref()) {
        *present.entry(Arc::as_ptr(bundle)).or_default() += 1;
    }
    let (mut gathered, mut left, mut taken) = (Vec::new(), Vec::new(), HashSet::new());
    for event in events {
        match event.bundle.as_ref().map(|bundle| (bundle, Arc::as_ptr(bundle))) {
            Some((bundle, place)) if present[&place] == bundle.events => {
                if taken.insert(place) {
                    gathered.push(bundle.encoded.clone());
                }
            }
            _ => left.push(event),
        }
    }
    let mut rest = left.as_slice();
    while let Some(count) = first_part(rest.iter().copied()) {
        let (part, later) = rest.split_at(count);
        gathered.push(pack(part)?);
        rest = later;
    }
    Ok(gathered)
}

/// How many of the events, from the first, go into one bundle.
fn first_part<'a>(events: impl Iterator<Item = &'a Bundled>) -> Option<usize> {
    let mut events = events.take(MAX_EVENTS).peekable();
    let first = *events.peek()?;
    let mut bytes = 0;
    let fits = |event: &&Bundled| {
        bytes += event.plain.len();
        bytes <= MAX_BYTES && (event.subject, &event.merchant_id) == (first.subject, &first.merchant_id)
    };
    Some(events.take_while(fits).count().max(1))
}

fn pack(events: &[&Bundled]) -> Result<Encoded, Error> {
    let first = events.first().ok_or(Error::Incomplete("it is a bundle of nothing"))?;
    if events.len() == 1 {
        return seal(first.event_id, &first.merchant_id, first.subject, &first.plain);
    }
    let event_id = Uuid::now_v7();
    let envelope = Envelope {
        event_id: event_id.to_string(),
        merchant_id: first.merchant_id.clone(),
        bundle: Some(Contents { events: events.iter().map(|event| event.plain.clone()).collect() }),
    };
    seal(event_id, &first.merchant_id, first.subject, &envelope.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use proto::events::v1::{AgentSeen, ConversationClosed, TranscriptMessage};

    use super::*;
    use crate::{Payload, decode, event};

    fn chat(merchant: &str, id: usize, text: &str) -> Event {
        let message = TranscriptMessage { text: text.to_owned(), ..Default::default() };
        let closed = ConversationClosed { messages: vec![message], ..Default::default() };
        let at = chrono::DateTime::UNIX_EPOCH;
        event(merchant, format!("conversation/{id}"), 1, at, Payload::ConversationClosed(closed))
    }

    fn chats(count: usize) -> Vec<Event> {
        (0..count).map(|id| chat("m", id, "您好,请问有什么可以帮您")).collect()
    }

    fn bundled(events: &[Event]) -> Vec<Bundled> {
        let mut bundled: Vec<Bundled> =
            events.iter().map(|event| Bundled::new(event).expect("is complete")).collect();
        bundle(&mut bundled.iter_mut().collect::<Vec<_>>()).expect("bundles");
        bundled
    }

    fn decoded(encoded: &[Encoded]) -> Vec<Event> {
        let events = encoded.iter().flat_map(|one| decode(&one.payload).expect("decodes"));
        let mut events: Vec<Event> = events.collect();
        events.sort_by(|a, b| a.event_id.cmp(&b.event_id));
        events
    }

    #[test]
    fn what_is_bundled_comes_back_as_it_was() {
        for count in [1, 2, MAX_EVENTS, MAX_EVENTS + 1, 3 * MAX_EVENTS] {
            let events = chats(count);
            let encoded = gather(&bundled(&events)).expect("gathers");
            assert_eq!(encoded.len(), count.div_ceil(MAX_EVENTS));
            assert!(encoded.iter().all(|one| one.subject == subject::CONVERSATION_CLOSED));
            assert_eq!(decoded(&encoded), events);
        }
    }

    #[test]
    fn one_event_travels_as_it_always_did() {
        let events = chats(1);
        let alone = gather(&bundled(&events)).expect("gathers");
        assert_eq!(alone, [crate::encode(&events[0]).expect("encodes")]);
    }

    #[test]
    fn events_that_were_left_out_are_not_told_of() {
        let events = chats(3 * MAX_EVENTS);
        let bundled = bundled(&events);
        let kept = |at: usize| at != 1 && at != 2 * MAX_EVENTS;
        let some = bundled.iter().enumerate().filter(|(at, _)| kept(*at)).map(|(_, event)| event);
        let encoded = gather(some).expect("gathers");
        let wanted: Vec<Event> =
            events.into_iter().enumerate().filter(|(at, _)| kept(*at)).map(|(_, event)| event).collect();
        assert_eq!(decoded(&encoded), wanted);
        let untouched = bundled[MAX_EVENTS].bundle.as_ref().expect("is bundled").encoded.event_id;
        assert!(encoded.iter().any(|one| one.event_id == untouched), "a whole bundle is taken as it is");
    }

    #[test]
    fn merchants_and_subjects_never_share_a_bundle() {
        let seen = event(
            "m",
            "account/a",
            1,
            chrono::DateTime::UNIX_EPOCH,
            Payload::AgentSeen(AgentSeen::default()),
        );
        let events = [chat("m", 1, "a"), chat("n", 2, "b"), seen, chat("m", 3, "c")];
        let encoded = gather(&bundled(&events)).expect("gathers");
        assert_eq!(encoded.len(), 4);
        let merchants: Vec<&str> = encoded.iter().map(|one| one.merchant_id.as_str()).collect();
        assert_eq!(merchants, ["m", "n", "m", "m"]);
    }

    #[test]
    fn large_events_travel_alone_and_too_large_ones_are_refused() {
        // Hexadecimal text halves at best.
        let noise = |bytes: usize| -> String {
            std::iter::repeat_with(|| Uuid::new_v4().simple().to_string()).take(bytes / 32).collect()
        };
        let events = [chat("m", 1, "a"), chat("m", 2, &noise(MAX_BYTES)), chat("m", 3, "b")];
        let encoded = gather(&bundled(&events)).expect("gathers");
        assert_eq!(encoded.len(), 3);
        assert_eq!(decoded(&encoded), events);
        let refused = Bundled::new(&chat("m", 1, &noise(4 * MAX_PAYLOAD_BYTES)));
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
    }

    #[test]
    fn bundles_of_bundles_of_nothing_or_of_others_events_are_refused() {
        let envelope = |events: Vec<Bytes>| {
            let envelope = Envelope {
                event_id: Uuid::now_v7().to_string(),
                merchant_id: "m".to_owned(),
                bundle: Some(Contents { events }),
            };
            envelope.encode_to_vec()
        };
        let plain = |event: &Event| Bytes::from(event.encode_to_vec());
        let good = envelope(vec![plain(&chat("m", 1, "a"))]);
        let without_id = Event { event_id: String::new(), ..chat("m", 1, "a") };
        let read = |plain: &[u8]| decode(&zstd::bulk::compress(plain, 1).expect("compresses"));
        assert_eq!(read(&good).expect("is a bundle").len(), 1);
        for bad in [
            envelope(Vec::new()),
            envelope(vec![Bytes::from(good)]),
            envelope(vec![plain(&chat("other", 1, "a"))]),
            envelope(vec![plain(&without_id)]),
            envelope(vec![Bytes::new()]),
        ] {
            assert!(matches!(read(&bad), Err(Error::Undecodable(_))));
        }
    }
}
