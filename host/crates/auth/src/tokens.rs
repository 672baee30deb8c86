//! Creates, lists and revokes the tokens of an account. It does not know how a token is recognised
//! later, or which protocol asked.
//!
//! # Invariants
//! - A token never allows more, from more networks, or for longer than the credentials with which
//!   it was made. What the request leaves open is taken from those.
//! - A token that was issued through a mount is valid at that mount only.
//! - A token that was made without a check of the password ([`Account`] of a request's caller, or
//!   of another token) expires, at a fixed time and when it is not used. A user can have only a few
//!   of them beside the tokens made with the password, and a sign-in with the password always
//!   replaces one of them if there is no room.
//! - A token is revoked together with the one with which it was made.
//! - The secret is returned once, and stored only as a hash.
//! - A narrowed account can see and revoke only the token with which it signed in. An account that
//!   signed in with a token of one mount can see and revoke only tokens of that mount. An account
//!   with a signed access token can create, see and revoke none.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ipnet::IpNet;
use packhouse_scope::{Actions, Scope};
use secrecy::SecretString;
use uuid::Uuid;

use super::identity::Account;
use super::token_store::{Quota, SecretHash, Token, TokenKind};
use super::{Auth, AuthError, Owners};

/// The longest label, in characters.
const LONGEST_LABEL: usize = 200;
/// How long expired tokens are kept, so that their users can be told.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// The shortest time between two removals of expired tokens.
const CLEARING: Duration = Duration::from_hours(1);

/// A request for a token.
#[derive(Debug, Clone, Default)]
pub struct TokenRequest {
    /// A label for the user to recognise it by.
    pub label: Option<String>,
    /// Whether it is read-only.
    pub read_only: bool,
    /// The scopes to which it is narrowed; empty for all permissions of the account.
    pub scopes: Vec<Scope>,
    /// Its lifetime; none for that of the account.
    pub lifetime: Option<Duration>,
    /// The networks from which it can be used; empty for those of the account.
    pub cidr: Vec<IpNet>,
    /// The mount through which it is requested, and to which it is limited; none for all
    /// mounts.
    pub mount: Option<String>,
    /// The actions of that mount's protocol, which say what an action implies.
    pub actions: Option<Arc<Actions>>,
    /// Whether the owner makes it. The quota of the owner counts these tokens, and not those that the
    /// administrator makes.
    pub by_owner: bool,
}

/// A new token.
#[derive(Clone)]
pub struct Issued {
    /// The stored part.
    pub token: Token,
    /// The secret, which is shown to the owner once.
    pub secret: SecretString,
}

impl fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Issued").field("token", &self.token).finish_non_exhaustive()
    }
}

/// Parses a network (`10.0.0.0/8`) or an address.
///
/// # Errors
/// `Invalid` with a sentence that says what to write.
pub fn parse_network(text: &str) -> Result<IpNet, AuthError> {
    let network = text.parse::<IpNet>().map(|network| network.trunc());
    network.or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        let shown: String = text.escape_debug().take(80).collect();
        AuthError::Invalid(format!(
            "`{shown}` is not a network in CIDR notation: write an address and a prefix length, for example `10.0.0.0/8`"
        ))
    })
}

impl Auth {
    /// Creates a token for the account.
    ///
    /// # Errors
    /// `Denied` if it would allow more, or for longer, than the account, or if the user has too
    /// many; `Invalid` for a bad label or lifetime; `Unavailable` if the store cannot be reached.
    pub async fn issue(&self, account: &Account, request: &TokenRequest) -> Result<Issued, AuthError> {
        check_no_bearer(account)?;
        let secret = Uuid::new_v4().to_string();
        let token = self.design(account, request, &secret)?;
        let quota = request.by_owner.then(|| self.quota(token.created));
        if !self.inner.stores.tokens.add(&token, SecretHash::of(&secret), quota).await? {
            return deny(&self.too_many(&token));
        }
        // It may have replaced another one.
        self.forget_known();
        self.clear_expired().await;
        tracing::info!(user.name = %account.name(), token.id = %token.id, "a token was made");
        Ok(Issued { token, secret: secret.into() })
    }

