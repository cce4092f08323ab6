//! The program as people run it.

mod demo;
mod draw;
mod ingest;
mod roster;
mod up;
