//! TLS settings from PEM files. One provider (ring) serves the whole process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::config::TlsConfig;

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A PEM file cannot be read.
    #[error("cannot read certificates or keys from {}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The key does not belong to the certificate, or one of them is of no use.
    #[error("the certificates are of no use")]
    Certificates(#[source] rustls::Error),
    /// The authorities for client certificates are of no use.
    #[error("the client authorities are of no use")]
    Authorities(#[source] rustls::server::VerifierBuilderError),
    /// There are no authorities to check the other side against.
    #[error("no certificate authorities in {place}")]
    NoAuthorities {
        /// Where they were looked for.
        place: String,
    },
}

/// Makes ring the provider of the process. Libraries that ask for a default would panic if two were linked and
/// none chosen, so everything here that uses TLS calls this first; main functions may, too.
pub fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that somebody chose one before us, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Our side of connections that come in. With `ca_file` a client needs a certificate of that authority.
pub(crate) fn server(config: &TlsConfig) -> Result<ServerConfig, TlsError> {
    install_provider();
    let builder = match &config.ca_file {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(ca_file) => {
            let verifier = WebPkiClientVerifier::builder(Arc::new(authorities(ca_file)?)).build();
            ServerConfig::builder().with_client_cert_verifier(verifier.map_err(TlsError::Authorities)?)
        }
    };
    let (chain, key) = identity(&config.cert_file, &config.key_file)?;
    let mut server = builder.with_single_cert(chain, key).map_err(TlsError::Certificates)?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    Ok(server)
}

/// Our side of connections that go out, without ALPN.
pub(crate) fn client(ca_file: Option<&Path>, own: Option<(&Path, &Path)>) -> Result<ClientConfig, TlsError> {
    install_provider();
    let roots = match ca_file {
        Some(file) => authorities(file)?,
        None => system_authorities()?,
    };
    let builder = ClientConfig::builder().with_root_certificates(roots);
    match own {
        None => Ok(builder.with_no_client_auth()),
        Some((cert_file, key_file)) => {
            let (chain, key) = identity(cert_file, key_file)?;
            builder.with_client_auth_cert(chain, key).map_err(TlsError::Certificates)
        }
    }
}

fn identity(
    cert_file: &Path,
    key_file: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let key = PrivateKeyDer::from_pem_file(key_file);
    let key = key.map_err(|source| TlsError::Pem { path: key_file.to_owned(), source })?;
    Ok((certificates(cert_file)?, key))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |source| TlsError::Pem { path: path.to_owned(), source };
    CertificateDer::pem_file_iter(path).map_err(pem)?.collect::<Result<_, _>>().map_err(pem)
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(TlsError::Certificates)?;
    }
    if roots.is_empty() {
        return Err(TlsError::NoAuthorities { place: path.display().to_string() });
    }
    Ok(roots)
}

fn system_authorities() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // Single certificates that do not parse are common in system stores and do no harm.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TlsError::NoAuthorities { place: "the system's store".to_owned() });
    }
    Ok(roots)
}
