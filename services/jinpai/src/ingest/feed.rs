//! Reads and parses the file on a thread of its own, ahead of the connection.

use std::path::Path;

use anyhow::Result;
use prost::Message;
use proto::metrics::v1::{ConversationLine, Reject};
use tokio::sync::mpsc;

use crate::format;
use crate::reader::{self, Position};

/// Lines in a request, at most.
const LINES_MAX: usize = 64;
/// Bytes of conversations after which a request is full: far below what a server takes in one message.
const BYTES_MAX: usize = 512 << 10;

/// Some consecutive lines.
#[derive(Debug, Default)]
pub struct Batch {
    /// Lines that are not blank, good and bad.
    pub read: i64,
    /// The good ones, to be sent.
    pub lines: Vec<ConversationLine>,
    /// The ones refused here.
    pub rejects: Vec<Reject>,
}

/// The file's batches.
#[derive(Debug)]
pub struct Feed {
    batches: mpsc::Receiver<Result<Batch>>,
    position: Position,
    bytes: Option<u64>,
    ended: bool,
}

impl Feed {
    /// Begins to read after line `after`.
    pub fn start(path: &Path, shop: Option<String>, after: i64) -> Result<Self> {
        let position = Position::default();
        let lines = reader::open(path, &position)?;
        let bytes = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
        let (send, batches) = mpsc::channel(16);
        std::thread::spawn(move || {
            if let Err(error) = read(lines, shop.as_deref(), after, &send) {
                // Nobody receives any more only when the run has ended already.
                drop(send.blocking_send(Err(error)));
            }
        });
        Ok(Self { batches, position, bytes, ended: false })
    }

    /// The next batch; `None` once at the end of the file.
    pub async fn next(&mut self) -> Result<Option<Batch>> {
        let next = self.batches.recv().await.transpose()?;
        self.ended = next.is_none();
        Ok(next)
    }

    /// Whether the end was reached.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Bytes of the file read.
    pub fn position(&self) -> u64 {
        self.position.get()
    }

    /// Bytes of the file, if it is one.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }
}

fn read(
    mut lines: reader::Lines,
    shop: Option<&str>,
    after: i64,
    send: &mpsc::Sender<Result<Batch>>,
) -> Result<()> {
    let mut batch = Batch::default();
    let mut bytes = 0;
    while let Some((number, line)) = lines.read_line()? {
        if number <= after {
            continue;
        }
        batch.read += 1;
        match format::parse(number, &line, shop) {
            Ok(conversation) => {
                bytes += conversation.encoded_len();
                batch.lines.push(ConversationLine { line: number, conversation: Some(conversation) });
            }
            Err(reject) => batch.rejects.push(reject),
        }
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
