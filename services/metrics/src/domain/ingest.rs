//! The stream of an ingest: three tasks in a row, so that reading and checking go on while the batch before is being
//! committed. Few batches are under way at most: a slow database makes batches grow to their limit, which costs it
//! less, and then slows the client down instead of filling memory. What is ingested is behind [`Ingested`].

use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use futures::stream::{Stream, StreamExt};
use pg::By;
use runtime::ids::MerchantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::domain::Metrics;
use crate::domain::batch::{Context, Ingested, Line, Outcome, Prepared};
use crate::error::MetricsError;

/// Lines that one worker thread checks at a time.
const CHUNK: usize = 250;
/// How often a batch is counted again because definitions were put meanwhile.
const RECOUNTS: usize = 8;

/// What an ingest may take.
#[derive(Debug, Clone, Copy)]
pub struct IngestLimits {
    /// Conversations or facts of a commit.
    pub batch_lines: usize,
    /// Bytes of a commit, as far as one stream may go.
    pub batch_bytes: usize,
    /// Bytes of all batches under way, which open streams share evenly.
    pub held_bytes: usize,
    /// How long a batch that isn't full waits for more.
    pub linger: Duration,
}

impl IngestLimits {
    /// How full a batch gets while so many streams are open. One stream's batches are large, which the database likes
    /// best; thirty-two streams' together take no more memory than a few streams' do.
    fn batch_bytes(&self, open: usize) -> usize {
        self.batch_bytes.min(self.held_bytes / (UNDER_WAY * open.max(1)))
    }
}

/// The streams that may be open at once.
#[derive(Debug, Clone)]
pub struct Streams {
    places: Arc<Semaphore>,
    max: usize,
}

impl Streams {
    /// Room for `max` streams.
    pub fn new(max: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(max)), max }
    }

    /// A place, kept until it is dropped; none while all are taken.
    fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    fn open(&self) -> usize {
        self.max - self.places.available_permits()
    }
}

/// One commit, acknowledged.
#[derive(Debug, Clone)]
pub struct Ack {
    /// Every line up to this one is committed or refused.
    pub through_line: i64,
    /// What became of the lines since the acknowledgement before.
    pub outcome: Outcome,
}

/// Batches under way in one stream: one being committed, one prepared, so that the database never waits for the next, and one
/// being prepared.
const UNDER_WAY: usize = 3;

/// A batch and what it is stored with.
type Ready<D> = (Context, Prepared<<D as Ingested>::Candidate>);

/// What goes from task to task: work, or the error that ends the stream. It keeps its place until it is done.
struct Item<T> {
    work: Result<T, MetricsError>,
    place: Option<OwnedSemaphorePermit>,
}

impl Metrics {
    /// Stores the lines of a stream and tells of every commit. An error is the last thing told; what was acknowledged
    /// before it stays.
    pub fn ingest<S, D>(
        &self,
        by: By,
        lines: S,
    ) -> Result<mpsc::Receiver<Result<Ack, MetricsError>>, MetricsError>
    where
        S: Stream<Item = Result<Vec<Line<D>>, MetricsError>> + Send + Unpin + 'static,
        D: Ingested,
    {
        let permit = self.streams.enter().ok_or(MetricsError::TooManyStreams)?;
        let (read, to_prepare) = mpsc::channel(1);
        let (prepared, to_commit) = mpsc::channel(1);
        let (told, acks) = mpsc::channel(4);
        let (streams, stop) = (self.streams.clone(), self.stop.clone());
        tokio::spawn(collect(lines, self.limits, streams, stop, read).in_current_span());
        let (metrics, merchant) = (self.clone(), by.caller.merchant.clone());
        tokio::spawn(
            async move { metrics.prepare_all::<D>(merchant, to_prepare, prepared).await }.in_current_span(),
        );
        let metrics = self.clone();
        let commit = async move {
            metrics.commit_all::<D>(by, to_commit, told).await;
            drop(permit);
        };
        tokio::spawn(commit.in_current_span());
        Ok(acks)
    }

