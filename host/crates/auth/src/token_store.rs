//! The tokens there are, and the trait of whatever keeps them. It must not know users
//! beyond their id, nor ever see a secret: tokens are found by its hash.
//!
//! # Layout
//! One file below `token_store/` for each store; the same behaviour is asked of all of
//! them in `token_store/tests.rs`. A new one is its file and one line in `stores.rs`.

pub mod database;
pub mod memory;

use std::net::IpAddr;

use futures_util::future::BoxFuture;
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
    /// Of a secret as it was sent; letters count in lower case.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.to_ascii_lowercase()).into())
    }
}

/// One token as stored. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Not the secret; fit to be shown and to revoke it by.
    pub id: Uuid,
    /// The id of the user that it belongs to.
    pub owner: Uuid,
    /// The first eight characters of the secret, to recognise it by.
    pub hint: String,
    /// What its owner calls it.
    pub label: Option<String>,
    /// When it was made.
    pub created: u64,
    /// From when on it no longer counts; none for no end.
    pub expires: Option<u64>,
    /// When it was last used, to the minute.
    pub last_used: Option<u64>,
    /// Can it only read?
    pub read_only: bool,
    /// What it is narrowed to; empty for all that its owner has.
    pub scopes: Vec<Scope>,
    /// Networks that it may be used from; empty for all.
    pub cidr: Vec<IpNet>,
    /// The mount that it was issued through and is limited to; none for all mounts.
    pub mount: Option<String>,
    /// It expires when it is not used for so long, in milliseconds. Set for tokens that were
    /// issued without a password check, and for no others.
    pub idle: Option<u64>,
    /// The id of the token that it was made with; it is revoked with that one. None for one that was
    /// made with the password or by the administrator, and not known of tokens of earlier versions.
    pub parent: Option<Uuid>,
}

impl Token {
    /// Has it expired?
    pub fn is_expired(&self, now: u64) -> bool {
        self.end().is_some_and(|end| end <= now)
    }

    /// When it expires unless it is used before; none for never.
    pub fn end(&self) -> Option<u64> {
        let used = self.last_used.unwrap_or(self.created);
        let unused = self.idle.map(|idle| used.saturating_add(idle));
        self.expires.into_iter().chain(unused).min()
    }

    /// May it be used at this mount?
    pub fn is_for(&self, mount: &str) -> bool {
        self.mount.as_deref().is_none_or(|own| own == mount)
    }

    /// May it be used from this address?
    pub fn may_come_from(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.cidr.is_empty() || self.cidr.iter().any(|network| network.contains(&peer))
    }
}

/// How many tokens one owner may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Of all kinds.
    pub all: u64,
    /// That were issued without a password check: so many with a password that accompanied a
    /// request, and so many with a token.
    pub idle: u64,
    /// What expired before counts no longer.
    pub now: u64,
}

/// What an owner has that has not expired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    /// Of all kinds.
    all: u64,
    /// Without a password check, as the token that is to be added was issued: with a token, or not.
    alike: u64,
}

impl Quota {
    /// Is there room for this token beside those?
    fn has_room(&self, token: &Token, count: Count) -> bool {
        count.all < self.all && !self.is_full_of_alike(token, count)
    }

    fn is_full_of_alike(&self, token: &Token, count: Count) -> bool {
        token.idle.is_some() && count.alike >= self.idle
    }
}

/// What keeps tokens. Everything written is there for all hosts on the same store as
/// soon as the call is over. Every function answers `Unavailable` when the store is away.
pub trait TokenStore: Send + Sync {
    /// Adds a token under the hash of its secret. Where the quota leaves no room, its owner's
    /// expired tokens are removed. One that was made with the password then takes the place of
    /// the one that has not been used for the longest, among those that were issued without a
    /// password check. False, and nothing added, when that does not help. Of several callers at
    /// once, on any host, no more are added than there is room for.
    fn add<'a>(
        &'a self,
        token: &'a Token,
        secret: SecretHash,
        quota: Option<Quota>,
    ) -> BoxFuture<'a, Result<bool, AuthError>>;
    /// The token with this secret, expired or not.
    fn find(&self, secret: SecretHash) -> BoxFuture<'_, Result<Option<Token>, AuthError>>;
    /// The token of this id, expired or not.
    fn find_by_id(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Token>, AuthError>>;
    /// The tokens of one owner, or all, in the order in which they were made.
    fn list(&self, owner: Option<Uuid>) -> BoxFuture<'_, Result<Vec<Token>, AuthError>>;
    /// Removes the token of this id, and all that were made with it or with one of those; with an
    /// owner only when it is theirs. Says how many there were: 0 when there is none of this id.
    fn remove(&self, id: Uuid, owner: Option<Uuid>) -> BoxFuture<'_, Result<u64, AuthError>>;
    /// Removes all tokens of one owner and says how many there were.
    fn remove_all(&self, owner: Uuid) -> BoxFuture<'_, Result<u64, AuthError>>;
    /// Notes that it was used at `now`, unless that is less than a minute after the use
    /// that is noted. A token that is gone is no error.
    fn touch(&self, id: Uuid, now: u64) -> BoxFuture<'_, Result<(), AuthError>>;
    /// The secret that all hosts on this store share: the one that is kept, or `fresh` from
    /// now on. Of several that ask at once all get the same.
    fn shared_secret<'a>(&'a self, fresh: &'a SecretString)
    -> BoxFuture<'a, Result<SecretString, AuthError>>;
    /// Removes tokens that expired before `time` and says how many. One with which others were
    /// made stays as long as those do.
    fn forget_expired(&self, time: u64) -> BoxFuture<'_, Result<u64, AuthError>>;
}

/// Uses closer together than this are noted once. In milliseconds.
pub const TOUCH_INTERVAL: u64 = 60_000;

#[cfg(test)]
mod tests;
