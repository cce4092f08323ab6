//! The test kit itself, against real servers.

mod access;
mod database;
mod identity;
mod nats;
mod proxy;
mod wait;