    /// The account's valid tokens, oldest first. A read-only or narrowed account sees only the
    /// token with which it signed in. An account that signed in with a token of one mount sees the
    /// tokens of that mount.
    ///
    /// # Errors
    /// `Denied` for an account that came with an access token; `Unavailable`.
    pub async fn list(&self, account: &Account) -> Result<Vec<Token>, AuthError> {
        check_no_bearer(account)?;
        let now = self.inner.clock.unix_millis();
        let mut tokens = self.inner.stores.tokens.list(Some(account.user().id)).await?;
        tokens.retain(|token| {
            token.kind == TokenKind::Api
                && !token.is_expired(now)
                && account.token().is_none_or(|own| is_in_reach(own, token))
        });
        Ok(tokens)
    }

    /// Revokes one of the account's tokens and those that were made with it. The token is named by
    /// its id, or by its secret, because a client that signs out knows nothing else. False if there
    /// is none.
    ///
    /// # Errors
    /// `Denied` if the account is narrowed and the token is not the one with which it signed in;
    /// `Unavailable` if the store cannot be reached.
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
                "a token that is read-only or limited can revoke only itself, and a token of one mount can revoke only tokens of that mount: sign in with the password"
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
            kind: TokenKind::Api,
        })
    }

    /// The requested lifetime, or less for an account without a check of the password.
    fn lifetime(&self, account: &Account, request: &TokenRequest) -> Option<Duration> {
        if account.is_proved() {
            return request.lifetime;
        }
        let longest = self.inner.limits.longest_lifetime;
        let left = account.token().and_then(|token| token.expires);
        let left = left.map(|end| Duration::from_millis(end.saturating_sub(self.inner.clock.unix_millis())));
        match (request.lifetime, left) {
            (Some(wished), _) => Some(wished.min(longest)),
            // Without a request, the account's own lifetime.
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
                "this user has {all} tokens, which is the limit: revoke some that are no longer needed"
            ),
            Some(_) => format!(
                "this user has {idle} tokens that were created with a token and without a password check, or {all} in total, which is the limit: revoke some that are no longer needed, or sign in with the password"
            ),
        }
    }

    fn narrow(&self, account: &Account, request: &TokenRequest) -> Result<Vec<Scope>, AuthError> {
        if request.scopes.is_empty() {
            return Ok(account.scopes().to_vec());
        }
        let (person, public) = (account.as_person(Owners::default()), &self.inner.anonymous);
        let mut scopes = Vec::with_capacity(request.scopes.len());
        for scope in &request.scopes {
            match packhouse_scope::narrow(scope, &person, public, request.actions.as_deref()) {
                Some(narrowed) => scopes.extend(narrowed),
                None => {
                    return deny(&format!(
                        "`{scope}` allows more than you may do: request less, or ask for that grant"
                    ));
                }
            }
        }
        Ok(scopes)
    }

    /// Removes expired tokens after a token is created. Its failure does not fail the creation.
    pub(super) async fn clear_expired(&self) {
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

/// An access token cannot create anything that outlives it.
fn check_no_bearer(account: &Account) -> Result<(), AuthError> {
    if account.is_bearer() {
        return deny("an access token can't manage tokens: sign in with the password or another token");
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
            "a token must be valid for at least one second: request a longer lifetime".to_owned(),
        ));
    }
    let end = now.saturating_add(millis(lifetime));
    if own.is_some_and(|own| end > own) {
        return deny(
            "the new token would be valid longer than the token that you are signed in with: request a shorter lifetime, or sign in with the password",
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

/// Whether an account that signed in with one token can see and revoke another token of the same
/// user.
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
