//! A private NATS server with JetStream.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::folder::{Folder, set_mode};
use crate::process::{self, ServerProcess};
use crate::{Error, binary};

const SERVER: &str = "NATS";
const START_PATIENCE: Duration = Duration::from_secs(30);
const USER: &str = "jinpai";

/// How a private NATS is run.
#[derive(Debug, Clone, Default)]
pub struct NatsOptions {
    /// Whether every message is on the disk before it is acknowledged (`sync_interval: always`). Off it survives
    /// a kill of the server, but not the machine's power cut.
    pub sync_always: bool,
}

impl NatsOptions {
    /// For tests: no waiting for the disk.
    pub fn throwaway() -> Self {
        Self::default()
    }
}

/// A running private NATS. Dropping it stops the server in the background; [`stop`](Self::stop) waits.
#[derive(Debug)]
pub struct Nats {
    // Before the folder, so that on a drop the server is told to stop before the lock is let go.
    process: ServerProcess,
    folder: Folder,
    binary: PathBuf,
    options: NatsOptions,
    port: u16,
    password: String,
}

impl Nats {
    /// Starts on the streams in `folder`, or with none when there are none.
    pub async fn start(folder: impl AsRef<Path>, options: NatsOptions) -> Result<Self, Error> {
        let folder = Folder::open(folder.as_ref())?;
        let binary = reachable_binary(&folder)?;
        let password = folder.password()?;
        let streams = folder.join("streams");
        fs::create_dir_all(&streams).map_err(Error::io(|| format!("make folder {}", streams.display())))?;
        set_mode(&streams, 0o700)?;
        folder.user().own(&streams)?;
        if let Some(id) = last_process(&folder) {
            process::stop_leftover(SERVER, id, &configuration(&folder)).await?;
        }
        let (process, port) = launch(&folder, &binary, &options, &password).await?;
        Ok(Self { process, folder, binary, options, port, password })
    }

    /// The address, with user and password.
    pub fn url(&self) -> String {
        format!("nats://{USER}:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its log file.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Kills the server as a power cut would. [`restart`](Self::restart) brings it back.
    pub async fn kill9(&mut self) -> Result<(), Error> {
        self.process.kill().await
    }

    /// Stops the server in order.
    pub async fn stop(&mut self) -> Result<(), Error> {
        self.process.stop().await
    }

    /// Stops the server if it runs and starts it again on the same port.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.process.stop().await?;
        let (process, port) = launch(&self.folder, &self.binary, &self.options, &self.password).await?;
        self.process = process;
        self.port = port;
        Ok(())
    }
}

/// The program, or a copy of it in the data folder when the original lies where the server's user cannot go (a
/// clone below root's home).
fn reachable_binary(folder: &Folder) -> Result<PathBuf, Error> {
    let original = binary::nats_server()?;
    if folder.user().check_reaches(&original).is_ok() {
        return Ok(original);
    }
    let copy = folder.join("nats-server");
    // Renamed into place: a copy cut short must not look like a program.
    let unfinished = folder.join("nats-server.new");
    fs::copy(&original, &unfinished)
        .and_then(|_| fs::rename(&unfinished, &copy))
        .map_err(Error::io(|| format!("copy {} to {}", original.display(), copy.display())))?;
    set_mode(&copy, 0o755)?;
    Ok(copy)
}

fn configuration(folder: &Folder) -> PathBuf {
    folder.join("nats.conf")
}

fn last_process(folder: &Folder) -> Option<u32> {
    fs::read_to_string(folder.join("nats.pid")).ok()?.trim().parse().ok()
}

async fn launch(
    folder: &Folder,
    binary: &Path,
    options: &NatsOptions,
    password: &str,
) -> Result<(ServerProcess, u16), Error> {
    let mut lost_ports = Vec::new();
    loop {
        let port = folder.port(&lost_ports)?;
        let streams = folder.join("streams");
        let sync = if options.sync_always { "sync_interval: always" } else { "" };
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\nserver_name: jinpai\n\
             authorization {{ user: {USER}, password: \"{password}\" }}\n\
             jetstream {{ store_dir: \"{}\"\n {sync}\n }}\n",
            streams.display()
        );
        folder.write_secret("nats.conf", &text)?;
        let mut command = Command::new(binary);
        command.arg("--config").arg(configuration(folder));
        let mut process = ServerProcess::spawn(SERVER, command, folder, &configuration(folder))?;
        folder.write_secret("nats.pid", &process.id().to_string())?;
        match process.wait_ready(START_PATIENCE, |_| is_ready(port)).await {
            Ok(()) => return Ok((process, port)),
            Err(Error::Failed { tail, .. })
                if tail.contains("address already in use") && lost_ports.len() < 5 =>
            {
                process.kill().await?;
                lost_ports.push(port);
            }
            Err(error) => {
                process.kill().await?;
                return Err(error);
            }
        }
    }
}

/// The server greets a client with its description; it accepts connections before JetStream has recovered, but
/// greets only afterwards.
fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut greeting = [0; 2048];
    stream.set_read_timeout(Some(Duration::from_millis(500))).is_ok()
        && stream
            .read(&mut greeting)
            .is_ok_and(|length| String::from_utf8_lossy(&greeting[..length]).contains("\"jetstream\":true"))
}
