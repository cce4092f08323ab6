//! Has deliveries handled, each to its end: done, to come again, or parked.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncPgConnection};
use futures::FutureExt;
use futures::future::join_all;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use pg::Pool;
use proto::events::v1::Event;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use super::delivery::{Answer, Delivery};
use crate::bus::ACK_WAIT;
use crate::figures::Figures;
use crate::{HandleError, Handler, inbox, parked};

/// An event is parked when it has failed this often while the database was there.
const ATTEMPTS: u32 = 5;
/// One that came before what it needs waits this long each time, so minutes in all.
const EARLY_WAIT: Duration = Duration::from_secs(3);
/// And is parked when it has come this often.
const EARLY_ATTEMPTS: u32 = 100;
/// Lost races are tried again at once this often before they count as a failure.
const RACES: u32 = 5;
const AWAY_MIN: Duration = Duration::from_millis(100);
const AWAY_MAX: Duration = Duration::from_secs(2);

/// Handles the events of one follower.
pub struct Settler<H> {
    inner: Arc<Inner<H>>,
}

struct Inner<H> {
    pool: Pool,
    consumer: String,
    handler: Arc<H>,
    token: CancellationToken,
    figures: Figures,
    /// How often each event has failed. In memory: a restart gives an event its tries again, which is harmless.
    failures: Mutex<HashMap<Uuid, u32>>,
}

impl<H> Clone for Settler<H> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<H: Handler> Settler<H> {
    pub fn new(pool: Pool, consumer: String, handler: Arc<H>, token: CancellationToken) -> Self {
        let figures = Figures::of(consumer.clone());
        let failures = Mutex::default();
        Self { inner: Arc::new(Inner { pool, consumer, handler, token, figures, failures }) }
    }

    pub fn batch_size(&self) -> usize {
        self.inner.handler.batch_size().clamp(1, 1_000)
    }

    pub fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    pub fn consumer(&self) -> &str {
        &self.inner.consumer
    }

    pub fn token(&self) -> &CancellationToken {
        &self.inner.token
    }

    pub fn figures(&self) -> &Figures {
        &self.inner.figures
    }

    /// Settles all deliveries, telling the broker meanwhile that they are being worked on.
    pub async fn settle(&self, deliveries: Vec<Delivery>) {
        let mut still_at_it = tokio::time::interval(ACK_WAIT / 3);
        still_at_it.tick().await;
        let mut work = std::pin::pin!(self.settle_in_parts(&deliveries));
        loop {
            tokio::select! {
                () = &mut work => return,
                _ = still_at_it.tick() => {
                    let messages = deliveries.chunk_by(Delivery::is_with).filter_map(<[_]>::first);
                    join_all(messages.map(Delivery::progress)).await;
                }
            }
        }
    }

