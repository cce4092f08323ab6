//! `gateway serve`: the gateway as a process of its own.

use std::process::ExitCode;

use gateway::Config;
use runtime::process::Program;

fn main() -> ExitCode {
    Program::new("gateway", "The one port of Jinpai: gRPC, gRPC-Web and JSON", Config::load, |config| {
        &config.telemetry
    })
    .main(gateway::start)
}
