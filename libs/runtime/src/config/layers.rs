//! The layers, flattened to leaves and laid over each other.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use config::{File, FileFormat, Value, ValueKind};
use serde::de::DeserializeOwned;

use super::ConfigError;

/// A leaf's place: the sections and the key.
type Key = Vec<String>;

/// The settings so far: a value and its origin for every leaf.
#[derive(Debug)]
pub(super) struct Settings {
    leaves: BTreeMap<Key, Value>,
    /// The keys of the default layer: they say what may come from a file and what is a list.
    defaults: BTreeMap<Key, Value>,
}

impl Settings {
    pub(super) fn of_default(toml: &str) -> Result<Self, ConfigError> {
        let leaves = leaves("default.toml", toml)?;
        Ok(Self { defaults: leaves.clone(), leaves })
    }

    pub(super) fn add_toml(&mut self, layer: &str, toml: &str) -> Result<(), ConfigError> {
        let leaves = leaves(layer, toml)?;
        self.lay(layer, leaves)
    }

    /// Variables `JINPAI_<SERVICE>__A__B`. Only the double underscore separates: keys contain single ones.
    pub(super) fn add_environment(
        &mut self,
        service: &str,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        let prefix = format!("JINPAI_{}__", service.to_ascii_uppercase());
        let mut leaves = BTreeMap::new();
        let ours = |name: &OsString| name.as_encoded_bytes().starts_with(prefix.as_bytes());
        for (name, text) in environment.into_iter().filter(|(name, _)| ours(name)) {
            let no_text = || ConfigError::NotText { key: name.to_string_lossy().into_owned() };
            let (name, text) = (name.to_str().ok_or_else(no_text)?, text.to_str().ok_or_else(no_text)?);
            let rest = name.strip_prefix(&prefix).unwrap_or_default();
            let key: Key = rest.to_ascii_lowercase().split("__").map(str::to_owned).collect();
            leaves.insert(key.clone(), self.value(name, &key, text));
        }
        self.lay("environment", leaves)
    }

    pub(super) fn add_overrides(&mut self, overrides: &[(&str, &str)]) -> Result<(), ConfigError> {
        let mut leaves = BTreeMap::new();
        for (name, text) in overrides {
            let key: Key = name.split('.').map(str::to_owned).collect();
            leaves.insert(key.clone(), self.value("override", &key, text));
        }
        self.lay("override", leaves)
    }

    /// Text becomes a list where the default is one; everything else stays text until its type is known.
    fn value(&self, origin: &str, key: &Key, text: &str) -> Value {
        let origin = origin.to_owned();
        let is_list = self.defaults.get(key).is_some_and(|value| matches!(value.kind, ValueKind::Array(_)));
        if !is_list {
            return Value::new(Some(&origin), text);
        }
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let items: Vec<Value> = items.map(|item| Value::new(Some(&origin), item)).collect();
        Value::new(Some(&origin), items)
    }

    fn lay(&mut self, layer: &str, mut leaves: BTreeMap<Key, Value>) -> Result<(), ConfigError> {
        for (key, value) in self.read_files(layer, &leaves)? {
            leaves.insert(key, value);
        }
        for (key, value) in leaves {
            if self.is_file_of_a_value(&key) {
                continue;
            }
            self.fits(layer, &key)?;
            self.leaves.insert(key, value);
        }
        Ok(())
    }

    /// The values of the layer's `<key>_file` entries.
    fn read_files(
        &self,
        layer: &str,
        leaves: &BTreeMap<Key, Value>,
    ) -> Result<Vec<(Key, Value)>, ConfigError> {
        let mut values = Vec::new();
        for (key, value) in leaves.iter().filter(|(key, _)| self.is_file_of_a_value(key)) {
            let plain = without_file(key).unwrap_or_default();
            if leaves.contains_key(&plain) {
                return Err(ConfigError::Twice { key: plain.join("."), layer: layer.to_owned() });
            }
            let path = value.clone().into_string().map_err(ConfigError::Value)?;
            let text = read(Path::new(&path))?;
            // Editors and secret stores end a file with a newline that is not part of the secret.
            let text = text.trim_end_matches(['\r', '\n']);
            values.push((plain, Value::new(Some(&path), text)));
        }
        Ok(values)
    }

