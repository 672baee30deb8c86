//! Tokens as they are stored, and the trait of token stores. It knows users only by their id. It never
//! sees the secret of a token, and finds a token by the hash of its secret.
//!
//! # Layout
//! One file below `token_store/` per store. `token_store/tests.rs` checks that all of them behave alike.
//! `stores.rs` opens them. To add a store, see `host/ARCHITECTURE.md`.

pub mod memory;
pub mod sqlite;
mod text;

use std::net::IpAddr;

use async_trait::async_trait;
use ipnet::IpNet;
use packhouse_scope::Scope;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::AuthError;

/// SHA-256 of a secret. A secret has 122 random bits, so it needs no slow hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// Of a secret as the client sent it. The case of letters does not matter.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.to_ascii_lowercase()).into())
    }
}

/// Where the secret of a token is valid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// In requests to mounts.
    #[default]
    Api,
    /// In the cookie of a browser, for the host's own pages.
    Session,
}

/// One token as stored. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Not secret: shown to users, who revoke the token by it.
    pub id: Uuid,
    /// The id of its user.
    pub owner: Uuid,
    /// The first eight characters of the secret, to recognise it by.
    pub hint: String,
    /// The name that its owner gave it.
    pub label: Option<String>,
    /// When it was made.
    pub created: u64,
    /// When it expires; none for never.
    pub expires: Option<u64>,
    /// When it was last used, to the minute.
    pub last_used: Option<u64>,
    /// Whether it can only read.
    pub read_only: bool,
    /// The permissions to which it is narrowed; empty for all permissions of its owner.
    pub scopes: Vec<Scope>,
    /// The networks from which it may be used; empty for all.
    pub cidr: Vec<IpNet>,
    /// The mount through which it was issued, and to which it is limited; none for all mounts.
    pub mount: Option<String>,
    /// It expires when it is not used for this many milliseconds. Set only for tokens that were
    /// issued without a password check.
    pub idle: Option<u64>,
    /// The id of the token with which it was created, and with which it is revoked. None if it was
    /// created with the password or by the administrator, or by an earlier version.
    pub parent: Option<Uuid>,
    /// Where its secret is valid.
    pub kind: TokenKind,
}

impl TokenKind {
    /// Its name in a store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Session => "session",
        }
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// `Invalid` for any other name: a token of an unknown kind must not be taken for another one.
    pub fn named(name: &str) -> Result<Self, AuthError> {
        let all = [Self::Api, Self::Session];
        let found = all.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| AuthError::Invalid(format!("`{}` is no kind of token", name.escape_debug())))
    }
}

impl Token {
    /// Whether it has expired.
    pub fn is_expired(&self, now: u64) -> bool {
        self.end().is_some_and(|end| end <= now)
    }

    /// When it expires if nobody uses it before; none for never.
    pub fn end(&self) -> Option<u64> {
        let used = self.last_used.unwrap_or(self.created);
        let unused = self.idle.map(|idle| used.saturating_add(idle));
        self.expires.into_iter().chain(unused).min()
    }

    /// Whether it may be used at this mount.
    pub fn is_for(&self, mount: &str) -> bool {
        self.mount.as_deref().is_none_or(|own| own == mount)
    }

    /// Whether it may be used from this address.
    pub fn may_come_from(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.cidr.is_empty() || self.cidr.iter().any(|network| network.contains(&peer))
    }
}

/// How many tokens one owner can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Of all kinds.
    pub all: u64,
    /// Those that were issued without a password check: this many with a password in a header, and
    /// this many with another token.
    pub idle: u64,
    /// Tokens that expired before this time are not counted.
    pub now: u64,
}

/// How many tokens an owner has that have not expired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    /// Of all kinds.
    all: u64,
    /// Those issued without a password check, in the same way as the token to add: with another
    /// token, or with a password in a header.
    alike: u64,
}

impl Quota {
    /// Whether the quota allows this token in addition to the others.
    fn has_room(&self, token: &Token, count: Count) -> bool {
        count.all < self.all && !self.is_full_of_alike(token, count)
    }

    fn is_full_of_alike(&self, token: &Token, count: Count) -> bool {
        token.idle.is_some() && count.alike >= self.idle
    }
}

/// A store of tokens. When a function has returned, all hosts on the same store see its change.
/// Every function returns `Unavailable` if the store does not answer.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Adds a token under the hash of its secret. If the quota does not allow it, the store first
    /// removes expired tokens of its owner. If that does not help, and the token was created with the
    /// password, it replaces the least recently used token that was issued without a password check.
    /// Otherwise nothing is added, and the result is false. The quota is kept even if several callers
    /// add tokens at once, on any host.
    async fn add(&self, token: &Token, secret: SecretHash, quota: Option<Quota>) -> Result<bool, AuthError>;
    /// The token with this secret, expired or not.
    async fn find(&self, secret: SecretHash) -> Result<Option<Token>, AuthError>;
    /// The token of this id, expired or not.
    async fn find_by_id(&self, id: Uuid) -> Result<Option<Token>, AuthError>;
    /// The tokens of one owner, or all, in the order in which they were created.
    async fn list(&self, owner: Option<Uuid>) -> Result<Vec<Token>, AuthError>;
    /// Removes the token with this id, and all tokens that were created with it, directly or
    /// indirectly. If an owner is given, the token is removed only if it belongs to this owner. Returns
    /// the number of removed tokens.
    async fn remove(&self, id: Uuid, owner: Option<Uuid>) -> Result<u64, AuthError>;
    /// Removes all tokens of one owner, and returns their number.
    async fn remove_all(&self, owner: Uuid) -> Result<u64, AuthError>;
    /// Records that it was used at `now`, unless the recorded use is less than a minute before. It is
    /// no error if the token does not exist.
    async fn touch(&self, id: Uuid, now: u64) -> Result<(), AuthError>;
    /// The secret that all hosts on this store share. If there is none, `fresh` becomes the secret. If
    /// several hosts call this at once, all get the same one.
    async fn shared_secret(&self, fresh: &SecretString) -> Result<SecretString, AuthError>;
    /// Removes tokens that expired before `time`, and returns their number. A token stays as long as
    /// tokens that were created with it.
    async fn forget_expired(&self, time: u64) -> Result<u64, AuthError>;
}

/// Uses that are closer together than this are recorded once. In milliseconds.
pub const TOUCH_INTERVAL: u64 = 60_000;

#[cfg(test)]
pub(crate) mod tests;
