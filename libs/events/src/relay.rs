//! Sends the outbox to JetStream: one relay per service, whichever replica holds the lock.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::context::PublishErrorKind;
use bytes::Bytes;
use futures::future::join_all;
use pg::{Pool, Session};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_postgres::Statement;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::bus::MERCHANT_HEADER;
use crate::figures::Figures;
use crate::{Bus, Error};

const BATCH_ROWS: i64 = 1_000;
const BATCH_BYTES: i64 = 8 * 1024 * 1024;
/// A look at an empty partial index costs next to nothing. NOTIFY would make every commit of the database queue up
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
    let mut relay = Relay::new(session, bus.clone(), pool.schema()).await?;
    let (mut figures_due, mut prune_due) = (Instant::now(), Instant::now());
    while !token.is_cancelled() {
        let now = Instant::now();
        if now >= figures_due {
            relay.record_figures().await?;
            figures_due = now + FIGURES_EVERY;
        }
        if now >= prune_due {
            relay.prune().await?;
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
    session: Session,
    bus: Bus,
    figures: Figures,
    select: Statement,
    mark: Statement,
    refused: u32,
}

struct Row {
    seq: i64,
    event_id: Uuid,
    merchant_id: String,
    subject: String,
    payload: Bytes,
}

impl Relay {
    async fn new(session: Session, bus: Bus, schema: &'static str) -> Result<Self, Error> {
        let select = session
            .client
            .prepare(
                "SELECT seq, event_id, merchant_id, subject, payload FROM ( \
                    SELECT *, sum(octet_length(payload)) OVER (ORDER BY seq) - octet_length(payload) AS before \
                    FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT $1) AS batch \
                 WHERE before < $2 ORDER BY seq",
            )
            .await
            .map_err(pg::Error::from)?;
        let mark = session
            .client
            .prepare("UPDATE outbox SET published_at = now() WHERE seq = ANY($1)")
            .await
            .map_err(pg::Error::from)?;
        Ok(Self { session, bus, figures: Figures::of(schema), select, mark, refused: 0 })
    }

    /// Sends what waits, at most one batch, and says how long to pause.
    async fn send_batch(&mut self) -> Result<Duration, Error> {
        if !self.bus.is_connected() {
            return Ok(AWAY);
        }
        let rows = self.session.client.query(&self.select, &[&BATCH_ROWS, &BATCH_BYTES]).await;
        let rows: Vec<Row> = rows.map_err(pg::Error::from)?.iter().map(Row::from).collect();
        if rows.is_empty() {
            return Ok(IDLE);
        }
        let asked = rows.len();
        let (sent, lost_stream) = self.publish(rows).await;
        if !sent.is_empty() {
            self.session.client.execute(&self.mark, &[&sent]).await.map_err(pg::Error::from)?;
            self.figures.published(sent.len());
        }
        if lost_stream {
            // A broker that came back with an empty store: only we know what the stream is to be.
            self.bus.make_stream().await?;
        }
        if sent.len() == asked {
            self.refused = 0;
            return Ok(Duration::ZERO);
        }
        self.refused += 1;
        tracing::warn!(asked, sent = sent.len(), "the event broker did not take all events; they wait");
        Ok((AWAY * self.refused).min(Duration::from_secs(5)))
    }

    /// Sends all at once and then waits for the acknowledgements. Returns the rows that the broker has on its disk,
    /// and whether it said that there is no stream.
    async fn publish(&self, rows: Vec<Row>) -> (Vec<i64>, bool) {
        let mut promises = Vec::with_capacity(rows.len());
        for row in rows {
            let headers = headers(&row);
            // Without a connection the client's queue fills up and then blocks.
            let promise = timeout(TAKE, self.bus.publish(&row.subject, headers, row.payload)).await;
            match promise {
                Ok(Ok(promise)) => promises.push(async move { (row.seq, promise.await) }),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the client did not take an event");
                    break;
                }
                Err(_) => break,
            }
        }
        let mut sent = Vec::with_capacity(promises.len());
        let mut lost_stream = false;
        for (seq, acknowledged) in join_all(promises).await {
            match acknowledged {
                Ok(_) => sent.push(seq),
                Err(error) => {
                    tracing::debug!(%error, seq, "the broker did not take an event");
                    lost_stream |= error.kind() == PublishErrorKind::StreamNotFound;
                }
            }
        }
        (sent, lost_stream)
    }

    /// Deletes what the broker has had for a day. From the front of the key, so that it needs no index of its own.
    async fn prune(&self) -> Result<(), Error> {
        let sql = "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox ORDER BY seq LIMIT 10000) \
                   AND published_at < now() - interval '24 hours'";
        while self.session.client.execute(sql, &[]).await.map_err(pg::Error::from)? == 10_000 {}
        Ok(())
    }

    async fn record_figures(&self) -> Result<(), Error> {
        // Counting stops at a bound: a long queue must not slow down its own relay.
        let sql = "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 \
                   FROM (SELECT created_at FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT 100000) AS waiting";
        let row = self.session.client.query_one(sql, &[]).await.map_err(pg::Error::from)?;
        self.figures.outbox(row.get(0), row.get(1));
        Ok(())
    }
}

impl From<&tokio_postgres::Row> for Row {
    fn from(row: &tokio_postgres::Row) -> Self {
        Self {
            seq: row.get(0),
            event_id: row.get(1),
            merchant_id: row.get(2),
            subject: row.get(3),
            payload: Bytes::from(row.get::<_, Vec<u8>>(4)),
        }
    }
}

fn headers(row: &Row) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, row.event_id.to_string());
    // A header is one line; an id with a line break in it would be refused by the client with a panic.
    headers.insert(MERCHANT_HEADER, row.merchant_id.replace(['\r', '\n'], "_"));
    headers
}
