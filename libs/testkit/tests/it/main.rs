//! The test kit itself, against real servers.

mod database;
mod nats;
mod proxy;
