//! A service as a process: `NAME serve`, `NAME migrate`. A service's main function is one [`Program`].

use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::background::together;
use crate::clock::{SharedClock, SystemClock};
use crate::config::{ConfigError, TelemetryConfig};
use crate::identity::oidc::OidcError;
use crate::identity::{SignerError, VerifierError};
use crate::telemetry::TelemetryError;
use crate::{server, telemetry, tls};

/// What a shell calls a usage error (sysexits).
const USAGE: u8 = 64;

/// A service that runs.
#[derive(Debug)]
pub struct Running {
    /// Where calls are answered.
    pub address: SocketAddr,
    /// Where health and figures are answered.
    pub health: SocketAddr,
    /// Ends when the token is cancelled and everything in flight has ended.
    pub task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// The service of this server and what it does besides: if a part ends before `token` asks for it, all of it ends.
    pub fn of(
        server: server::Listening,
        background: impl IntoIterator<Item = JoinHandle<()>>,
        token: CancellationToken,
    ) -> Self {
        let background: Vec<_> = background.into_iter().collect();
        let (address, health) = (server.address, server.health);
        let task = tokio::spawn(async move { Ok(together(server.task, background, token).await?) });
        Self { address, health, task }
    }

    /// Waits until the service has ended.
    ///
    /// # Errors
    ///
    /// The part of the service that ended early or badly.
    pub async fn ended(self) -> anyhow::Result<()> {
        self.task.await?
    }
}

/// Reads the settings from a file (if one is named) and overrides, over the defaults and the environment.
pub type Load<C> = fn(Option<&Path>, &[(&str, &str)]) -> Result<C, ConfigError>;
/// Brings the schema up to date and says which migrations ran.
pub type Migrate<C> = fn(C) -> BoxFuture<'static, anyhow::Result<Vec<String>>>;

/// A service's program, being put together. It ends with
///
/// - 0 when it was asked to end, or has migrated;
/// - 64 for settings that cannot be used, after one line that names the key;
/// - 1 for everything else, after one line that says what.
pub struct Program<C> {
    name: &'static str,
    about: &'static str,
    load: Load<C>,
    telemetry: fn(&C) -> &TelemetryConfig,
    migrate: Option<Migrate<C>>,
}

#[derive(Debug)]
enum Ended {
    Misconfigured(String),
    Failed(anyhow::Error),
}

impl Ended {
    /// A start that failed: also what is read then, keys and certificates and addresses, comes from the settings.
    fn at_start(error: anyhow::Error) -> Self {
        if error.chain().any(is_about_settings) {
            Self::Misconfigured(format!("{error:#}"))
        } else {
            Self::Failed(error)
        }
    }
}

