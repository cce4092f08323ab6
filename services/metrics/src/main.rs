//! The service as a process: `metrics serve`, `metrics migrate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use metrics::Config;
use runtime::clock::SystemClock;

/// What every agent achieves: conversations in, figures out.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Settings that go over the defaults; JINPAI_METRICS__SECTION__KEY variables go over both.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer calls until SIGTERM. Refuses to start on a schema that is too old.
    Serve,
    /// Bring the schema up to date, then end.
    Migrate,
}

/// What a shell calls a usage error (sysexits).
const USAGE: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match Config::load(arguments.config.as_deref(), &[]) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("metrics: {}", status::chain(&error));
            return ExitCode::from(USAGE);
        }
    };
    match run(arguments.command, config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("metrics: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, config: Config) -> anyhow::Result<()> {
    let telemetry = runtime::telemetry::init(metrics::SCHEMA, &config.telemetry)?;
    runtime::telemetry::log_panics();
    let done = match command {
        Command::Serve => {
            let stop = runtime::server::stop_on_signals()?;
            metrics::run(config, SystemClock::shared(), stop).await
        }
        Command::Migrate => metrics::migrate(&config.database).await.map(|ran| {
            tracing::info!(migrations = ran.len(), "migrated");
        }),
    };
    telemetry.shutdown();
    done
}
