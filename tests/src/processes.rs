//! Every service in a process of its own, to be killed.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jinpai::suite::Keys;
use pg::DatabaseConfig;
use pg::roles::RoleLogin;
use runtime::clock::SystemClock;
use testkit::eventually;

use crate::ground::free_port;
use crate::{Door, Ground, SERVICES};

/// The servers only listen on the loopback interface and are thrown away.
const PASSWORD: &str = "test";
/// Who signs the tokens of [`Keys`].
const ISSUER: &str = "jinpai-local";
/// How long a debug build may take to be ready on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

/// A suite of processes.
#[derive(Debug)]
pub struct Processes {
    /// The way in.
    pub door: Door,
    members: BTreeMap<&'static str, Member>,
    /// Its Postgres and NATS; dropped last.
    pub ground: Ground,
}

/// One service: how it is started, and the process if it runs.
#[derive(Debug)]
struct Member {
    name: &'static str,
    program: PathBuf,
    settings: Vec<(String, String)>,
    port: u16,
    ops_port: u16,
    log: PathBuf,
    child: Option<Child>,
}

impl Processes {
    /// Starts everything. `program` is the binary `member` of this crate; spans go to `otlp`, if one is given.
    pub async fn start(program: &Path, otlp: Option<&str>) -> Self {
        Self::start_set(Ground::new().await, program, otlp, &[]).await
    }

    /// [`start`](Self::start) on servers that run already.
    pub async fn start_on(ground: Ground, program: &Path, otlp: Option<&str>) -> Self {
        Self::start_set(ground, program, otlp, &[]).await
    }

