//! Making, listing and revoking the tokens of an account. It must not know how a token
//! is later recognised, nor who asked over which protocol.
//!
//! # Invariants
//! - A token never allows more, from more places, or for longer than what its maker
//!   signed in with; what the request leaves open is taken over from that.
//! - A token that was issued through a mount is valid at that mount only.
//! - A token whose maker's password was not checked for it ([`Account`] of a request's caller, or
//!   of another token) expires, at a fixed time and when it is not used. Few of them fit beside
//!   the tokens that a user made with the password, and a sign-in with the password always finds
//!   room among them.
//! - A token is revoked with the one that it was made with.
//! - The secret is given out once and stored as a hash only.
//! - An account that was narrowed can see and revoke nothing but what it signed in with. One that
//!   signed in with a token of one mount can see and revoke tokens of that mount alone, and one
//!   that came with a signed access token can neither make, see nor revoke any.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ipnet::IpNet;
use packhouse_scope::{Actions, Scope, is_narrower};
use secrecy::SecretString;
use uuid::Uuid;

use super::identity::Account;
use super::token_store::{Quota, SecretHash, Token};
use super::{Auth, AuthError, Owners};

/// The longest label, in characters.
const LONGEST_LABEL: usize = 200;
/// Expired tokens are kept this long, so that their users are told what happened.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// Expired tokens are cleared away at most this often.
const CLEARING: Duration = Duration::from_hours(1);

/// What somebody wants a token for.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// To recognise it by.
    pub label: Option<String>,
    /// Shall it only read?
    pub read_only: bool,
    /// What it is narrowed to; empty for all that the account has.
    pub scopes: Vec<Scope>,
    /// None for as long as the account's own.
    pub lifetime: Option<Duration>,
    /// Networks it may be used from; empty for those of the account.
    pub cidr: Vec<IpNet>,
    /// The mount through which it is asked for, which it is limited to. None when the
    /// administrator makes it: then it is valid at all mounts, and no number is too many.
    pub mount: Option<String>,
    /// The actions of that mount's protocol. Without them, nothing is known of what an action
    /// implies.
    pub actions: Option<Arc<Actions>>,
}

/// A token just made.
#[derive(Clone)]
pub struct Issued {
    /// What is stored of it.
    pub token: Token,
    /// Shown to its owner now, and never again.
    pub secret: SecretString,
}

impl fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Issued").field("token", &self.token).finish_non_exhaustive()
    }
}

/// Reads a network (`10.0.0.0/8`) or a single address.
///
/// # Errors
/// `Invalid` with a sentence that says what to write.
pub fn parse_network(text: &str) -> Result<IpNet, AuthError> {
    let network = text.parse::<IpNet>().map(|network| network.trunc());
    network.or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        let shown: String = text.escape_debug().take(80).collect();
        AuthError::Invalid(format!(
            "`{shown}` is no network: write an address and a prefix length, e.g. `10.0.0.0/8`"
        ))
    })
}

impl Auth {
    /// Makes a token for the account.
    ///
    /// # Errors
    /// `Denied` when it would allow more, or for longer, than the account, or when the user has
    /// too many; `Invalid` for a bad label or lifetime; `Unavailable` when the store is away.
    pub async fn issue(&self, account: &Account, request: &TokenRequest) -> Result<Issued, AuthError> {
        check_no_bearer(account)?;
        let secret = Uuid::new_v4().to_string();
        let token = self.design(account, request, &secret)?;
        let quota = request.mount.as_ref().map(|_| self.quota(token.created));
        if !self.inner.stores.tokens.add(&token, SecretHash::of(&secret), quota).await? {
            return deny(&self.too_many(&token));
        }
        // It may have taken the place of another.
        self.forget_known();
        self.clear_expired().await;
        tracing::info!(user.name = %account.name(), token.id = %token.id, "a token was made");
        Ok(Issued { token, secret: secret.into() })
    }

