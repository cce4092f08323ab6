//! Roles and schemas of the services: each gets a role that owns its schema and migrates it, and one that may only
//! read and write its rows.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use pg::DatabaseConfig;
use pg::roles::RoleLogin;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::Options;

/// The services that keep something.
pub const SCHEMAS: [&str; 3] = ["metrics", "qa", "performance"];

/// The passwords of a service's two roles.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    owner: String,
    runtime: String,
}

/// The database logins of every service.
pub(super) struct Logins(BTreeMap<String, Stored>);

impl Logins {
    /// The settings of the role that a service runs as.
    pub(super) fn runtime_url(&self, options: &Options, schema: &str) -> Result<String> {
        let stored = self.0.get(schema).with_context(|| format!("no login for {schema}"))?;
        with_login(&options.database_url, &login(schema), &stored.runtime)
    }
}

/// The name of the role that a service runs as.
pub fn login(schema: &str) -> String {
    format!("jinpai_{schema}")
}

fn owner(schema: &str) -> String {
    format!("jinpai_{schema}_owner")
}

/// `url` for another user of the same database.
pub fn with_login(url: &str, user: &str, password: &str) -> Result<String> {
    let (scheme, place) = split(url)?;
    Ok(format!("{scheme}://{user}:{password}@{place}"))
}

/// `url` for nobody: it may be shown.
pub fn without_login(url: &str) -> Result<String> {
    let (scheme, place) = split(url)?;
    Ok(format!("{scheme}://{place}"))
}

/// The scheme, and what stands behind the login.
fn split(url: &str) -> Result<(&str, &str)> {
    let Some((scheme, rest)) = url.split_once("://") else {
        bail!("the database must be given as a URL: postgres://user:password@host:port/database");
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
    Ok((scheme, &rest[host..]))
}

/// How a service of the suite in `folder` reads and writes its schema in the database at `url`.
pub fn runtime_config(folder: &Path, url: &str, schema: &str) -> Result<DatabaseConfig> {
    let path = folder.join("roles.json");
    let bytes = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
    let logins: BTreeMap<String, Stored> =
        serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
    let stored = logins.get(schema).with_context(|| format!("no login for {schema}"))?;
    Ok(DatabaseConfig::new(with_login(url, &login(schema), &stored.runtime)?))
}

/// Makes the roles, and brings every schema up to date.
pub(super) async fn prepare(options: &Options) -> Result<Logins> {
    let logins = open_or_create(&options.folder.join("roles.json"))?;
    let admin = DatabaseConfig::new(options.database_url.clone());
    for (schema, stored) in &logins.0 {
        let role = |name, password: &str| RoleLogin { name, password: SecretString::from(password) };
        let (owner, runtime) = (role(owner(schema), &stored.owner), role(login(schema), &stored.runtime));
        pg::roles::ensure(&admin, schema, &owner, &runtime)
            .await
            .with_context(|| format!("make the database roles of {schema}"))?;
    }
    let config = |schema: &str| -> Result<DatabaseConfig> {
        let stored = logins.0.get(schema).with_context(|| format!("no login for {schema}"))?;
        Ok(DatabaseConfig::new(with_login(&options.database_url, &owner(schema), &stored.owner)?))
    };
    let (of_metrics, of_qa, of_performance) = (config("metrics")?, config("qa")?, config("performance")?);
    tokio::try_join!(
        async { metrics::migrate(&of_metrics).await.context("migrate metrics") },
        async { qa::migrate(&of_qa).await.context("migrate qa") },
        async { performance::migrate(&of_performance).await.context("migrate performance") },
    )?;
    Ok(logins)
}

/// The passwords are made once: services in other processes may use them, too.
fn open_or_create(path: &Path) -> Result<Logins> {
    let mut logins: BTreeMap<String, Stored> = match fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let known = logins.len();
    for schema in SCHEMAS {
        let fresh = || Stored { owner: password(), runtime: password() };
        logins.entry(schema.to_owned()).or_insert_with(fresh);
    }
    if logins.len() > known {
        let fresh = path.with_extension("new");
        fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|mut file| file.write_all(&serde_json::to_vec_pretty(&logins)?))
            .and_then(|()| fs::rename(&fresh, path))
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(Logins(logins))
}

/// 122 random bits, in characters that a URL need not escape.
fn password() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gets_another_login_and_keeps_the_rest() {
        let check = |url: &str, wanted: &str| assert_eq!(with_login(url, "u", "p").expect(url), wanted);
        check("postgres://a:b@host:1/db?sslmode=require", "postgres://u:p@host:1/db?sslmode=require");
        check("postgresql://host/db", "postgresql://u:p@host/db");
        check("postgres://a:b%40c@[::1]:1", "postgres://u:p@[::1]:1");
        assert!(with_login("host=a user=b", "u", "p").is_err());
        assert_eq!(without_login("postgres://a:b@host:1/db").expect("a URL"), "postgres://host:1/db");
    }

    #[test]
    fn passwords_are_made_once_and_only_their_owner_reads_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("roles.json");
        let first = open_or_create(&path).expect("made");
        let again = open_or_create(&path).expect("read");
        for schema in SCHEMAS {
            assert_eq!(first.0[schema].owner, again.0[schema].owner);
            assert_ne!(first.0[schema].owner, first.0[schema].runtime);
        }
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