    /// [`start`](Self::start) with settings: of which service, `SECTION__KEY`, value.
    pub async fn start_with(program: &Path, settings: &[(&'static str, &str, &str)]) -> Self {
        Self::start_set(Ground::new().await, program, None, settings).await
    }

    async fn start_set(
        ground: Ground,
        program: &Path,
        otlp: Option<&str>,
        settings: &[(&'static str, &str, &str)],
    ) -> Self {
        runtime::tls::install_provider();
        prepare_database(&ground).await;
        let keys = Keys::open_or_create(ground.folder(), SystemClock::shared()).expect("keys");
        let mut members = BTreeMap::new();
        for service in SERVICES {
            let mut member = Member::new(service, program, &ground, otlp);
            let login = jinpai::suite::login(service);
            let url = jinpai::suite::with_login(&ground.postgres.url(), &login, PASSWORD).expect("a URL");
            member.set("DATABASE__URL", url);
            member.set("ACCESS__JWKS_FILE", keys.gateway_jwks.display().to_string());
            if service == "qa" {
                // The chats are of 2020.
                member.set("RETENTION__MONTHS", "0");
            }
            members.insert(service, member);
        }
        let mut gateway = Member::new("gateway", program, &ground, otlp);
        gateway.set("SIGN_IN__ISSUER", ISSUER);
        gateway.set("SIGN_IN__JWKS_FILE", keys.sign_in_jwks.display().to_string());
        for limit in ["PER_CALLER", "PER_MERCHANT"] {
            // Everything comes from one machine here: the limits are a subject of the gateway's own tests.
            gateway.set(&format!("LIMITS__{limit}__PER_SECOND"), "100000");
            gateway.set(&format!("LIMITS__{limit}__BURST"), "100000");
        }
        gateway.set("IDENTITY__KEY_FILE", keys.gateway_key.display().to_string());
        for service in SERVICES {
            let url = format!("http://127.0.0.1:{}", members[service].port);
            gateway.set(&format!("UPSTREAMS__{}__URL", service.to_uppercase()), url);
        }
        let door = Door { gateway: format!("http://127.0.0.1:{}", gateway.port), keys };
        members.insert("gateway", gateway);
        for (service, key, value) in settings {
            members.get_mut(service).expect("a service").set(key, *value);
        }
        for member in members.values_mut() {
            member.start();
        }
        for member in members.values_mut() {
            member.ready().await;
        }
        Self { door, members, ground }
    }

    /// Ends a service as a power cut would.
    pub fn kill9(&mut self, service: &str) {
        let member = self.members.get_mut(service).expect("a service");
        let mut child = member.child.take().expect("it runs");
        child.kill().expect("can be killed");
        // Not to leave it as a zombie; how it ended is known.
        drop(child.wait());
    }

    /// Starts a killed service again, and waits until it takes calls.
    pub async fn restart(&mut self, service: &str) {
        let member = self.members.get_mut(service).expect("a service");
        member.start();
        member.ready().await;
    }

    /// Starts a killed service again without waiting; its process, and where its health is answered.
    pub fn launch(&mut self, service: &str) -> (u32, SocketAddr) {
        let member = self.members.get_mut(service).expect("a service");
        member.start();
        let id = member.child.as_ref().expect("it was just started").id();
        (id, ([127, 0, 0, 1], member.ops_port).into())
    }

    /// The most memory that a running service has had resident, in MiB.
    pub fn peak_mib(&self, service: &str) -> f64 {
        let child = self.members[service].child.as_ref().expect("it runs");
        resident_mib(child.id(), "VmHWM")
    }

    /// Panics with the log of a service that has ended by itself.
    pub fn assert_running(&mut self) {
        for member in self.members.values_mut() {
            member.assert_running();
        }
    }
}

/// What the kernel says of a process's resident memory, in MiB: `VmRSS` now, `VmHWM` at most.
pub fn resident_mib(process: u32, what: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("the kernel tells");
    let kib = line.trim_matches(|c: char| !c.is_ascii_digit());
    kib.parse::<f64>().expect("a number of kB") / 1024.0
}

impl Member {
    fn new(name: &'static str, program: &Path, ground: &Ground, otlp: Option<&str>) -> Self {
        let log = ground.folder().join(format!("{name}.log"));
        let (port, ops_port) = (free_port(), free_port());
        let (program, settings) = (program.to_owned(), Vec::new());
        let mut member = Self { name, program, settings, port, ops_port, log, child: None };
        member.set("SERVER__LISTEN", format!("127.0.0.1:{port}"));
        member.set("SERVER__OPS_LISTEN", format!("127.0.0.1:{ops_port}"));
        member.set("EVENTS__URL", ground.nats.url());
        if let Some(otlp) = otlp {
            member.set("TELEMETRY__OTLP_ENDPOINT", otlp);
        }
        member
    }

    fn set(&mut self, key: &str, value: impl Into<String>) {
        self.settings.push((format!("JINPAI_{}__{key}", self.name.to_uppercase()), value.into()));
    }

    fn start(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).expect("a log file");
        let child = Command::new(&self.program)
            .arg(self.name)
            .envs(self.settings.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("start {}: {error}", self.program.display())));
    }

    async fn ready(&mut self) {
        let address = ([127, 0, 0, 1], self.port);
        eventually(START_MAX, async || {
            self.assert_running();
            TcpStream::connect(SocketAddr::from(address)).is_ok()
        })
        .await;
    }

    fn assert_running(&mut self) {
        let Some(child) = &mut self.child else { return };
        if let Some(status) = child.try_wait().expect("can be asked") {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            panic!("{} ended by itself ({status}):\n{log}", self.name);
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A test is over: nothing is left to save.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Roles and schemas, as the migrate jobs of a cluster make them.
async fn prepare_database(ground: &Ground) {
    let admin = DatabaseConfig::new(ground.postgres.url());
    for schema in SERVICES {
        let login = |name: String| RoleLogin { name, password: PASSWORD.to_owned().into() };
        let owner = format!("{}_owner", jinpai::suite::login(schema));
        let runtime = login(jinpai::suite::login(schema));
        pg::roles::ensure(&admin, schema, &login(owner.clone()), &runtime).await.expect("makes the roles");
        let url = jinpai::suite::with_login(&ground.postgres.url(), &owner, PASSWORD).expect("a URL");
        let config = DatabaseConfig::new(url);
        let migrated = match schema {
            "metrics" => metrics::migrate(&config).await,
            "qa" => qa::migrate(&config).await,
            _ => performance::migrate(&config).await,
        };
        migrated.unwrap_or_else(|error| panic!("migrate {schema}: {error:#}"));
    }
}
