//! The library against a real Postgres.

mod apply;
mod follow;
mod support;
mod visible;
