//! The stream of an ingest: three tasks in a row, so that reading and checking go on while the batch before is being
//! committed. Queues between them hold one batch: a slow database slows the client down instead of filling memory.

use std::time::Duration;

use futures::future::try_join_all;
use futures::stream::{Stream, StreamExt};
use runtime::ids::MerchantId;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::domain::intake::{Context, Line, Prepared};
use crate::domain::{By, Metrics};
use crate::error::MetricsError;
use crate::store::Outcome;

/// Lines that one worker thread checks at a time.
const CHUNK: usize = 250;
/// How often a batch is counted again because definitions were put meanwhile.
const RECOUNTS: usize = 3;

/// What an ingest may take.
#[derive(Debug, Clone, Copy)]
pub struct IngestLimits {
    /// Conversations of a commit.
    pub batch_conversations: usize,
    /// Bytes of text of a commit.
    pub batch_bytes: usize,
    /// How long a batch that isn't full waits for more.
    pub linger: Duration,
}

/// One commit, acknowledged.
#[derive(Debug, Clone)]
pub struct Ack {
    /// Every line up to this one is committed or refused.
    pub through_line: i64,
    /// What became of the lines since the acknowledgement before.
    pub outcome: Outcome,
}

/// A batch and what it is stored with.
type Ready = (Context, Prepared);

impl Metrics {
    /// Stores the lines of a stream and tells of every commit. An error is the last thing told; what was acknowledged
    /// before it stays.
    pub fn ingest<S>(
        &self,
        by: By,
        lines: S,
    ) -> Result<mpsc::Receiver<Result<Ack, MetricsError>>, MetricsError>
    where
        S: Stream<Item = Result<Vec<Line>, MetricsError>> + Send + Unpin + 'static,
    {
        let permit = self.streams.clone().try_acquire_owned().map_err(|_| MetricsError::TooManyStreams)?;
        let (read, to_prepare) = mpsc::channel(1);
        let (prepared, to_commit) = mpsc::channel(1);
        let (told, acks) = mpsc::channel(4);
        tokio::spawn(collect(lines, self.limits, self.stop.clone(), read).in_current_span());
        let (metrics, merchant) = (self.clone(), by.caller.merchant.clone());
        tokio::spawn(
            async move { metrics.prepare_all(merchant, to_prepare, prepared).await }.in_current_span(),
        );
        let metrics = self.clone();
        let commit = async move {
            metrics.commit_all(by, to_commit, told).await;
            drop(permit);
        };
        tokio::spawn(commit.in_current_span());
        Ok(acks)
    }

    /// Stores a handful in one transaction.
    pub async fn ingest_batch(&self, by: &By, lines: Vec<Line>) -> Result<Outcome, MetricsError> {
        let mut last = 0;
        for line in &lines {
            check_order(line, &mut last)?;
        }
        let ready = self.prepare(&by.caller.merchant, lines).await?;
        self.commit(by, ready).await
    }

    async fn prepare_all(
        &self,
        merchant: MerchantId,
        mut batches: mpsc::Receiver<Result<Vec<Line>, MetricsError>>,
        prepared: mpsc::Sender<Result<Ready, MetricsError>>,
    ) {
        while let Some(batch) = batches.recv().await {
            let ready = match batch {
                Ok(lines) => self.prepare(&merchant, lines).await,
                Err(error) => Err(error),
            };
            let failed = ready.is_err();
            if prepared.send(ready).await.is_err() || failed {
                return;
            }
        }
    }

    async fn commit_all(
        &self,
        by: By,
        mut batches: mpsc::Receiver<Result<Ready, MetricsError>>,
        told: mpsc::Sender<Result<Ack, MetricsError>>,
    ) {
        while let Some(batch) = batches.recv().await {
            let done = match batch {
                Ok(ready) => {
                    let through_line = ready.1.through_line;
                    self.commit(&by, ready).await.map(|outcome| Ack { through_line, outcome })
                }
                Err(error) => Err(error),
            };
            let failed = done.is_err();
            // Nobody listens any more: the client is gone and will ask again from its last acknowledgement.
            if told.send(done).await.is_err() || failed {
                return;
            }
        }
    }

    /// Checks, redacts and counts on worker threads.
    async fn prepare(&self, merchant: &MerchantId, mut lines: Vec<Line>) -> Result<Ready, MetricsError> {
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
        Ok((context, Prepared::join(parts)))
    }

