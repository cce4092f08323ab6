//! Encrypted connections: used and verified when an authority is named.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use pg::{DatabaseConfig, Error};
use rcgen::{CertificateParams, Issuer, KeyPair};
use servers::{Postgres, PostgresOptions};
use testkit::Scratch;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).expect("a certificate").pem();
    Authority { pem, issuer: Issuer::new(params, key) }
}

/// Puts a key and a certificate for 127.0.0.1 where the server's user can read them.
fn server_files(folder: &Path, authority: &Authority) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &authority.issuer).expect("a certificate");
    let files = (folder.join("server.crt"), folder.join("server.key"));
    std::fs::write(&files.0, certificate.pem()).expect("writes");
    std::fs::write(&files.1, key.serialize_pem()).expect("writes");
    let owner = folder.metadata().expect("a folder");
    for file in [&files.0, &files.1] {
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).expect("permissions");
        chown(file, Some(owner.uid()), Some(owner.gid())).expect("owner");
    }
    files
}

async fn encrypted(conn: &mut AsyncPgConnection) -> bool {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        ssl: bool,
    }
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    diesel::sql_query(sql).get_result::<Row>(conn).await.expect("a row").ssl
}

#[tokio::test]
async fn with_an_authority_the_connection_is_encrypted_and_verified() {
    let scratch = Scratch::new();
    let mut server =
        Postgres::start(scratch.path().join("server"), PostgresOptions::throwaway()).await.expect("starts");
    let plain = pg::connect("public", &DatabaseConfig::new(server.url())).await.expect("connects");
    let mut conn = plain.get().await.expect("a connection");
    assert!(!encrypted(&mut conn).await);

    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        folder: String,
    }
    let sql = "SELECT current_setting('data_directory') AS folder";
    let folder = diesel::sql_query(sql).get_result::<Row>(&mut conn).await.expect("a row").folder;
    let (known, unknown) = (authority(), authority());
    let (certificate, key) = server_files(Path::new(&folder), &known);
    for (name, value) in [
        ("ssl_cert_file", certificate.display().to_string()),
        ("ssl_key_file", key.display().to_string()),
        ("ssl", "on".to_owned()),
    ] {
        conn.batch_execute(&format!("ALTER SYSTEM SET {name} = '{value}'")).await.expect("sets");
    }
    server.restart().await.expect("restarts");

    let ca_file = scratch.path().join("ca.pem");
    let config = DatabaseConfig {
        ca_file: Some(ca_file.clone()),
        startup_timeout_ms: 0,
        ..DatabaseConfig::new(server.url())
    };
    let missing = pg::connect("public", &config).await.expect_err("no file");
    assert!(matches!(missing, Error::Config(_)), "{missing:?}");
    std::fs::write(&ca_file, &unknown.pem).expect("writes");
    let refused = pg::connect("public", &config).await.expect_err("signed by somebody else");
    assert!(matches!(refused, Error::Unavailable(_)), "{refused:?}");
    // The right file in its place counts for the next connection.
    std::fs::write(&ca_file, &known.pem).expect("writes");
    let pool = pg::connect("public", &config).await.expect("connects");
    assert!(encrypted(&mut pool.get().await.expect("a connection")).await);
    server.stop().await.expect("stops");
}
