//! The program as people run it.

mod cut_ingest;
mod demo;
mod draw;
mod ingest;
mod roster;
mod up;
