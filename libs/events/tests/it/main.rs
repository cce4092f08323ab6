//! The library against a real Postgres and a real NATS.

mod faults;
mod follow;
mod outbox;
mod parked;
mod relay;
mod support;
mod upgrade;
