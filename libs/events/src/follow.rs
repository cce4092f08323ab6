//! Follows subjects of the stream and has each event handled once.

mod delivery;
mod replay;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use futures::StreamExt;
use futures::future::try_join_all;
use pg::Pool;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::figures::Figures;
use crate::{Bus, Error, Handler, MAX_PAYLOAD_BYTES};
use delivery::{Answer, Delivery};
use settle::Settler;

/// How long one request for a message stays with the broker when there is none.
const ASK: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);
/// Of messages fetched at once: two of the largest. A bundle holds dozens of events, several times as large in memory.
const BATCH_BYTES: usize = 2 * MAX_PAYLOAD_BYTES;
const FIGURES_EVERY: Duration = Duration::from_secs(10);

/// Starts handling the events of `subjects` (see [`crate::subject`]) until `token` ends.
///
/// `durable_name` is the follower's name with the broker, in the inbox and among the parked events: it must stay the
/// same over releases. Any number of replicas may follow under one name: they share the work. Each subject has its
/// own queue, so that a burst in one does not hold up another.
pub fn follow<H: Handler>(
    pool: Pool,
    bus: Bus,
    durable_name: &str,
    subjects: &[&str],
    handler: H,
    token: CancellationToken,
) -> JoinHandle<()> {
    let settler = Settler::new(pool, durable_name.to_owned(), Arc::new(handler), token);
    let mut tasks = vec![tokio::spawn(replay::replay_until_ended(settler.clone()))];
    tasks.extend(subjects.iter().map(move |subject| {
        let (bus, settler) = (bus.clone(), settler.clone());
        tokio::spawn(Follower { bus, subject: (*subject).to_owned(), settler }.run())
    }));
    tokio::spawn(async move {
        if let Err(ended) = try_join_all(tasks).await
            && let Ok(panic) = ended.try_into_panic()
        {
            // Whoever waits for this handle must see at once that a subject is no longer followed.
            std::panic::resume_unwind(panic);
        }
    })
}

/// Follows one subject.
struct Follower<H> {
    bus: Bus,
    subject: String,
    settler: Settler<H>,
}

impl<H: Handler> Follower<H> {
    async fn run(self) {
        while !self.settler.token().is_cancelled() {
            if let Err(error) = self.follow_consumer().await {
                let error = status::chain(&error);
                tracing::info!(
                    consumer = self.settler.consumer(),
                    subject = self.subject,
                    error,
                    "follower interrupted"
                );
            }
            self.wait(PAUSE).await;
        }
    }

    /// Works until the token ends or the broker fails.
    async fn follow_consumer(&self) -> Result<(), Error> {
        if !self.bus.ready(self.settler.token()).await {
            return Ok(());
        }
        let batch = self.settler.batch_size();
        let mut consumer =
            self.bus.consumer(self.settler.consumer(), &self.subject, 4 * batch as i64).await?;
        let figures = Figures::of(format!("{}--{}", self.settler.consumer(), self.subject));
        let mut figures_due = Instant::now();
        let mut deliveries = Vec::new();
        while !self.settler.token().is_cancelled() {
            if Instant::now() >= figures_due {
                let info = consumer.info().await.map_err(|e| Error::Broker(e.to_string()))?;
                figures.lag(info.num_pending + info.num_ack_pending as u64);
                figures_due = Instant::now() + FIGURES_EVERY;
            }
            // The next batch is fetched while this one is handled.
            let handled = std::mem::take(&mut deliveries);
            if handled.is_empty() {
                deliveries = self.wait_for_some(&consumer, batch).await?;
            } else {
                let fetched;
                (fetched, ()) = tokio::join!(self.fetch(&consumer, batch), self.settler.settle(handled));
                deliveries = fetched?;
            }
        }
        // Another replica, or we after the restart, should not have to wait for them to time out.
        for delivery in deliveries {
            delivery.answer(Answer::Again(Duration::ZERO)).await;
        }
        Ok(())
    }

    /// Waits for an event, then takes what else is there.
    async fn wait_for_some(&self, consumer: &PullConsumer, batch: usize) -> Result<Vec<Delivery>, Error> {
        let broker = |e: String| Error::Broker(e);
        let mut one = consumer
            .batch()
            .max_messages(1)
            .expires(ASK)
            .messages()
            .await
            .map_err(|e| broker(e.to_string()))?;
        let first = tokio::select! {
            () = self.settler.token().cancelled() => return Ok(Vec::new()),
            first = one.next() => first,
        };
        let Some(first) = first.transpose().map_err(|e| broker(e.to_string()))? else {
            return Ok(Vec::new());
        };
        let mut deliveries = Delivery::all(first);
        if batch > 1 {
            deliveries.extend(self.fetch(consumer, batch - 1).await?);
        }
        Ok(deliveries)
    }

    /// Takes what is there now.
    async fn fetch(&self, consumer: &PullConsumer, batch: usize) -> Result<Vec<Delivery>, Error> {
        let messages = consumer.fetch().max_messages(batch).max_bytes(BATCH_BYTES).messages().await;
        let mut messages = messages.map_err(|e| Error::Broker(e.to_string()))?;
        let mut deliveries = Vec::new();
        while let Some(message) = messages.next().await {
            match message {
                Ok(message) => deliveries.extend(Delivery::all(message)),
                // What came so far is ours to handle; the next request will meet the error again.
                Err(error) => {
                    tracing::debug!(%error, "fetching stopped short");
                    break;
                }
            }
        }
        Ok(deliveries)
    }

    async fn wait(&self, pause: Duration) {
        tokio::select! {
            () = self.settler.token().cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
