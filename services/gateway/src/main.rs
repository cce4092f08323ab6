//! `gateway serve`: the gateway as a process of its own.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use gateway::Config;
use runtime::clock::SystemClock;
use runtime::{server, telemetry, tls};

/// A call makes and drops many small things, often on another thread than the one that made them. The system's
/// allocator took a tenth of the gateway's time for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "gateway", about = "The one port of Jinpai: gRPC, gRPC-Web and JSON")]
struct Arguments {
    /// Settings over the defaults, as TOML. JINPAI_GATEWAY__SECTION__KEY variables go over both.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer calls until SIGTERM or Ctrl-C.
    Serve,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let Command::Serve = arguments.command;
    let config = Config::load(arguments.config.as_deref(), &[])?;
    tls::install_provider();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(config))
}

async fn serve(config: Config) -> Result<()> {
    let telemetry = telemetry::init("gateway", &config.telemetry)?;
    telemetry::log_panics();
    let stop = server::stop_on_signals()?;
    let running = gateway::start(config, SystemClock::shared(), stop).await?;
    let ended = running.task.await?;
    telemetry.shutdown();
    ended
}
