//! Public keys as a JWKS gives them, each tied to the one algorithm it may be used with.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

/// Why a key set cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// Not a JWKS.
    #[error("not a JSON web key set")]
    Malformed(#[from] serde_json::Error),
    /// A JWKS in which no key is of an accepted algorithm.
    #[error("the key set has no key for the accepted algorithms")]
    Empty,
}

/// A key that checks signatures of exactly one algorithm. A token never chooses the algorithm: it names a key.
pub(super) struct Key {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

/// The public keys of one issuer.
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// The keys of a JWKS that sign with one of `accepted`. Other keys (encryption, shared secrets, newer
    /// algorithms) are skipped: issuers publish keys for other uses in the same set.
    pub(super) fn parse(json: &str, accepted: &[Algorithm]) -> Result<Self, KeysError> {
        let set: JwkSet = serde_json::from_str(json)?;
        let keys: Vec<Key> = set.keys.iter().filter_map(|jwk| key(jwk, accepted)).collect();
        if keys.is_empty() { Err(KeysError::Empty) } else { Ok(Self(keys)) }
    }

    /// The key a token names. A token without a name means the only key there is.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Key> {
        match (id, self.0.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

fn key(jwk: &Jwk, accepted: &[Algorithm]) -> Option<Key> {
    let algorithm = algorithm(jwk)?;
    let signs = !matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption));
    if !signs || !accepted.contains(&algorithm) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    Some(Key { id: jwk.common.key_id.clone(), algorithm, decoding })
}

/// The algorithm of a key: what it says, if its type fits that, else the usual one of its type. A symmetric key
/// has none: whoever can check with it could sign as well.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let said = jwk.common.key_algorithm;
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => match said {
            None | Some(KeyAlgorithm::RS256) => Some(Algorithm::RS256),
            Some(KeyAlgorithm::PS256) => Some(Algorithm::PS256),
            Some(_) => None,
        },
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            matches!(said, None | Some(KeyAlgorithm::ES256)).then_some(Algorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(curve) if curve.curve == EllipticCurve::Ed25519 => {
            matches!(said, None | Some(KeyAlgorithm::EdDSA)).then_some(Algorithm::EdDSA)
        }
        _ => None,
    }
}
