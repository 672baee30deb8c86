//! `[auth]`: users, tokens, and the permissions of anonymous callers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde::Deserialize;

use crate::config::mounts::MountConfig;
use crate::config::values::{Secret, Span};

/// Bytes of the shortest `jwt_secret`: as many as an HS256 signature has.
const SHORTEST_SECRET: usize = 32;
/// The longest lifetime of an access token.
const LIFETIMES: [Duration; 2] = [Duration::from_mins(1), Duration::from_hours(1)];
/// The shortest and the longest session of a browser.
const SESSIONS: [Duration; 2] = [Duration::from_mins(1), Duration::from_hours(30 * 24)];
const MOST_KEYS: usize = 16;
const MOST_TOKENS: u32 = 100_000;
const SHORTEST_REFRESH: Duration = Duration::from_hours(1);

/// `[auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// SQLite file of the users and tokens whose store is `database`.
    pub database: PathBuf,
    /// The user store, as a word that `packhouse-auth` knows.
    pub user_store: String,
    /// The token store, likewise.
    pub token_store: String,
    /// The grants of anonymous callers; with `!`, what they may not do.
    pub anonymous: Vec<String>,
    /// Grants of groups of users, by the name of the group.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Signs access tokens with HS256.
    pub jwt_secret: Option<Secret>,
    /// The most tokens that the clients of one user can have at a time.
    pub tokens_per_user: u32,
    /// The longest lifetime of a token that a client got without a password in a form, such as the
    /// refresh token of `docker login`.
    pub refresh_lifetime: Span,
    /// Such a token expires when it is not used for this long.
    pub refresh_idle: Span,
    pub npm_tokens: NpmTokens,
    pub oci_tokens: OciTokens,
    pub account: AccountConfig,
}

/// `[auth.account]`: the page on which users manage their tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {
    pub enabled: bool,
    /// How long a browser stays signed in.
    pub session_lifetime: Span,
}

/// `[auth.npm_tokens]`: opaque tokens that clients create at a login.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NpmTokens {
    pub enabled: bool,
    /// Whether tokens created at a login are read-only.
    pub default_readonly: bool,
}

/// `[auth.oci_tokens]`: signed access tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OciTokens {
    pub enabled: bool,
    /// The address of an external token server; none if the mount issues tokens itself.
    pub realm: Option<String>,
    /// The audience of tokens. For an external token server, the audience of a mount is
    /// `{service}/{mount}`, or the mount's `token_service`.
    pub service: String,
    /// The issuer of tokens; none for `service`, or with a `realm` for every issuer that has a key.
    pub issuer: Option<String>,
    pub lifetime: Span,
    /// The first private key signs, all keys verify.
    pub keys: Vec<TokenKey>,
}

/// `[[auth.oci_tokens.keys]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenKey {
    /// The name (`kid`) with which a token identifies its key.
    pub kid: String,
    /// The algorithm, as a word that `packhouse-auth` knows.
    pub algorithm: String,
    /// A file in PEM; one of the two.
    pub private_key: Option<PathBuf>,
    pub public_key: Option<PathBuf>,
}

impl Default for OciTokens {
    fn default() -> Self {
        Self {
            enabled: true,
            realm: None,
            service: "packhouse".into(),
            issuer: None,
            lifetime: Span(Duration::from_mins(5)),
            keys: Vec::new(),
        }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            database: PathBuf::from("data/packhouse.sqlite"),
            user_store: "database".into(),
            token_store: "database".into(),
            anonymous: vec!["*:*:*:read".into(), "*:*:*:pull".into()],
            groups: BTreeMap::new(),
            jwt_secret: None,
            tokens_per_user: 200,
            refresh_lifetime: Span(Duration::from_hours(90 * 24)),
            refresh_idle: Span(Duration::from_hours(30 * 24)),
            npm_tokens: NpmTokens::default(),
            oci_tokens: OciTokens::default(),
            account: AccountConfig::default(),
        }
    }
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self { enabled: true, session_lifetime: Span(Duration::from_hours(8)) }
    }
}

impl Default for NpmTokens {
    fn default() -> Self {
        Self { enabled: true, default_readonly: false }
    }
}

/// The rules for tokens that clients request, under the names of the earlier system.
#[derive(Debug, Clone, Copy)]
pub struct ClientTokens {
    pub enabled: bool,
    pub read_only: bool,
}

impl AuthConfig {
    /// The key files for access tokens.
    pub fn key_files(&self) -> impl Iterator<Item = &PathBuf> {
        self.oci_tokens.keys.iter().flat_map(|key| key.private_key.iter().chain(&key.public_key))
    }

    #[cfg(test)]
    pub fn push_key(&mut self, key: TokenKey) {
        self.oci_tokens.keys.push(key);
    }

