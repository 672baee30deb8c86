//! `[auth]`: users, tokens, and what anybody may do.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::values::Secret;

/// `[auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// SQLite file of users, and of tokens with `token_store = "database"`.
    pub database: PathBuf,
    /// Where tokens are kept: a word that the auth room knows.
    pub token_store: String,
    /// Scopes that need no account.
    pub anonymous: Vec<String>,
    pub jwt_secret: Option<Secret>,
    pub npm_tokens: NpmTokens,
    pub oci_tokens: OciTokens,
}

/// `[auth.npm_tokens]`: opaque tokens that clients make at a login.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NpmTokens {
    pub enabled: bool,
    /// Tokens made at a login may only read.
    pub default_readonly: bool,
}

/// `[auth.oci_tokens]`: signed access tokens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OciTokens {
    pub enabled: bool,
    pub realm: Option<String>,
    pub service: Option<String>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            database: PathBuf::from("data/packhouse.sqlite"),
            token_store: "database".into(),
            anonymous: vec!["*:*:*:read".into()],
            jwt_secret: None,
            npm_tokens: NpmTokens::default(),
            oci_tokens: OciTokens::default(),
        }
    }
}

impl Default for NpmTokens {
    fn default() -> Self {
        Self { enabled: true, default_readonly: false }
    }
}

/// The rules for tokens that clients ask for, whatever the earlier system called them.
#[derive(Debug, Clone, Copy)]
pub struct ClientTokens {
    pub enabled: bool,
    pub read_only: bool,
}

impl AuthConfig {
    /// Keys that are set and that this version has no use for.
    pub fn not_used(&self) -> Vec<&'static str> {
        let keys = [("jwt_secret", self.jwt_secret.is_some()), ("oci_tokens", self.oci_tokens.enabled)];
        keys.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key).collect()
    }

    /// What holds for tokens that clients ask for.
    pub fn client_tokens(&self) -> ClientTokens {
        ClientTokens { enabled: self.npm_tokens.enabled, read_only: self.npm_tokens.default_readonly }
    }
}
