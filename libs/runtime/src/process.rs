//! A service as a process: `NAME serve`, `NAME migrate`, `NAME verify-audit`. A service's main function is one [`Program`].

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
/// The audit does not hold; 3 as with the commands of `jinpai` that found something.
const FOUND: u8 = 3;

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

/// Checks the audit of the service's schema.
pub type VerifyAudit<C> = fn(C, KeptHeads) -> BoxFuture<'static, anyhow::Result<Audited>>;

/// What the audit is compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptHeads {
    /// `LINK:HASH`, as the log or an earlier check gave them.
    pub heads: Vec<String>,
    /// Files of heads as services append them.
    pub files: Vec<PathBuf>,
}

/// What a check of the audit found, in a line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audited {
    /// Nothing contradicts itself or what was kept.
    Whole(String),
    /// The first thing that does.
    Broken(String),
}

/// A service's program, being put together. It ends with
///
/// - 0 when it was asked to end, has migrated, or found the audit whole;
/// - 3 when the audit does not hold, after one line that says where;
/// - 64 for settings that cannot be used, after one line that names the key;
/// - 1 for everything else, after one line that says what.
pub struct Program<C> {
    name: &'static str,
    about: &'static str,
    load: Load<C>,
    telemetry: fn(&C) -> &TelemetryConfig,
    migrate: Option<Migrate<C>>,
    verify_audit: Option<VerifyAudit<C>>,
}

/// What the command line asks for.
enum Task<C> {
    Serve,
    Migrate(Migrate<C>),
    VerifyAudit(VerifyAudit<C>, KeptHeads),
}

