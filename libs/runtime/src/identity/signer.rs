//! Signs internal tokens: the gateway's side, and the test kit's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use super::Caller;
use super::cache::Cache;
use super::internal::{INTERNAL_AUDIENCE, IdentityClaims};
use crate::clock::SharedClock;
use crate::config::SignerConfig;

/// Signed tokens kept for reuse: one per caller seen within half a lifetime.
const REUSED_MAX: usize = 10_000;

/// Why no signer could be made, or why it cannot sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The key file cannot be read or written.
    #[error("the signing key {} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Neither an Ed25519 nor a P-256 private key in PKCS#8 PEM.
    #[error("the signing key is neither Ed25519 nor P-256 in PKCS#8 PEM")]
    Key(#[source] jsonwebtoken::errors::Error),
    /// No key could be made: the system gives no randomness.
    #[error("no signing key could be generated")]
    Generate,
    /// Signing failed.
    #[error("the token cannot be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
    /// The key set cannot be written as JSON.
    #[error("the public key cannot be written")]
    Json(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(flatten)]
    identity: IdentityClaims,
}

/// Signs who calls, for the services behind the gateway.
pub struct Signer {
    key: EncodingKey,
    header: Header,
    jwks: String,
    issuer: String,
    lifetime: Duration,
    clock: SharedClock,
    /// A caller's token is used again while half its life is left, so that the services' own memories hit.
    reused: Cache<Caller, (String, DateTime<Utc>)>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("issuer", &self.issuer)
            .field("kid", &self.header.kid)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// The key of the file that `config` names.
    pub fn open(config: &SignerConfig, clock: SharedClock) -> Result<Self, SignerError> {
        let path = &config.key_file;
        let pem = std::fs::read(path).map_err(|source| SignerError::File { path: path.clone(), source })?;
        Self::of_pem(&pem, config, clock)
    }

    /// The key of the file, which is made if it is not there: for one machine, where nobody hands out keys.
    pub fn open_or_create(config: &SignerConfig, clock: SharedClock) -> Result<Self, SignerError> {
        if !config.key_file.exists() {
            let written = write_secret(&config.key_file, generate_pem()?.as_bytes());
            written.map_err(|source| SignerError::File { path: config.key_file.clone(), source })?;
        }
        Self::open(config, clock)
    }

    /// A key of its own that ends with the process: tests.
    pub fn generate(config: &SignerConfig, clock: SharedClock) -> Result<Self, SignerError> {
        Self::of_pem(generate_pem()?.as_bytes(), config, clock)
    }

    fn of_pem(pem: &[u8], config: &SignerConfig, clock: SharedClock) -> Result<Self, SignerError> {
        let (key, algorithm) = match EncodingKey::from_ed_pem(pem) {
            Ok(key) => (key, Algorithm::EdDSA),
            Err(_) => (EncodingKey::from_ec_pem(pem).map_err(SignerError::Key)?, Algorithm::ES256),
        };
        let mut jwk = Jwk::from_encoding_key(&key, algorithm).map_err(SignerError::Key)?;
        // The name of a key follows from the key, so two gateways with the same key agree on it.
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(SignerError::Key)?;
        jwk.common.key_id = Some(kid.clone());
        let mut header = Header::new(algorithm);
        header.kid = Some(kid);
        Ok(Self {
            key,
            header,
            jwks: serde_json::to_string(&JwkSet { keys: vec![jwk] })?,
            issuer: config.issuer.clone(),
            lifetime: Duration::from_secs(config.lifetime_seconds),
            clock,
            reused: Cache::new(REUSED_MAX),
        })
    }

    /// The public key as a JWKS: what the services' `access.jwks_file` has to hold.
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// A token that says who calls. The request id is not in it: it travels beside it and changes with each call.
    pub fn token(&self, caller: &Caller) -> Result<String, SignerError> {
        let now = self.clock.now();
        let who = Caller { request_id: String::new(), ..caller.clone() };
        if let Some((token, until)) = self.reused.get(&who)
            && now < until
        {
            return Ok(token);
        }
        let token = self.sign(&who, INTERNAL_AUDIENCE, self.lifetime)?;
        self.reused.insert(who, (token.clone(), now + self.lifetime / 2));
        Ok(token)
    }

    /// A token for another audience, with a lifetime of its own: how a machine without an identity provider signs
    /// its people in at the gateway.
    pub fn token_for(
        &self,
        audience: &str,
        caller: &Caller,
        lifetime: Duration,
    ) -> Result<String, SignerError> {
        self.sign(caller, audience, lifetime)
    }

    fn sign(&self, caller: &Caller, audience: &str, lifetime: Duration) -> Result<String, SignerError> {
        let now = self.clock.now();
        let claims = Claims {
            iss: &self.issuer,
            aud: audience,
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: (now + lifetime).timestamp(),
            identity: IdentityClaims::of(caller),
        };
        encode(&self.header, &claims, &self.key).map_err(SignerError::Sign)
    }
}

fn generate_pem() -> Result<String, SignerError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| SignerError::Generate)?;
    let der = pair.to_pkcs8v1().map_err(|_| SignerError::Generate)?;
    let body = BASE64_STANDARD.encode(der.as_ref());
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"))
}

/// Writes a file that only its owner reads, also while it is being written.
fn write_secret(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