    /// As many at once as the handler takes, if that works; else in halves, so that the event that fails ends up alone.
    async fn settle_in_parts(&self, deliveries: &[Delivery]) {
        let mut parts: Vec<&[Delivery]> = deliveries.chunks(self.batch_size()).rev().collect();
        while let Some(part) = parts.pop() {
            if self.token().is_cancelled() {
                join_all(part.iter().map(|d| d.answer(Answer::Again(Duration::ZERO)))).await;
                continue;
            }
            match self.handle(part).await {
                Ok(()) => {
                    join_all(part.iter().map(|d| d.answer(Answer::Done))).await;
                    self.forget_failures(part);
                    self.figures().handled(part.len());
                }
                Err(HandleError::Unavailable(source)) if self.database_was_away(&*source).await => {
                    parts.push(part);
                }
                Err(_) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.push(second);
                    parts.push(first);
                }
                Err(error) => {
                    for delivery in part {
                        self.failed(delivery, &error).await;
                    }
                }
            }
        }
    }

    /// The effect of the deliveries and the note of it in one transaction; tried again after lost races.
    async fn handle(&self, part: &[Delivery]) -> Result<(), HandleError> {
        let mut events = Vec::with_capacity(part.len());
        for delivery in part {
            let event = delivery.event.as_ref().map_err(|why| HandleError::poison(why.clone()))?;
            events.push((delivery.event_id, event));
        }
        let span = tracing::info_span!("events.handle", consumer = self.consumer(), events = events.len());
        link(&span, events.iter().map(|(_, event)| *event));
        let mut race = 1;
        loop {
            match self.handle_once(&events).instrument(span.clone()).await {
                Err(HandleError::Transient(source)) if race < RACES && is_lost_race(&*source) => {
                    tokio::time::sleep(Duration::from_millis(10 << race)).await;
                    race += 1;
                }
                done => return done,
            }
        }
    }

    async fn handle_once(&self, events: &[(Uuid, &Event)]) -> Result<(), HandleError> {
        let mut conn = self.pool().get().await?;
        let work = conn.transaction::<_, HandleError, _>(async |conn| {
            let ids: Vec<Uuid> = events.iter().map(|(id, _)| *id).collect();
            let mut new: HashSet<Uuid> = if self.inner.handler.notes_events() {
                inbox::take(conn, self.consumer(), &ids).await?.into_iter().collect()
            } else {
                ids.into_iter().collect()
            };
            // Removing as we go also drops a repeat inside the batch.
            let fresh: Vec<&Event> =
                events.iter().filter(|(id, _)| new.remove(id)).map(|(_, event)| *event).collect();
            self.effect(conn, &fresh).await
        });
        // A panic is a bug in the handler, met by this event: it must not take the follower down. The connection was
        // inside a transaction, so the pool closes it.
        let caught = AssertUnwindSafe(work).catch_unwind().await;
        caught.unwrap_or_else(|panic| Err(HandleError::transient(panic_text(&*panic))))
    }

    /// The handler's effect, without the note in the inbox.
    pub async fn effect(&self, conn: &mut AsyncPgConnection, events: &[&Event]) -> Result<(), HandleError> {
        match events {
            [] => Ok(()),
            [event] => self.inner.handler.handle(conn, event).await,
            events => self.inner.handler.handle_batch(conn, events).await,
        }
    }

    /// Whether the database could not be reached; then this returns when it can be again. If it answers at once, the
    /// failure is the event's: a statement that always runs into its time limit, say.
    async fn database_was_away(&self, source: &(dyn std::error::Error + Send + Sync)) -> bool {
        let mut pause = AWAY_MIN;
        let mut away = false;
        while self.pool().ping().await.is_err() {
            if !away {
                let error = status::chain(source);
                tracing::warn!(consumer = self.consumer(), error, "database away, events wait");
            }
            away = true;
            tokio::select! {
                () = self.token().cancelled() => return true,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(AWAY_MAX),
            }
        }
        away
    }

    /// One event alone has failed: it comes again, or it is parked.
    async fn failed(&self, delivery: &Delivery, error: &HandleError) {
        let attempts = self.count_failure(delivery.event_id);
        let (limit, pause) = match error {
            HandleError::Poison(_) => (0, Duration::ZERO),
            HandleError::Early(_) => (EARLY_ATTEMPTS, EARLY_WAIT),
            HandleError::Transient(_) | HandleError::Unavailable(_) => {
                (ATTEMPTS, Duration::from_millis(100 << attempts.min(ATTEMPTS)))
            }
        };
        if attempts < limit {
            delivery.answer(Answer::Again(pause)).await;
            return;
        }
        let text = error.text();
        match self.park(delivery, &text, attempts).await {
            Ok(()) => {
                // The id leads to the row; the row has the rest.
                tracing::error!(consumer = self.consumer(), event.id = %delivery.event_id, error = text, "event parked");
                delivery.answer(Answer::Done).await;
                self.forget_failures(std::slice::from_ref(delivery));
            }
            Err(error) => {
                let error = status::chain(&error);
                tracing::warn!(consumer = self.consumer(), event.id = %delivery.event_id, error, "event not parked yet");
                delivery.answer(Answer::Again(AWAY_MAX)).await;
            }
        }
    }

    async fn park(&self, delivery: &Delivery, error: &str, attempts: u32) -> Result<(), crate::Error> {
        let payload = delivery.payload()?;
        let mut conn = self.pool().get().await?;
        Ok(parked::park(&mut conn, &delivery.parking(&payload, self.consumer(), error, attempts)).await?)
    }

    fn count_failure(&self, event: Uuid) -> u32 {
        let mut failures = self.inner.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(event).or_default();
        *count += 1;
        *count
    }

    fn forget_failures(&self, part: &[Delivery]) {
        let mut failures = self.inner.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if !failures.is_empty() {
            for delivery in part {
                failures.remove(&delivery.event_id);
            }
        }
    }
}

fn is_lost_race(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    source.downcast_ref::<pg::Error>().is_some_and(pg::Error::is_contended)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the handler panicked: {}", text.unwrap_or_default())
}

/// Ties the span to the calls that published the events: as their child if there is one event, else by links.
fn link<'a>(span: &tracing::Span, mut events: impl ExactSizeIterator<Item = &'a Event>) {
    if events.len() == 1 {
        if let Some(context) = events.next().and_then(|event| span_context(&event.traceparent)) {
            // Fails only without a subscriber: then there is nothing to tie.
            let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(context));
        }
        return;
    }
    for context in events.take(16).filter_map(|event| span_context(&event.traceparent)) {
        span.add_link(context);
    }
}

/// `00-<trace>-<span>-<flags>`, nothing else.
fn span_context(traceparent: &str) -> Option<SpanContext> {
    let parts: Vec<&str> = traceparent.split('-').collect();
    let ["00", trace, span, flags] = parts[..] else { return None };
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::NONE,
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_traceparents_are_taken() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(span_context(good).is_some_and(|context| context.is_sampled() && context.is_remote()));
        for bad in
            ["", "00", &good[..50], "00-0-0-0", "00-00000000000000000000000000000000-b7ad6b7169203331-01"]
        {
            assert!(span_context(bad).is_none(), "{bad}");
        }
    }
}