fn is_about_settings(cause: &(dyn std::error::Error + 'static)) -> bool {
    // An identity provider that does not answer may answer later.
    let sign_in =
        cause.downcast_ref::<OidcError>().is_some_and(|error| !matches!(error, OidcError::Fetch(_)));
    sign_in
        || cause.is::<ConfigError>()
        || cause.is::<VerifierError>()
        || cause.is::<SignerError>()
        || cause.is::<tls::TlsError>()
        || matches!(cause.downcast_ref(), Some(TelemetryError::Filter(_) | TelemetryError::Endpoint(_)))
}

impl<C> Program<C> {
    /// The program `name`, with the settings that `load` reads.
    pub fn new(
        name: &'static str,
        about: &'static str,
        load: Load<C>,
        telemetry: fn(&C) -> &TelemetryConfig,
    ) -> Self {
        Self { name, about, load, telemetry, migrate: None }
    }

    /// With the subcommand `migrate`.
    #[must_use]
    pub fn migrate(self, migrate: Migrate<C>) -> Self {
        Self { migrate: Some(migrate), ..self }
    }

    /// Does what the command line says; `start` starts the service.
    pub fn main(
        self,
        start: impl AsyncFnOnce(C, SharedClock, CancellationToken) -> anyhow::Result<Running>,
    ) -> ExitCode {
        let name = self.name;
        match self.run(std::env::args_os(), start) {
            Ok(()) => ExitCode::SUCCESS,
            Err(Ended::Misconfigured(error)) => {
                complain(name, &error);
                ExitCode::from(USAGE)
            }
            Err(Ended::Failed(error)) => {
                complain(name, &format!("{error:#}"));
                ExitCode::FAILURE
            }
        }
    }

    fn run(
        self,
        arguments: impl Iterator<Item = OsString>,
        start: impl AsyncFnOnce(C, SharedClock, CancellationToken) -> anyhow::Result<Running>,
    ) -> Result<(), Ended> {
        let matches = self.command().get_matches_from(arguments);
        let file = matches.get_one::<PathBuf>("config").map(PathBuf::as_path);
        let config = (self.load)(file, &[]).map_err(|error| Ended::Misconfigured(status::chain(&error)))?;
        let migrate = self.migrate.filter(|_| matches.subcommand_name() == Some("migrate"));
        self.run_with(config, migrate, start)
    }

    fn run_with(
        &self,
        config: C,
        migrate: Option<Migrate<C>>,
        start: impl AsyncFnOnce(C, SharedClock, CancellationToken) -> anyhow::Result<Running>,
    ) -> Result<(), Ended> {
        tls::install_provider();
        let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let threads = threads.map_err(|error| Ended::Failed(error.into()))?;
        threads.block_on(async {
            let telemetry = telemetry::init(self.name, (self.telemetry)(&config));
            let telemetry = telemetry.map_err(|error| Ended::at_start(error.into()))?;
            telemetry::log_panics();
            let done = match migrate {
                Some(migrate) => migrate(config).await.map_err(Ended::at_start).map(|ran| {
                    tracing::info!(migrations = ran.len(), "migrated");
                }),
                None => serve(config, start).await,
            };
            // Also after a start that failed: what it logged is what somebody will look for.
            telemetry.shutdown();
            done
        })
    }

    fn command(&self) -> clap::Command {
        let settings = clap::Arg::new("config")
            .long("config")
            .global(true)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Settings over the defaults, as TOML; JINPAI_<SERVICE>__<SECTION>__<KEY> variables go over both");
        let serve = clap::Command::new("serve").about("Answer calls until SIGTERM or Ctrl-C");
        let migrate = self
            .migrate
            .map(|_| clap::Command::new("migrate").about("Bring the schema up to date, then end"));
        clap::Command::new(self.name)
            .about(self.about)
            .version(env!("CARGO_PKG_VERSION"))
            .subcommand_required(true)
            .arg(settings)
            .subcommand(serve)
            .subcommands(migrate)
    }
}

async fn serve<C>(
    config: C,
    start: impl AsyncFnOnce(C, SharedClock, CancellationToken) -> anyhow::Result<Running>,
) -> Result<(), Ended> {
    let stop = server::stop_on_signals().map_err(|error| Ended::Failed(error.into()))?;
    let running = start(config, SystemClock::shared(), stop).await.map_err(Ended::at_start)?;
    running.ended().await.map_err(Ended::Failed)
}

fn complain(name: &str, what: &str) {
    // With standard error gone there is nobody left to tell.
    drop(writeln!(std::io::stderr(), "{name}: {what}"));
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn program() -> Program<TelemetryConfig> {
        let load: Load<TelemetryConfig> = |file, _| match file {
            None => Ok(TelemetryConfig::default()),
            Some(path) => Err(ConfigError::Unknown { keys: vec![path.display().to_string()] }),
        };
        Program::new("shop", "A shop", load, |config| config)
    }

    fn arguments(line: &str) -> impl Iterator<Item = OsString> {
        line.split(' ').map(OsString::from)
    }

    #[test]
    fn settings_are_read_before_anything_starts() {
        let started = Cell::new(false);
        let start = async |_, _, _| {
            started.set(true);
            anyhow::bail!("it burns")
        };
        let ended = program().run(arguments("shop serve --config x.toml"), start);
        assert!(
            matches!(&ended, Err(Ended::Misconfigured(what)) if what == "no such setting: x.toml"),
            "{ended:?}"
        );
        assert!(!started.get());
    }

    #[test]
    fn a_start_that_fails_is_told() {
        let ended = program().run(arguments("shop serve"), async |_, _, _| anyhow::bail!("it burns"));
        assert!(matches!(ended, Err(Ended::Failed(error)) if error.to_string() == "it burns"));
    }

    #[test]
    fn settings_that_fail_when_they_are_used_are_told_from_other_failures() {
        let ended = program().run(arguments("shop serve"), async |_, _, _| {
            let error = ConfigError::Unusable("database.url is not a Postgres URL".to_owned());
            Err(anyhow::Error::new(error).context("cannot reach the database"))
        });
        let told = "cannot reach the database: database.url is not a Postgres URL";
        assert!(matches!(&ended, Err(Ended::Misconfigured(what)) if what == told), "{ended:?}");
    }

    #[test]
    fn migrating_starts_nothing() {
        let program = program().migrate(|_| Box::pin(async { Ok(vec!["1".to_owned()]) }));
        let ended = program.run(arguments("shop migrate"), async |_, _, _| anyhow::bail!("was started"));
        assert!(ended.is_ok());
    }

    #[test]
    fn the_command_line_is_sound() {
        program().command().debug_assert();
        assert!(
            program().command().try_get_matches_from(arguments("shop migrate")).is_err(),
            "it has no schema"
        );
    }
}
