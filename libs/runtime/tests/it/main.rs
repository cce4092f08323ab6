//! The server, its clients and what they stand on, over real sockets.

mod config;
mod connections;
mod hops;
mod oidc;
mod server;
mod support;
mod tls;
mod tokens;
