//! How far the relay is: which events the broker has, without a mark on any of them.
//!
//! Numbers from a sequence are taken in another order than transactions commit, so "all up to here" would lose those
//! that commit late. A snapshot of the database says exactly which transactions it shows. What is still to be sent are
//! the rows whose transaction is not visible in the snapshot up to which everything was sent: those in progress at
//! that time, and those begun later. Both are read from the front of the key, however much was sent before and
//! however long other transactions last.

use bytes::Bytes;
use tokio_postgres::{Client, Row, Statement};
use uuid::Uuid;

use crate::Error;

const BATCH_ROWS: i64 = 1_000;
const BATCH_BYTES: i64 = 8 * 1024 * 1024;

/// An event in the outbox. Transaction ids stay text: they are only handed back.
#[derive(Debug)]
pub(super) struct Waiting {
    xid: String,
    seq: i64,
    pub event_id: Uuid,
    pub merchant_id: String,
    pub subject: String,
    pub payload: Bytes,
}

/// The outbox of a service, seen from where its relay is. Only the holder of the relay's lock may have one.
pub(super) struct Position {
    client: Client,
    read: Statement,
    note: Statement,
    held: Statement,
    sent: Snapshot,
    window: Option<Window>,
    /// Whether there are events that the broker did not take when their turn came.
    holding: bool,
}

/// A row of the outbox by its key: the transaction that wrote it and its number.
type Key<'a> = (&'a str, i64);

/// A snapshot as Postgres writes it, `xmin:xmax:xip,xip,…`, and what queries want of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Snapshot {
    text: String,
    xmax: String,
    in_progress: Vec<String>,
}

/// Part of the way to a newer snapshot: what waits did not fit into one batch.
#[derive(Debug, Clone)]
struct Window {
    reading: Snapshot,
    through: (String, i64),
}

/// Events to send, in their order, and what can be noted once they are sent.
pub(super) struct Batch {
    pub events: Vec<Waiting>,
    next: (Snapshot, Option<Window>),
}

impl Position {
    /// Takes up where the relay before left off.
    pub async fn resume(client: Client) -> Result<Self, Error> {
        client
            .batch_execute(
                // A forgotten note means that events are sent again, which broker and followers expect: no commit has
                // to wait for the disk. Plans are made once, when the tables are empty, and must not read all of them later;
                // what is switched off counts as so dear that each plan would be compiled.
                "SET synchronous_commit = off; SET enable_seqscan = off; SET enable_bitmapscan = off; \
                 SET plan_cache_mode = force_generic_plan; SET jit = off",
            )
            .await
            .map_err(pg::Error::from)?;
        forget_other_cluster(&client).await?;
        let sql = "SELECT sent::text, reading::text, through_xid::text, through_seq, EXISTS (SELECT FROM outbox_held) \
                   FROM outbox_relay";
        let row = client.query_one(sql, &[]).await.map_err(pg::Error::from)?;
        let window = match (row.get::<_, Option<String>>(1), row.get(2), row.get(3)) {
            (Some(reading), Some(xid), Some(seq)) => {
                Some(Window { reading: Snapshot::parse(reading)?, through: (xid, seq) })
            }
            _ => None,
        };
        Ok(Self {
            read: prepare(&client, &read_sql()).await?,
            note: prepare(&client, NOTE).await?,
            held: prepare(&client, &held_sql()).await?,
            sent: Snapshot::parse(row.get(0))?,
            window,
            holding: row.get(4),
            client,
        })
    }

    /// What is to be sent next; empty if nothing waits.
    pub async fn next(&mut self) -> Result<Batch, Error> {
        loop {
            let reading = self.window.as_ref().map(|window| window.reading.text.as_str());
            let (through, later) = self.start()?;
            let rows = self
                .client
                .query(
                    &self.read,
                    &[
                        &self.sent.in_progress,
                        &through.0,
                        &through.1,
                        &later.0,
                        &later.1,
                        &reading,
                        &BATCH_ROWS,
                        &BATCH_BYTES,
                    ],
                )
                .await
                .map_err(pg::Error::from)?;
            let Some(last) = rows.last() else {
                let Some(window) = self.window.take() else {
                    return Ok(Batch { events: Vec::new(), next: (self.sent.clone(), None) });
                };
                // The window was sent to its end: the next look goes beyond it.
                self.sent = window.reading;
                continue;
            };
            let reading = match &self.window {
                Some(window) => window.reading.clone(),
                None => Snapshot::parse(last.get(6))?,
            };
            let through = (last.get(0), last.get(1));
            let events: Vec<Waiting> = rows.iter().map(Waiting::from).collect();
            let next = if is_everything(&events) {
                (reading, None)
            } else {
                (self.sent.clone(), Some(Window { reading, through }))
            };
            return Ok(Batch { events, next });
        }
    }

