//! What a running suite leaves on this machine so that the other commands find it and can sign in.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proto::access::{Role, role_name};
use runtime::clock::{Clock, SystemClock};
use serde::{Deserialize, Serialize};

/// How long a minted token counts.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// The suite that `jinpai up` runs, as its state file tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// Address of the gateway.
    pub gateway: String,
    /// `iss` of the tokens it takes.
    pub issuer: String,
    /// `aud` of the tokens it takes.
    pub audience: String,
    /// `kid` of the key below.
    pub key_id: String,
    /// The private key that signs them (ES256, PKCS #8 PEM). For this machine's suite only.
    pub key_file: PathBuf,
    /// The merchant that was loaded.
    pub merchant: String,
    /// The process that runs the suite.
    pub pid: u32,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    merchant: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<&'a str>,
    roles: [String; 1],
}

impl State {
    /// The state of the suite that runs now; `None` if none does.
    pub fn read(folder: Option<&Path>) -> Result<Option<Self>> {
        let path = file(&folder_of(folder)?);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{} can't be read", path.display())),
        };
        let state: Self = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged; stop the suite and start it again", path.display()))?;
        Ok(Path::new(&format!("/proc/{}", state.pid)).exists().then_some(state))
    }

    /// Leaves the state for others to find.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = file(folder);
        let fresh = path.with_extension("new");
        fs::write(&fresh, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&fresh, &path).with_context(|| format!("{} can't be written", path.display()))
    }

    /// The suite has stopped.
    pub fn remove(folder: &Path) -> Result<()> {
        match fs::remove_file(file(folder)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Signs a token for `role`, as `person` or, without one, as a program that is nobody.
    pub fn token(&self, role: Role, person: Option<&str>) -> Result<String> {
        self.token_for(&self.merchant, role, person)
    }

    /// [`State::token`] for another merchant.
    pub fn token_for(&self, merchant: &str, role: Role, person: Option<&str>) -> Result<String> {
        let pem = fs::read(&self.key_file).with_context(|| {
            format!("{} can't be read: only who started the suite can sign", self.key_file.display())
        })?;
        let now = SystemClock.now().timestamp();
        let subject = person.map_or_else(|| format!("cli-{}", role_name(role)), str::to_owned);
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: &subject,
            iat: now,
            nbf: now,
            exp: now + i64::try_from(TOKEN_LIFETIME.as_secs())?,
            merchant,
            person,
            roles: [role_name(role)],
        };
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        Ok(jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_pem(&pem)?)?)
    }
}

/// The folder of the suite's state: the given one, else one per user (`/var/lib/jinpai` for root, whose home no
/// unprivileged database could reach).
pub fn folder_of(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(given) = given {
        return std::path::absolute(given).with_context(|| format!("{} is no folder", given.display()));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).context("HOME is not set: give --state DIR")?;
    if home == Path::new("/root") {
        return Ok("/var/lib/jinpai".into());
    }
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    Ok(state.unwrap_or_else(|| home.join(".local/state")).join("jinpai/suite"))
}

fn file(folder: &Path) -> PathBuf {
    folder.join("suite.json")
}
