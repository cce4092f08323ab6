//! When customers are counted anew: soon after something came in of them, and out of the way of imports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::domain::Metrics;
use crate::error::MetricsError;

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    /// After something came in, so that what comes together is counted at once.
    pub settle: Duration,
    /// For batches that are being committed.
    pub make_way: Duration,
    /// Until it is looked for what other replicas took in.
    pub check: Duration,
}

/// Wakes the counter. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Counting {
    came_in: Arc<Notify>,
    pauses: Pauses,
    start: Instant,
    /// Until when an import is taken to go on, in milliseconds after the start.
    import_until: Arc<AtomicU64>,
}

/// How often the counter looks whether an import is still going on.
const LOOK: Duration = Duration::from_millis(20);
/// A batch of so many lines belongs to an import; live traffic brings few at a time.
const IMPORT_LINES: usize = 100;
/// After a batch of an import the next one is to be expected within this time.
const IMPORT_GAP: Duration = Duration::from_millis(200);
/// While an import goes on, counting rests this many times as long as it took: an import keeps most of the machine,
/// and a customer whose chats come in one batch after another is counted less often.
const REST: u32 = 3;
/// But at most so long.
const REST_MAX: Duration = Duration::from_secs(2);

impl Counting {
    /// Nothing came in yet.
    pub fn new(pauses: Pauses) -> Self {
        Self { came_in: Arc::new(Notify::new()), pauses, start: Instant::now(), import_until: Arc::default() }
    }

    /// Notes that a batch of so many lines is at hand or was just committed.
    pub fn note_batch(&self, lines: usize) {
        if lines >= IMPORT_LINES {
            self.import_until.fetch_max(self.millis(Instant::now() + IMPORT_GAP), Ordering::Relaxed);
        }
    }

    /// Whether an import goes on: between two of its commits there are moments without one, and they are no time to count in.
    fn imports(&self) -> bool {
        self.millis(Instant::now()) < self.import_until.load(Ordering::Relaxed)
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    /// Says that something came in.
    pub fn wake(&self) {
        self.came_in.notify_one();
    }
}

impl Metrics {
    /// Counts customers until the service stops. What fails is tried again: their changes stay until they are counted.
    pub async fn count_timelines(&self) {
        let Counting { came_in, pauses, .. } = &self.counting;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = came_in.notified() => sleep(pauses.settle).await,
                () = sleep(pauses.check) => {}
            }
            if let Err(error) = self.count_waiting().await {
                tracing::warn!(error.chain = status::chain(&error), "cannot look for customers to count now");
            }
        }
    }

    /// Counts whoever waits, a batch of each merchant in turn, so that none waits for another's import.
    async fn count_waiting(&self) -> Result<(), MetricsError> {
        let (mut taken, mut took) = (1, Duration::ZERO);
        while taken > 0 {
            taken = 0;
            let mut after = String::new();
            while let Some(merchant) = self.store.find_waiting_merchant(&after).await? {
                self.make_way(took).await;
                if self.stop.is_cancelled() {
                    return Ok(());
                }
                let began = Instant::now();
                match self.store.count_timelines(&merchant, self.clock.now()).await {
                    Ok(counted) => taken += counted,
                    // One merchant's trouble is not everybody's: the others' customers are counted all the same.
                    Err(error) => {
                        let error = status::chain(&error);
                        tracing::warn!(merchant, error, "cannot count customers of the merchant now");
                    }
                }
                took = began.elapsed();
                after = merchant;
            }
        }
        Ok(())
    }

    /// Waits while batches are committed or an import goes on, after counting that took so long.
    async fn make_way(&self, took: Duration) {
        let until = Instant::now() + self.counting.pauses.make_way.max((took * REST).min(REST_MAX));
        let busy = || self.commits.available_permits() < self.commits_max || self.counting.imports();
        while busy() && Instant::now() < until {
            sleep(LOOK).await;
        }
    }
}
