//! Outside tokens: what people and programs sign in with, checked once, at the gateway.
//!
//! The keys come from a file or from the issuer's JWKS address. They are fetched in the background every so often
//! and at once when a token names an unknown key, so the issuer may rotate them at any time.

mod fetch;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Caller;
use super::cache::{Cache, TokenHash, hash};
use super::internal::IdentityClaims;
use super::keys::{KeySet, KeysError};
use super::token::{Expectations, Times, TokenError, verify};
use crate::background;
use crate::clock::SharedClock;
use crate::config::{self, ConfigError};

pub use fetch::FetchError;

/// Between two fetches that tokens with unknown keys may cause.
const REFETCH_EVERY_MIN: Duration = Duration::from_secs(5);

/// `[sign_in]`: whose tokens let in.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct OidcConfig {
    /// The `iss` a token must have.
    pub issuer: String,
    /// The `aud` a token must have.
    pub audience: String,
    /// The signature algorithms that count: `RS256`, `PS256`, `ES256`, `EdDSA`. A token's header never widens this.
    pub algorithms: Vec<String>,
    /// The issuer's keys as a file (JWKS); read again like an address.
    pub jwks_file: Option<PathBuf>,
    /// The issuer's keys as an address, `https://` or, in development, `http://`.
    pub jwks_url: Option<String>,
    /// Who must have signed the certificate of that address; the system's authorities by default.
    pub jwks_ca_file: Option<PathBuf>,
    /// How far the two clocks may differ.
    pub skew_seconds: u64,
    /// How often the keys are fetched.
    pub refresh_seconds: u64,
    /// Checked tokens remembered until they expire.
    pub cache_entries_max: usize,
}

impl Default for OidcConfig {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audience: "jinpai".to_owned(),
            algorithms: ["RS256", "ES256", "EdDSA"].map(str::to_owned).to_vec(),
            jwks_file: None,
            jwks_url: None,
            jwks_ca_file: None,
            skew_seconds: 30,
            refresh_seconds: 300,
            cache_entries_max: 20_000,
        }
    }
}

impl OidcConfig {
    /// # Errors
    ///
    /// The first number that nothing can be checked by. Issuer, algorithms and keys show when the checking starts.
    pub fn check(&self) -> Result<(), ConfigError> {
        config::check_skew("sign_in.skew_seconds", self.skew_seconds)?;
        config::within("sign_in.refresh_seconds", self.refresh_seconds, &config::SECONDS)?;
        config::within("sign_in.cache_entries_max", self.cache_entries_max, &config::PLACES)
    }
}

/// Why outside tokens cannot be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OidcError {
    /// The settings name no issuer.
    #[error("sign_in.issuer is empty")]
    NoIssuer,
    /// The settings name neither or both sources of keys.
    #[error("give either sign_in.jwks_file or sign_in.jwks_url")]
    Source,
    /// An algorithm that is no signature algorithm, or one that a shared secret would do.
    #[error("sign_in.algorithms: {name} is not accepted")]
    Algorithm {
        /// The name.
        name: String,
    },
    /// The key file cannot be read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// The address did not give the keys.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What was read are no usable keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

/// The claims of an outside token.
#[derive(Debug, Clone, Deserialize)]
struct OutsideClaims {
    #[serde(flatten)]
    identity: IdentityClaims,
    /// Only ID tokens have these; they speak to the client that signed in and are no right to call anything.
    nonce: Option<serde_json::Value>,
    at_hash: Option<serde_json::Value>,
}

/// Checks outside tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenVerifier(Arc<Inner>);

struct Inner {
    config: OidcConfig,
    algorithms: Vec<Algorithm>,
    expected: Expectations,
    keys: RwLock<Option<KeySet>>,
    fetched_at: Mutex<Option<Instant>>,
    cache: Cache<TokenHash, (Arc<IdentityClaims>, Times)>,
    clock: SharedClock,
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenVerifier").field("expected", &self.0.expected).finish_non_exhaustive()
    }
}

