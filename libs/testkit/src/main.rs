//! `testkit run -- CMD…` starts a private Postgres and a private NATS, tells CMD about them by environment
//! variables, and stops both when it ends, with its exit code. What is already set in the environment is kept, and
//! no server started for it.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use servers::{Nats, NatsOptions, Postgres, PostgresOptions};
use testkit::{DATABASE_VARIABLE, NATS_VARIABLE, Scratch};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: testkit run -- COMMAND [ARGUMENT]…";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("testkit: {error:#}");
            ExitCode::from(70)
        }
    }
}

async fn run() -> Result<u8> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|verb| verb != "run") {
        bail!(USAGE);
    }
    let mut arguments = arguments.skip_while(|argument| argument == "--");
    let mut command = Command::new(arguments.next().context(USAGE)?);
    command.args(arguments);

    let folder = Scratch::in_memory();
    let mut postgres = None;
    if std::env::var_os(DATABASE_VARIABLE).is_none() {
        let server = Postgres::start(folder.path().join("postgres"), PostgresOptions::throwaway()).await?;
        command.env(DATABASE_VARIABLE, server.url());
        postgres = Some(server);
    }
    let mut nats = None;
    if std::env::var_os(NATS_VARIABLE).is_none() {
        let server = Nats::start(folder.path().join("nats"), NatsOptions::throwaway()).await?;
        command.env(NATS_VARIABLE, server.url());
        nats = Some(server);
    }

    let mut child = command.spawn().context("start the command")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // Ctrl-C reaches the command by itself (same process group); we only have to outlive it.
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => pass_on_terminate(&child),
        }
    };
    if let Some(server) = &mut nats {
        server.stop().await?;
    }
    if let Some(server) = &mut postgres {
        server.stop().await?;
    }
    // A command ended by a signal has no code; shells say 128 and the signal, for us any failure will do.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn pass_on_terminate(child: &tokio::process::Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id {
        // Gone already is fine: the wait beside this notices.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
}
