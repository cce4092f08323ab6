//! `gateway serve`: the gateway as a process of its own.

use std::process::ExitCode;

use gateway::Config;
use runtime::process::Program;

/// A call makes and drops many small things, often on another thread than the one that made them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Program::new("gateway", "The one port of Jinpai: gRPC, gRPC-Web and JSON", Config::load, |config| {
        &config.telemetry
    })
    .main(gateway::start)
}
