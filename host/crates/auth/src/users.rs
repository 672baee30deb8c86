//! Who there is: users, their grants, the hashes of their passwords, and the trait of
//! whatever keeps them. It must not know how a password is hashed, nor what a grant
//! allows.
//!
//! # Layout
//! One file below `users/` for each store; the same behaviour is asked of all of them
//! in `users/tests.rs`.

pub mod database;
pub mod memory;

use std::fmt;
use std::str::FromStr;

use futures_util::future::BoxFuture;
use packhouse_scope::Scope;
use uuid::Uuid;

use super::AuthError;
use super::credentials::has_token_form;

/// The name of a user: 1 to 128 of `a`–`z`, `0`–`9`, `.`, `_`, `-`, `+` and `@`, the first a
/// letter or digit, and not of the form of a token. So an address for mail is one, if it is in
/// lower case. There is no `:`, which splits credentials, and no `/`. In a URL, `@` and `+` are
/// escaped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

const LONGEST: usize = 128;

impl UserName {
    /// Reads a name.
    ///
    /// # Errors
    /// `Invalid` with a sentence that says what a name is made of.
    pub fn parse(text: &str) -> Result<Self, AuthError> {
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=LONGEST).contains(&text.len())
            && text.as_bytes().first().is_some_and(plain)
            && text.bytes().all(|byte| plain(&byte) || b"._-+@".contains(&byte));
        if fits && !has_token_form(text) {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.escape_debug().take(80).collect();
        Err(AuthError::Invalid(format!(
            "`{shown}` can't be the name of a user: write 1 to {LONGEST} of a-z, 0-9, `.`, `_`, `-`, `+` and `@`, beginning with a letter or digit"
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

/// A hash of a password in the PHC string format. A changed password always has another
/// one, so it also tells whether the password is still the same.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a PHC string as it is stored.
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, for the store and for verifying only.
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
    /// Never used again, also when the name is: tokens belong to this.
    pub id: Uuid,
    /// Unique.
    pub name: UserName,
    /// Where to write to, if known.
    pub email: Option<String>,
    /// The hash of the password.
    pub password: PasswordHash,
    /// What this user may do, in order and each once.
    pub grants: Vec<Scope>,
    /// Milliseconds since the Unix epoch.
    pub created: u64,
    /// Whether owners who are recorded by this name alone, without an id, mean this user.
    /// A store sets it for a name that nobody had before.
    pub owns_by_name: bool,
}

/// How owner lists name a user, present or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub id: Uuid,
    pub name: UserName,
    /// Whether owners who are recorded by this name alone mean this user.
    pub owns_by_name: bool,
}

impl User {
    /// How owner lists name this user.
    pub fn holder(&self) -> Holder {
        Holder { id: self.id, name: self.name.clone(), owns_by_name: self.owns_by_name }
    }
}

/// What keeps users, and the names that removed users had: an owner list that holds only a
/// name must not mean the next user of that name. What a call has written is visible to all hosts
/// on the same store when the call returns. Every function answers `Unavailable` when the store is away.
pub trait UserStore: Send + Sync {
    /// Adds a user; `Exists` when the name is taken. The user owns by name if asked to, or if
    /// no user of that name was ever removed.
    fn add<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<(), AuthError>>;
    /// Adds the very first user; false, and nothing done, when there is any. Of several
    /// callers at once, on any host, exactly one gets true.
    fn add_first<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<bool, AuthError>>;
    /// The user of this name.
    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<User>, AuthError>>;
    /// The user of this id.
    fn find_by_id(&self, id: Uuid) -> BoxFuture<'_, Result<Option<User>, AuthError>>;
    /// False when there is no such user.
    fn set_password<'a>(
        &'a self,
        name: &'a str,
        password: &'a PasswordHash,
    ) -> BoxFuture<'a, Result<bool, AuthError>>;
    /// Adds and removes grants in one step; those that are there, or are not, already
    /// are no error. False when there is no such user.
    fn change_grants<'a>(
        &'a self,
        name: &'a str,
        add: &'a [Scope],
        remove: &'a [Scope],
    ) -> BoxFuture<'a, Result<bool, AuthError>>;
    /// Removes a user and says its id, for removing what belongs to it. The name is
    /// remembered in the same step.
    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Uuid>, AuthError>>;
    /// The removed users who had this name.
    fn removed<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Holder>, AuthError>>;
    /// All users in the order of their names.
    fn list(&self) -> BoxFuture<'_, Result<Vec<User>, AuthError>>;
}

#[cfg(test)]
mod tests;