    /// The account's tokens that have not expired, oldest first. An account that signed in
    /// with a read-only or narrowed token sees that token alone, and one that signed in with a
    /// token of one mount sees the tokens of that mount.
    ///
    /// # Errors
    /// `Denied` for an account that came with an access token; `Unavailable`.
    pub async fn list(&self, account: &Account) -> Result<Vec<Token>, AuthError> {
        check_no_bearer(account)?;
        let now = self.inner.clock.unix_millis();
        let mut tokens = self.inner.stores.tokens.list(Some(account.user().id)).await?;
        tokens.retain(|token| {
            !token.is_expired(now) && account.token().is_none_or(|own| is_in_reach(own, token))
        });
        Ok(tokens)
    }

    /// Revokes a token of the account's own, named by its id or by its secret (a client
    /// that signs out knows no other name for it), and those that were made with it. False when
    /// there is none.
    ///
    /// # Errors
    /// `Denied` when the account was narrowed and the token is not the one that it
    /// signed in with; `Unavailable` when the store is away.
    pub async fn revoke(&self, account: &Account, id: &str) -> Result<bool, AuthError> {
        check_no_bearer(account)?;
        let Ok(given) = Uuid::try_parse(id) else {
            return Ok(false);
        };
        let owner = account.user().id;
        let tokens = &self.inner.stores.tokens;
        let by_secret = tokens.find(SecretHash::of(id)).await?.filter(|token| token.owner == owner);
        let id = by_secret.map_or(given, |token| token.id);
        if let Some(own) = account.token()
            && let Some(token) = tokens.list(Some(owner)).await?.into_iter().find(|token| token.id == id)
            && !is_in_reach(own, &token)
        {
            return Err(AuthError::Denied(
                "a token that is read-only or narrowed can revoke itself only, and a token of one part of this \
                 registry the tokens of that part: sign in with the password"
                    .to_owned(),
            ));
        }
        let revoked = tokens.remove(id, Some(owner)).await?;
        self.forget_known();
        if revoked > 0 {
            let others = revoked - 1;
            tracing::info!(user.name = %account.name(), token.id = %id, others, "a token was revoked, and {others} made with it");
        }
        Ok(revoked > 0)
    }

    fn design(&self, account: &Account, request: &TokenRequest, secret: &str) -> Result<Token, AuthError> {
        let created = self.inner.clock.unix_millis();
        check_label(request.label.as_deref())?;
        if account.read_only() && !request.read_only {
            return deny(
                "you are signed in with a read-only token: ask for a read-only one, or sign in with the password",
            );
        }
        Ok(Token {
            id: Uuid::new_v4(),
            owner: account.user().id,
            hint: secret.chars().take(8).collect(),
            label: request.label.clone(),
            created,
            expires: end(account, self.lifetime(account, request), created)?,
            last_used: None,
            read_only: request.read_only,
            scopes: self.narrow(account, request)?,
            cidr: place(account, &request.cidr)?,
            mount: request.mount.clone().or_else(|| account.token()?.mount.clone()),
            idle: (!account.is_proved()).then(|| millis(self.inner.limits.idle_lifetime)),
            parent: account.token().map(|token| token.id),
        })
    }

    /// What is wished for, or less for an account whose password was not checked for it.
    fn lifetime(&self, account: &Account, request: &TokenRequest) -> Option<Duration> {
        if account.is_proved() {
            return request.lifetime;
        }
        let longest = self.inner.limits.longest_lifetime;
        let left = account.token().and_then(|token| token.expires);
        let left = left.map(|end| Duration::from_millis(end.saturating_sub(self.inner.clock.unix_millis())));
        match (request.lifetime, left) {
            (Some(wished), _) => Some(wished.min(longest)),
            // Without a wish, as long as the maker's own.
            (None, Some(left)) if left <= longest => None,
            (None, _) => Some(longest),
        }
    }

    fn quota(&self, now: u64) -> Quota {
        let all = self.inner.limits.tokens_per_user;
        Quota { all, idle: (all / 4).max(1), now }
    }

