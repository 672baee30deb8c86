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
    pub token_store: TokenStoreKind,
    /// Scopes that need no account.
    pub anonymous: Vec<String>,
    pub jwt_secret: Option<Secret>,
    pub npm_tokens: NpmTokens,
    pub oci_tokens: OciTokens,
}

/// Where tokens are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenStoreKind {
    Memory,
    Redis,
    Database,
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
            token_store: TokenStoreKind::Database,
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

impl AuthConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.token_store == TokenStoreKind::Redis {
            return Err("[auth] token_store = \"redis\" is not in this version: use \"database\" or \"memory\"".into());
        }
        Ok(())
    }
}
