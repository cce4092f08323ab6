//! The whole suite behind the gateway: journeys, failures, benches.
//!
//! Tests start it in one of two ways: [`InProcess`] has every service in the test's process, each behind a proxy that
//! can cut it off; [`Processes`] has a process for each, which can be killed. Both stand on [`Ground`], a private
//! Postgres and NATS of their own (database roles belong to a whole server, so two suites cannot share one), and are
//! spoken to through [`Door`], the gateway's address and the key that signs tokens. [`star`] is the real input and an
//! independent count of it; [`small`] makes input of a few chats,
//! [`workload`] a whole shop with orders, and what it amounts to.
//!
//! Helpers panic with the reason when the ground they stand on gives way, as those of the test kit do.

pub mod customers;
mod door;
mod ground;
mod in_process;
pub mod people;
pub mod plans;
mod processes;
pub mod small;
pub mod star;
pub mod workload;

pub use door::{Answer, Door, Framed, Frames};
pub use ground::Ground;
pub use in_process::InProcess;
pub use processes::{Processes, resident_mib};

/// The merchant of the demo data, and of most tests.
pub const MERCHANT: &str = jinpai::up::MERCHANT;
/// The services behind the gateway.
pub const SERVICES: [&str; 3] = ["metrics", "qa", "performance"];