    /// Settings that have no effect in this configuration.
    pub fn not_used(&self) -> Vec<&'static str> {
        let off = !self.oci_tokens.enabled;
        let keys = [
            ("jwt_secret", off && self.jwt_secret.is_some()),
            ("oci_tokens.realm", off && self.oci_tokens.realm.is_some()),
            ("oci_tokens.keys", off && !self.oci_tokens.keys.is_empty()),
        ];
        keys.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key).collect()
    }

    /// How access tokens are signed; none if they are disabled.
    pub fn access_tokens(&self) -> Option<&OciTokens> {
        Some(&self.oci_tokens).filter(|tokens| tokens.enabled)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let secret = self.jwt_secret.as_ref().map(|secret| secret.0.expose_secret().len());
        if let Some(length) = secret.filter(|length| *length < SHORTEST_SECRET) {
            return Err(format!(
                "[auth] jwt_secret has {length} bytes, too few to be safe: give it {SHORTEST_SECRET} random bytes \
                 at least, or leave it out and one is made"
            ));
        }
        if self.tokens_per_user == 0 || self.tokens_per_user > MOST_TOKENS {
            return Err(format!("[auth] tokens_per_user must be 1 to {MOST_TOKENS}"));
        }
        let spans = [("refresh_lifetime", self.refresh_lifetime), ("refresh_idle", self.refresh_idle)];
        if let Some((key, _)) = spans.iter().find(|(_, span)| span.0 < SHORTEST_REFRESH) {
            return Err(format!("[auth] {key} must be at least one hour: write it like \"30d\""));
        }
        let [shortest, longest] = SESSIONS;
        if !(shortest..=longest).contains(&self.account.session_lifetime.0) {
            return Err(
                "[auth.account] session_lifetime must be one minute to 30 days: write it like \"8h\"".into(),
            );
        }
        self.access_tokens().map_or(Ok(()), |tokens| tokens.check(secret.is_some()))
    }

    /// The audience of the external token server's tokens, by mount. A mount that is missing here
    /// has `{service}/{mount}`.
    pub(super) fn check_services(&self, mounts: &BTreeMap<String, MountConfig>) -> Result<(), String> {
        let own = format!("{}/", self.oci_tokens.service);
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (mount, config) in mounts {
            let Some(service) = &config.token_service else { continue };
            if !is_fit(service) {
                return Err(format!(
                    "[mount.{mount}] token_service: write a word without white space and quotes, e.g. \"{own}{mount}\""
                ));
            }
            if service.strip_prefix(&own).is_some_and(|other| other != mount) {
                return Err(format!(
                    "[mount.{mount}] token_service is {service:?}, which stands for another mount: choose one that does not begin with {own:?}"
                ));
            }
            if let Some(other) = seen.insert(service, mount) {
                return Err(format!(
                    "[mount.{other}] and [mount.{mount}] have the same token_service {service:?}: a token for one would be valid at the other"
                ));
            }
        }
        Ok(())
    }

    /// The rules for tokens that clients request.
    pub fn client_tokens(&self) -> ClientTokens {
        ClientTokens { enabled: self.npm_tokens.enabled, read_only: self.npm_tokens.default_readonly }
    }
}

impl OciTokens {
    fn check(&self, has_secret: bool) -> Result<(), String> {
        let words = [("service", Some(&self.service)), ("issuer", self.issuer.as_ref())];
        for (key, word) in words {
            if word.is_some_and(|word| !is_fit(word)) {
                return Err(format!(
                    "[auth.oci_tokens] {key}: write a word without white space and quotes, e.g. \"packhouse\""
                ));
            }
        }
        let is_address = |realm: &str| {
            let rest = realm.strip_prefix("https://").or_else(|| realm.strip_prefix("http://"));
            rest.is_some_and(is_fit)
        };
        if self.realm.as_deref().is_some_and(|realm| !is_address(realm)) {
            return Err("[auth.oci_tokens] realm: write the whole address of the token server, \
                        e.g. \"https://auth.example.com/token\""
                .into());
        }
        let [least, most] = LIFETIMES;
        if !(least..=most).contains(&self.lifetime.0) {
            return Err("[auth.oci_tokens] lifetime: write a span between \"1m\" and \"1h\"; clients fetch \
                        new tokens by themselves"
                .into());
        }
        self.check_keys()?;
        let signs = has_secret || self.keys.iter().any(|key| key.private_key.is_some());
        match (&self.realm, self.keys.is_empty()) {
            (Some(_), true) if !has_secret => Err("[auth.oci_tokens] realm: give the key that its tokens are \
                                                   signed with, as [auth] jwt_secret or in [[auth.oci_tokens.keys]]"
                .into()),
            (None, false) if !signs => Err("[[auth.oci_tokens.keys]] can only verify: give one of them a \
                                            `private_key`, or name the token server that signs as `realm`"
                .into()),
            _ => Ok(()),
        }
    }

    fn check_keys(&self) -> Result<(), String> {
        if self.keys.len() > MOST_KEYS {
            return Err(format!(
                "[[auth.oci_tokens.keys]]: there are more than {MOST_KEYS}: remove those whose tokens have expired"
            ));
        }
        let mut seen = BTreeSet::new();
        for key in &self.keys {
            let place = format!("[[auth.oci_tokens.keys]] {:?}", key.kid);
            if key.kid.is_empty() || key.kid.len() > 200 || key.kid.chars().any(char::is_control) {
                return Err(format!("{place}: write a `kid` of 1 to 200 characters"));
            }
            if !seen.insert(&key.kid) {
                return Err(format!("{place}: two keys have this `kid`: rename one of them"));
            }
            if key.private_key.is_some() == key.public_key.is_some() {
                return Err(format!("{place}: name one file, as `private_key` or as `public_key`"));
            }
        }
        Ok(())
    }
}

/// Whether a challenge can hold it between quotes.
fn is_fit(word: &str) -> bool {
    let unfit = |letter: char| !letter.is_ascii_graphic() || "\"\\".contains(letter);
    !word.is_empty() && word.len() <= 1024 && !word.chars().any(unfit)
}
