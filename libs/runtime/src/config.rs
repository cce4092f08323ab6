//! Settings in layers: the service's `default.toml` < a file < environment variables < values given by code.
//!
//! A variable is `JINPAI_<SERVICE>__<SECTION>__<KEY>`. Values from the environment keep their text until the type
//! they go to is known, so a password `007` stays `007`; lists are separated by commas. A key that `default.toml`
//! has may also be given as `<key>_file`: its content is then read from there, which is how mounted secrets come
//! in. A key that nobody reads is an error.
//!
//! A section refuses values of the right type that cannot work in its `check`, which a service's loading calls for each of
//! its sections. Nothing is quietly replaced by a value that would work.

mod layers;
mod sections;

use std::ffi::OsString;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub(crate) use sections::check_skew;
pub use sections::{
    AccessConfig, ServerConfig, SignerConfig, TelemetryConfig, TlsConfig, UpstreamConfig, UpstreamTlsConfig,
};

/// Why the settings cannot be used; the text names the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The settings file or a secret's file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A layer is not TOML.
    #[error("{layer} is not valid TOML")]
    Syntax {
        /// Which layer.
        layer: String,
        /// Why.
        #[source]
        source: config::ConfigError,
    },
    /// Keys that no setting has.
    #[error("no such setting: {}", keys.join(", "))]
    Unknown {
        /// The keys, each with the layer it came from.
        keys: Vec<String>,
    },
    /// A section where a value belongs, or the other way round.
    #[error("{key} ({layer}) is {found}, not {wanted}")]
    Shape {
        /// The key.
        key: String,
        /// The layer that gave it.
        layer: String,
        /// What it is there.
        found: &'static str,
        /// What it has to be.
        wanted: &'static str,
    },
    /// Both the value and the file with the value are given in one layer.
    #[error("{key} and {key}_file are both given ({layer})")]
    Twice {
        /// The key.
        key: String,
        /// The layer that gave them.
        layer: String,
    },
    /// A variable of ours whose bytes are no text. They are not shown: they may be a secret.
    #[error("{key} is not valid UTF-8")]
    NotText {
        /// The variable, as far as its name is text.
        key: String,
    },
    /// A value that cannot be, alone or beside another.
    #[error("{key} must be {wanted}")]
    Unsound {
        /// The key.
        key: String,
        /// What it has to be.
        wanted: String,
    },
    /// A value that only shows to be of no use when it is used: an address, a file, a role.
    #[error("{0}")]
    Unusable(String),
    /// A value of the wrong type, or one that is missing.
    #[error("{0}")]
    Value(#[source] config::ConfigError),
}

impl ConfigError {
    /// [`ConfigError::Unsound`] for `key`, which must be `wanted`.
    pub fn unsound(key: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self::Unsound { key: key.into(), wanted: wanted.into() }
    }
}

/// How long a wait may be that is given in milliseconds: a day at most, since more is a slip of the hand.
pub const MILLIS: RangeInclusive<u64> = 1..=MILLIS_MAX;
/// The same in seconds.
pub const SECONDS: RangeInclusive<u64> = 1..=86_400;
/// The longest wait in milliseconds: a day.
pub const MILLIS_MAX: u64 = 86_400_000;
/// How many places there may be for calls, streams, connections and the like.
pub const PLACES: RangeInclusive<usize> = 1..=1_000_000;

/// Refuses a number out of `bounds`, by its key.
///
/// # Errors
///
/// [`ConfigError::Unsound`], which names both bounds.
pub fn within<N: PartialOrd + Display + Copy>(
    key: &str,
    number: N,
    bounds: &RangeInclusive<N>,
) -> Result<(), ConfigError> {
    if bounds.contains(&number) {
        return Ok(());
    }
    Err(ConfigError::unsound(key, format!("{} to {}", bounds.start(), bounds.end())))
}

/// The settings of `service`. `default_toml` is compiled in, `file` is what `--config` names, `overrides` are
/// dotted keys with their values.
pub fn load<T: DeserializeOwned>(
    service: &str,
    default_toml: &str,
    file: Option<&Path>,
    overrides: &[(&str, &str)],
) -> Result<T, ConfigError> {
    load_from(service, default_toml, file, std::env::vars_os(), overrides)
}

/// [`load`] with the environment as a value. What does not begin with the service's prefix is not looked at.
pub fn load_from<T: DeserializeOwned>(
    service: &str,
    default_toml: &str,
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    overrides: &[(&str, &str)],
) -> Result<T, ConfigError> {
    let mut settings = layers::Settings::of_default(default_toml)?;
    if let Some(path) = file {
        let text = layers::read(path)?;
        settings.add_toml(&path.display().to_string(), &text)?;
    }
    settings.add_environment(service, environment)?;
    settings.add_overrides(overrides)?;
    settings.read()
}
