//! Finds out who the caller is: from the credentials to an account, with the stores and short-lived
//! copies of their content. `sign_in` verifies passwords. It does not know what the caller wants.
//!
//! # Invariants
//! - A token or user is read again after [`FRESH`] at the latest. So a revoked token stops within a
//!   second on every host, and at once on the host that revoked it.
//! - Neither an answer nor its delay reveals whether a name exists.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use packhouse_scope::{Access, Grant, Person, Scope};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::credentials::{Credentials, Sent, has_token_form};
use super::jwt;
use super::sign_in::Lane;
use super::token_store::{SecretHash, TOUCH_INTERVAL, Token, TokenKind};
use super::users::{Holder, User, UserName};
use super::{Auth, AuthError, Owners};

/// How long a token or user is used before it is read again.
pub const FRESH: Duration = Duration::from_millis(750);

const UNKNOWN: &str = "the token is unknown or was revoked: sign in again";
const EXPIRED: &str = "the token has expired: sign in again, or make a new token";
const ELSEWHERE: &str = "the token may not be used from this network address";
const OTHER_MOUNT: &str = "the token was issued by another part of this registry: sign in here, or use a token of `packhouse token`";

/// The sender of a request.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// None for an anonymous caller.
    pub account: Option<Account>,
    /// Why the credentials are not valid: one sentence for the user.
    pub rejection: Option<String>,
    /// The content of the access token, if the request has one; also without an account.
    pub access: Option<Arc<Access>>,
    /// A sentence about credentials of a scheme that this host does not know, for a caller who has
    /// to sign in. Such credentials are ignored.
    pub foreign: Option<String>,
}

impl Caller {
    /// A caller without credentials.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// A caller with valid credentials.
    pub fn signed_in(account: Account) -> Self {
        Self { account: Some(account), ..Self::default() }
    }

    /// A caller whose credentials are not valid.
    pub fn rejected(why: impl Into<String>) -> Self {
        Self { rejection: Some(why.into()), ..Self::default() }
    }

    /// A caller with credentials of an unknown scheme.
    pub fn with_foreign_scheme(why: impl Into<String>) -> Self {
        Self { foreign: Some(why.into()), ..Self::default() }
    }

    /// The caller in the form that the decision needs, with these owners.
    pub fn as_asking(&self, owners: Owners<'_>) -> packhouse_scope::Caller<'_> {
        packhouse_scope::Caller {
            is_rejected: self.rejection.is_some(),
            person: self.account.as_ref().map(|account| account.as_person(owners)),
            access: self.access.as_deref(),
        }
    }

    /// Whether the request has valid credentials.
    pub fn has_credentials(&self) -> bool {
        self.rejection.is_none() && (self.account.is_some() || self.access.is_some())
    }
}

/// A user who has signed in, and the credentials. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Account {
    user: Arc<User>,
    /// None if the user signed in with the password.
    token: Option<Arc<Token>>,
    /// Whether the request has an access token that was issued for that password or token.
    bearer: bool,
    /// Whether the password was sent in a sign-in form. A password in a header proves less, because
    /// a client sends it with every request.
    proved: bool,
}

impl Account {
    pub(super) fn new(user: Arc<User>, token: Option<Arc<Token>>) -> Self {
        Self { user, token, bearer: false, proved: false }
    }

    /// The same account, signed in with an access token.
    pub(super) fn bearing(self) -> Self {
        Self { bearer: true, ..self }
    }

    /// The same account, whose password was sent in a sign-in form.
    pub(super) fn proved(self) -> Self {
        Self { proved: true, ..self }
    }

    /// The same account, signed in with the password: no token limits what the user may do.
    pub(super) fn without_token(&self) -> Self {
        Self { token: None, bearer: false, ..self.clone() }
    }

    pub(super) fn is_proved(&self) -> bool {
        self.proved
    }

    pub(super) fn is_bearer(&self) -> bool {
        self.bearer
    }

    /// The user's name.
    pub fn name(&self) -> &UserName {
        &self.user.name
    }

    /// The user's id, which no other user ever gets.
    pub fn id(&self) -> Uuid {
        self.user.id
    }

    /// How lists of owners name the user.
    pub fn holder(&self) -> Holder {
        self.user.holder()
    }