    /// Stores a handful in one transaction.
    pub async fn ingest_batch<D: Ingested>(
        &self,
        by: &By,
        lines: Vec<Line<D>>,
    ) -> Result<Outcome, MetricsError> {
        let mut last = 0;
        for line in &lines {
            check_order(line, &mut last)?;
        }
        let ready = self.prepare(&by.caller.merchant, lines).await?;
        self.commit::<D>(by, ready).await
    }

    async fn prepare_all<D: Ingested>(
        &self,
        merchant: MerchantId,
        mut batches: mpsc::Receiver<Item<Vec<Line<D>>>>,
        prepared: mpsc::Sender<Item<Ready<D>>>,
    ) {
        while let Some(Item { work, place }) = batches.recv().await {
            let work = match work {
                Ok(lines) => self.prepare(&merchant, lines).await,
                Err(error) => Err(error),
            };
            let failed = work.is_err();
            if prepared.send(Item { work, place }).await.is_err() || failed {
                return;
            }
        }
    }

    async fn commit_all<D: Ingested>(
        &self,
        by: By,
        mut batches: mpsc::Receiver<Item<Ready<D>>>,
        told: mpsc::Sender<Result<Ack, MetricsError>>,
    ) {
        while let Some(Item { work, place }) = batches.recv().await {
            let done = match work {
                Ok(ready) => {
                    let through_line = ready.1.through_line;
                    self.commit::<D>(&by, ready).await.map(|outcome| Ack { through_line, outcome })
                }
                Err(error) => Err(error),
            };
            drop(place);
            let failed = done.is_err();
            // Nobody listens any more: the client is gone and will ask again from its last acknowledgement.
            if told.send(done).await.is_err() || failed {
                return;
            }
        }
    }

    /// Checks, redacts and counts on worker threads.
    async fn prepare<D: Ingested>(
        &self,
        merchant: &MerchantId,
        mut lines: Vec<Line<D>>,
    ) -> Result<Ready<D>, MetricsError> {
        self.counting.note_batch(lines.len());
        let context = self.context(merchant).await?;
        let redactor = self.redactor(merchant);
        let mut chunks = Vec::new();
        while !lines.is_empty() {
            let rest = lines.split_off(lines.len().min(CHUNK));
            let (chunk, context, redactor) =
                (std::mem::replace(&mut lines, rest), context.clone(), redactor.clone());
            let span = tracing::Span::current();
            chunks.push(tokio::task::spawn_blocking(move || {
                span.in_scope(|| Prepared::of(chunk, &context, &redactor))
            }));
        }
        let parts = try_join_all(chunks).await.map_err(MetricsError::Worker)?;
        Ok((context, Prepared::join(parts.into_iter().collect::<Result<_, _>>()?)))
    }

    async fn commit<D: Ingested>(&self, by: &By, ready: Ready<D>) -> Result<Outcome, MetricsError> {
        let (mut context, mut prepared) = ready;
        // The semaphore lives as long as the service and is never closed.
        let _turn = self.commits.acquire().await;
        for _ in 0..RECOUNTS {
            context.known_day = context.calendar.business_day(self.clock.now());
            match D::insert_batch(&self.store, by, &context, &prepared).await {
                Err(MetricsError::DefinitionsMoved) => {
                    context.definitions = self.store.list_definitions(&by.caller.merchant).await?.into();
                    for candidate in &mut prepared.candidates {
                        D::recount(candidate, &context)?;
                    }
                }
                done => {
                    self.counting.note_batch(prepared.candidates.len());
                    self.counting.wake();
                    return done;
                }
            }
        }
        Err(MetricsError::DefinitionsMoved)
    }

    async fn context(&self, merchant: &MerchantId) -> Result<Context, MetricsError> {
        let (calendar, now) = (self.store.find_calendar(merchant).await?, self.clock.now());
        Ok(Context {
            merchant: merchant.clone(),
            known_day: calendar.business_day(now),
            calendar: calendar.into(),
            definitions: self.store.list_definitions(merchant).await?.into(),
            now,
        })
    }
}

