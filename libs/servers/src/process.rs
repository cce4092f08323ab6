//! Starts, signals and guards one server process.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::Error;
use crate::folder::Folder;

/// How long a server may take to end after a polite signal before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// How often a start looks whether the server is ready.
const POLL: Duration = Duration::from_millis(10);

/// Waits for its standard input to end, which it does when the holder dies, then stops the server if that process
/// is still the one it was told about ($2 is on the server's command line).
const GUARDIAN: &str = r#"read _; grep -qaF "$2" "/proc/$1/cmdline" 2>/dev/null && kill -INT "$1""#;

/// A server process and its guardian.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    server: &'static str,
    child: Child,
    // Dropping it closes its standard input, upon which it stops the server.
    guardian: Child,
    log: PathBuf,
}

impl ServerProcess {
    /// Starts `command` with its output in the folder's log file. `marker` is an argument that tells this server's
    /// process from any other that may get the same id later.
    pub(crate) fn spawn(
        server: &'static str,
        mut command: Command,
        folder: &Folder,
        marker: &Path,
    ) -> Result<Self, Error> {
        let log = folder.join("log");
        let open = OpenOptions::new().create(true).append(true).open(&log);
        let output = open.map_err(Error::io(|| format!("open {}", log.display())))?;
        let errors = output.try_clone().map_err(Error::io(|| format!("open {}", log.display())))?;
        folder.user().apply(&mut command);
        // A group of its own: Ctrl-C in a terminal goes to the whole group, and the suite must drain before its
        // database stops.
        command.process_group(0).stdin(Stdio::null()).stdout(output).stderr(errors).current_dir("/");
        let child = command.spawn().map_err(Error::io(|| format!("start {server}")))?;
        let id = child.id().unwrap_or_default();
        let guardian = Command::new("/bin/sh")
            .args(["-c", GUARDIAN, "guardian", &id.to_string()])
            .arg(marker)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .map_err(Error::io(|| format!("start the guardian of {server}")))?;
        Ok(Self { server, child, guardian, log })
    }

    /// The operating system's id of the server; 0 once it has ended.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits until `ready` says so. Fails when the server ends first or the patience does.
    pub(crate) async fn wait_ready(
        &mut self,
        patience: Duration,
        mut ready: impl FnMut(u32) -> bool,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + patience;
        loop {
            let ended = self.child.try_wait().map_err(Error::io(|| format!("watch {}", self.server)))?;
            if let Some(status) = ended {
                return Err(self.failed(format!("ended while starting ({status})")));
            }
            if ready(self.id()) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(self.failed(format!("was not ready after {} s", patience.as_secs())));
            }
            sleep(POLL).await;
        }
    }

    /// Ends the server in order: first politely, and by force when it takes too long.
    pub(crate) async fn stop(&mut self) -> Result<(), Error> {
        if self.child.id().is_some() {
            signal(self.id(), Signal::INT);
            if timeout(STOP_PATIENCE, self.child.wait()).await.is_err() {
                tracing::warn!(server = self.server, "server did not stop in time and is killed");
            }
        }
        self.kill().await
    }

    /// Kills the server as a power cut would: no chance to write anything.
    pub(crate) async fn kill(&mut self) -> Result<(), Error> {
        // The guardian goes first, so that it never signals a process that took over the id.
        let _ = self.guardian.kill().await;
        self.child.kill().await.map_err(Error::io(|| format!("kill {}", self.server)))
    }

    fn failed(&self, what: String) -> Error {
        Error::Failed { server: self.server, what, log: self.log.clone(), tail: tail(&self.log) }
    }
}

/// Stops what an earlier holder left running: the process `id`, if `marker` is on its command line.
pub(crate) async fn stop_leftover(server: &'static str, id: u32, marker: &Path) -> Result<(), Error> {
    if !is_alive(id, marker) {
        return Ok(());
    }
    tracing::info!(server, process = id, "stopping a server left over from an earlier run");
    for (kind, patience) in [(Signal::INT, STOP_PATIENCE), (Signal::KILL, STOP_PATIENCE)] {
        signal(id, kind);
        let deadline = Instant::now() + patience;
        while is_alive(id, marker) {
            if Instant::now() >= deadline {
                break;
            }
            sleep(POLL).await;
        }
    }
    if is_alive(id, marker) {
        return Err(Error::Io {
            what: format!("stop {server} (process {id}) left over from an earlier run"),
            source: std::io::ErrorKind::TimedOut.into(),
        });
    }
    Ok(())
}

/// A process is ours when the marker is among its arguments. A zombie has none, so it counts as gone.
fn is_alive(id: u32, marker: &Path) -> bool {
    let Ok(arguments) = fs::read(format!("/proc/{id}/cmdline")) else { return false };
    let marker = marker.as_os_str().as_encoded_bytes();
    arguments.split(|byte| *byte == 0).any(|argument| argument == marker)
}

fn signal(id: u32, kind: Signal) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended in this moment; whoever asked waits for the end and sees it.
        let _ = kill_process(pid, kind);
    }
}

/// The last lines of a log file, for an error message.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
