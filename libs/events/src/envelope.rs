//! From an event to the bytes that travel, and back.

use std::cell::RefCell;

use chrono::{DateTime, Utc};
use opentelemetry::trace::TraceContextExt;
use prost::Message;
use proto::events::v1::Event;
use proto::events::v1::event::Payload;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use crate::{Error, subject};

/// The most that an event may have compressed. Larger input is refused where it enters.
pub const MAX_PAYLOAD_BYTES: usize = 512 * 1024;
/// The most before compression, so that a follower never has to unpack more than this.
const MAX_UNPACKED_BYTES: usize = 16 * 1024 * 1024;
/// Level 1: on transcripts it costs a third of level 3 and gives up a tenth of the saving.
const ZSTD_LEVEL: i32 = 1;

/// An event ready for the outbox. The columns of a bulk insert: `event_id`, `merchant_id`, `subject`, `payload`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Id by which the broker and the inbox drop repeats.
    pub event_id: Uuid,
    /// The tenant.
    pub merchant_id: String,
    /// One of [`subject`].
    pub subject: &'static str,
    /// The encoded event, zstd.
    pub payload: Vec<u8>,
}

/// A new event with an id of its own and the trace of the present call.
pub fn event(
    merchant: impl AsRef<str>,
    entity: impl Into<String>,
    version: i64,
    occurred_at: DateTime<Utc>,
    payload: Payload,
) -> Event {
    Event {
        event_id: Uuid::now_v7().to_string(),
        merchant_id: merchant.as_ref().to_owned(),
        entity: entity.into(),
        version,
        occurred_at: Some(proto::time::timestamp(occurred_at)),
        traceparent: current_traceparent(),
        payload: Some(payload),
    }
}

/// The event as it travels; refuses one that is too large or not complete. Costs CPU time only: call it where that
/// does not hold a lock.
pub fn encode(event: &Event) -> Result<Encoded, Error> {
    let (payload, event_id) = complete(event)?;
    seal(event_id, &event.merchant_id, subject::of(payload), &event.encode_to_vec())
}

/// The payload and the id of an event that may travel.
pub(crate) fn complete(event: &Event) -> Result<(&Payload, Uuid), Error> {
    let payload = event.payload.as_ref().ok_or(Error::Incomplete("it has no payload"))?;
    let event_id = Uuid::parse_str(&event.event_id).map_err(|_| Error::Incomplete("its id is no UUID"))?;
    Ok((payload, event_id))
}

/// Compresses an encoded event, within the limits.
pub(crate) fn seal(
    event_id: Uuid,
    merchant_id: &str,
    subject: &'static str,
    plain: &[u8],
) -> Result<Encoded, Error> {
    if plain.len() > MAX_UNPACKED_BYTES {
        return Err(Error::TooLarge { bytes: plain.len(), limit: MAX_UNPACKED_BYTES });
    }
    let payload = pack(plain)?;
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Error::TooLarge { bytes: payload.len(), limit: MAX_PAYLOAD_BYTES });
    }
    Ok(Encoded { event_id, merchant_id: merchant_id.to_owned(), subject, payload })
}

/// The events that travelled as `bytes`: one, or those of a bundle.
pub fn decode(bytes: &[u8]) -> Result<Vec<Event>, Error> {
    let plain = unpack(bytes)?;
    let event = Event::decode(plain.as_slice()).map_err(|e| Error::Undecodable(e.to_string()))?;
    let Some(Payload::Bundle(bundle)) = event.payload else {
        check(&event)?;
        return Ok(vec![event]);
    };
    if bundle.events.is_empty() {
        return Err(Error::Undecodable("it is a bundle of nothing".to_owned()));
    }
    for inner in &bundle.events {
        check(inner)?;
        if matches!(inner.payload, Some(Payload::Bundle(_))) || inner.merchant_id != event.merchant_id {
            return Err(Error::Undecodable("it is a bundle of what may not be bundled".to_owned()));
        }
    }
    Ok(bundle.events)
}

