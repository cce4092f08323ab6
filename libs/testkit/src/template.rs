//! The migrated template that test databases are cloned from: built once per set of schemas and test program.

use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, NoTls};

use crate::eventually;

/// The password of every test role. The server listens on the loopback interface and holds nothing of value.
const PASSWORD: &str = "test";
/// Serialises whoever builds, clones or removes templates on one server.
const LOCK: i64 = 0x6a69_6e70_6169;

type Migrate =
    Box<dyn Fn(pg::DatabaseConfig) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// A schema that a test database is to have.
pub struct Schema {
    pub(crate) name: &'static str,
    migrate: Migrate,
}

/// The schema `name`, brought up to date by `migrate`, which gets the owner role's settings.
pub fn schema<F>(
    name: &'static str,
    migrate: impl Fn(pg::DatabaseConfig) -> F + Send + Sync + 'static,
) -> Schema
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    Schema { name, migrate: Box::new(move |config| Box::pin(migrate(config))) }
}

/// A server's URL with another database, and optionally another user.
pub(crate) fn url_of(server: &str, database: &str, role: Option<&str>) -> String {
    let (scheme, rest) = server.split_once("://").unwrap_or(("postgres", server));
    let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match role {
        Some(role) => format!("{scheme}://{role}:{PASSWORD}@{host}/{database}"),
        None => format!("{scheme}://{authority}/{database}"),
    }
}

/// The role that owns a schema and may migrate it.
pub(crate) fn owner_of(schema: &str) -> String {
    format!("test_{schema}_owner")
}

/// The role that a service runs as: its own rows, no DDL.
pub(crate) fn runtime_of(schema: &str) -> String {
    format!("test_{schema}")
}

pub(crate) async fn connect(url: &str) -> Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("connect to the test server")?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "test server connection ended");
        }
    });
    Ok(client)
}

/// Makes the database `name` with `schemas`, from a template that is built first if there is none.
pub(crate) async fn clone_into(server: &str, name: &str, schemas: &[Schema]) -> Result<()> {
    let admin = connect(server).await?;
    let template = template_name(schemas)?;
    // Cloners share the lock, so that a template cannot be removed under them; builders take it alone.
    loop {
        admin.execute("SELECT pg_advisory_lock_shared($1)", &[&LOCK]).await?;
        if is_complete(&admin, &template).await? {
            break;
        }
        admin.execute("SELECT pg_advisory_unlock_shared($1)", &[&LOCK]).await?;
        admin.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await?;
        if !is_complete(&admin, &template).await? {
            build(&admin, server, &template, schemas).await?;
        }
        admin.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await?;
    }
    admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")).await?;
    // The session's end gives the lock back.
    Ok(())
}

/// The comment on a template is set last, so one that was left half-built has none.
async fn is_complete(admin: &Client, template: &str) -> Result<bool> {
    let sql = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1";
    let row = admin.query_opt(sql, &[&template]).await?;
    Ok(row.and_then(|row| row.get::<_, Option<String>>(0)).is_some_and(|comment| comment == "complete"))
}

async fn build(admin: &Client, server: &str, template: &str, schemas: &[Schema]) -> Result<()> {
    remove_outdated(admin, template).await?;
    admin.batch_execute(&format!("CREATE DATABASE {template}")).await?;
    let url = url_of(server, template, None);
    for schema in schemas {
        let (owner, runtime) = (owner_of(schema.name), runtime_of(schema.name));
        let admin = pg::DatabaseConfig::new(url.clone());
        pg::roles::ensure(&admin, schema.name, &login(&owner), &login(&runtime))
            .await
            .context("make the roles")?;
        let config = pg::DatabaseConfig::new(url_of(server, template, Some(&owner)));
        (schema.migrate)(config).await.with_context(|| format!("migrate {}", schema.name))?;
    }
    wait_until_alone(admin, template).await?;
    admin.batch_execute(&format!("COMMENT ON DATABASE {template} IS 'complete'")).await?;
    Ok(())
}

fn login(name: &str) -> pg::roles::RoleLogin {
    pg::roles::RoleLogin { name: name.to_owned(), password: SecretString::from(PASSWORD) }
}

/// A database cannot be cloned while somebody is connected to it, and pools close their connections when they get
/// to it.
async fn wait_until_alone(admin: &Client, template: &str) -> Result<()> {
    eventually(Duration::from_secs(10), async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1";
        admin.query_one(sql, &[&template]).await.is_ok_and(|row| row.get::<_, i64>(0) == 0)
    })
    .await;
    Ok(())
}

/// Templates of earlier builds of the same test program, and a half-built one of this build.
async fn remove_outdated(admin: &Client, template: &str) -> Result<()> {
    let (family, _) = template.rsplit_once('_').context("a template's name has a family")?;
    let sql = "SELECT datname FROM pg_database WHERE starts_with(datname, $1)";
    for row in admin.query(sql, &[&format!("{family}_")]).await? {
        let name: String = row.get(0);
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
    }
    Ok(())
}

/// `template_<crate and schemas>_<build>`: the migrations are compiled into the test program, so another build of it
/// may have others.
fn template_name(schemas: &[Schema]) -> Result<String> {
    let program = std::env::current_exe()?;
    let metadata = program.metadata()?;
    let build = digest(&format!("{} {} {:?}", program.display(), metadata.len(), metadata.modified()?));
    // Cargo names the crate under test; outside cargo the program has to do.
    let crate_name = std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| program.display().to_string());
    let names: Vec<&str> = schemas.iter().map(|schema| schema.name).collect();
    ensure!(
        names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')),
        "odd schema name"
    );
    Ok(format!("template_{}_{build}", digest(&format!("{crate_name} {}", names.join(" ")))))
}

fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gets_another_database_and_role() {
        let server = "postgres://postgres:secret@127.0.0.1:5432/postgres";
        assert_eq!(url_of(server, "test_1", None), "postgres://postgres:secret@127.0.0.1:5432/test_1");
        assert_eq!(url_of(server, "test_1", Some("qa")), "postgres://qa:test@127.0.0.1:5432/test_1");
    }
}
