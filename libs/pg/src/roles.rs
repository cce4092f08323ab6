//! Database roles of a service: an owner that runs migrations and a runtime role that can only work with rows.
//!
//! Ownership is enforced by these roles: the runtime role of one service can neither see another's schema nor change
//! its own.

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Client;

use crate::connector::{Connector, check_name};
use crate::{DatabaseConfig, Error};

/// A role and its password.
#[derive(Debug, Clone)]
pub struct RoleLogin {
    /// Plain lower-case name.
    pub name: String,
    /// Its password.
    pub password: SecretString,
}

/// Makes the two roles of a schema and the schema itself, or brings them to this state, with the rights of
/// `admin` (who may create roles). Safe to repeat: `jinpai up` does so at every start.
pub async fn ensure(
    admin: &DatabaseConfig,
    schema: &str,
    owner: &RoleLogin,
    runtime: &RoleLogin,
) -> Result<(), Error> {
    for name in [schema, &owner.name, &runtime.name] {
        check_name(name)?;
    }
    let mut client = Connector::new("public", admin, 30_000)?.bare().await?;
    let transaction = client.transaction().await?;
    // Two starts at once would race for the catalogue rows.
    transaction.batch_execute("SELECT pg_advisory_xact_lock(hashtextextended('jinpai.roles', 0))").await?;
    let client = transaction.client();
    ensure_login(client, owner).await?;
    ensure_login(client, runtime).await?;
    let (owner, runtime) = (&owner.name, &runtime.name);
    transaction
        .batch_execute(&format!(
            "REVOKE ALL ON SCHEMA public FROM PUBLIC; \
             GRANT {owner} TO CURRENT_USER; \
             CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner}; \
             ALTER SCHEMA {schema} OWNER TO {owner}; \
             REVOKE ALL ON SCHEMA {schema} FROM PUBLIC; \
             GRANT USAGE ON SCHEMA {schema} TO {runtime}; \
             ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} \
                GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {runtime}; \
             ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} \
                GRANT USAGE, SELECT ON SEQUENCES TO {runtime}; \
             ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT EXECUTE ON FUNCTIONS TO {runtime}; \
             ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
        ))
        .await?;
    Ok(transaction.commit().await?)
}

async fn ensure_login(client: &Client, login: &RoleLogin) -> Result<(), Error> {
    let name = &login.name;
    let exists = client.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[name]).await?.is_some();
    let verb = if exists { "ALTER" } else { "CREATE" };
    // No parameters in role statements; doubling the quote is all that a literal with standard strings needs.
    let password = login.password.expose_secret().replace('\'', "''");
    client
        .batch_execute(&format!(
            "SET LOCAL standard_conforming_strings = on; \
             {verb} ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD '{password}'"
        ))
        .await
        // The statement holds the password: only its code may go up.
        .map_err(|e| Error::Internal(format!("role {name}: {:?}", e.code()).into()))?;
    // Errors without a kind in Diesel are told by their English text. Only a superuser may set this: others have to
    // see to it that the server speaks English.
    if client.query_one("SELECT current_setting('is_superuser') = 'on'", &[]).await?.get(0) {
        client.batch_execute(&format!("ALTER ROLE {name} SET lc_messages = 'C'")).await?;
    }
    Ok(())
}
