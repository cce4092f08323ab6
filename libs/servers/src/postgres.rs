//! A private Postgres.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::folder::{Folder, set_mode};
use crate::process::{self, ServerProcess};
use crate::{Error, binary};

const SERVER: &str = "Postgres";
/// Crash recovery of a large write-ahead log takes its time.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long backends of a killed server may hold its shared memory before a start gives up.
const CRASH_PATIENCE: Duration = Duration::from_secs(15);

/// How a private Postgres is run.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Connections that it accepts.
    pub max_connections: u32,
    /// Whether a commit survives the machine's power cut. Off it still survives a kill of the server, since what
    /// was written is in the kernel's hands by then.
    pub durable: bool,
    /// More settings by name, for example `("shared_buffers", "64MB")`.
    pub settings: Vec<(String, String)>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { max_connections: 200, durable: true, settings: Vec::new() }
    }
}

impl PostgresOptions {
    /// For tests: many connections, no waiting for the disk.
    pub fn throwaway() -> Self {
        Self { max_connections: 400, durable: false, settings: Vec::new() }
    }
}

/// A running private Postgres. Dropping it stops the server in the background; [`stop`](Self::stop) waits.
#[derive(Debug)]
pub struct Postgres {
    // Before the folder, so that on a drop the server is told to stop before the lock is let go.
    process: ServerProcess,
    folder: Folder,
    binaries: PathBuf,
    options: PostgresOptions,
    port: u16,
    password: String,
}

impl Postgres {
    /// Starts on the data in `folder`, or on fresh data when there is none.
    pub async fn start(folder: impl AsRef<Path>, options: PostgresOptions) -> Result<Self, Error> {
        let folder = Folder::open(folder.as_ref())?;
        let binaries = binary::postgres_folder()?;
        folder.user().check_reaches(&binaries.join("postgres"))?;
        let password = folder.password()?;
        stop_leftover(&folder).await?;
        initialise(&folder, &binaries).await?;
        check_version(&folder, &binaries).await?;
        let (process, port) = launch(&folder, &binaries, &options).await?;
        Ok(Self { process, folder, binaries, options, port, password })
    }

    /// The address of the maintenance database, as the superuser.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The address of another database of this server, as the superuser.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the programs are, for whoever wants `psql`.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// Its log file.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Kills the server as a power cut would. [`restart`](Self::restart) brings it back.
    pub async fn kill9(&mut self) -> Result<(), Error> {
        self.process.kill().await
    }

    /// Stops the server in order: running transactions are rolled back, everything committed is kept.
    pub async fn stop(&mut self) -> Result<(), Error> {
        self.process.stop().await
    }

    /// Stops the server if it runs and starts it again on the same port.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.process.stop().await?;
        let (process, port) = launch(&self.folder, &self.binaries, &self.options).await?;
        self.process = process;
        self.port = port;
        Ok(())
    }
}

fn data(folder: &Folder) -> PathBuf {
    folder.join("data")
}

/// Line 1 of `postmaster.pid` is the process, line 8 its state.
fn postmaster(folder: &Folder) -> Option<(u32, bool)> {
    let text = fs::read_to_string(data(folder).join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let id = lines.next()?.trim().parse().ok()?;
    let ready = lines.nth(6).is_some_and(|state| state.trim() == "ready");
    Some((id, ready))
}

async fn stop_leftover(folder: &Folder) -> Result<(), Error> {
    match postmaster(folder) {
        Some((id, _)) => process::stop_leftover(SERVER, id, &data(folder)).await,
        None => Ok(()),
    }
}

/// Makes the data folder under another name first: a start killed half-way leaves nothing that looks finished.
async fn initialise(folder: &Folder, binaries: &Path) -> Result<(), Error> {
    if data(folder).join("PG_VERSION").is_file() {
        return Ok(());
    }
    let unfinished = folder.join("data.new");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(Error::io(|| format!("remove {}", unfinished.display())))?;
    }
    fs::create_dir(&unfinished).map_err(Error::io(|| format!("make folder {}", unfinished.display())))?;
    set_mode(&unfinished, 0o700)?;
    folder.user().own(&unfinished)?;
    let mut command = Command::new(binaries.join("initdb"));
    command
        .arg("--pgdata")
        .arg(&unfinished)
        .args([
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ])
        .arg("--pwfile")
        .arg(folder.join("password"))
        .stdin(Stdio::null())
        .current_dir("/");
    folder.user().apply(&mut command);
    let output = command.output().await.map_err(Error::io(|| "start initdb".into()))?;
    if !output.status.success() {
        let log = folder.join("log");
        let said = [output.stdout, output.stderr].concat();
        fs::write(&log, &said).map_err(Error::io(|| format!("write {}", log.display())))?;
        let what = format!("could not make its data folder ({})", output.status);
        return Err(Error::Failed { server: SERVER, what, tail: process::tail(&log), log });
    }
    fs::rename(&unfinished, data(folder)).map_err(Error::io(|| format!("rename {}", unfinished.display())))
}

async fn check_version(folder: &Folder, binaries: &Path) -> Result<(), Error> {
    let path = data(folder).join("PG_VERSION");
    let found = fs::read_to_string(&path).map_err(Error::io(|| format!("read {}", path.display())))?;
    let output = Command::new(binaries.join("postgres"))
        .arg("--version")
        .output()
        .await
        .map_err(Error::io(|| "ask Postgres for its version".into()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": the first word that starts with a digit.
    let installed = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let installed = installed.and_then(|version| version.split('.').next()).unwrap_or_default().to_owned();
    if found.trim() == installed {
        return Ok(());
    }
    Err(Error::OtherVersion {
        folder: folder.path().to_path_buf(),
        found: found.trim().to_owned(),
        installed,
    })
}

/// Starts the server; tries again while a killed predecessor's backends still end, or when the port was lost to
/// somebody in between.
async fn launch(
    folder: &Folder,
    binaries: &Path,
    options: &PostgresOptions,
) -> Result<(ServerProcess, u16), Error> {
    let deadline = Instant::now() + CRASH_PATIENCE;
    let mut lost_ports = Vec::new();
    loop {
        let port = folder.port(&lost_ports)?;
        let mut process =
            ServerProcess::spawn(SERVER, command(folder, binaries, options, port), folder, &data(folder))?;
        let ready = |id| postmaster(folder) == Some((id, true));
        let error = match process.wait_ready(START_PATIENCE, ready).await {
            Ok(()) => return Ok((process, port)),
            Err(error) => error,
        };
        process.kill().await?;
        let Error::Failed { tail, .. } = &error else { return Err(error) };
        if tail.contains("could not create any TCP/IP sockets") && lost_ports.len() < 5 {
            lost_ports.push(port);
        } else if !tail.contains("shared memory block") || Instant::now() >= deadline {
            return Err(error);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn command(folder: &Folder, binaries: &Path, options: &PostgresOptions, port: u16) -> Command {
    let mut settings = vec![
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        // A socket path has a limit of 107 bytes and needs a shared folder; nobody here uses it.
        ("unix_socket_directories", String::new()),
        ("max_connections", options.max_connections.to_string()),
        ("log_line_prefix", "%m [%p] %q%u@%d %a ".to_owned()),
    ];
    if !options.durable {
        // Not synchronous_commit: with it off a killed server forgets commits that it had confirmed.
        settings.push(("fsync", "off".to_owned()));
        settings.push(("full_page_writes", "off".to_owned()));
    }
    let mut command = Command::new(binaries.join("postgres"));
    command.arg("-D").arg(data(folder));
    let more = options.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
    for (name, value) in settings.into_iter().chain(more) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
}
