//! `jinpai up`: the whole suite on one machine, with its own Postgres and NATS unless others are named, and a demo
//! merchant from real conversations.

mod folder;
mod merchant;
mod servers;
mod shown;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use runtime::clock::SystemClock;
use runtime::config::TelemetryConfig;
use runtime::telemetry::Telemetry;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use folder::Folder;
pub use merchant::{Loaded, MERCHANT, load};
pub use servers::{Kind as ServersKind, Servers};

use crate::state::{State, folder_of};
use crate::suite::{Options as SuiteOptions, Suite, kept_for_ever, without_login};

/// How `jinpai up` is run.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Where the gateway listens. Without it 127.0.0.1:8080, or a free port if that one is taken.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// A Postgres of yours, whose user may create roles, instead of a private one.
    #[arg(long, env = "JINPAI_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// A NATS with JetStream of yours instead of a private one.
    #[arg(long, env = "JINPAI_NATS_URL", hide_env_values = true, value_name = "URL")]
    pub nats_url: Option<String>,
    /// What the services log on standard error: error, warn, info, debug, or filters such as info,pg=debug.
    #[arg(long, default_value = "warn")]
    pub log: String,
    /// Start without the demo merchant.
    #[arg(long)]
    pub no_demo: bool,
}

/// Runs the suite until Ctrl-C or SIGTERM.
pub async fn run(options: &Options, state: Option<&Path>, json: bool) -> Result<()> {
    let started = Instant::now();
    let mut signals = Signals::new()?;
    let folder = Folder::hold(folder_of(state)?)?;
    let telemetry = telemetry(&options.log)?;
    let running = tokio::select! {
        running = Running::start(options, &folder, json) => running?,
        // Whatever has been started stops with its handle.
        () = signals.next() => return Ok(()),
    };
    shown::ready(&running.state, running.loaded.as_ref(), &folder, started.elapsed(), json)?;
    let ended = running.until(&mut signals, &folder).await;
    telemetry.shutdown();
    ended
}

/// Logs for people on standard error. One process has one set of logs: the services join it.
pub(crate) fn telemetry(log: &str) -> Result<Telemetry> {
    let config = TelemetryConfig { log: log.to_owned(), json: false, ..TelemetryConfig::default() };
    Ok(runtime::telemetry::init("jinpai", &config)?)
}

/// A suite and the servers below it.
struct Running {
    servers: Servers,
    suite: Suite,
    state: State,
    loaded: Option<Loaded>,
}

impl Running {
    async fn start(options: &Options, folder: &Folder, json: bool) -> Result<Self> {
        let tell = |what: &str| shown::step(json, what);
        tell("Postgres and NATS");
        let servers = Servers::start(
            folder.path(),
            options.database_url.as_deref(),
            options.nats_url.as_deref(),
            ServersKind::Lasting,
        )
        .await?;
        tell("roles, schemas, services");
        let suite = Suite::start(&SuiteOptions {
            database_url: servers.database_url().to_owned(),
            nats_url: servers.nats_url().to_owned(),
            event_prefix: "jinpai".to_owned(),
            folder: folder.path().to_owned(),
            listen: listen_on(options.listen),
            clock: SystemClock::shared(),
            settings: if options.no_demo { Vec::new() } else { kept_for_ever() },
        })
        .await?;
        let state = State::of(&suite, without_login(servers.database_url())?, MERCHANT);
        state.write(folder.path())?;
        let mut loaded = None;
        if !options.no_demo {
            tell("demo merchant");
            loaded = merchant::load_once(&suite, folder, json).await?;
        }
        Ok(Self { servers, suite, state, loaded })
    }

    /// Waits for a signal or a failure, then ends everything in order. A second signal ends it at once.
    async fn until(mut self, signals: &mut Signals, folder: &Folder) -> Result<()> {
        let failure = tokio::select! {
            () = signals.next() => None,
            failure = self.suite.failed() => Some(failure),
        };
        shown::stopping();
        let ending = async {
            let ended = self.suite.stop().await;
            State::remove(folder.path())?;
            self.servers.stop().await?;
            ended
        };
        tokio::select! {
            ended = ending => ended?,
            // The servers' guardians stop what is left: committed work is safe.
            () = signals.next() => State::remove(folder.path())?,
        }
        failure.map_or(Ok(()), Err)
    }
}

/// The address asked for, else the usual one if it is free. A taken port that was asked for is an error later on,
/// where it is bound.
fn listen_on(asked: Option<SocketAddr>) -> SocketAddr {
    let usual = SocketAddr::from(([127, 0, 0, 1], 8080));
    asked.unwrap_or_else(|| match std::net::TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::from(([127, 0, 0, 1], 0)),
    })
}

/// Ctrl-C and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Where the private servers of a suite keep what they hold.
fn server_folder(state: &Path, name: &str) -> PathBuf {
    state.join(name)
}
