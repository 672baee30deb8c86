//! Users, their grants, the hashes of their passwords, and the trait of user stores. It does not
//! know how a password is hashed, or what a grant allows.
//!
//! # Layout
//! One file below `users/` per store. `users/tests.rs` checks that all of them behave alike.

pub mod memory;
pub mod sqlite;

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use packhouse_scope::Grant;
use uuid::Uuid;

use super::AuthError;
use super::credentials::has_token_form;

/// The name of a user: 1 to 128 of `a`–`z`, `0`–`9`, `.`, `_`, `-`, `+` and `@`, and `'` before an `@`,
/// beginning with a letter or digit, and not in the form of a token. An email address in lower case is a
/// valid name.
/// `:` and `/` are not allowed, because `:` separates a name from a password. `@` and `+` are
/// escaped in URLs. A new name with an `@` must be an address ([`UserName::check_new`]).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

const LONGEST: usize = 128;

impl UserName {
    /// Parses a name.
    ///
    /// # Errors
    /// `Invalid` with a sentence that says which characters a name can have.
    pub fn parse(text: &str) -> Result<Self, AuthError> {
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_part = |part: &str, others: &[u8]| {
            part.bytes().all(|byte| plain(&byte) || b"._-+@".contains(&byte) || others.contains(&byte))
        };
        let fits = (1..=LONGEST).contains(&text.len())
            && text.as_bytes().first().is_some_and(plain)
            && match text.split_once('@') {
                Some((local, domain)) => is_part(local, b"'") && is_part(domain, b""),
                None => is_part(text, b""),
            };
        if fits && !has_token_form(text) {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.escape_debug().take(80).collect();
        Err(AuthError::Invalid(format!(
            "`{shown}` can't be the name of a user: write 1 to {LONGEST} of a-z, 0-9, `.`, `_`, `-`, `+` and `@`, and `'` before an `@`, beginning with a letter or digit"
        )))
    }

    /// Whether a new user can have this name. Users that exist keep names that could not be given now.
    ///
    /// # Errors
    /// `Invalid` for a name with an `@` that is not an email address.
    pub fn check_new(&self) -> Result<(), AuthError> {
        let Some((local, domain)) = self.0.split_once('@') else { return Ok(()) };
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let is_domain = !domain.contains('@')
            && domain.split('.').all(|label| {
                let bytes = label.as_bytes();
                ends(bytes.first()) && ends(bytes.last())
            });
        if local.split('.').all(|word| !word.is_empty()) && is_domain {
            return Ok(());
        }
        Err(AuthError::Invalid(format!(
            "`{}` can't be the name of a new user: a name with an `@` must be an email address, for example \
             `ann@example.com`",
            self.0
        )))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for UserName {
    type Err = AuthError;

    fn from_str(text: &str) -> Result<Self, AuthError> {
        Self::parse(text)
    }
}

/// A hash of a password in the PHC string format. Each change of the password creates a different
/// hash, so comparing hashes also shows whether the password is still the same.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a stored PHC string.
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, only for the store and for verifying.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(…)")
    }
}

/// One user as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Never used again, even if the name is. Tokens belong to the id.
    pub id: Uuid,
    /// Unique.
    pub name: UserName,
    /// The email address, if known.
    pub email: Option<String>,
    /// The hash of the password.
    pub password: PasswordHash,
    /// The grants, sorted and without duplicates.
    pub grants: Vec<Grant>,
    /// Milliseconds since the Unix epoch.
    pub created: u64,
    /// Whether owner entries with only this name mean this user. A store sets it for a name that no
    /// user had before.
    pub owns_by_name: bool,
}

/// How owner lists name a user, present or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub id: Uuid,
    pub name: UserName,
    /// Whether owner entries with only this name mean this user.
    pub owns_by_name: bool,
}

impl User {
    /// How owner lists name this user.
    pub fn holder(&self) -> Holder {
        Holder { id: self.id, name: self.name.clone(), owns_by_name: self.owns_by_name }
    }
}

/// A store of users and of the names of removed users: an owner entry with only a name must not
/// mean the next user of that name. All hosts of the store see a change when its call returns.
/// Every function answers `Unavailable` if the store cannot be reached.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Adds a user; `Exists` if the name is in use. The user owns by name if requested, or if no
    /// user of that name was ever removed.
    async fn add(&self, user: &User) -> Result<(), AuthError>;
    /// Adds the first user; false, without a change, if there is one already. Of several callers at
    /// once, on any host, exactly one gets true.
    async fn add_first(&self, user: &User) -> Result<bool, AuthError>;
    /// The user of this name.
    async fn find(&self, name: &str) -> Result<Option<User>, AuthError>;
    /// The user of this id.
    async fn find_by_id(&self, id: Uuid) -> Result<Option<User>, AuthError>;
    /// False if there is no such user.
    async fn set_password(&self, name: &str, password: &PasswordHash) -> Result<bool, AuthError>;
    /// Adds and removes grants in one step. Grants that already exist, or do not, are not an error.
    /// False if there is no such user.
    async fn change_grants(&self, name: &str, add: &[Grant], remove: &[Grant]) -> Result<bool, AuthError>;
    /// Removes a user and returns the id, so that everything else of the user can be removed. The
    /// same step records the name.
    async fn remove(&self, name: &str) -> Result<Option<Uuid>, AuthError>;
    /// The removed users who had this name.
    async fn removed(&self, name: &str) -> Result<Vec<Holder>, AuthError>;
    /// All users in the order of their names.
    async fn list(&self) -> Result<Vec<User>, AuthError>;
}

#[cfg(test)]
mod tests;