    fn too_many(&self, token: &Token) -> String {
        let Quota { all, idle, .. } = self.quota(token.created);
        match token.idle {
            None => format!(
                "this user has {all} tokens, as many as one may have: revoke some that are no longer needed"
            ),
            Some(_) => format!(
                "this user has {idle} tokens that were made with a token and without a password check, or {all} in \
                 all, as many as one may have: revoke some that are no longer needed, or sign in with the password"
            ),
        }
    }

    fn narrow(&self, account: &Account, request: &TokenRequest) -> Result<Vec<Scope>, AuthError> {
        if request.scopes.is_empty() {
            return Ok(account.scopes().to_vec());
        }
        let (person, public) = (account.as_person(Owners::default()), &self.inner.anonymous);
        for scope in &request.scopes {
            if !is_narrower(scope, &person, public, request.actions.as_deref()) {
                return deny(&format!(
                    "`{scope}` is more than you may do yourself: ask for less, or for that grant"
                ));
            }
        }
        Ok(request.scopes.clone())
    }

    /// Housekeeping beside making a token; it never fails the making.
    async fn clear_expired(&self) {
        let now = self.inner.clock.unix_millis();
        let last = self.inner.cleared.load(Ordering::Relaxed);
        if now.saturating_sub(last) < millis(CLEARING) {
            return;
        }
        self.inner.cleared.store(now, Ordering::Relaxed);
        if let Err(error) = self.inner.stores.tokens.forget_expired(now.saturating_sub(millis(KEPT))).await {
            tracing::warn!(%error, "expired tokens could not be cleared away");
        }
    }
}

/// An access token is for access, and for nothing that outlives it.
fn check_no_bearer(account: &Account) -> Result<(), AuthError> {
    if account.is_bearer() {
        return deny("an access token can't look after tokens: sign in with the password or another token");
    }
    Ok(())
}

fn check_label(label: Option<&str>) -> Result<(), AuthError> {
    let unfit = |label: &str| label.chars().count() > LONGEST_LABEL || label.chars().any(char::is_control);
    if label.is_some_and(unfit) {
        return Err(AuthError::Invalid(format!(
            "a label has at most {LONGEST_LABEL} characters and no control characters: choose another"
        )));
    }
    Ok(())
}

fn end(account: &Account, lifetime: Option<Duration>, now: u64) -> Result<Option<u64>, AuthError> {
    let own = account.token().and_then(|token| token.expires);
    let Some(lifetime) = lifetime else {
        return Ok(own);
    };
    if lifetime < Duration::from_secs(1) {
        return Err(AuthError::Invalid(
            "a token lives for a second at least: ask for a longer life".to_owned(),
        ));
    }
    let end = now.saturating_add(millis(lifetime));
    if own.is_some_and(|own| end > own) {
        return deny(
            "that is longer than the token that you are signed in with: ask for less, or sign in with the password",
        );
    }
    Ok(Some(end))
}

fn place(account: &Account, wanted: &[IpNet]) -> Result<Vec<IpNet>, AuthError> {
    let own = account.token().map_or(&[][..], |token| &token.cidr);
    if wanted.is_empty() {
        return Ok(own.to_vec());
    }
    let within = |network: &IpNet| own.is_empty() || own.iter().any(|wide| wide.contains(network));
    match wanted.iter().find(|network| !within(network)) {
        Some(network) => deny(&format!(
            "`{network}` is outside the networks of the token that you are signed in with: name one inside"
        )),
        None => Ok(wanted.to_vec()),
    }
}

/// May who signed in with one token see and revoke another one of the same user?
fn is_in_reach(own: &Token, other: &Token) -> bool {
    let is_narrowed = own.read_only || !own.scopes.is_empty();
    own.id == other.id || !is_narrowed && (own.mount.is_none() || own.mount == other.mount)
}

fn deny<T>(why: &str) -> Result<T, AuthError> {
    Err(AuthError::Denied(why.to_owned()))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
