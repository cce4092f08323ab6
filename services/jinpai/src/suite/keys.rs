//! The keys of a suite on one machine: the gateway's own, and that of the sign-in which stands in for an identity
//! provider.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use proto::access::{Role, role_name};
use runtime::clock::SharedClock;
use runtime::config::SignerConfig;
use runtime::identity::{Caller, Signer};
use runtime::ids::{MerchantId, PersonId};

/// The `iss` of tokens that `jinpai token` signs.
pub const ISSUER: &str = "jinpai-local";
/// The `aud` of tokens for the gateway.
pub const AUDIENCE: &str = "jinpai";

/// Where the keys are, and the signer of outside tokens.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The gateway's private key: it signs who calls, for the services.
    pub gateway_key: PathBuf,
    /// The same key's public half, as a JWKS.
    pub gateway_jwks: PathBuf,
    /// The private key that signs outside tokens.
    pub sign_in_key: PathBuf,
    /// The same key's public half, as a JWKS.
    pub sign_in_jwks: PathBuf,
    sign_in: Arc<Signer>,
}

impl Keys {
    /// The keys in `folder`; made at the first start and kept, so that tokens outlive a restart.
    pub fn open_or_create(folder: &Path, clock: SharedClock) -> Result<Self> {
        let folder = folder.join("keys");
        fs::create_dir_all(&folder)
            .and_then(|()| fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)))
            .with_context(|| format!("make folder {}", folder.display()))?;
        let (gateway_key, gateway_jwks) = (folder.join("gateway.pem"), folder.join("gateway.jwks"));
        let (sign_in_key, sign_in_jwks) = (folder.join("sign-in.pem"), folder.join("sign-in.jwks"));
        let gateway = SignerConfig { key_file: gateway_key.clone(), ..SignerConfig::default() };
        publish(&Signer::open_or_create(&gateway, clock.clone())?, &gateway_jwks)?;
        let sign_in = Signer::open_or_create(&sign_in_config(&sign_in_key), clock)?;
        publish(&sign_in, &sign_in_jwks)?;
        Ok(Self { gateway_key, gateway_jwks, sign_in_key, sign_in_jwks, sign_in: Arc::new(sign_in) })
    }

    /// A token to sign in with at the gateway.
    pub fn token(
        &self,
        merchant: &str,
        role: Role,
        person: Option<&str>,
        lifetime: Duration,
    ) -> Result<String> {
        sign(&self.sign_in, merchant, role, person, lifetime)
    }
}

/// Signs a token with the key in `key_file`, as the suite that owns it would.
pub fn token_by(
    key_file: &Path,
    clock: SharedClock,
    merchant: &str,
    role: Role,
    person: Option<&str>,
    lifetime: Duration,
) -> Result<String> {
    let signer = Signer::open(&sign_in_config(key_file), clock);
    sign(&signer.context("only who started the suite can sign")?, merchant, role, person, lifetime)
}

fn sign_in_config(key_file: &Path) -> SignerConfig {
    SignerConfig { key_file: key_file.to_owned(), issuer: ISSUER.to_owned(), ..SignerConfig::default() }
}

fn sign(
    signer: &Signer,
    merchant: &str,
    role: Role,
    person: Option<&str>,
    lifetime: Duration,
) -> Result<String> {
    let caller = Caller {
        merchant: MerchantId::new(merchant),
        subject: person.map_or_else(|| format!("cli-{}", role_name(role)), str::to_owned),
        person: person.map(PersonId::new),
        roles: vec![role],
        request_id: String::new(),
    };
    Ok(signer.token_for(AUDIENCE, &caller, lifetime)?)
}

/// Renamed into place, since services may read it at any time.
fn publish(signer: &Signer, path: &Path) -> Result<()> {
    let fresh = path.with_extension("new");
    fs::write(&fresh, signer.jwks())
        .and_then(|()| fs::rename(&fresh, path))
        .with_context(|| format!("write {}", path.display()))
}
