//! Starts both servers on data below a folder, prints their addresses as shell exports, and serves until it is
//! told to stop: `cargo run -p servers --example serve -- FOLDER`.

use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: serve FOLDER")?);
    let mut postgres =
        servers::Postgres::start(folder.join("postgres"), servers::PostgresOptions::throwaway()).await?;
    let mut nats = servers::Nats::start(folder.join("nats"), servers::NatsOptions::throwaway()).await?;
    println!("export JINPAI_TEST_DATABASE_URL={}", postgres.url());
    println!("export JINPAI_TEST_NATS_URL={}", nats.url());
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    nats.stop().await?;
    postgres.stop().await?;
    Ok(())
}
