//! Opens connections: startup options, TLS, the task that drives the socket.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use rustls::{ClientConfig, RootCertStore};
use secrecy::ExposeSecret;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{DatabaseConfig, Error};

/// Knows everything needed to open one more connection.
#[derive(Clone)]
pub struct Connector {
    config: Config,
    ca_file: Option<std::path::PathBuf>,
}

impl Connector {
    /// Checks the settings. `statement_timeout_ms` is given apart because migrations run without one.
    pub fn new(schema: &str, settings: &DatabaseConfig, statement_timeout_ms: u64) -> Result<Self, Error> {
        check_name(schema)?;
        // The parser's message may repeat parts of the URL, password included: it is not passed on.
        let mut config = Config::from_str(settings.url.expose_secret())
            .map_err(|_| Error::config("database.url is not a Postgres URL"))?;
        if settings.ca_file.is_some() {
            config.ssl_mode(SslMode::Require);
        } else if config.get_ssl_mode() == SslMode::Require {
            return Err(Error::config("sslmode=require needs database.ca_file"));
        } else {
            config.ssl_mode(SslMode::Disable);
        }
        // In the startup packet: no round trip, and it survives whatever a session resets.
        config.options(format!(
            "-c search_path={schema} -c statement_timeout={statement_timeout_ms} -c timezone=UTC \
             -c idle_in_transaction_session_timeout=60000"
        ));
        config.application_name(format!("jinpai-{schema}"));
        config.connect_timeout(settings.connect_timeout());
        // A peer that vanished without a word is given up after about ten seconds instead of a quarter of an hour.
        config.tcp_user_timeout(Duration::from_secs(10));
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(3));
        config.keepalives_retries(3);
        Ok(Self { config, ca_file: settings.ca_file.clone() })
    }

    /// Opens a connection for Diesel.
    pub async fn diesel(&self) -> Result<AsyncPgConnection, diesel::ConnectionError> {
        let refused = |e: String| diesel::ConnectionError::BadConnection(e);
        match self.tls().map_err(|e| refused(e.to_string()))? {
            Some(tls) => self.diesel_with(tls).await,
            None => self.diesel_with(NoTls).await,
        }
    }

    async fn diesel_with<T>(&self, tls: T) -> Result<AsyncPgConnection, diesel::ConnectionError>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Unpin + Send + 'static,
        T::TlsConnect: TlsConnect<Socket, Stream = T::Stream>,
    {
        let bad = |e: tokio_postgres::Error| diesel::ConnectionError::BadConnection(with_source(&e));
        let (client, connection) = self.config.connect(tls).await.map_err(bad)?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await
    }

    /// Opens a bare client. The connection closes when it is dropped.
    pub async fn bare(&self) -> Result<Client, Error> {
        match self.tls()? {
            Some(tls) => self.bare_with(tls).await,
            None => self.bare_with(NoTls).await,
        }
    }

    async fn bare_with<T>(&self, tls: T) -> Result<Client, Error>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Unpin + Send + 'static,
        T::TlsConnect: TlsConnect<Socket, Stream = T::Stream>,
    {
        let (client, mut connection) = self.config.connect(tls).await?;
        tokio::spawn(async move {
            // What the server sends beside answers is dropped: awaiting the connection itself would log its notices.
            while let Some(message) = std::future::poll_fn(|context| connection.poll_message(context)).await {
                if let Err(error) = message {
                    tracing::debug!(error = %with_source(&error), "database connection ended");
                    break;
                }
            }
        });
        Ok(client)
    }

    fn tls(&self) -> Result<Option<MakeRustlsConnect>, Error> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        let roots =
            roots(path).map_err(|e| Error::config(format!("database.ca_file {}: {e}", path.display())))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::config(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Some(MakeRustlsConnect::new(config)))
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut BufReader::new(file)) {
        let certificate = certificate.map_err(|e| e.to_string())?;
        roots.add(certificate).map_err(|e| e.to_string())?;
    }
    if roots.is_empty() { Err("holds no certificate".to_owned()) } else { Ok(roots) }
}

/// Schema and role names go into statements and startup options where nothing can be bound: only plain ones pass.
pub fn check_name(name: &str) -> Result<(), Error> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain && name.len() <= 60 && name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Ok(());
    }
    Err(Error::config(format!("{name:?} is no plain schema or role name")))
}

/// tokio-postgres prints "db error" and keeps what happened in the source.
pub fn with_source(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