fn check(event: &Event) -> Result<(), Error> {
    if event.payload.is_none() {
        return Err(Error::Undecodable("it has no payload that this program knows".to_owned()));
    }
    Uuid::parse_str(&event.event_id).map_err(|_| Error::Undecodable("its id is no UUID".to_owned()))?;
    Ok(())
}

fn pack(plain: &[u8]) -> Result<Vec<u8>, Error> {
    thread_local! {
        // Making a compressor costs more than compressing a short transcript with it.
        static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    }
    COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => slot.insert(
                zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(|e| Error::Compression(e.to_string()))?,
            ),
        };
        compressor.compress(plain).map_err(|e| Error::Compression(e.to_string()))
    })
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    // Our frames say how much they hold, so nothing is reserved or unpacked beyond that.
    let size = zstd::zstd_safe::get_frame_content_size(bytes);
    let size = size.ok().flatten().and_then(|size| usize::try_from(size).ok());
    let size = size.filter(|size| *size <= MAX_UNPACKED_BYTES);
    let size = size.ok_or_else(|| Error::Undecodable("it is no zstd frame of a bounded size".to_owned()))?;
    thread_local! {
        // As with the compressor: its memory is worth more than a short transcript's worth of work.
        static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => {
                slot.insert(zstd::bulk::Decompressor::new().map_err(|e| Error::Compression(e.to_string()))?)
            }
        };
        decompressor.decompress(bytes, size).map_err(|e| Error::Undecodable(e.to_string()))
    })
}

/// W3C trace context of the current span; empty outside of any.
fn current_traceparent() -> String {
    let context = tracing::Span::current().context();
    let span = context.span().span_context().clone();
    if !span.is_valid() {
        return String::new();
    }
    format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8())
}

#[cfg(test)]
mod tests {
    use proto::events::v1::{ConversationClosed, TeamChanged, TranscriptMessage};

    use super::*;

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_600_000_000, 5).expect("a time")
    }

    fn team(name: &str) -> Event {
        let payload = TeamChanged { team_id: "t".into(), name: name.into(), archived: false };
        event("m", "team/t", 1, at(), Payload::TeamChanged(payload))
    }

    /// Text that does not compress.
    fn noise(bytes: usize) -> String {
        std::iter::repeat_with(|| Uuid::new_v4().simple().to_string()).take(bytes / 32).collect()
    }

    #[test]
    fn an_event_comes_back_as_it_was() {
        let event = team("客服一组");
        let encoded = encode(&event).expect("encodes");
        assert_eq!(
            (encoded.subject, encoded.event_id.to_string()),
            (subject::TEAM_CHANGED, event.event_id.clone())
        );
        assert_eq!(decode(&encoded.payload).expect("decodes"), [event]);
    }

    #[test]
    fn what_is_too_large_is_refused_by_its_compressed_size() {
        let long = |text: String| {
            let message = TranscriptMessage { text, ..Default::default() };
            let closed = ConversationClosed { messages: vec![message], ..Default::default() };
            encode(&event("m", "c", 1, at(), Payload::ConversationClosed(closed)))
        };
        assert!(long("好".repeat(1_000_000)).is_ok(), "compresses well");
        // Hexadecimal text halves at best.
        assert!(matches!(long(noise(2 * MAX_PAYLOAD_BYTES)), Err(Error::TooLarge { .. })));
        assert!(matches!(long("a".repeat(MAX_UNPACKED_BYTES)), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn an_incomplete_event_is_refused() {
        let (mut one, mut two) = (team("a"), team("b"));
        one.payload = None;
        two.event_id = "1".into();
        for bad in [one, two] {
            assert!(matches!(encode(&bad), Err(Error::Incomplete(_))));
        }
    }

    #[test]
    fn broken_bytes_are_refused_and_a_bomb_is_not_unpacked() {
        let good = encode(&team("a")).expect("encodes").payload;
        let bomb = zstd::bulk::compress(&vec![0; MAX_UNPACKED_BYTES + 1], 1).expect("compresses");
        for bad in [&good[..good.len() - 1], b"", b"not zstd", &bomb] {
            assert!(matches!(decode(bad), Err(Error::Undecodable(_))));
        }
    }
}
