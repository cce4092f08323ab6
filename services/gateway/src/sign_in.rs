//! Who calls: the outside token once checked, and what follows from it, kept for the next calls.
//!
//! Checking a signature costs as much as a whole call, so a session remembers the caller, the internal token for
//! the services and the rate limiters under the SHA-256 of the outside token.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, header};
use runtime::clock::SharedClock;
use runtime::identity::oidc::TokenVerifier;
use runtime::identity::{Caller, Signer, TokenError};
use sha2::{Digest, Sha256};
use status::{Kind, Problem};
use tonic::Status;

use crate::limits::{Allowance, Limits};

/// A caller with a checked token.
#[derive(Debug)]
pub struct Session {
    /// Who it is. The request id is each call's own and empty here.
    pub caller: Caller,
    /// What the services are told, signed.
    pub identity: HeaderValue,
    /// What may still be asked this second.
    pub allowance: Allowance,
    /// From here on the token is checked again.
    until: DateTime<Utc>,
}

/// The sessions, bounded in number.
#[derive(Debug)]
pub struct Sessions {
    verifier: TokenVerifier,
    signer: Signer,
    limits: Limits,
    clock: SharedClock,
    recheck: Duration,
    max: usize,
    known: RwLock<HashMap<[u8; 32], Arc<Session>>>,
}

impl Sessions {
    /// With nobody signed in. A token is looked at again after `recheck` at the latest, so that a withdrawn key or
    /// an expired token stops within it.
    pub fn new(
        verifier: TokenVerifier,
        signer: Signer,
        limits: Limits,
        clock: SharedClock,
        recheck: Duration,
        max: usize,
    ) -> Self {
        Self { verifier, signer, limits, clock, recheck, max, known: RwLock::default() }
    }

    /// The session of a request's bearer token.
    pub async fn of(&self, headers: &HeaderMap) -> Result<Arc<Session>, Status> {
        let token = bearer(headers)?;
        let now = self.clock.now();
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(session) = known.filter(|session| now < session.until) {
            return Ok(session);
        }
        // Boxed: it is rare and large, and every call would carry the room for it along.
        let session = Arc::new(Box::pin(self.check(token, now)).await?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.max {
            known.retain(|_, session| now < session.until);
        }
        if known.len() >= self.max {
            // Everybody signs in again, which costs a signature each; remembering without bound would cost more.
            known.clear();
        }
        known.insert(key, Arc::clone(&session));
        Ok(session)
    }

    async fn check(&self, token: &str, now: DateTime<Utc>) -> Result<Session, Status> {
        let refused = |error: TokenError| status::to_status("gateway", &error);
        let caller = self.verifier.verify(token, "").await.map_err(refused)?;
        let identity = self.signer.token(&caller).map_err(|error| {
            tracing::error!(error.chain = status::chain(&error), "the internal token cannot be signed");
            internal()
        })?;
        // Not marked as sensitive: HPACK would then write it out for each call, and the next hop is our own service.
        let identity = HeaderValue::try_from(identity).map_err(|_| internal())?;
        let allowance = self.limits.of(caller.merchant.as_str(), &caller.subject);
        Ok(Session { caller, identity, allowance, until: now + self.recheck })
    }

    /// Forgets sessions that have to be checked again anyway, and the limiters that nobody holds.
    pub fn sweep(&self) {
        let now = self.clock.now();
        self.known.write().unwrap_or_else(PoisonError::into_inner).retain(|_, session| now < session.until);
        self.limits.sweep();
    }
}

/// The token of `authorization: Bearer …`.
fn bearer(headers: &HeaderMap) -> Result<&str, Status> {
    let missing = || status::to_status("gateway", &TokenError::Missing);
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or_else(missing)?.to_str().map_err(|_| missing())?;
    // Two tokens are one too many: hops may disagree on which of them counts.
    if values.next().is_some() {
        return Err(Problem::new(Kind::Unauthenticated, "TOKEN_TWICE", "the call carries two tokens")
            .domain("gateway")
            .into_status());
    }
    let (scheme, token) = value.split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(missing()) }
}

fn internal() -> Status {
    Problem::new(Kind::Internal, "INTERNAL", "internal error").domain("gateway").into_status()
}
