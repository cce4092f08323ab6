//! What every service process shares: configuration, telemetry, server, identity, clients, clock.
//!
//! A service's `start` reads like this: [`config::load`] gives its settings, [`telemetry::init`] its logs, traces
//! and figures, [`server::Server`] answers its calls, [`client::channel`] reaches other services, and
//! [`background::every`] runs what it does by itself. Handlers take who calls and how far they reach from
//! [`identity`], and the time from a [`clock::Clock`]. A main function is
//! one [`process::Program`].
//!
//! Nothing here knows a service, SQL or an event. Start reading at [`server`].

pub mod background;
mod call_body;
pub mod client;
pub mod clock;
pub mod config;
pub mod context;
pub mod deadline;
pub mod identity;
pub mod ids;
pub mod journal;
#[cfg(feature = "jemalloc")]
mod memory;
pub mod process;
pub mod server;
pub mod telemetry;
pub mod tls;
