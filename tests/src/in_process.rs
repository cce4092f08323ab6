//! Every service in the test's process.

use std::collections::BTreeMap;

use jinpai::suite::{Options, Suite};
use runtime::clock::SystemClock;
use testkit::{Fault, FaultProxy};

use crate::ground::free_port;
use crate::{Door, Ground, SERVICES};

/// A suite in this process, with a proxy before each service behind the gateway.
#[derive(Debug)]
pub struct InProcess {
    /// The way in.
    pub door: Door,
    /// The suite itself, for who needs its addresses.
    pub suite: Suite,
    proxies: BTreeMap<&'static str, FaultProxy>,
    /// Its Postgres and NATS; dropped last.
    pub ground: Ground,
}

impl InProcess {
    /// Starts everything.
    pub async fn start() -> Self {
        runtime::tls::install_provider();
        let ground = Ground::new().await;
        let mut proxies = BTreeMap::new();
        // The chats are of 2020.
        let mut settings = jinpai::suite::kept_for_ever();
        let mut set = |service: &str, key: &str, value: String| {
            settings.push((service.to_owned(), key.to_owned(), value));
        };
        for service in SERVICES {
            let address = format!("127.0.0.1:{}", free_port());
            let proxy = FaultProxy::start(address.as_str()).await;
            set(service, "server.listen", address);
            set("gateway", &format!("upstreams.{service}.url"), format!("http://{}", proxy.address()));
            proxies.insert(service, proxy);
        }
        // Everything comes from one machine here: the limits are a subject of the gateway's own tests.
        for limit in
            ["per_caller.per_second", "per_caller.burst", "per_merchant.per_second", "per_merchant.burst"]
        {
            set("gateway", &format!("limits.{limit}"), "100000".to_owned());
        }
        let options = Options {
            database_url: ground.postgres.url(),
            nats_url: ground.nats.url(),
            event_prefix: "jinpai".to_owned(),
            folder: ground.folder().to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
            clock: SystemClock::shared(),
            settings,
        };
        let suite = Suite::start(&options).await.unwrap_or_else(|error| panic!("no suite: {error:#}"));
        let door = Door { gateway: suite.gateway(), keys: suite.keys().clone() };
        Self { door, suite, proxies, ground }
    }

    /// What happens to the connections between the gateway and a service from now on.
    pub fn set(&self, service: &str, fault: Fault) {
        self.proxies.get(service).expect("a service behind the gateway").set(fault);
    }
}
