//! One GET for a key set: bounded in time and size, no redirects, no pool.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls;

const FETCH_TIME_MAX: Duration = Duration::from_secs(5);
const FETCH_BYTES_MAX: usize = 1 << 20;

/// Why the keys could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Neither `http://host/…` nor `https://host/…`.
    #[error("{url} is no http or https address")]
    Address {
        /// The address.
        url: String,
    },
    /// It took too long.
    #[error("{url} did not answer in time")]
    Slow {
        /// The address.
        url: String,
    },
    /// No connection.
    #[error("cannot connect to {url}")]
    Connect {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The authorities to check the server against cannot be read.
    #[error("no certificate authorities")]
    Authorities(#[source] tls::TlsError),
    /// HTTP failed.
    #[error("{url} does not speak HTTP")]
    Http {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: hyper::Error,
    },
    /// The answer is not the keys.
    #[error("{url} answered {what}")]
    Answer {
        /// The address.
        url: String,
        /// A status, or what is wrong with the body.
        what: String,
    },
}

pub(super) async fn get(url: &str, ca_file: Option<&Path>) -> Result<String, FetchError> {
    let slow = |_| FetchError::Slow { url: url.to_owned() };
    tokio::time::timeout(FETCH_TIME_MAX, unbounded(url, ca_file)).await.map_err(slow)?
}

async fn unbounded(url: &str, ca_file: Option<&Path>) -> Result<String, FetchError> {
    let address = || FetchError::Address { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| address())?;
    let host = uri.host().ok_or_else(address)?.to_owned();
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(address()),
    };
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let connect = |source| FetchError::Connect { url: url.to_owned(), source };
    // Brackets of an IPv6 address belong to the url, not to the host.
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let stream = TcpStream::connect((bare.as_str(), port)).await.map_err(connect)?;
    if !secure {
        return exchange(stream, url, &uri, &host).await;
    }
    let config = tls::client(ca_file.map(PathBuf::from).as_deref(), None).map_err(FetchError::Authorities)?;
    let name = ServerName::try_from(bare).map_err(|_| address())?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(connect)?;
    exchange(stream, url, &uri, &host).await
}

async fn exchange<S>(stream: S, url: &str, uri: &Uri, host: &str) -> Result<String, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let http = |source| FetchError::Http { url: url.to_owned(), source };
    let answer = |what: String| FetchError::Answer { url: url.to_owned(), what };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(http)?;
    let driver = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::Address { url: url.to_owned() })?;
    let response = sender.send_request(request).await.map_err(http)?;
    if response.status() != StatusCode::OK {
        return Err(answer(response.status().to_string()));
    }
    let body = Limited::new(response.into_body(), FETCH_BYTES_MAX).collect().await;
    let body = body.map_err(|_| answer("a body that is cut short or too large".to_owned()))?.to_bytes();
    driver.abort();
    String::from_utf8(body.to_vec()).map_err(|_| answer("a body that is not text".to_owned()))
}
