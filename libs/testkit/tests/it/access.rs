//! Callers, their tokens, and the authorisation matrix, against a server with the usual pipeline.

use proto::access::{MethodRule, Role, rule};
use runtime::clock::SystemClock;
use runtime::config::ServerConfig;
use runtime::identity::Verifier;
use runtime::server::{AccessCheck, Listening, Server};
use testkit::access::{all_roles, check_roles};
use testkit::{Identity, TestDatabase};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Channel, Endpoint};

const PACKAGE: &str = "jinpai.events.v1";
const SCHEMA: &str = "parked";

/// A server with one small service, and what keeps it running.
struct Served {
    channel: Channel,
    identity: Identity,
    _running: Listening,
    _database: TestDatabase,
    _stop: DropGuard,
}

async fn serve(rules: fn(&str) -> Option<&'static MethodRule>) -> Served {
    let schema = testkit::schema(SCHEMA, |config| async move {
        pg::migrate(SCHEMA, &config, &[events::MIGRATIONS]).await?;
        Ok(())
    });
    let database = testkit::database(&[schema]).await;
    let pool = pg::connect(SCHEMA, &database.config(SCHEMA)).await.unwrap();
    let identity = Identity::new();
    let verifier = Verifier::open(&identity.config(), SystemClock::shared()).unwrap();
    let stop = CancellationToken::new();
    let server = Server::new("parked", &ServerConfig::default(), AccessCheck::with_rules(verifier, rules));
    let service = events::parked_service(pool, SystemClock::shared());
    let running = server.add_service(service).start(stop.clone()).await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{}", running.address)).unwrap().connect_lazy();
    Served { channel, identity, _running: running, _database: database, _stop: stop.drop_guard() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_keeps_its_rules_passes_the_matrix() {
    let served = serve(rule).await;
    let cells = check_roles(served.channel.clone(), PACKAGE, &served.identity).await;
    assert_eq!(cells, 3 * (all_roles().count() + 1), "three methods, every role and nobody");
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "/jinpai.events.v1.ParkedEventService/DiscardParkedEvent as agent")]
async fn a_role_let_in_by_mistake_is_found() {
    fn careless(path: &str) -> Option<&'static MethodRule> {
        static OPEN: &[(Role, proto::access::Scope)] = &[
            (Role::Agent, proto::access::Scope::Merchant),
            (Role::Manager, proto::access::Scope::Merchant),
            (Role::ServiceAccount, proto::access::Scope::Merchant),
        ];
        let known = rule(path)?;
        Some(Box::leak(Box::new(MethodRule { grants: OPEN, ..*known })))
    }
    let served = serve(careless).await;
    check_roles(served.channel.clone(), PACKAGE, &served.identity).await;
}