/// Gathers lines into batches until the stream ends, breaks, or the service stops.
async fn collect<S, D>(
    lines: S,
    limits: IngestLimits,
    streams: Streams,
    stop: CancellationToken,
    batches: mpsc::Sender<Item<Vec<Line<D>>>>,
) where
    S: Stream<Item = Result<Vec<Line<D>>, MetricsError>> + Unpin,
    D: Ingested,
{
    let mut collector = Collector {
        limits,
        streams,
        places: Arc::new(Semaphore::new(UNDER_WAY)),
        batches,
        batch: Vec::new(),
        bytes: 0,
        last: 0,
    };
    // Whoever would hear of it may be gone: then there is nothing left to do.
    let _ = collector.run(lines, stop).await;
}

/// The next task is gone.
struct Gone;

struct Collector<D> {
    limits: IngestLimits,
    streams: Streams,
    places: Arc<Semaphore>,
    batches: mpsc::Sender<Item<Vec<Line<D>>>>,
    batch: Vec<Line<D>>,
    bytes: usize,
    last: i64,
}

impl<D: Ingested> Collector<D> {
    async fn run<S>(&mut self, mut lines: S, stop: CancellationToken) -> Result<(), Gone>
    where
        S: Stream<Item = Result<Vec<Line<D>>, MetricsError>> + Unpin,
    {
        let mut flush_at = Instant::now();
        let end = loop {
            let waited_enough = async {
                sleep_until(flush_at).await;
                Arc::clone(&self.places).acquire_owned().await
            };
            let arrived = tokio::select! {
                biased;
                () = stop.cancelled() => break Some(MetricsError::Stopping),
                arrived = lines.next() => arrived,
                place = waited_enough, if !self.batch.is_empty() => {
                    self.hand_over(place.ok()).await?;
                    continue;
                }
            };
            let arrived = match arrived {
                None => break None,
                Some(Err(error)) => break Some(error),
                Some(Ok(arrived)) => arrived,
            };
            if self.batch.is_empty() {
                flush_at = Instant::now() + self.limits.linger;
            }
            if let Some(error) = self.take(arrived).await? {
                break Some(error);
            }
        };
        if !self.batch.is_empty() {
            self.flush().await?;
        }
        match end {
            Some(error) => self.send(Item { work: Err(error), place: None }).await,
            None => Ok(()),
        }
    }

    /// Takes lines up, and gives the error of one that is out of order; what came before it stays.
    async fn take(&mut self, arrived: Vec<Line<D>>) -> Result<Option<MetricsError>, Gone> {
        for line in arrived {
            if let Err(error) = check_order(&line, &mut self.last) {
                return Ok(Some(error));
            }
            self.bytes += line.draft.as_ref().map_or(0, D::bytes);
            self.batch.push(line);
            let full = self.limits.batch_bytes(self.streams.open());
            if self.batch.len() >= self.limits.batch_lines || self.bytes >= full {
                self.flush().await?;
            }
        }
        Ok(None)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        // The semaphore is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        self.hand_over(place).await
    }

    async fn hand_over(&mut self, place: Option<OwnedSemaphorePermit>) -> Result<(), Gone> {
        self.bytes = 0;
        let work = Ok(std::mem::take(&mut self.batch));
        self.send(Item { work, place }).await
    }

    async fn send(&self, item: Item<Vec<Line<D>>>) -> Result<(), Gone> {
        self.batches.send(item).await.map_err(|_| Gone)
    }
}