    /// Behind what to read on: among the rows of transactions that were in progress, and among those of later ones.
    fn start(&self) -> Result<(Key<'_>, Key<'_>), Error> {
        // Sequence numbers begin at 1: nothing is skipped.
        let later = (self.sent.xmax.as_str(), 0);
        let Some(window) = &self.window else { return Ok((("0", 0), later)) };
        let through = (window.through.0.as_str(), window.through.1);
        Ok((through, if number(through.0)? < number(later.0)? { later } else { through }))
    }

    /// Notes a batch as sent, but for the events at the places `refused`: these are held.
    pub async fn note(&mut self, batch: Batch, refused: &[usize]) -> Result<(), Error> {
        let (sent, window) = batch.next;
        let reading = window.as_ref().map(|window| window.reading.text.as_str());
        let through_xid = window.as_ref().map(|window| window.through.0.as_str());
        let through_seq = window.as_ref().map(|window| window.through.1);
        let (xids, seqs) = keys(refused.iter().map(|at| &batch.events[*at]));
        let noted = self
            .client
            .execute(&self.note, &[&sent.text, &reading, &through_xid, &through_seq, &xids, &seqs])
            .await
            .map_err(pg::Error::from)?;
        if noted != 1 {
            return Err(pg::Error::unreadable("outbox_relay", "its only row", "it is gone").into());
        }
        self.holding |= !refused.is_empty();
        (self.sent, self.window) = (sent, window);
        Ok(())
    }

    /// Whether there are events that the broker did not take when their turn came.
    pub fn is_holding(&self) -> bool {
        self.holding
    }

    /// Some of the events that the broker did not take when their turn came.
    pub async fn held(&mut self) -> Result<Vec<Waiting>, Error> {
        let rows = self.client.query(&self.held, &[&BATCH_ROWS, &BATCH_BYTES]).await;
        let rows = rows.map_err(pg::Error::from)?;
        self.holding = !rows.is_empty();
        Ok(rows.iter().map(Waiting::from).collect())
    }

    /// Holds events no longer.
    pub async fn release(&self, events: &[&Waiting]) -> Result<(), Error> {
        let (xids, seqs) = keys(events.iter().copied());
        let sql = "DELETE FROM outbox_held WHERE (xid, seq) IN \
                   (SELECT * FROM unnest($1::text[]::xid8[], $2::bigint[]))";
        self.client.execute(sql, &[&xids, &seqs]).await.map_err(pg::Error::from)?;
        Ok(())
    }

    /// Deletes what the broker has had for a day. From the front of the key, so that it needs no index of its own.
    pub async fn prune(&self) -> Result<(), Error> {
        self.client
            .batch_execute(
                "INSERT INTO outbox_history (sent) SELECT sent FROM outbox_relay \
                    ON CONFLICT ON CONSTRAINT outbox_history_pkey DO NOTHING; \
                 DELETE FROM outbox_history WHERE noted_at < \
                    (SELECT max(noted_at) FROM outbox_history WHERE noted_at < now() - interval '24 hours')",
            )
            .await
            .map_err(pg::Error::from)?;
        let sql = "DELETE FROM outbox o WHERE (xid, seq) IN (SELECT xid, seq FROM outbox ORDER BY xid, seq LIMIT 10000) \
                   AND pg_visible_in_snapshot(xid, (SELECT sent FROM outbox_history \
                        WHERE noted_at < now() - interval '24 hours' ORDER BY noted_at DESC LIMIT 1)) \
                   AND NOT EXISTS (SELECT FROM outbox_held h WHERE h.xid = o.xid AND h.seq = o.seq)";
        while self.client.execute(sql, &[]).await.map_err(pg::Error::from)? == 10_000 {}
        Ok(())
    }

    /// How many events wait, counted to a bound, and the age of the oldest of them in seconds.
    pub async fn backlog(&self) -> Result<(i64, f64), Error> {
        // A long queue must not slow down its own relay.
        let sql = "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 \
                   FROM (SELECT created_at FROM outbox_waiting LIMIT 100000) AS waiting";
        let row = self.client.query_one(sql, &[]).await.map_err(pg::Error::from)?;
        Ok((row.get(0), row.get(1)))
    }
}

/// `$1` was in progress when everything before was sent, of which `$2`, `$3` is how far it was sent since; what was not
/// begun yet is behind `$4`, `$5`. `$6` is the window's snapshot. What was in progress has lower ids than what had not
/// begun, so the two halves are in order. Each half has one bound that it begins at: given two, Postgres may begin at
/// the lower one and read everything between.
fn read_sql() -> String {
    let columns = "xid, seq, event_id, merchant_id, subject, payload";
    let within =
        "($6::text IS NULL OR pg_visible_in_snapshot(xid, $6::text::pg_snapshot)) ORDER BY xid, seq LIMIT $7";
    sized(
        &format!(
            "(SELECT {columns} FROM outbox WHERE xid = ANY ($1::text[]::xid8[]) AND (xid, seq) > ($2::text::xid8, $3) \
                AND {within}) UNION ALL \
             (SELECT {columns} FROM outbox WHERE (xid, seq) > ($4::text::xid8, $5) AND {within}) \
             ORDER BY xid, seq LIMIT $7",
        ),
        "$8",
    )
}

