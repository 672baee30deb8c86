//! A mount, as its plugin meets it. Which requests are for it is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use packhouse_auth::Grant;
use secrecy::SecretString;

/// Paths that belong to the host.
const RESERVED: [&str; 3] = ["/-/packhouse", "/healthz", "/readyz"];

/// Whether a path is the host's own, or below it.
pub fn is_reserved(path: &str) -> bool {
    RESERVED.iter().any(|reserved| below(path, reserved).is_some())
}

/// One named repository.
#[derive(Debug, Clone)]
pub struct Mount {
    pub name: String,
    /// The plugin that answers for it.
    pub plugin: String,
    pub enabled: bool,
    /// Without a trailing slash; empty for the root of its host.
    pub base_path: String,
    /// Only under this host name, in lower case.
    pub host: Option<String>,
    /// Its part of the storage.
    pub prefix: String,
    pub features: BTreeMap<String, bool>,
    pub grants: BTreeSet<String>,
    /// What needs no account, where it differs from that of the host.
    pub anonymous: Option<Vec<Grant>>,
    /// JSON, for the plugin.
    pub settings: SecretString,
    /// What is secret in it.
    pub secrets: Vec<SecretString>,
}

impl Mount {
    /// Whether a feature is on for this mount. `default` holds if the configuration does not set it.
    pub fn feature(&self, name: &str, default: bool) -> bool {
        self.features.get(name).copied().unwrap_or(default)
    }

    /// The first feature that is set here and that a plugin with these features does not have.
    pub fn unknown_feature(&self, features: &BTreeMap<String, bool>) -> Option<&str> {
        self.features.keys().find(|name| !features.contains_key(*name)).map(String::as_str)
    }

    /// Whether the mount or its plugin is named like a protocol.
    pub fn is_named_like(&self, protocol: &str) -> bool {
        self.plugin == protocol || self.name == protocol
    }

    /// A sign that the plugin is the one of another protocol: a feature that is set here and that the
    /// plugin does not have, where neither of the two is named like the protocol that it speaks.
    pub fn doubt(&self, protocol: &str, features: &BTreeMap<String, bool>) -> Option<&str> {
        self.unknown_feature(features).filter(|_| !self.is_named_like(protocol))
    }

    /// Where clients reach it, if they reach the host at `origin`, an URL without a path: under the name
    /// of its own, if it has one, and the same port.
    pub fn address(&self, origin: &str) -> String {
        let Some(host) = &self.host else { return format!("{origin}{}", self.base_path) };
        let (scheme, used) = origin.split_once("://").unwrap_or(("http", origin));
        let port = used.split('/').next().and_then(|used| used.rsplit_once(':'));
        let port = port.filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| format!(":{port}"));
        format!("{scheme}://{host}{}{}", port.unwrap_or_default(), self.base_path)
    }

    pub fn is_granted(&self, wish: &str) -> bool {
        self.grants.contains(wish)
    }

    /// Whether it is granted the wish, or needs no grant for it: a mount at the root of its host has all
    /// paths there.
    pub fn has(&self, wish: &str) -> bool {
        self.is_granted(wish) || (self.base_path.is_empty() && wish.starts_with('/'))
    }

    /// Paths at the root of the host that are granted to it.
    pub fn root_aliases(&self) -> impl Iterator<Item = &str> {
        self.grants.iter().map(String::as_str).filter(|grant| grant.starts_with('/'))
    }
}

/// What of a path lies below another: empty or beginning with `/`.
pub fn below<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}