impl TokenVerifier {
    /// A verifier that fetches its keys when it first needs them, and again until `token` ends it. An issuer that
    /// is away at the start keeps people out, not the gateway from starting.
    pub fn start(
        config: OidcConfig,
        clock: SharedClock,
        token: CancellationToken,
    ) -> Result<Self, OidcError> {
        let verifier = Self::new(config, clock)?;
        let refreshed = verifier.clone();
        let interval = Duration::from_secs(verifier.0.config.refresh_seconds);
        background::every("oidc.keys", interval, token, move || {
            let verifier = refreshed.clone();
            async move {
                if let Err(error) = verifier.refresh().await {
                    tracing::warn!(error.chain = status::chain(&error), "the issuer's keys stay as they are");
                }
            }
        });
        Ok(verifier)
    }

    fn new(config: OidcConfig, clock: SharedClock) -> Result<Self, OidcError> {
        if config.issuer.is_empty() {
            return Err(OidcError::NoIssuer);
        }
        if config.jwks_file.is_some() == config.jwks_url.is_some() {
            return Err(OidcError::Source);
        }
        let algorithms = config.algorithms.iter().map(|name| algorithm(name)).collect::<Result<_, _>>()?;
        let expected = Expectations {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            skew_seconds: config.skew_seconds,
        };
        let cache = Cache::new(config.cache_entries_max);
        let (keys, fetched_at) = (RwLock::new(None), Mutex::new(None));
        Ok(Self(Arc::new(Inner { config, algorithms, expected, keys, fetched_at, cache, clock })))
    }

    /// The caller whom `token` speaks for.
    pub async fn verify(&self, token: &str, request_id: &str) -> Result<Caller, TokenError> {
        let key = hash(token);
        if let Some((claims, times)) = self.0.cache.get(&key) {
            times.check(self.0.clock.now(), self.0.expected.skew_seconds)?;
            return Ok(claims.caller(request_id));
        }
        let (claims, times) = match self.check(token) {
            Err(TokenError::UnknownKey | TokenError::NoKeys) if self.refetch().await => self.check(token)?,
            other => other?,
        };
        if claims.nonce.is_some() || claims.at_hash.is_some() {
            return Err(TokenError::Malformed);
        }
        let caller = claims.identity.caller(request_id);
        self.0.cache.insert(key, (Arc::new(claims.identity), times));
        Ok(caller)
    }

    fn check(&self, token: &str) -> Result<(OutsideClaims, Times), TokenError> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.as_ref().ok_or(TokenError::NoKeys)?;
        verify(token, keys, &self.0.expected, self.0.clock.now())
    }

    /// Fetches because a token needs it: not more often than every few seconds, and once for all that wait.
    async fn refetch(&self) -> bool {
        let asked_at = Instant::now();
        let mut fetched_at = self.0.fetched_at.lock().await;
        match *fetched_at {
            Some(at) if at > asked_at => return true,
            Some(at) if at.elapsed() < REFETCH_EVERY_MIN => return false,
            _ => {}
        }
        let outcome = self.refresh().await;
        *fetched_at = Some(Instant::now());
        if let Err(error) = &outcome {
            tracing::warn!(error.chain = status::chain(error), "the issuer's keys cannot be had");
        }
        outcome.is_ok()
    }

    /// Fetches the keys now. Keys that the issuer dropped stop counting at once.
    pub async fn refresh(&self) -> Result<(), OidcError> {
        let config = &self.0.config;
        let text = match (&config.jwks_file, &config.jwks_url) {
            (Some(path), _) => tokio::fs::read_to_string(path)
                .await
                .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?,
            (None, Some(url)) => fetch::get(url, config.jwks_ca_file.as_deref()).await?,
            (None, None) => return Err(OidcError::Source),
        };
        let keys = KeySet::parse(&text, &self.0.algorithms)?;
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
        self.0.cache.clear();
        Ok(())
    }
}

fn algorithm(name: &str) -> Result<Algorithm, OidcError> {
    match name {
        "RS256" => Ok(Algorithm::RS256),
        "PS256" => Ok(Algorithm::PS256),
        "ES256" => Ok(Algorithm::ES256),
        "EdDSA" => Ok(Algorithm::EdDSA),
        _ => Err(OidcError::Algorithm { name: name.to_owned() }),
    }
}
