//! The internal token: who the gateway says calls. Signed there, checked again by every service.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

use super::Caller;
use super::cache::{Cache, TokenHash, hash};
use super::keys::{KeySet, KeysError};
use super::token::{Expectations, Times, TokenError, verify};
use crate::clock::SharedClock;
use crate::config::{AccessConfig, ConfigError};
use crate::ids::{MerchantId, PersonId};

/// The `aud` of internal tokens: an outside token can never pass for one.
pub const INTERNAL_AUDIENCE: &str = "jinpai-internal";

const ALGORITHMS: [Algorithm; 2] = [Algorithm::EdDSA, Algorithm::ES256];
/// A stranger's tokens with made-up key names must not make us read a file for each.
const RELOAD_EVERY_MIN: Duration = Duration::from_secs(2);

/// What the token says beside the registered claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct IdentityClaims {
    pub(super) sub: String,
    pub(super) merchant: MerchantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) person: Option<PersonId>,
    #[serde(default)]
    pub(super) roles: Vec<String>,
}

impl IdentityClaims {
    pub(super) fn of(caller: &Caller) -> Self {
        Self {
            sub: caller.subject.clone(),
            merchant: caller.merchant.clone(),
            person: caller.person.clone(),
            roles: caller.roles.iter().map(|role| proto::access::role_name(*role)).collect(),
        }
    }

    /// Role names we do not know grant nothing; a newer gateway may know more than we do.
    pub(super) fn caller(&self, request_id: &str) -> Caller {
        Caller {
            merchant: self.merchant.clone(),
            subject: self.sub.clone(),
            person: self.person.clone(),
            roles: self.roles.iter().filter_map(|name| proto::access::role_named(name)).collect(),
            request_id: request_id.to_owned(),
        }
    }
}

/// Why no verifier could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierError {
    /// The key file cannot be read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// The key file holds no usable keys.
    #[error("{}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: KeysError,
    },
}

/// Checks internal tokens. Cheap to clone; clones share the keys and the memory of checked tokens.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    keys: RwLock<KeySet>,
    file: Option<PathBuf>,
    read_at: Mutex<Instant>,
    expected: Expectations,
    cache: Cache<TokenHash, (Arc<IdentityClaims>, Times)>,
    clock: SharedClock,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("file", &self.0.file).field("expected", &self.0.expected).finish()
    }
}

impl Verifier {
    /// Reads the keys from the file that `config` names. The file is read again when a token names a key that is
    /// not there, which is how the gateway's keys rotate without a restart.
    pub fn open(config: &AccessConfig, clock: SharedClock) -> Result<Self, VerifierError> {
        let keys = read(&config.jwks_file)?;
        Ok(Self::new(keys, Some(config.jwks_file.clone()), config, clock))
    }

    /// Takes the keys as JSON: the suite in one process, and tests.
    pub fn of_jwks(jwks: &str, config: &AccessConfig, clock: SharedClock) -> Result<Self, KeysError> {
        Ok(Self::new(KeySet::parse(jwks, &ALGORITHMS)?, None, config, clock))
    }

    fn new(keys: KeySet, file: Option<PathBuf>, config: &AccessConfig, clock: SharedClock) -> Self {
        let expected = Expectations {
            issuer: config.issuer.clone(),
            audience: INTERNAL_AUDIENCE.to_owned(),
            skew_seconds: config.skew_seconds,
        };
        let cache = Cache::new(config.cache_entries_max);
        let read_at = Mutex::new(Instant::now());
        Self(Arc::new(Inner { keys: RwLock::new(keys), file, read_at, expected, cache, clock }))
    }

    /// The caller whom `token` speaks for.
    pub fn verify(&self, token: &str, request_id: &str) -> Result<Caller, TokenError> {
        let now = self.0.clock.now();
        let key = hash(token);
        if let Some((claims, times)) = self.0.cache.get(&key) {
            times.check(now, self.0.expected.skew_seconds)?;
            return Ok(claims.caller(request_id));
        }
        let (claims, times) = match self.check(token) {
            Err(TokenError::UnknownKey) if self.reload() => self.check(token)?,
            other => other?,
        };
        let caller = claims.caller(request_id);
        self.0.cache.insert(key, (Arc::new(claims), times));
        Ok(caller)
    }

    fn check(&self, token: &str) -> Result<(IdentityClaims, Times), TokenError> {
        let keys = self.0.keys.read().unwrap_or_else(PoisonError::into_inner);
        verify(token, &keys, &self.0.expected, self.0.clock.now())
    }

    /// Reads the key file again; whether new keys are in place. Keys that went out of the file stop counting at
    /// once, also for tokens that were checked before.
    fn reload(&self) -> bool {
        let Some(file) = &self.0.file else { return false };
        {
            let mut read_at = self.0.read_at.lock().unwrap_or_else(PoisonError::into_inner);
            if read_at.elapsed() < RELOAD_EVERY_MIN {
                return false;
            }
            *read_at = Instant::now();
        }
        match read(file) {
            Ok(keys) => {
                *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
                self.0.cache.clear();
                tracing::info!(path = %file.display(), "internal keys read again");
                true
            }
            Err(error) => {
                tracing::warn!(error.chain = status::chain(&error), "internal keys stay as they are");
                false
            }
        }
    }
}

fn read(path: &Path) -> Result<KeySet, VerifierError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    KeySet::parse(&text, &ALGORITHMS).map_err(|source| VerifierError::Keys { path: path.to_owned(), source })
}
