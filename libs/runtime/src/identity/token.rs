//! One token: its signature, its addressee, its time.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use status::{Failure, Kind};

use super::keys::KeySet;

/// Longer ones are refused unread; ours are a tenth of it.
pub(super) const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Why a token does not count. All of them are UNAUTHENTICATED: which check failed is for the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// There is none.
    #[error("the call carries no token")]
    Missing,
    /// Not a token, or one with properties that we don't accept.
    #[error("the token is malformed")]
    Malformed,
    /// Signed with a key that the issuer does not publish.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// Signature, issuer, audience or claims are wrong.
    #[error("the token does not verify")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// Too old.
    #[error("the token has expired")]
    Expired,
    /// Not valid yet.
    #[error("the token is not valid yet")]
    Early,
    /// The issuer's keys cannot be had.
    #[error("the keys of the issuer are not available")]
    NoKeys,
}

impl Failure for TokenError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoKeys => Kind::Unavailable,
            _ => Kind::Unauthenticated,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "TOKEN_MISSING",
            Self::Expired => "TOKEN_EXPIRED",
            Self::Early => "TOKEN_NOT_YET_VALID",
            Self::NoKeys => "KEYS_UNAVAILABLE",
            Self::Malformed | Self::UnknownKey | Self::Invalid(_) => "TOKEN_INVALID",
        }
    }
}

/// Whose tokens count and for whom they must be.
#[derive(Debug, Clone)]
pub(super) struct Expectations {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) skew_seconds: u64,
}

/// The times of a token, in seconds since 1970.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Times {
    exp: u64,
    nbf: Option<u64>,
}

impl Times {
    /// Whether the token counts at `now`. Cached tokens are asked again: a cache must not make one live longer.
    pub(super) fn check(self, now: DateTime<Utc>, skew_seconds: u64) -> Result<(), TokenError> {
        // Before 1970 no token counts either way.
        let now = u64::try_from(now.timestamp()).unwrap_or(0);
        if now >= self.exp.saturating_add(skew_seconds) {
            return Err(TokenError::Expired);
        }
        match self.nbf {
            Some(nbf) if nbf > now.saturating_add(skew_seconds) => Err(TokenError::Early),
            _ => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Timed<C> {
    #[serde(flatten)]
    times: Times,
    #[serde(flatten)]
    claims: C,
}

/// The claims of a token whose signature, issuer and audience are right, and its times, which are checked too.
pub(super) fn verify<C: DeserializeOwned>(
    token: &str,
    keys: &KeySet,
    expected: &Expectations,
    now: DateTime<Utc>,
) -> Result<(C, Times), TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Malformed);
    }
    let header = decode_header(token).map_err(|_| TokenError::Malformed)?;
    // RFC 7515: a critical extension that is not understood refuses the token, and we understand none.
    if header.crit.is_some() {
        return Err(TokenError::Malformed);
    }
    let key = keys.find(header.kid.as_deref()).ok_or(TokenError::UnknownKey)?;

    let mut validation = Validation::new(key.algorithm);
    validation.set_issuer(&[&expected.issuer]);
    validation.set_audience(&[&expected.audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // The times are checked below against the service's own clock, which tests can set.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let data = decode::<Timed<C>>(token, &key.decoding, &validation).map_err(TokenError::Invalid)?;
    data.claims.times.check(now, expected.skew_seconds)?;
    Ok((data.claims.claims, data.claims.times))
}
