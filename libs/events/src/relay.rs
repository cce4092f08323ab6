//! Sends the outbox to JetStream: one relay per service, whichever replica holds the lock.

mod position;

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::context::PublishErrorKind;
use futures::future::join_all;
use pg::Pool;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::bus::MERCHANT_HEADER;
use crate::figures::Figures;
use crate::{Bus, Error};
use position::{Position, Waiting};

/// A look at the end of an index costs next to nothing. NOTIFY would make every commit of the database queue up
/// behind one lock.
const IDLE: Duration = Duration::from_millis(50);
const AWAY: Duration = Duration::from_millis(200);
const TAKE: Duration = Duration::from_secs(5);
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const FIGURES_EVERY: Duration = Duration::from_secs(10);

/// Starts sending this service's outbox until `token` ends. Every replica starts it; a session lock lets one work
/// and another take over when it is gone. No transaction is held open while the broker is waited for, so a crash
/// between sending and noting it sends the event again: the broker drops the repeat by its id.
pub fn relay(pool: Pool, bus: Bus, token: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut pause = AWAY;
        while !token.is_cancelled() {
            match lead(&pool, &bus, &token).await {
                Ok(()) => pause = AWAY,
                Err(error) => {
                    tracing::warn!(
                        schema = pool.schema(),
                        error = status::chain(&error),
                        "relay interrupted"
                    );
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
            }
            wait(pause, &token).await;
        }
    })
}

/// Takes the lock and relays; ends with the token, the session, or an error.
async fn lead(pool: &Pool, bus: &Bus, token: &CancellationToken) -> Result<(), Error> {
    let session = pool.session().await?;
    while !session.try_lock("relay").await? {
        wait(Duration::from_secs(1), token).await;
        if token.is_cancelled() {
            return Ok(());
        }
    }
    if !bus.ready(token).await {
        return Ok(());
    }
    let position = Position::resume(session.client).await?;
    let mut relay = Relay { position, bus: bus.clone(), figures: Figures::of(pool.schema()), refused: 0 };
    let (mut figures_due, mut prune_due) = (Instant::now(), Instant::now());
    while !token.is_cancelled() {
        let now = Instant::now();
        if now >= figures_due {
            let (waiting, age_seconds) = relay.position.backlog().await?;
            relay.figures.outbox(waiting, age_seconds);
            figures_due = now + FIGURES_EVERY;
        }
        if now >= prune_due {
            relay.position.prune().await?;
            prune_due = now + PRUNE_EVERY;
        }
        let pause = relay.send_batch().await?;
        if !pause.is_zero() {
            wait(pause, token).await;
        }
    }
    Ok(())
}

async fn wait(pause: Duration, token: &CancellationToken) {
    tokio::select! {
        () = token.cancelled() => {}
        () = tokio::time::sleep(pause) => {}
    }
}

struct Relay {
    position: Position,
    bus: Bus,
    figures: Figures,
    /// How often in a row the broker did not take everything.
    refused: u32,
}

impl Relay {
    /// Sends what waits, at most one batch, and says how long to pause.
    async fn send_batch(&mut self) -> Result<Duration, Error> {
        if !self.bus.is_connected() {
            return Ok(AWAY);
        }
        let batch = self.position.next().await?;
        let asked = batch.events.len();
        let refused = self.publish(&batch.events).await?;
        let mut stuck = !refused.is_empty();
        // If it took nothing at all, it is the broker and not the events.
        if refused.len() < asked {
            self.figures.published(asked - refused.len());
            self.position.note(batch, &refused).await?;
        }
        if self.position.is_holding() && !stuck {
            stuck = self.send_held().await?;
        }
        if !stuck {
            self.refused = 0;
            return Ok(if asked == 0 { IDLE } else { Duration::ZERO });
        }
        self.refused += 1;
        tracing::warn!(asked, refused = refused.len(), "the event broker did not take all events; they wait");
        Ok((AWAY * self.refused).min(Duration::from_secs(5)))
    }

    /// Tries those again that were refused; tells whether some are refused still.
    async fn send_held(&mut self) -> Result<bool, Error> {
        let held = self.position.held().await?;
        let refused = self.publish(&held).await?;
        let taken = |(at, event)| (!refused.contains(&at)).then_some(event);
        let taken: Vec<&Waiting> = held.iter().enumerate().filter_map(taken).collect();
        self.position.release(&taken).await?;
        self.figures.published(taken.len());
        Ok(!refused.is_empty())
    }

    /// Sends all at once and then waits for the acknowledgements. Returns the places of those that the broker does
    /// not have on its disk.
    async fn publish(&self, events: &[Waiting]) -> Result<Vec<usize>, Error> {
        let mut promises = Vec::with_capacity(events.len());
        for event in events {
            // Without a connection the client's queue fills up and then blocks.
            let promise =
                timeout(TAKE, self.bus.publish(&event.subject, headers(event), event.payload.clone())).await;
            match promise {
                Ok(Ok(promise)) => promises.push(promise.into_future()),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the client did not take an event");
                    break;
                }
                Err(_) => break,
            }
        }
        let mut refused = Vec::new();
        let mut lost_stream = false;
        let promised = promises.len();
        for (at, acknowledged) in join_all(promises).await.into_iter().enumerate() {
            if let Err(error) = acknowledged {
                tracing::debug!(%error, event.id = %events[at].event_id, "the broker did not take an event");
                lost_stream |= error.kind() == PublishErrorKind::StreamNotFound;
                refused.push(at);
            }
        }
        refused.extend(promised..events.len());
        if lost_stream {
            // A broker that came back with an empty store: only we know what the stream is to be.
            self.bus.make_stream().await?;
        }
        Ok(refused)
    }
}

fn headers(event: &Waiting) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, event.event_id.to_string());
    // A header is one line; an id with a line break in it would be refused by the client with a panic.
    headers.insert(MERCHANT_HEADER, event.merchant_id.replace(['\r', '\n'], "_"));
    headers
}