fn held_sql() -> String {
    sized(
        "SELECT o.xid, o.seq, o.event_id, o.merchant_id, o.subject, o.payload \
         FROM (SELECT xid, seq FROM outbox_held ORDER BY xid, seq LIMIT $1) AS h JOIN outbox o USING (xid, seq)",
        "$2",
    )
}

/// The first rows of `rows` that are `bytes` together, the one that exceeds it included.
fn sized(rows: &str, bytes: &str) -> String {
    format!(
        "SELECT xid::text, seq, event_id, merchant_id, subject, payload, pg_current_snapshot()::text FROM ( \
            SELECT *, sum(octet_length(payload)) OVER (ORDER BY xid, seq ROWS UNBOUNDED PRECEDING) \
                - octet_length(payload) AS before FROM ({rows}) AS batch) AS sized \
         WHERE before < {bytes} ORDER BY sized.xid, sized.seq"
    )
}

const NOTE: &str = "WITH held AS (INSERT INTO outbox_held SELECT * FROM unnest($5::text[]::xid8[], $6::bigint[]) \
        ON CONFLICT ON CONSTRAINT outbox_held_pkey DO NOTHING) \
     UPDATE outbox_relay SET sent = $1::text::pg_snapshot, reading = $2::text::pg_snapshot, \
        through_xid = $3::text::xid8, through_seq = $4";

/// Transaction ids mean something in one cluster only. In a database that was restored into another one nobody knows
/// what was sent: everything that is kept goes out again, and followers know what they have handled.
async fn forget_other_cluster(client: &Client) -> Result<(), Error> {
    let sql = "WITH moved AS (UPDATE outbox_relay SET cluster = system_identifier, sent = '4:4:', reading = NULL, \
                    through_xid = NULL, through_seq = NULL \
                FROM pg_control_system() WHERE cluster <> system_identifier RETURNING cluster), \
             renumbered AS (UPDATE outbox SET xid = pg_current_xact_id() FROM moved RETURNING seq), \
             released AS (DELETE FROM outbox_held USING moved), \
             forgotten AS (DELETE FROM outbox_history USING moved) \
         SELECT count(*) FROM renumbered";
    // Renumbering a day's events may take longer than a statement usually may.
    client.batch_execute("SET statement_timeout = 0").await.map_err(pg::Error::from)?;
    let row = client.query_one(sql, &[]).await.map_err(pg::Error::from)?;
    client.batch_execute("RESET statement_timeout").await.map_err(pg::Error::from)?;
    let events: i64 = row.get(0);
    if events > 0 {
        tracing::warn!(events, "the database is another cluster's: all events that are kept are sent again");
    }
    Ok(())
}

async fn prepare(client: &Client, sql: &str) -> Result<Statement, Error> {
    Ok(client.prepare(sql).await.map_err(pg::Error::from)?)
}

/// A transaction id, to be compared.
fn number(xid: &str) -> Result<u64, Error> {
    Ok(xid.parse().map_err(|_| pg::Error::unreadable("outbox_relay", xid, "it is no transaction id"))?)
}

/// Whether the limits of a batch cut nothing off.
fn is_everything(events: &[Waiting]) -> bool {
    let bytes: usize = events.iter().map(|event| event.payload.len()).sum();
    (events.len() as i64) < BATCH_ROWS && (bytes as i64) < BATCH_BYTES
}

fn keys<'a>(events: impl Iterator<Item = &'a Waiting>) -> (Vec<&'a str>, Vec<i64>) {
    events.map(|event| (event.xid.as_str(), event.seq)).unzip()
}

impl Snapshot {
    fn parse(text: String) -> Result<Self, Error> {
        let mut parts = text.split(':').skip(1);
        let (Some(xmax), Some(in_progress)) = (parts.next(), parts.next()) else {
            return Err(pg::Error::unreadable("outbox_relay", text, "it is no snapshot").into());
        };
        let in_progress = in_progress.split(',').filter(|xid| !xid.is_empty()).map(str::to_owned).collect();
        Ok(Self { xmax: xmax.to_owned(), in_progress, text })
    }
}

impl From<&Row> for Waiting {
    fn from(row: &Row) -> Self {
        Self {
            xid: row.get(0),
            seq: row.get(1),
            event_id: row.get(2),
            merchant_id: row.get(3),
            subject: row.get(4),
            payload: Bytes::from(row.get::<_, Vec<u8>>(5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_taken_apart() {
        let of = |text: &str| Snapshot::parse(text.to_owned());
        let snapshot = of("10:20:10,14,15").expect("is one");
        assert_eq!((snapshot.xmax.as_str(), snapshot.text.as_str()), ("20", "10:20:10,14,15"));
        assert_eq!(snapshot.in_progress, ["10", "14", "15"]);
        assert!(of("10:10:").expect("is one").in_progress.is_empty());
        assert!(of("10").is_err());
    }
}
