//! The program as people run it.

mod ingest;
mod roster;
mod up;