fn check_order<D>(line: &Line<D>, last: &mut i64) -> Result<(), MetricsError> {
    if line.number <= *last {
        return Err(MetricsError::LineOrder { line: line.number, last: *last });
    }
    *last = line.number;
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;
    use crate::domain::conversation::{Draft, DraftMessage};

    const LIMITS: IngestLimits = IngestLimits {
        batch_lines: 3,
        batch_bytes: 1_000,
        held_bytes: 6_000,
        linger: Duration::from_secs(3_600),
    };

    fn lines(numbers: &[i64]) -> Vec<Line<Draft>> {
        numbers.iter().map(|number| Line { number: *number, draft: Ok(Draft::default()) }).collect()
    }

    /// The line numbers of each batch, and how it ended.
    async fn collected(
        items: Vec<Result<Vec<Line<Draft>>, MetricsError>>,
    ) -> (Vec<Vec<i64>>, Option<MetricsError>) {
        collected_beside(Streams::new(1), LIMITS, items).await
    }

    async fn collected_beside(
        streams: Streams,
        limits: IngestLimits,
        items: Vec<Result<Vec<Line<Draft>>, MetricsError>>,
    ) -> (Vec<Vec<i64>>, Option<MetricsError>) {
        let (send, mut receive) = mpsc::channel(1);
        tokio::spawn(collect(stream::iter(items), limits, streams, CancellationToken::new(), send));
        let (mut batches, mut end) = (Vec::new(), None);
        while let Some(item) = receive.recv().await {
            match item.work {
                Ok(batch) => batches.push(batch.iter().map(|line| line.number).collect()),
                Err(error) => end = Some(error),
            }
        }
        (batches, end)
    }

    #[tokio::test]
    async fn batches_are_full_but_for_the_last() {
        let (batches, end) = collected(vec![Ok(lines(&[1, 2])), Ok(lines(&[3, 5, 8, 9, 10]))]).await;
        assert_eq!(batches, [vec![1, 2, 3], vec![5, 8, 9], vec![10]]);
        assert!(end.is_none());
    }

    #[tokio::test]
    async fn what_came_before_an_error_is_kept() {
        let (batches, end) = collected(vec![Ok(lines(&[1, 2, 2, 3]))]).await;
        assert_eq!(batches, [vec![1, 2]]);
        assert!(matches!(end, Some(MetricsError::LineOrder { line: 2, last: 2 })));
        let (batches, end) = collected(vec![Ok(lines(&[4])), Err(MetricsError::Stopping)]).await;
        assert_eq!(batches, [vec![4]]);
        assert!(matches!(end, Some(MetricsError::Stopping)));
    }

    #[tokio::test]
    async fn the_more_streams_are_open_the_smaller_are_batches() {
        let text = "x".repeat(200);
        let chat = |number| {
            let messages = vec![DraftMessage { text: text.clone(), ..DraftMessage::default() }];
            Line { number, draft: Ok(Draft { messages, ..Draft::default() }) }
        };
        let one = Draft::bytes(chat(1).draft.as_ref().expect("a draft"));
        // A single stream's batches hold four, by their bytes; all that is under way holds twelve.
        let limits = IngestLimits { batch_lines: 100, batch_bytes: 4 * one, held_bytes: 12 * one, ..LIMITS };
        let sizes = async |open: usize| {
            let streams = Streams::new(8);
            let places: Vec<_> = (0..open).map(|_| streams.enter().expect("a place")).collect();
            let lines = (1..=8).map(chat).collect();
            let (batches, _) = collected_beside(streams.clone(), limits, vec![Ok(lines)]).await;
            drop(places);
            assert_eq!(streams.open(), 0);
            batches.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(1).await, [4, 4]);
        assert_eq!(sizes(2).await, [2, 2, 2, 2]);
        // However many are open, a batch has a line.
        assert_eq!(sizes(8).await, [1; 8]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_is_not_full_waits_no_longer_than_it_may() {
        let (send, mut receive) = mpsc::channel(1);
        let (feed, source) = mpsc::channel(1);
        let source = tokio_stream::wrappers::ReceiverStream::new(source);
        tokio::spawn(collect(source, LIMITS, Streams::new(1), CancellationToken::new(), send));
        feed.send(Ok(lines(&[1]))).await.expect("is read");
        let batch = receive.recv().await.expect("a batch").work.expect("lines");
        assert_eq!(batch.len(), 1);
        drop(feed);
        assert!(receive.recv().await.is_none());
    }

    #[tokio::test]
    async fn stopping_hands_over_what_was_read() {
        let (send, mut receive) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let (feed, source) = mpsc::channel(1);
        let source = tokio_stream::wrappers::ReceiverStream::new(source);
        let task = tokio::spawn(collect(source, LIMITS, Streams::new(1), stop.clone(), send));
        feed.send(Ok(lines(&[1]))).await.expect("is read");
        // The channel holds one: a second is accepted only once the first was taken.
        feed.send(Ok(lines(&[2]))).await.expect("is read");
        stop.cancel();
        let read = receive.recv().await.expect("a batch").work.expect("lines").len();
        assert!((1..=2).contains(&read));
        let end = receive.recv().await.expect("an end");
        assert!(matches!(end.work, Err(MetricsError::Stopping)));
        task.await.expect("ends");
    }
}