    /// Whether `key` is `<other>_file` and `<other>` is a setting; `ca_file` without a `ca` is just a path.
    fn is_file_of_a_value(&self, key: &Key) -> bool {
        let plain = without_file(key);
        plain.is_some_and(|plain| self.defaults.contains_key(&plain) && !self.defaults.contains_key(key))
    }

    /// A value must not replace a section, nor a section a value: that would drop settings silently.
    fn fits(&self, layer: &str, key: &Key) -> Result<(), ConfigError> {
        let shape = |key: &[String], found, wanted| {
            Err(ConfigError::Shape { key: key.join("."), layer: layer.to_owned(), found, wanted })
        };
        let below = self.leaves.range(key.clone()..).find(|(other, _)| *other != key);
        if below.is_some_and(|(other, _)| other.starts_with(key)) {
            return shape(key, "a value", "a section");
        }
        match (1..key.len()).find(|length| self.leaves.contains_key(&key[..*length])) {
            Some(length) => shape(&key[..length], "a section", "a value"),
            None => Ok(()),
        }
    }

    /// The settings as their type. Keys that the type does not read are refused, all of them at once.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, ConfigError> {
        let origins: BTreeMap<String, String> = self
            .leaves
            .iter()
            .map(|(key, value)| (key.join("."), value.origin().unwrap_or("default.toml").to_owned()))
            .collect();
        let mut root = ValueKind::Table(config::Map::new());
        for (key, value) in self.leaves {
            insert(&mut root, &key, value);
        }
        let mut keys = Vec::new();
        let ignored = |path: serde_ignored::Path<'_>| keys.push(path.to_string());
        let read = serde_ignored::deserialize(Value::new(None, root), ignored).map_err(ConfigError::Value)?;
        if keys.is_empty() {
            return Ok(read);
        }
        for key in &mut keys {
            let origin =
                origins.iter().find(|(other, _)| under(key, other)).map(|(_, origin)| origin.as_str());
            key.push_str(&format!(" ({})", origin.unwrap_or("default.toml")));
        }
        Err(ConfigError::Unknown { keys })
    }
}

/// Whether `leaf` is `key` or lies below it.
fn under(key: &str, leaf: &str) -> bool {
    leaf.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })
}

fn without_file(key: &Key) -> Option<Key> {
    let (last, sections) = key.split_last()?;
    let plain = last.strip_suffix("_file")?;
    Some(sections.iter().cloned().chain([plain.to_owned()]).collect())
}

fn leaves(layer: &str, toml: &str) -> Result<BTreeMap<Key, Value>, ConfigError> {
    let parsed = config::Config::builder().add_source(File::from_str(toml, FileFormat::Toml)).build();
    let parsed = parsed.map_err(|source| ConfigError::Syntax { layer: layer.to_owned(), source })?;
    let mut leaves = BTreeMap::new();
    flatten(layer, &mut Vec::new(), parsed.cache, &mut leaves);
    Ok(leaves)
}

fn flatten(layer: &str, at: &mut Key, value: Value, leaves: &mut BTreeMap<Key, Value>) {
    match value.kind {
        ValueKind::Table(table) => {
            for (key, value) in table {
                at.push(key);
                flatten(layer, at, value, leaves);
                at.pop();
            }
        }
        kind => {
            leaves.insert(at.clone(), Value::new(Some(&layer.to_owned()), kind));
        }
    }
}

fn insert(node: &mut ValueKind, key: &[String], value: Value) {
    let ValueKind::Table(table) = node else { return };
    match key {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let empty = || Value::new(None, ValueKind::Table(config::Map::new()));
            insert(&mut table.entry(first.clone()).or_insert_with(empty).kind, rest, value);
        }
    }
}
