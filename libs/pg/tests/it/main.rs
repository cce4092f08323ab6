//! The library against a real Postgres.

mod audit;
mod errors;
mod faults;
mod idempotency;
mod migrations;
mod pool;
mod roles;
mod support;
mod tls;
