//! What the gateway counts beside every server's figures.

use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};

/// Calls turned away before they reached a service.
#[derive(Debug)]
pub struct Refusals(Counter<u64>);

impl Refusals {
    /// Made after telemetry is up: instruments made before count into the void.
    pub fn new() -> Self {
        let meter = global::meter("jinpai.gateway");
        let text = "Calls turned away before they reached a service, by decision";
        Self(meter.u64_counter("jinpai.gateway.refusals").with_description(text).build())
    }

    /// One more.
    pub fn add(&self, decision: &'static str) {
        self.0.add(1, &[KeyValue::new("decision", decision)]);
    }
}

impl Default for Refusals {
    fn default() -> Self {
        Self::new()
    }
}