    /// Whether the user is one of these owners.
    pub fn is_one_of(&self, owners: Owners<'_>) -> bool {
        let by_id = || {
            let id = self.user.id.to_string();
            owners.ids.contains(&id)
        };
        let by_name = || owners.names.iter().any(|name| name == self.user.name.as_str());
        by_id() || self.user.owns_by_name && by_name()
    }

    /// The caller in the form that the decision needs, with these owners.
    pub(super) fn as_person(&self, owners: Owners<'_>) -> Person<'_> {
        Person {
            grants: self.grants(),
            narrowed_to: self.scopes(),
            is_read_only: self.read_only(),
            is_owner: self.is_one_of(owners),
        }
    }

    /// The user's e-mail address, if known.
    pub fn email(&self) -> Option<&str> {
        self.user.email.as_deref()
    }

    /// Whether the credentials can only read.
    pub fn read_only(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.read_only)
    }

    /// What the user may do and may not do, before the token narrows it.
    pub fn grants(&self) -> &[Grant] {
        &self.user.grants
    }

    /// The scopes to which the token narrows the grants; empty for all grants.
    pub fn scopes(&self) -> &[Scope] {
        self.token.as_ref().map_or(&[], |token| &token.scopes)
    }

    pub(super) fn user(&self) -> &User {
        &self.user
    }

    pub(super) fn token(&self) -> Option<&Token> {
        self.token.as_deref()
    }
}

/// A token and its user, as last read.
pub(super) type Known = (Arc<User>, Arc<Token>);

impl Auth {
    /// Identifies the sender of these credentials, from this address to this mount. Wrong
    /// credentials give a rejected caller, not an error. A password that was not verified recently
    /// costs a slow hash, and a wait after wrong attempts.
    ///
    /// # Errors
    /// `Unavailable` if the store does not answer, `Busy` if too many passwords wait to be
    /// verified, `Throttled` after too many wrong ones. The caller is then not known.
    pub async fn identify(
        &self,
        credentials: &Credentials,
        peer: IpAddr,
        mount: &str,
    ) -> Result<Caller, AuthError> {
        self.identify_as_of(credentials, peer, mount, self.inner.clock.unix_millis()).await
    }

    /// The same for credentials of a request that began earlier (milliseconds since the Unix
    /// epoch). Credentials that were revoked since then are not valid. Those that only expired
    /// since then are.
    pub(super) async fn identify_as_of(
        &self,
        credentials: &Credentials,
        peer: IpAddr,
        mount: &str,
        came: u64,
    ) -> Result<Caller, AuthError> {
        if !credentials.are_nobodys() {
            self.inner.stores.check().await?;
        }
        let answer = match &credentials.0 {
            Sent::Nothing => return Ok(Caller::anonymous()),
            Sent::Foreign(why) => return Ok(Caller::with_foreign_scheme(*why)),
            Sent::Unreadable(why) => return Ok(Caller::rejected(*why)),
            Sent::Token(secret) if jwt::has_form(secret.expose_secret()) => {
                self.by_access_token(secret, peer, mount, came).await
            }
            Sent::Token(secret) => self.by_token(secret, peer, mount, came).await.map(Caller::signed_in),
            Sent::Password { name, password } => {
                self.authenticate_password(name, password, peer, mount, came).await.map(Caller::signed_in)
            }
        };
        match answer {
            Ok(caller) => Ok(caller),
            Err(AuthError::Denied(why) | AuthError::Invalid(why)) => Ok(Caller::rejected(why)),
            Err(error) => Err(error),
        }
    }

    /// The account of a name and a password, or of a token in place of the password, which then
    /// narrows the account.
    ///
    /// # Errors
    /// `Denied` when they are wrong, `Throttled` after too many wrong ones, `Busy` when too
    /// many wait to be verified, `Unavailable` when the store is away.
    async fn authenticate_password(
        &self,
        name: &str,
        password: &SecretString,
        peer: IpAddr,
        mount: &str,
        came: u64,
    ) -> Result<Account, AuthError> {
        if has_token_form(password.expose_secret()) {
            match self.by_token(password, peer, mount, came).await {
                // It may be a password that only looks like a token.
                Err(AuthError::Denied(why)) if why == UNKNOWN && UserName::parse(name).is_ok() => {}
                answer => return answer,
            }
        }
        let user = self.by_password(name, password, peer, Lane::Waiting).await?;
        Ok(Account::new(user, None))
    }

