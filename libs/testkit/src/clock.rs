//! A clock that stands still until it is told otherwise.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use runtime::clock::{Clock, SharedClock};

/// A clock that tests set. Clones tell the same time.
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<Mutex<DateTime<Utc>>>);

impl FakeClock {
    /// Stands at a moment given as RFC 3339, for example `2020-05-12T10:00:00+08:00`.
    pub fn at(moment: &str) -> Self {
        Self(Arc::new(Mutex::new(parse(moment))))
    }

    /// Jumps to a moment, forwards or back.
    pub fn set(&self, moment: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = parse(moment);
    }

    /// Moves on (or back, when negative).
    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// The clock as services take it.
    pub fn shared(&self) -> SharedClock {
        Arc::new(self.clone())
    }
}

impl Clock for FakeClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(moment: &str) -> DateTime<Utc> {
    let parsed = DateTime::parse_from_rfc3339(moment);
    parsed.unwrap_or_else(|error| panic!("`{moment}` is no RFC 3339 moment: {error}")).to_utc()
}
