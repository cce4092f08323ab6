//! When an explanation has to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A time and a flag; long loops look at them.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    /// `None` if it is further away than a clock can tell.
    end: Option<Instant>,
    cancel: Option<Arc<AtomicBool>>,
}

impl Deadline {
    pub(crate) fn after(time: Duration, cancel: Option<Arc<AtomicBool>>) -> Self {
        Self { end: Instant::now().checked_add(time), cancel }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
            || self.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }
}
