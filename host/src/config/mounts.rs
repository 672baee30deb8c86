//! `[mount.<name>]`: a named repository.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::config::values::resolve;

/// `[mount.<name>.settings]`. A text `env:NAME` or `file:/path` is replaced by its content. Never
/// printed, because any value may be a secret.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct Settings {
    table: toml::Table,
    secrets: Vec<SecretString>,
}

impl Settings {
    /// As JSON, for the plugin.
    pub fn json(&self) -> Result<SecretString, String> {
        serde_json::to_string(&self.table).map(SecretString::from).map_err(|error| error.to_string())
    }

    /// The texts that came from the environment or from files.
    pub fn secrets(&self) -> &[SecretString] {
        &self.secrets
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Settings")
    }
}

impl TryFrom<toml::Table> for Settings {
    type Error = String;

    fn try_from(mut table: toml::Table) -> Result<Self, String> {
        let mut secrets = Vec::new();
        for (key, value) in &mut table {
            resolve_all(key, value, &mut secrets)?;
        }
        Ok(Self { table, secrets })
    }
}

/// Replaces all texts in a value. `place` is for error messages.
fn resolve_all(place: &str, value: &mut toml::Value, secrets: &mut Vec<SecretString>) -> Result<(), String> {
    match value {
        toml::Value::String(text) => {
            if let Some(secret) = resolve(text).map_err(|error| format!("settings.{place}: {error}"))? {
                secret.expose_secret().clone_into(text);
                secrets.push(secret);
            }
            Ok(())
        }
        toml::Value::Array(values) => {
            values.iter_mut().try_for_each(|value| resolve_all(place, value, secrets))
        }
        toml::Value::Table(table) => table
            .iter_mut()
            .try_for_each(|(key, value)| resolve_all(&format!("{place}.{key}"), value, secrets)),
        _ => Ok(()),
    }
}

/// `[mount.<name>]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MountConfig {
    /// The mount's name by default.
    pub plugin: Option<String>,
    pub enabled: bool,
    /// `/<name>` by default; `/` if `host` is set.
    pub base_path: Option<String>,
    /// Serve it only under this host name.
    pub host: Option<String>,
    /// Its part of the storage; its name by default.
    pub prefix: Option<String>,
    pub features: BTreeMap<String, bool>,
    /// Rights beyond its prefix: `login`, and root aliases such as `/v2`.
    pub grants: Vec<String>,
    /// The grants of anonymous callers here, instead of those in `[auth]`.
    pub anonymous: Option<Vec<String>>,
    /// The audience of the external token server's tokens for this mount; `{service}/{mount}` by
    /// default.
    pub token_service: Option<String>,
    /// Passed to the plugin.
    pub settings: Settings,
}

impl Default for MountConfig {
    fn default() -> Self {
        Self {
            plugin: None,
            enabled: true,
            base_path: None,
            host: None,
            prefix: None,
            features: BTreeMap::new(),
            grants: Vec::new(),
            anonymous: None,
            token_service: None,
            settings: Settings::default(),
        }
    }
}

impl MountConfig {
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!(
                "[mount.{name}]: a mount's name is made of lower-case letters, digits, `-` and `_`"
            ));
        }
        if let Some(path) = &self.base_path {
            let wrong =
                !path.starts_with('/') || (path.len() > 1 && path.ends_with('/')) || path.contains("//");
            if wrong || path.contains(['?', '#', '%', ' ']) {
                return Err(format!("[mount.{name}] base_path is {path:?}: write it like \"/{name}\""));
            }
        }
        if let Some(host) = &self.host
            && (host.is_empty() || host.contains([':', '/', '@', '?', '#', ' ']))
        {
            return Err(format!(
                "[mount.{name}] host is {host:?}: write a name like \"registry.example.com\", without scheme and port"
            ));
        }
        let is_path = |grant: &str| grant.len() > 1 && grant.starts_with('/') && !grant.ends_with('/');
        match self.grants.iter().find(|grant| *grant != "login" && !is_path(grant)) {
            Some(grant) => Err(format!(
                "[mount.{name}] grants holds {grant:?}: what can be granted is \"login\" and paths like \"/v2\""
            )),
            None => Ok(()),
        }
    }
}
