//! Reads and parses the file on a thread of its own, ahead of the connection.

use anyhow::Result;
use importers::Error;
use proto::metrics::v1::Reject;
use tokio::sync::mpsc;

use super::carried::{Carried, number};
use super::source::Rows;

/// Lines in a request, at most.
const LINES_MAX: usize = 64;
/// Bytes after which a request is full: far below what a server takes in one message.
const BYTES_MAX: usize = 512 << 10;

/// Some consecutive records.
#[derive(Debug)]
pub struct Batch<C> {
    /// Records, good and bad.
    pub read: i64,
    /// The good ones, to be sent.
    pub lines: Vec<C>,
    /// The ones refused here.
    pub rejects: Vec<Reject>,
}

impl<C> Default for Batch<C> {
    fn default() -> Self {
        Self { read: 0, lines: Vec::new(), rejects: Vec::new() }
    }
}

/// The file's batches.
#[derive(Debug)]
pub struct Feed<C> {
    batches: mpsc::Receiver<Result<Batch<C>>>,
    ended: bool,
}

impl<C: Carried> Feed<C> {
    /// Begins to read. What can't be read is reported here only if `errors` says so: a file that goes through two
    /// streams has each of its errors once.
    pub fn start(rows: Rows, shop: Option<String>, errors: bool) -> Self {
        let (send, batches) = mpsc::channel(16);
        std::thread::spawn(move || {
            if let Err(error) = read(rows, shop.as_deref(), errors, &send) {
                // Nobody receives any more only when the run has ended already.
                drop(send.blocking_send(Err(error)));
            }
        });
        Self { batches, ended: false }
    }

    /// The next batch; `None` once at the end of the file.
    pub async fn next(&mut self) -> Result<Option<Batch<C>>> {
        let next = self.batches.recv().await.transpose()?;
        self.ended = next.is_none();
        Ok(next)
    }

    /// Whether the end was reached.
    pub fn ended(&self) -> bool {
        self.ended
    }
}

fn read<C: Carried>(
    rows: Rows,
    shop: Option<&str>,
    errors: bool,
    send: &mpsc::Sender<Result<Batch<C>>>,
) -> Result<()> {
    let mut batch = Batch::default();
    let mut bytes = 0;
    for row in rows {
        match row {
            Ok(row) => match C::of(row, shop) {
                None => continue,
                Some(Ok(line)) => {
                    bytes += line.encoded_len();
                    batch.lines.push(line);
                }
                Some(Err(reject)) => batch.rejects.push(reject),
            },
            Err(Error::Row(wrong)) if errors => {
                let line = number(wrong.line);
                batch.rejects.push(Reject { line, field: wrong.field, reason: wrong.reason });
            }
            Err(Error::Row(_)) => continue,
            Err(error @ Error::Read(_)) => return Err(error.into()),
        }
        batch.read += 1;
        if batch.lines.len() >= LINES_MAX || bytes >= BYTES_MAX || batch.rejects.len() >= LINES_MAX {
            bytes = 0;
            if send.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
                return Ok(());
            }
        }
    }
    if batch.read > 0 {
        drop(send.blocking_send(Ok(batch)));
    }
    Ok(())
}
