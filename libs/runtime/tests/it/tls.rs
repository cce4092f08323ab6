//! TLS and mutual TLS between services, and keys over https.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use runtime::config::{ServerConfig, TlsConfig, UpstreamConfig, UpstreamTlsConfig};
use tonic::Code;

use crate::support::{Ask, EchoClient, Fixture, upstream_config};

/// An authority that signs certificates into a folder.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("signed");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("written");
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Certificate and key of `name`.
    fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let files = (self.file(&format!("{name}.pem")), self.file(&format!("{name}.key")));
        std::fs::write(&files.0, certificate.pem()).expect("written");
        std::fs::write(&files.1, key.serialize_pem()).expect("written");
        files
    }
}

async fn server(authority: &Authority, mutual: bool) -> Fixture {
    let (cert_file, key_file) = authority.sign("localhost");
    let ca_file = mutual.then(|| authority.file("ca.pem"));
    let tls = Some(TlsConfig { cert_file, key_file, ca_file });
    Fixture::start(ServerConfig { tls, ..ServerConfig::default() }).await
}

fn client(fixture: &Fixture, ca_file: &Path, own: Option<(PathBuf, PathBuf)>) -> EchoClient {
    let (cert_file, key_file) = own.unzip();
    let tls = UpstreamTlsConfig {
        ca_file: ca_file.to_owned(),
        cert_file,
        key_file,
        domain: Some("localhost".to_owned()),
    };
    let url = format!("https://{}", fixture.running.address);
    let config = UpstreamConfig { tls: Some(tls), ..upstream_config(&url) };
    let channel = runtime::client::channel(&config).expect("good settings");
    EchoClient::new(channel).with_token(fixture.token())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_checks_the_servers_certificate() {
    let authority = Authority::new();
    let fixture = server(&authority, false).await;
    client(&fixture, &authority.file("ca.pem"), None).unary(Ask::default()).await.expect("told");
    let stranger = Authority::new();
    let status = client(&fixture, &stranger.file("ca.pem"), None).unary(Ask::default()).await;
    assert_eq!(status.expect_err("an unknown authority").code(), Code::Unavailable);
    let plain = EchoClient::new(crate::support::upstream(&fixture.url())).unary(Ask::default()).await;
    assert_eq!(plain.expect_err("no TLS").code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_authority_the_server_demands_a_certificate_of_it() {
    let authority = Authority::new();
    let fixture = server(&authority, true).await;
    let ca_file = authority.file("ca.pem");
    let known = authority.sign("metrics");
    client(&fixture, &ca_file, Some(known)).unary(Ask::default()).await.expect("told");
    let none = client(&fixture, &ca_file, None).unary(Ask::default()).await;
    assert_eq!(none.expect_err("no certificate").code(), Code::Unavailable);
    let stranger = Authority::new();
    let foreign = stranger.sign("metrics");
    let refused = client(&fixture, &ca_file, Some(foreign)).unary(Ask::default()).await;
    assert_eq!(refused.expect_err("another authority's").code(), Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_comes_into_use_without_a_restart() {
    let authority = Authority::new();
    let fixture = server(&authority, false).await;
    client(&fixture, &authority.file("ca.pem"), None).unary(Ask::default()).await.expect("told");
    let renewed = Authority::new();
    let (cert_file, key_file) = renewed.sign("localhost");
    std::fs::copy(cert_file, authority.file("localhost.pem")).expect("copied");
    std::fs::copy(key_file, authority.file("localhost.key")).expect("copied");
    client(&fixture, &renewed.file("ca.pem"), None).unary(Ask::default()).await.expect("told by the new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_certificates_stop_the_start() {
    use runtime::clock::SystemClock;
    use runtime::config::AccessConfig;
    use runtime::identity::Verifier;
    use runtime::server::{AccessCheck, Server};

    let signer = crate::support::signer(SystemClock::shared());
    let verifier = Verifier::of_jwks(signer.jwks(), &AccessConfig::default(), SystemClock::shared());
    let access = AccessCheck::new(verifier.expect("good keys"));
    let authority = Authority::new();
    let (cert_file, _) = authority.sign("localhost");
    let tls = Some(TlsConfig { key_file: authority.file("gone.key"), cert_file, ca_file: None });
    let server = Server::new("echo", &ServerConfig { tls, ..ServerConfig::default() }, access);
    let error = server.start(tokio_util::sync::CancellationToken::new()).await.expect_err("there is no key");
    assert!(status::chain(&error).contains("gone.key"), "{}", status::chain(&error));
}