    async fn commit(&self, by: &By, ready: Ready) -> Result<Outcome, MetricsError> {
        let (mut context, mut prepared) = ready;
        // The semaphore lives as long as the service and is never closed.
        let _turn = self.commits.acquire().await;
        for _ in 0..RECOUNTS {
            match self.store.insert_batch(by, &context, &prepared).await {
                Err(MetricsError::DefinitionsMoved) => {
                    context.definitions = self.store.list_definitions(&by.caller.merchant).await?.into();
                    prepared.recount(&context)?;
                }
                done => return done,
            }
        }
        Err(MetricsError::DefinitionsMoved)
    }

    async fn context(&self, merchant: &MerchantId) -> Result<Context, MetricsError> {
        Ok(Context {
            merchant: merchant.clone(),
            calendar: self.store.find_calendar(merchant).await?.into(),
            definitions: self.store.list_definitions(merchant).await?.into(),
            now: self.clock.now(),
        })
    }
}

/// Gathers lines into batches until the stream ends, breaks, or the service stops.
async fn collect<S>(
    mut lines: S,
    limits: IngestLimits,
    stop: CancellationToken,
    batches: mpsc::Sender<Result<Vec<Line>, MetricsError>>,
) where
    S: Stream<Item = Result<Vec<Line>, MetricsError>> + Unpin,
{
    let (mut batch, mut bytes, mut last) = (Vec::new(), 0, 0);
    let mut flush_at = Instant::now();
    let end = loop {
        let arrived = tokio::select! {
            biased;
            () = stop.cancelled() => break Some(MetricsError::Stopping),
            arrived = lines.next() => arrived,
            () = sleep_until(flush_at), if !batch.is_empty() => {
                bytes = 0;
                if batches.send(Ok(std::mem::take(&mut batch))).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let arrived = match arrived {
            None => break None,
            Some(Err(error)) => break Some(error),
            Some(Ok(arrived)) => arrived,
        };
        if batch.is_empty() {
            flush_at = Instant::now() + limits.linger;
        }
        let mut wrong = None;
        for line in arrived {
            if let Err(error) = check_order(&line, &mut last) {
                wrong = Some(error);
                break;
            }
            bytes += line.bytes();
            batch.push(line);
            if batch.len() >= limits.batch_conversations || bytes >= limits.batch_bytes {
                bytes = 0;
                flush_at = Instant::now() + limits.linger;
                if batches.send(Ok(std::mem::take(&mut batch))).await.is_err() {
                    return;
                }
            }
        }
        if wrong.is_some() {
            break wrong;
        }
    };
    if !batch.is_empty() && batches.send(Ok(batch)).await.is_err() {
        return;
    }
    if let Some(error) = end {
        // Whoever would hear it may be gone too.
        let _ = batches.send(Err(error)).await;
    }
}

fn check_order(line: &Line, last: &mut i64) -> Result<(), MetricsError> {
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

    const LIMITS: IngestLimits =
        IngestLimits { batch_conversations: 3, batch_bytes: 1_000, linger: Duration::from_secs(3_600) };

    fn lines(numbers: &[i64]) -> Vec<Line> {
        numbers.iter().map(|number| Line { number: *number, draft: None }).collect()
    }

    /// The line numbers of each batch, and how it ended.
    async fn collected(items: Vec<Result<Vec<Line>, MetricsError>>) -> (Vec<Vec<i64>>, Option<MetricsError>) {
        let (send, mut receive) = mpsc::channel(1);
        tokio::spawn(collect(stream::iter(items), LIMITS, CancellationToken::new(), send));
        let (mut batches, mut end) = (Vec::new(), None);
        while let Some(batch) = receive.recv().await {
            match batch {
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

    #[tokio::test(start_paused = true)]
    async fn a_batch_that_is_not_full_waits_no_longer_than_it_may() {
        let (send, mut receive) = mpsc::channel(1);
        let (feed, source) = mpsc::channel(1);
        let source = tokio_stream::wrappers::ReceiverStream::new(source);
        tokio::spawn(collect(source, LIMITS, CancellationToken::new(), send));
        feed.send(Ok(lines(&[1]))).await.expect("is read");
        let batch = receive.recv().await.expect("a batch").expect("lines");
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
        let task = tokio::spawn(collect(source, LIMITS, stop.clone(), send));
        feed.send(Ok(lines(&[1]))).await.expect("is read");
        // The channel holds one: a second is accepted only once the first was taken.
        feed.send(Ok(lines(&[2]))).await.expect("is read");
        stop.cancel();
        let read = receive.recv().await.expect("a batch").expect("lines").len();
        assert!((1..=2).contains(&read));
        assert!(matches!(receive.recv().await, Some(Err(MetricsError::Stopping))));
        task.await.expect("ends");
    }
}
