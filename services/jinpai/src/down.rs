//! `jinpai down`: stops the suite that `jinpai up` runs on this machine.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::state::{State, folder_of};
use crate::up::Folder;

/// Draining may take its time, and Postgres writes out what it has.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells the suite to stop and waits until it has. False if none ran.
pub async fn run(state: Option<&Path>) -> Result<bool> {
    let folder = folder_of(state)?;
    let Some(running) = State::read(state)? else { return Ok(false) };
    let pid = i32::try_from(running.pid).ok().and_then(Pid::from_raw).context("the state file is damaged")?;
    kill_process(pid, Signal::TERM)
        .with_context(|| format!("process {} can't be told to stop", running.pid))?;
    let deadline = Instant::now() + PATIENCE;
    while Folder::is_held(&folder) {
        if Instant::now() >= deadline {
            bail!("process {} has not stopped within {} s", running.pid, PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(true)
}
