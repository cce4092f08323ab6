//! One file through one stream: what is sent and not yet acknowledged is kept, and sent again after a failure.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;
use proto::metrics::v1::Reject;
use tokio::sync::mpsc;
use tonic::{Code, Status};

use super::bookmark::Bookmark;
use super::carried::{Acknowledgement, Carried};
use super::feed::{Batch, Feed};
use super::{FAILURES_MAX, Refused, Summary, early};
use crate::reader::Position;
use crate::session::{Session, explain};

/// Lines sent and not yet acknowledged, at most.
const UNACKNOWLEDGED_MAX: usize = 8_000;
/// Rejects named in the summary; `--rejects` writes all.
const REJECTS_SHOWN_MAX: usize = 100;

/// One stream of one file.
pub(super) struct Run<C> {
    pub bookmark: Bookmark,
    pub summary: Summary,
    pub feed: Feed<C>,
    pub position: Position,
    pub bar: ProgressBar,
    pub rejects: Option<std::fs::File>,
    /// Every line up to here is acknowledged or refused, and counted.
    pub settled: i64,
    /// Read and not wholly acknowledged, oldest first.
    pub window: VecDeque<Batch<C>>,
    /// The first batch of the window that this connection has not sent.
    pub unsent_from: usize,
}

impl<C: Carried> Run<C> {
    /// Sends everything, through failures that pass.
    pub async fn until_through(&mut self, session: &Session) -> Result<()> {
        let mut failures = 0;
        loop {
            let before = self.summary.clone();
            let status = match self.connection(session).await? {
                Ok(()) if self.window.is_empty() && self.feed.ended() => return Ok(()),
                Ok(()) => Status::unavailable("the stream ended before everything was acknowledged"),
                Err(status) => status,
            };
            failures = if self.summary == before { failures + 1 } else { 1 };
            let passing = matches!(
                status.code(),
                Code::Unavailable
                    | Code::Aborted
                    | Code::Cancelled
                    | Code::ResourceExhausted
                    | Code::Unknown
                    | Code::DeadlineExceeded
            ) || early(&status);
            if !passing || failures > FAILURES_MAX {
                return Err(explain(&status, "the ingest stopped").context(format!(
                    "{} is kept: run the same command again to go on",
                    self.progress_in_words()
                )));
            }
            self.summary.reconnects += 1;
            self.bar.set_message("connecting again");
            tokio::time::sleep(Duration::from_millis(100 << failures.min(6))).await;
        }
    }

    fn progress_in_words(&self) -> String {
        format!("what was acknowledged ({} of {} lines read)", self.acknowledged(), self.summary.read)
    }

    fn acknowledged(&self) -> i64 {
        let Summary { accepted, unchanged, stale, rejected, .. } = self.summary;
        accepted + unchanged + stale + rejected
    }

    /// One connection: sends the window again, then what is read, until the file's end or a failure. The outer error
    /// is the file's, the inner one the connection's.
    async fn connection(&mut self, session: &Session) -> Result<Result<(), Status>> {
        self.unsent_from = 0;
        let (send, requests) = mpsc::channel::<C::Request>(2);
        let mut answers = match C::open(session, requests).await {
            Ok(answers) => answers,
            Err(status) => return Ok(Err(status)),
        };
        let mut send = Some(send);
        loop {
            self.drop_settled();
            let waiting: usize = self.window.iter().map(|batch| batch.lines.len()).sum();
            let unsent = self.unsent_from < self.window.len();
            if !unsent && self.feed.ended() {
                // Closing our side asks the server to finish and end its own.
                send = None;
            }
            let room = send.clone().filter(|_| unsent);
            tokio::select! {
                room = reserve(room) => {
                    if let Some(permit) = room {
                        let lines = self.window[self.unsent_from].lines.clone();
                        permit.send(C::request(lines));
                        self.unsent_from += 1;
                    } else {
                        // The stream is gone; its answers say why.
                        send = None;
                    }
                }
                batch = self.feed.next(), if !self.feed.ended() && !unsent && waiting < UNACKNOWLEDGED_MAX => {
                    if let Some(batch) = batch? {
                        self.summary.read += batch.read;
                        self.window.push_back(batch);
                    }
                }
                answer = answers.message() => match answer {
                    Ok(Some(answer)) => self.acknowledge(&C::acknowledgement(answer))?,
                    Ok(None) => return Ok(Ok(())),
                    Err(status) => return Ok(Err(status)),
                },
            }
        }
    }

    /// Takes batches that hold no line to acknowledge (any more) off the front, and counts the rejects of the reader
    /// that stand before the first line still waiting.
    fn drop_settled(&mut self) {
        while let Some(batch) = self.window.front_mut() {
            let next = batch.lines.first().map_or(i64::MAX, Carried::number);
            let through = batch.rejects.partition_point(|reject| reject.line < next);
            let rejects: Vec<Reject> = batch.rejects.drain(..through).collect();
            for reject in &rejects {
                self.settled = self.settled.max(reject.line);
                self.refuse(reject);
            }
            if next < i64::MAX {
                return;
            }
            self.window.pop_front();
            self.unsent_from = self.unsent_from.saturating_sub(1);
        }
    }

    fn acknowledge(&mut self, answer: &Acknowledgement) -> Result<()> {
        let counts = answer.counts;
        self.summary.accepted += counts.accepted;
        self.summary.unchanged += counts.unchanged;
        self.summary.stale += counts.stale;
        for reject in &answer.rejects {
            self.refuse(reject);
        }
        for batch in &mut self.window {
            let settled = batch.lines.partition_point(|line| line.number() <= answer.through_line);
            batch.lines.drain(..settled);
            if !batch.lines.is_empty() {
                break;
            }
        }
        self.settled = self.settled.max(answer.through_line);
        self.drop_settled();
        self.bar.set_position(self.position.get());
        self.bar.set_message(format!("{} lines acknowledged", self.acknowledged()));
        self.bookmark.save(self.settled, &self.summary)
    }

    fn refuse(&mut self, reject: &Reject) {
        self.summary.rejected += 1;
        let refused =
            Refused { line: reject.line, field: reject.field.clone(), reason: reject.reason.clone() };
        if let Some(file) = &mut self.rejects {
            // The summary counts it in any case; a full disk shows when the file is closed.
            if let Err(error) = serde_json::to_writer(&mut *file, &refused)
                .map_err(Into::into)
                .and_then(|()| file.write_all(b"\n"))
            {
                let error: std::io::Error = error;
                self.bar.println(format!("line {}: the reject file can't be written: {error}", reject.line));
            }
        }
        if self.summary.rejects.len() < REJECTS_SHOWN_MAX {
            self.summary.rejects.push(refused);
        }
    }
}

/// Room for one request; `None` if the stream is gone. Waits for ever if there is nothing to send.
async fn reserve<T>(send: Option<mpsc::Sender<T>>) -> Option<mpsc::OwnedPermit<T>> {
    match send {
        Some(send) => send.reserve_owned().await.ok(),
        None => std::future::pending().await,
    }
}
