//! The public port with a certificate.

use std::sync::Arc;

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use runtime::clock::SystemClock;
use runtime::config::TlsConfig;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use testkit::{Scratch, caller};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::native::figures_of;
use crate::support::TestGateway;
use crate::support::fakes::FINE;

/// A gateway with a certificate for `localhost`, and that certificate.
async fn with_certificate(folder: &Scratch) -> (TestGateway, String) {
    runtime::tls::install_provider();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (cert_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert_file, made.cert.pem()).expect("write the certificate");
    std::fs::write(&key_file, made.signing_key.serialize_pem()).expect("write the key");
    let tls = TlsConfig { cert_file, key_file, ca_file: None };
    let gateway =
        TestGateway::start_with(&[], SystemClock::shared(), |config| config.server.tls = Some(tls)).await;
    (gateway, made.cert.pem())
}

#[tokio::test]
async fn grpc_goes_over_tls() {
    let folder = Scratch::new();
    let (gateway, certificate) = with_certificate(&folder).await;
    let tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(certificate)).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", gateway.address)).expect("a url");
    let channel = endpoint.tls_config(tls).expect("usable settings").connect().await.expect("it connects");
    let mut client = proto::metrics::v1::metrics_service_client::MetricsServiceClient::new(channel);
    client.get_figures(gateway.request(&caller(), figures_of(FINE))).await.expect("an answer");
    gateway
        .metrics_client()
        .get_figures(gateway.request(&caller(), figures_of(FINE)))
        .await
        .expect_err("not in plain");
}

#[tokio::test]
async fn http1_goes_over_tls() {
    let folder = Scratch::new();
    let (gateway, certificate) = with_certificate(&folder).await;
    let mut roots = RootCertStore::empty();
    let certificate = rustls::pki_types::CertificateDer::from_pem_slice(certificate.as_bytes());
    roots.add(certificate.expect("the certificate")).expect("a certificate");
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(gateway.address).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("TLS");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP/1.1");
    tokio::spawn(connection);
    let request = Request::get("/healthz").header("host", "localhost").body(Full::<bytes::Bytes>::default());
    let answer = sender.send_request(request.expect("a valid request")).await.expect("an answer");
    assert_eq!(answer.into_body().collect().await.expect("a body").to_bytes(), "ok\n");
}