    /// The account of a name and its password. A token in place of the password is rejected: this
    /// is for actions for which a stolen token must not be enough. The request holds a place
    /// meanwhile.
    ///
    /// # Errors
    /// `Denied` when they are wrong, `Throttled` after too many wrong ones, `Busy` when too
    /// many wait to be verified, `Unavailable` when the store is away.
    pub async fn authenticate_only_password(
        &self,
        name: &str,
        password: &SecretString,
        peer: IpAddr,
    ) -> Result<Account, AuthError> {
        Ok(Account::new(self.by_password(name, password, peer, Lane::InPlace).await?, None).proved())
    }

    /// The account of a token of the token store, which narrows the account. Access tokens are
    /// rejected.
    ///
    /// # Errors
    /// `Denied` if the token is not valid, `Unavailable` if the store does not answer.
    pub async fn authenticate_token(
        &self,
        secret: &SecretString,
        peer: IpAddr,
        mount: &str,
    ) -> Result<Account, AuthError> {
        self.by_token(secret, peer, mount, self.inner.clock.unix_millis()).await
    }

    async fn by_token(
        &self,
        secret: &SecretString,
        peer: IpAddr,
        mount: &str,
        came: u64,
    ) -> Result<Account, AuthError> {
        let unknown = || AuthError::Denied(UNKNOWN.to_owned());
        if !has_token_form(secret.expose_secret()) {
            return Err(unknown());
        }
        let known = self.known_token(SecretHash::of(secret.expose_secret())).await?;
        let (user, token) = known.filter(|(_, token)| token.kind == TokenKind::Api).ok_or_else(unknown)?;
        check_use(&token, peer, mount, came)?;
        Ok(Account::new(user, Some(token)))
    }

    pub(super) async fn known_token(&self, secret: SecretHash) -> Result<Option<Known>, AuthError> {
        let inner = &self.inner;
        if let Some(known) = inner.known_tokens.get(&secret) {
            return Ok(Some(known));
        }
        let ticket = inner.known_tokens.ticket();
        let Some(token) = inner.stores.tokens.find(secret).await? else {
            return Ok(None);
        };
        let Some(user) = inner.stores.users.find_by_id(token.owner).await? else {
            return Ok(None);
        };
        let user = self.with_groups(user).await?;
        self.note_use(&token);
        let known = (Arc::new(user), Arc::new(token));
        inner.known_tokens.put(ticket, secret, known.clone());
        Ok(Some(known))
    }

    /// Records a use of the token; the request does not wait for it. This is called only after the
    /// token was read. So even a slow store gets at most one write in [`FRESH`] for each token, and
    /// only a few at once.
    fn note_use(&self, token: &Token) {
        let now = self.inner.clock.unix_millis();
        if token.last_used.is_some_and(|last| last.saturating_add(TOUCH_INTERVAL) > now) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.inner.noting).try_acquire_owned() else {
            return;
        };
        let (tokens, id) = (Arc::clone(&self.inner.stores.tokens), token.id);
        tokio::spawn(async move {
            if let Err(error) = tokens.touch(id, now).await {
                tracing::warn!(token.id = %id, %error, "the use of a token could not be recorded");
            }
            drop(permit);
        });
    }

    pub(super) async fn known_user(&self, name: &str) -> Result<Option<Arc<User>>, AuthError> {
        let known_users = &self.inner.known_users;
        if let Some(user) = known_users.get(name) {
            return Ok(Some(user));
        }
        let ticket = known_users.ticket();
        let Some(user) = self.inner.stores.users.find(name).await? else {
            return Ok(None);
        };
        let user = Arc::new(self.with_groups(user).await?);
        known_users.put(ticket, name.to_owned(), Arc::clone(&user));
        Ok(Some(user))
    }
}

/// Whether this token may be used at this moment, from this address, at this mount.
pub(super) fn check_use(token: &Token, peer: IpAddr, mount: &str, now: u64) -> Result<(), AuthError> {
    let why = misuse(token, Some(peer), mount, now);
    why.map_or(Ok(()), |why| Err(AuthError::Denied(why.to_owned())))
}

/// Why this token may not be used at this moment, from this address (none: from any), at this mount.
pub(super) fn misuse(token: &Token, peer: Option<IpAddr>, mount: &str, now: u64) -> Option<&'static str> {
    if token.is_expired(now) {
        Some(EXPIRED)
    } else if peer.is_some_and(|peer| !token.may_come_from(peer)) {
        Some(ELSEWHERE)
    } else if !token.is_for(mount) {
        Some(OTHER_MOUNT)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
