//! The whole suite in one process: database roles and schemas, keys, the services, the gateway in front.
//!
//! `jinpai up`, `jinpai demo` and the end-to-end tests start it so. It needs a Postgres whose user may create roles,
//! a NATS, and a folder for its keys and passwords. It knows no merchant.

mod database;
mod keys;
mod services;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use futures::future::select_all;
use runtime::clock::SharedClock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::anchors::Anchors;
pub use database::{SCHEMAS, login, runtime_config, with_login, without_login};
pub use keys::{Keys, token_by};
pub use services::Setting;

/// What a suite is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// A Postgres URL whose user may create roles and schemas.
    pub database_url: String,
    /// A NATS URL.
    pub nats_url: String,
    /// What the subjects and streams of this suite begin with; two suites on one NATS need two.
    pub event_prefix: String,
    /// Where keys and passwords are kept. They have to outlive the suite when the database does.
    pub folder: PathBuf,
    /// Where the gateway listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What time it is.
    pub clock: SharedClock,
    /// Settings that go over everything else.
    pub settings: Vec<Setting>,
}

/// What a suite needs that shows chats of years ago, like those of the demo: else their retention would be over as soon as they
/// are imported.
pub fn kept_for_ever() -> Vec<Setting> {
    vec![("qa".to_owned(), "retention.months".to_owned(), "0".to_owned())]
}

/// A suite that runs.
#[derive(Debug)]
pub struct Suite {
    gateway: SocketAddr,
    members: Vec<Member>,
    stop_services: CancellationToken,
    stop_gateway: CancellationToken,
    keys: Keys,
}

/// One service of a running suite.
#[derive(Debug)]
pub struct Member {
    /// `metrics`, `qa`, …
    pub name: &'static str,
    /// Where its calls are answered.
    pub address: SocketAddr,
    /// Where its health and figures are answered.
    pub health: SocketAddr,
    task: JoinHandle<Result<()>>,
}

impl Suite {
    /// Makes what is missing (roles, schemas, migrations, keys) and starts every service, the gateway last.
    pub async fn start(options: &Options) -> Result<Self> {
        let keys = Keys::open_or_create(&options.folder, options.clock.clone())?;
        Anchors::below(&options.folder).create()?;
        let passwords = database::prepare(options).await?;
        let (stop_services, stop_gateway) = (CancellationToken::new(), CancellationToken::new());
        let behind = services::start_behind(options, &keys, &passwords, &stop_services).await;
        let mut members = behind.inspect_err(|_| stop_services.cancel())?;
        let front = services::start_gateway(options, &keys, &members, &stop_gateway).await;
        let front = front.inspect_err(|_| stop_services.cancel())?;
        let gateway = front.address;
        members.push(front);
        Ok(Self { gateway, members, stop_services, stop_gateway, keys })
    }

    /// The gateway's address: `http://127.0.0.1:8080`.
    pub fn gateway(&self) -> String {
        format!("http://{}", self.gateway)
    }

    /// The services, the gateway last.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The keys it signs and checks with.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Waits until a service ends by itself, which it should not, and says which and why.
    pub async fn failed(&mut self) -> anyhow::Error {
        let names: Vec<_> = self.members.iter().map(|member| member.name).collect();
        let (outcome, at, _) = select_all(self.members.iter_mut().map(|member| &mut member.task)).await;
        // Its task has given its result and must not be awaited again.
        self.members.remove(at);
        match outcome {
            Ok(Ok(())) => anyhow::anyhow!("{} ended by itself", names[at]),
            Ok(Err(error)) => error.context(format!("{} failed", names[at])),
            Err(panic) => anyhow::Error::new(panic).context(format!("{} failed", names[at])),
        }
    }

    /// Ends in order: first the gateway, so that nothing new comes in, then the services once their calls are done.
    pub async fn stop(mut self) -> Result<()> {
        self.stop_gateway.cancel();
        if let Some(at) = self.members.iter().position(|member| member.name == "gateway") {
            self.members.remove(at).ended().await?;
        }
        self.stop_services.cancel();
        for member in self.members {
            member.ended().await?;
        }
        Ok(())
    }
}

impl Member {
    async fn ended(self) -> Result<()> {
        self.task.await?.with_context(|| format!("{} did not end well", self.name))
    }
}