#[derive(Debug)]
enum Ended {
    Found(String),
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
        Self { name, about, load, telemetry, migrate: None, verify_audit: None }
    }

    /// With the subcommand `migrate`.
    #[must_use]
    pub fn migrate(self, migrate: Migrate<C>) -> Self {
        Self { migrate: Some(migrate), ..self }
    }

    /// With the subcommand `verify-audit`.
    #[must_use]
    pub fn verify_audit(self, verify: VerifyAudit<C>) -> Self {
        Self { verify_audit: Some(verify), ..self }
    }

    /// Does what the command line says; `start` starts the service.
    pub fn main(
        self,
        start: impl AsyncFnOnce(C, SharedClock, CancellationToken) -> anyhow::Result<Running>,
    ) -> ExitCode {
        let name = self.name;
        match self.run(std::env::args_os(), start) {
            Ok(told) => {
                tell(&told);
                ExitCode::SUCCESS
            }
            Err(Ended::Found(what)) => {
                tell(&what);
                ExitCode::from(FOUND)
            }
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

    /// What is left to tell on standard output: nothing, or what a check found.
    fn run(
        self,
        arguments: impl Iterator<Item = OsString>,
        start: impl AsyncFnOnce(C, SharedClock, CancellationToken) -> anyhow::Result<Running>,
    ) -> Result<String, Ended> {
        let matches = self.command().get_matches_from(arguments);
        let file = matches.get_one::<PathBuf>("config").map(PathBuf::as_path);
        let config = (self.load)(file, &[]).map_err(|error| Ended::Misconfigured(status::chain(&error)))?;
        let task = self.task(&matches);
        self.run_with(config, task, start)
    }

    fn task(&self, matches: &clap::ArgMatches) -> Task<C> {
        let serve = Task::Serve;
        match matches.subcommand() {
            Some(("migrate", _)) => self.migrate.map_or(serve, Task::Migrate),
            Some(("verify-audit", given)) => {
                let heads = given.get_many("head").into_iter().flatten().cloned().collect();
                let files = given.get_many("heads").into_iter().flatten().cloned().collect();
                self.verify_audit
                    .map_or(serve, |verify| Task::VerifyAudit(verify, KeptHeads { heads, files }))
            }
            _ => serve,
        }
    }

    fn run_with(
        &self,
        config: C,
        task: Task<C>,
        start: impl AsyncFnOnce(C, SharedClock, CancellationToken) -> anyhow::Result<Running>,
    ) -> Result<String, Ended> {
        tls::install_provider();
        let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let threads = threads.map_err(|error| Ended::Failed(error.into()))?;
        threads.block_on(async {
            let telemetry = telemetry::init(self.name, (self.telemetry)(&config));
            let telemetry = telemetry.map_err(|error| Ended::at_start(error.into()))?;
            telemetry::log_panics();
            let done = match task {
                Task::Serve => serve(config, start).await.map(|()| String::new()),
                Task::Migrate(migrate) => migrate(config).await.map_err(Ended::at_start).map(|ran| {
                    tracing::info!(migrations = ran.len(), "migrated");
                    String::new()
                }),
                Task::VerifyAudit(verify, kept) => match verify(config, kept).await {
                    Ok(Audited::Whole(told)) => Ok(told),
                    Ok(Audited::Broken(told)) => Err(Ended::Found(told)),
                    Err(error) => Err(Ended::at_start(error)),
                },
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
        let verify_audit = self.verify_audit.map(|_| verify_audit_command());
        clap::Command::new(self.name)
            .about(self.about)
            .version(env!("CARGO_PKG_VERSION"))
            .subcommand_required(true)
            .arg(settings)
            .subcommand(serve)
            .subcommands(migrate)
            .subcommands(verify_audit)
    }
}

fn verify_audit_command() -> clap::Command {
    let head = clap::Arg::new("head")
        .long("head")
        .value_name("LINK:HASH")
        .action(clap::ArgAction::Append)
        .help("A head of the chain that you kept: fields audit.link and audit.head of the log line \"audit chained\"");
    let heads = clap::Arg::new("heads")
        .long("heads")
        .value_name("FILE")
        .action(clap::ArgAction::Append)
        .value_parser(clap::value_parser!(PathBuf))
        .help("A file of heads as database.audit_head_file names it");
    clap::Command::new("verify-audit")
        .about("Recompute the chain of the audit, compare it with heads kept elsewhere, then end")
        .long_about(
            "Recompute the chain of the audit, compare it with heads kept elsewhere, then end.\n\nStatus 0: it is whole. \
             Status 3: it is not; the line on standard output names the first bad place. Changes nothing, and may run \
             beside the service.",
        )
        .arg(head)
        .arg(heads)
}

async fn serve<C>(
    config: C,
    start: impl AsyncFnOnce(C, SharedClock, CancellationToken) -> anyhow::Result<Running>,
) -> Result<(), Ended> {
    let stop = server::stop_on_signals().map_err(|error| Ended::Failed(error.into()))?;
    let running = start(config, SystemClock::shared(), stop).await.map_err(Ended::at_start)?;
    running.ended().await.map_err(Ended::Failed)
}

/// A line on standard output, if there is something to tell.
fn tell(what: &str) {
    if !what.is_empty() {
        // With standard output gone the exit status still tells.
        drop(writeln!(std::io::stdout(), "{what}"));
    }
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
    fn an_audit_that_does_not_hold_is_told_from_one_that_could_not_be_checked() {
        let check = |line: &str| {
            let program = program().verify_audit(|_, kept| {
                Box::pin(async move {
                    match kept.heads.first().map(String::as_str) {
                        Some("1:bad") => Ok(Audited::Broken("link 1".to_owned())),
                        Some("1:odd") => Err(ConfigError::Unusable("no head".to_owned()).into()),
                        Some("1:away") => anyhow::bail!("no database"),
                        _ => Ok(Audited::Whole(format!("{} {:?}", kept.heads.len(), kept.files))),
                    }
                })
            });
            program.run(arguments(line), async |_, _, _| anyhow::bail!("was started"))
        };
        let whole = check("shop verify-audit --head 1:a --head 2:b --heads kept.jsonl");
        assert_eq!(whole.expect("is whole"), "2 [\"kept.jsonl\"]");
        assert!(
            matches!(check("shop verify-audit --head 1:bad"), Err(Ended::Found(what)) if what == "link 1")
        );
        assert!(matches!(check("shop verify-audit --head 1:odd"), Err(Ended::Misconfigured(_))));
        assert!(matches!(check("shop verify-audit --head 1:away"), Err(Ended::Failed(_))));
    }

    #[test]
    fn the_command_line_is_sound() {
        program()
            .verify_audit(|_, _| Box::pin(async { anyhow::bail!("is not run") }))
            .command()
            .debug_assert();
        assert!(
            program().command().try_get_matches_from(arguments("shop migrate")).is_err(),
            "it has no schema"
        );
    }
}
