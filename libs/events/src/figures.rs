//! What the telemetry shows of the events: how old the outbox is, how far followers lag, what is parked.

use std::sync::OnceLock;

use opentelemetry::metrics::{Counter, Gauge};
use opentelemetry::{KeyValue, global};

struct Instruments {
    outbox_waiting: Gauge<u64>,
    outbox_age: Gauge<f64>,
    published: Counter<u64>,
    lag: Gauge<u64>,
    handled: Counter<u64>,
    parked: Gauge<u64>,
}

fn instruments() -> &'static Instruments {
    static INSTRUMENTS: OnceLock<Instruments> = OnceLock::new();
    INSTRUMENTS.get_or_init(|| {
        let meter = global::meter("jinpai.events");
        Instruments {
            outbox_waiting: meter
                .u64_gauge("events.outbox.waiting")
                .with_description(
                    "Events and bundles committed and not yet with the broker, counted up to 100,000",
                )
                .build(),
            outbox_age: meter
                .f64_gauge("events.outbox.age")
                .with_unit("s")
                .with_description("Age of the oldest event that the broker does not have")
                .build(),
            published: meter
                .u64_counter("events.published")
                .with_description("Events and bundles the broker took")
                .build(),
            lag: meter
                .u64_gauge("events.follower.lag")
                .with_description("Events and bundles that a follower has still to handle")
                .build(),
            handled: meter
                .u64_counter("events.handled")
                .with_description("Events whose effect was made")
                .build(),
            parked: meter
                .u64_gauge("events.parked")
                .with_description("Events set aside with an error, waiting for somebody to decide")
                .build(),
        }
    })
}

/// The figures of one service's outbox, or of one follower.
#[derive(Debug, Clone)]
pub struct Figures {
    of: [KeyValue; 1],
}

impl Figures {
    /// `name`: the schema for an outbox, the durable name for a follower.
    pub fn of(name: impl Into<String>) -> Self {
        Self { of: [KeyValue::new("name", name.into())] }
    }

    pub fn outbox(&self, waiting: i64, age_seconds: f64) {
        instruments().outbox_waiting.record(waiting.unsigned_abs(), &self.of);
        instruments().outbox_age.record(age_seconds, &self.of);
    }

    pub fn published(&self, events: usize) {
        instruments().published.add(events as u64, &self.of);
    }

    pub fn lag(&self, events: u64) {
        instruments().lag.record(events, &self.of);
    }

    pub fn handled(&self, events: usize) {
        instruments().handled.add(events as u64, &self.of);
    }

    pub fn parked(&self, events: i64) {
        instruments().parked.record(events.unsigned_abs(), &self.of);
    }
}
