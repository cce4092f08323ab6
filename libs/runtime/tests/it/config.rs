//! Settings: layers, secrets, and errors that name the key.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use runtime::config::{ConfigError, ServerConfig, load_from};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

const DEFAULT: &str = r#"
name = "default"
tags = ["a", "b"]
[database]
url = "postgres://default"
pool_size = 4
[server]
listen = "127.0.0.1:7000"
"#;

#[derive(Debug, Deserialize)]
struct Config {
    name: String,
    tags: Vec<String>,
    database: Database,
    server: ServerConfig,
}

#[derive(Debug, Deserialize)]
struct Database {
    url: SecretString,
    pool_size: u32,
    ca_file: Option<String>,
}

fn load(
    file: Option<&Path>,
    environment: &[(&str, &str)],
    overrides: &[(&str, &str)],
) -> Result<Config, ConfigError> {
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    load_from("shops", DEFAULT, file, environment, overrides)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("it is writable");
    file
}

/// The text of the error and of everything behind it, which is what a main function prints.
fn complaint(outcome: Result<Config, ConfigError>) -> String {
    status::chain(&outcome.expect_err("it must be refused"))
}

#[test]
fn each_layer_beats_the_one_below() {
    let given = file("name = 'file'\n[database]\npool_size = 5\n");
    let environment = [
        ("JINPAI_SHOPS__DATABASE__POOL_SIZE", "6"),
        ("JINPAI_SHOPS__TAGS", "x, y,z"),
        ("JINPAI_OTHER__NAME", "other service"),
        ("JINPAI_SHOPS_NAME", "one underscore is part of a name"),
    ];
    let config =
        load(Some(given.path()), &environment, &[("server.listen", "127.0.0.1:0")]).expect("it is valid");
    assert_eq!(config.name, "file");
    assert_eq!(config.database.pool_size, 6);
    assert_eq!(config.tags, ["x", "y", "z"]);
    assert_eq!(config.server.listen.port(), 0);
    assert_eq!(config.server.in_flight_max, 1_000, "what no layer says is the type's own default");
    let over = load(None, &environment, &[("database.pool_size", "7")]).expect("it is valid");
    assert_eq!(over.database.pool_size, 7);
}

#[test]
fn secrets_keep_their_text_and_are_never_shown() {
    let config = load(None, &[("JINPAI_SHOPS__DATABASE__URL", "007")], &[]).expect("it is valid");
    assert_eq!(config.database.url.expose_secret(), "007");
    assert!(!format!("{config:?}").contains("007"));
}

#[test]
fn a_value_may_come_from_a_file() {
    let secret = file("postgres://mounted\n");
    let path = secret.path().to_str().expect("a plain path");
    let mounted = [("JINPAI_SHOPS__DATABASE__URL_FILE", path)];
    let config = load(None, &mounted, &[]).expect("it is valid");
    assert_eq!(config.database.url.expose_secret(), "postgres://mounted");

    let over = load(None, &mounted, &[("database.url", "postgres://code")]).expect("it is valid");
    assert_eq!(over.database.url.expose_secret(), "postgres://code", "the higher layer wins");

    let plain = load(None, &[("JINPAI_SHOPS__DATABASE__CA_FILE", path)], &[]).expect("it is valid");
    assert_eq!(plain.database.ca_file.as_deref(), Some(path), "a setting of that name is just a path");

    let twice = [mounted[0], ("JINPAI_SHOPS__DATABASE__URL", "postgres://env")];
    assert!(complaint(load(None, &twice, &[])).contains("database.url and database.url_file are both given"));
    let gone = complaint(load(None, &[("JINPAI_SHOPS__DATABASE__URL_FILE", "/nowhere/secret")], &[]));
    assert!(gone.contains("/nowhere/secret"), "{gone}");
}

#[test]
fn unknown_keys_are_refused_all_at_once_and_named() {
    let given = file("nam = 'typo'\n[server]\nlisten_on = 'typo'\n");
    let text = complaint(load(Some(given.path()), &[("JINPAI_SHOPS__DATABASE__POOLSIZE", "6")], &[]));
    for key in ["nam (", "server.listen_on (", "database.poolsize (JINPAI_SHOPS__DATABASE__POOLSIZE)"] {
        assert!(text.contains(key), "{key} is missing: {text}");
    }
}

#[test]
fn a_wrong_type_names_key_and_place() {
    let text = complaint(load(None, &[("JINPAI_SHOPS__DATABASE__POOL_SIZE", "many")], &[]));
    assert!(
        text.contains("database.pool_size") && text.contains("JINPAI_SHOPS__DATABASE__POOL_SIZE"),
        "{text}"
    );
    let text = complaint(load(None, &[], &[("server.listen", "here")]));
    assert!(text.contains("server.listen"), "{text}");
    let text = complaint(load(None, &[], &[("server.in_flight_max", "-1")]));
    assert!(text.contains("server.in_flight_max"), "{text}");
}

#[test]
fn a_section_and_a_value_cannot_take_each_others_place() {
    let text = complaint(load(None, &[("JINPAI_SHOPS__DATABASE", "x")], &[]));
    assert!(text.contains("database") && text.contains("a section"), "{text}");
    let text = complaint(load(None, &[], &[("name.first", "x")]));
    assert!(text.contains("name"), "{text}");
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_named() {
    assert!(
        complaint(load(Some(Path::new("/nowhere/shops.toml")), &[], &[])).contains("/nowhere/shops.toml")
    );
    let broken = file("name = ");
    assert!(complaint(load(Some(broken.path()), &[], &[])).contains("not valid TOML"));
}

#[test]
fn variables_that_are_no_text_are_named_if_they_are_ours_and_passed_over_if_not() {
    let bytes = |text: &str| OsString::from_vec([text.as_bytes(), b"\xff\xfe"].concat());
    let with =
        |name: OsString, value: OsString| load_from::<Config>("shops", DEFAULT, None, [(name, value)], &[]);
    with("LEGACY_PATH".into(), bytes("/srv/")).expect("it is none of ours");
    with(bytes("LEGACY"), bytes("")).expect("nor is this");
    let complaint = |name, value| complaint(with(name, value));
    let told = complaint("JINPAI_SHOPS__DATABASE__URL".into(), bytes("hush"));
    assert_eq!(told, "JINPAI_SHOPS__DATABASE__URL is not valid UTF-8");
    let told = complaint(bytes("JINPAI_SHOPS__NAME"), "x".into());
    assert!(told.starts_with("JINPAI_SHOPS__NAME") && told.ends_with("is not valid UTF-8"), "{told}");
}
