//! The one command people type.
//!
//! Where to start reading: [`cli`] names the commands. [`session`] finds and signs in to a gateway, [`state`] is how
//! the commands find the suite that `jinpai up` runs on this machine. [`ingest`], [`draw`], [`verify`], [`figures`] and [`reconcile`]
//! are clients like any other: they speak to the gateway only. `verify` needs nothing but the pure library,
//! and so does [`roster`]. [`suite`]
//! is all services in one process; [`up`] runs it with servers and a demo merchant, [`demo`] throws it away again.

pub mod anchors;
pub mod audit;
pub mod cli;
pub mod days;
pub mod demo;
pub mod down;
pub mod draw;
pub mod figures;
pub mod format;
pub mod ingest;
pub mod parked;
pub mod reader;
pub mod reconcile;
pub mod roster;
pub mod session;
pub mod state;
pub mod suite;
pub mod up;
pub mod verify;
