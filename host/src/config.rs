//! `registry.toml`: one struct per section, validated when it is read.
//!
//! The configuration knows keys and values, and not what is built from them: `app` passes each section
//! to the part that needs it.
//!
//! # Invariants
//! - **An unknown key is an error** that names the file, the line and the nearest
//!   known key.
//! - **A secret is never printed**: it is a [`values::Secret`] from the start.

mod auth;
mod maintenance;
mod mounts;
mod plugins;
mod server;
mod storage;
pub mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use auth::{AuthConfig, NpmTokens, OciTokens, TokenKey};
pub use maintenance::{Every, MaintenanceConfig};
pub use mounts::{MountConfig, Settings};
pub use plugins::PluginsConfig;
pub use server::{ForwardedHeader, Hosts, LimitsConfig, ServerConfig};
pub use storage::{Addressing, StorageConfig, StorageKind};

/// The whole of `registry.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: ServerConfig,
    pub storage: StorageConfig,
    pub auth: AuthConfig,
    pub plugins: PluginsConfig,
    pub maintenance: MaintenanceConfig,
    /// `[mount.<name>]`: a named repository each.
    pub mount: BTreeMap<String, MountConfig>,
    /// Where it was read from, for the words of later errors; relative paths in it
    /// are relative to the working directory.
    #[serde(skip)]
    pub file: PathBuf,
}

/// What is wrong with a configuration: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{file} cannot be read: {source}; pass its path with --config", file = file.display())]
    Read { file: PathBuf, source: std::io::Error },
    #[error("{file}:{line}: {message}")]
    Parse { file: String, line: usize, message: String },
    #[error("{file}: {message}", file = file.display())]
    Value { file: PathBuf, message: String },
}

impl Config {
    /// Reads and checks a file.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Read { file: file.to_owned(), source })?;
        Self::parse(&text, file)
    }

    /// Reads and checks a text; `file` is for the words of errors.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| explain(text, file, &error))?;
        file.clone_into(&mut config.file);
        config.check().map_err(|message| ConfigError::Value { file: file.to_owned(), message })?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        self.storage.check()?;
        self.server.check()?;
        self.auth.check()?;
        self.auth.check_services(&self.mount)?;
        self.mount.iter().try_for_each(|(name, mount)| mount.check(name))
    }

    /// An error about a value, in the words of the others.
    pub fn error(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::Value { file: self.file.clone(), message: message.into() }
    }
}

/// A parser's error as one sentence with its line and the nearest known key.
fn explain(text: &str, file: &Path, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start);
    let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
    let message = error.message().lines().next().unwrap_or_default();
    let key = key_at(text, at);
    let message = unknown_key(message).or_else(|| missing_key(message)).unwrap_or_else(|| {
        match (wrong_type(message), key) {
            (Some(wanted), Some(key)) => format!("`{key}` must be {wanted}"),
            (Some(wanted), None) => format!("the value here must be {wanted}"),
            (None, Some(key)) => format!("`{key}`: {message}"),
            (None, None) => message.to_owned(),
        }
    });
    ConfigError::Parse { file: file.display().to_string(), line, message }
}

/// The key of the value at this place. In a table on one line it is that of its member, with the key of
/// the table before it.
fn key_at(text: &str, at: usize) -> Option<String> {
    let before = text.get(..at)?;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let (outer, _) = text.get(start..)?.lines().next()?.split_once('=')?;
    let outer = outer.trim();
    let before = before.get(start..)?.rsplit_once('=').map_or("", |(before, _)| before);
    let is_key = |key: &str| {
        !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            // Not a part of a text, which may be a secret.
            && ['"', '\''].iter().all(|quote| before.matches(*quote).count().is_multiple_of(2))
    };
    let inner = before.rsplit_once(['{', ',']).map(|(_, key)| key.trim()).filter(|key| is_key(key));
    Some(inner.map_or_else(|| outer.to_owned(), |inner| format!("{outer}.{inner}")))
}

fn missing_key(message: &str) -> Option<String> {
    let key = message.strip_prefix("missing field ")?;
    Some(format!("the key {key} is missing in the table that begins here"))
}

/// What a value must be, in the terms of TOML. Names of types stay inside, and so does the value, which
/// may be a secret.
fn wrong_type(message: &str) -> Option<String> {
    let is_of_type = ["invalid type: ", "invalid value: ", "unknown variant "];
    if !is_of_type.iter().any(|start| message.starts_with(start)) {
        return None;
    }
    let (_, wanted) = message.rsplit_once(", expected ")?;
    let is_number = wanted.strip_prefix(['u', 'i']).is_some_and(|bits| {
        bits == "size" || (!bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit()))
    });
    Some(match wanted {
        "a sequence" => "a list in brackets".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a map" => "a table".to_owned(),
        "socket address" => "an address with a port, e.g. `127.0.0.1:8080`".to_owned(),
        _ if wanted.starts_with("struct ") => "a table".to_owned(),
        _ if is_number => "a whole number".to_owned(),
        _ if wanted.starts_with('`') => format!("one of {}", wanted.replace(" or ", ", ")),
        _ => wanted.to_owned(),
    })
}

/// Turns serde's words about an unknown field into ours.
fn unknown_key(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    let known: Vec<_> = quoted.collect();
    let nearest = known
        .iter()
        .map(|key| (strsim::damerau_levenshtein(unknown, key), key))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    Some(match nearest {
        Some((_, key)) => format!("unknown key `{unknown}`, did you mean `{key}`?"),
        None => format!("unknown key `{unknown}`, the keys here are {}", known.join(", ")),
    })
}

#[cfg(test)]
mod tests;
