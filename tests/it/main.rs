//! The suite as its callers and its operators meet it.

mod access;
mod board;
mod degraded;
mod faults;
mod journey;
mod parked;
mod roles;
mod tracing;
mod trade;
