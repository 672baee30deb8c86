//! Signed access tokens: what they contain, and which account they stand for. It does not know how
//! a token is signed, or which protocol requested it.
//!
//! # Invariants
//! - A token allows no more than its account is allowed at that moment. It expires no later than
//!   the credentials that requested it, and is valid at one mount only.
//! - It is valid only while its user, the grants, and the token that requested it are. They are
//!   looked up like directly sent ones.
//! - The host accepts what a configured external token server has signed, and looks up nothing of
//!   it. Such a token is valid only at the mount that its audience names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use packhouse_scope::{self as scope, Access, Actions, Decision, Entry, Grant, Resource};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::identity::{Account, Caller, check_use};
use super::jwt::keys::{KeyFile, Keys};
use super::jwt::{Expected, Flaw};
use super::stores::Stores;
use super::token_store::Token;
use super::{Auth, AuthError, Owners, Question};

/// The most things that one token can be requested for.
const MOST_WANTED: usize = 100;
/// The most seconds by which the clocks of two hosts may differ.
const LEEWAY: f64 = 120.0;

const FORGED: &str = "the access token was not signed by this registry: sign in again";
const FOREIGN: &str = "the access token was made for another service: sign in again";
const OTHER_MOUNT: &str = "the access token was made for another part of this registry: sign in again";
const EXPIRED: &str = "the access token has expired: fetch another";
const EARLY: &str = "the access token is not valid yet: compare the clocks of both machines";
const GONE: &str = "the user or token that the access token was made with is gone: sign in again";

/// The configuration of signed access tokens.
#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// A secret that is shared with other signers and verifiers, of at least
    /// [`SHORTEST_SECRET`](super::jwt::keys::SHORTEST_SECRET) bytes.
    pub secret: Option<SecretString>,
    pub keys: Vec<KeyFile>,
    /// The address of an external token server, which then signs all tokens.
    pub realm: Option<String>,
    /// The audience of tokens. With an external token server, a mount that `services` does not name
    /// has `{service}/{mount}`.
    pub service: String,
    /// The audience of the external token server's tokens, by mount.
    pub services: BTreeMap<String, String>,
    /// The issuer of tokens. None means `service`, or with an external token server every issuer
    /// that has a key.
    pub issuer: Option<String>,
    pub lifetime: Duration,
}

/// The settings, with their keys read.
pub(super) struct Signing {
    keys: Keys,
    realm: Option<String>,
    service: String,
    services: BTreeMap<String, String>,
    issuer: Option<String>,
    lifetime: Duration,
}

/// A request for an access token.
#[derive(Debug, Clone, Copy)]
pub struct AccessRequest<'a> {
    /// The mount at which it is valid.
    pub mount: &'a str,
    /// As in [`Auth::decide`].
    pub anonymous: Option<&'a [Grant]>,
    /// The actions of the protocol of that mount.
    pub actions: &'a Actions,
    /// The audience that the client requests; empty for this registry.
    pub service: &'a str,
    pub wanted: &'a [Entry],
}

/// A token just signed.
#[derive(Clone)]
pub struct AccessToken {
    pub secret: SecretString,
    /// Milliseconds since the Unix epoch.
    pub issued: u64,
    pub lifetime: Duration,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("AccessToken");
        shown.field("issued", &self.issued).field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// Where clients get access tokens, and their audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenServer<'a> {
    /// None if the mount itself issues them.
    pub realm: Option<&'a str>,
    pub service: Cow<'a, str>,
}

/// The claims that are signed. Times are in seconds (RFC 7519 section 4.1).
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    nbf: u64,
    iat: u64,
    jti: String,
    access: Vec<Entry>,
    packhouse: Ours,
}

/// The claim of this registry only.
#[derive(Serialize, Deserialize)]
struct Ours {
    mount: String,
    /// The ids of the user, and of the token that requested it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// The claims that are read.
#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    sub: Option<String>,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    access: Option<Vec<Entry>>,
    #[serde(default)]
    packhouse: Option<Ours>,
}

impl Signing {
    /// Reads the keys. Without any, the secret is one that all hosts of the user database share.
    ///
    /// # Errors
    /// `Invalid` for a key that cannot be used; `Unavailable` when the store is away.
    pub async fn open(settings: &AccessSettings, stores: &Stores) -> Result<Self, AuthError> {
        let secret = match &settings.secret {
            None if settings.keys.is_empty() => Some(stores.tokens.shared_secret(&fresh_secret()).await?),
            given => given.clone(),
        };
        let issuer = match &settings.realm {
            Some(_) => settings.issuer.clone(),
            None => Some(settings.issuer.as_ref().unwrap_or(&settings.service).clone()),
        };
        Ok(Self {
            keys: Keys::read(&settings.keys, secret.as_ref())?,
            realm: settings.realm.clone(),
            service: settings.service.clone(),
            services: settings.services.clone(),
            issuer,
            lifetime: settings.lifetime,
        })
    }

    /// The audience of the tokens of this mount. Our tokens name their mount in a claim, those of
    /// an external token server in the audience.
    fn service(&self, mount: &str) -> Cow<'_, str> {
        match (&self.realm, self.services.get(mount)) {
            (None, _) => Cow::Borrowed(&self.service),
            (Some(_), Some(service)) => Cow::Borrowed(service),
            (Some(_), None) => Cow::Owned(format!("{}/{mount}", self.service)),
        }
    }

    /// The claims of a token that is valid at this moment (seconds since the Unix epoch).
    fn read(&self, token: &SecretString, now: f64, mount: &str) -> Result<Sent, &'static str> {
        let expected = Expected { audience: &self.service(mount), issuer: self.issuer.as_deref() };
        let sent: Sent = self.keys.verify(token, &expected).map_err(|flaw| match flaw {
            Flaw::Forged => FORGED,
            Flaw::Foreign => FOREIGN,
        })?;
        if sent.exp + LEEWAY <= now {
            return Err(EXPIRED);
        }
        if sent.nbf.is_some_and(|start| start > now + LEEWAY) {
            return Err(EARLY);
        }
        Ok(sent)
    }
}

impl Auth {
    /// Where clients get access tokens for a mount; none if signed tokens are disabled.
    pub fn token_server(&self, mount: &str) -> Option<TokenServer<'_>> {
        let signing = self.inner.signing.as_ref()?;
        Some(TokenServer { realm: signing.realm.as_deref(), service: signing.service(mount) })
    }

    /// Signs a token for the requested things that the account (none: an anonymous caller) is
    /// allowed.
    ///
    /// # Errors
    /// `Denied` if this host signs none, or not for this account; `Invalid` for another audience,
    /// or if too much is requested.
    pub fn sign_access(
        &self,
        account: Option<&Account>,
        request: &AccessRequest<'_>,
    ) -> Result<AccessToken, AuthError> {
        let signing = self.signer()?;
        check(signing, account, request)?;
        let issued = self.inner.clock.unix_millis();
        let lifetime = lifetime(signing, account, issued)?;
        let (from, seconds) = (issued / 1000, lifetime.as_secs());
        let claims = Claims {
            iss: signing.issuer.as_deref().unwrap_or(&signing.service),
            sub: account.map_or("", |account| account.name().as_str()),
            aud: &signing.service,
            exp: from + seconds,
            nbf: from,
            iat: from,
            jti: Uuid::new_v4().to_string(),
            access: self.allowed_of(account, request),
            packhouse: Ours {
                mount: request.mount.to_owned(),
                user: account.map(|account| account.user().id.to_string()),
                token: account.and_then(Account::token).map(|token| token.id.to_string()),
            },
        };
        Ok(AccessToken { secret: signing.keys.sign(&claims)?, issued, lifetime })
    }

    fn signer(&self) -> Result<&Signing, AuthError> {
        let denied = |why: &str| AuthError::Denied(why.to_owned());
        let signing = self.inner.signing.as_ref();
        let signing = signing.ok_or_else(|| denied("signed access tokens are switched off here"))?;
        match &signing.realm {
            Some(_) => Err(denied(
                "another token server issues the access tokens for this registry: use the one in the challenge",
            )),
            None => Ok(signing),
        }
    }

    fn allowed_of(&self, account: Option<&Account>, request: &AccessRequest<'_>) -> Vec<Entry> {
        let caller = account.cloned().map_or_else(Caller::anonymous, Caller::signed_in);
        scope::put_together(request.wanted, |kind, name, action| {
            let resource = Resource { protocol: request.mount, kind, name };
            let AccessRequest { anonymous, actions, .. } = *request;
            let question = Question { anonymous, resource, action, actions };
            self.decide(&question, &caller, Owners::default()) == Decision::Granted
        })
    }

    /// The account of this access token, at this mount and time.
    pub(super) async fn by_access_token(
        &self,
        secret: &SecretString,
        peer: IpAddr,
        mount: &str,
        came: u64,
    ) -> Result<Caller, AuthError> {
        let Some(signing) = &self.inner.signing else {
            return deny("signed access tokens are switched off here: sign in with another");
        };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds fit for 285,000 years")]
        let now = came as f64 / 1000.0;
        let sent = signing.read(secret, now, mount).or_else(deny)?;
        let outside = signing.realm.is_some();
        let caller = match &sent.packhouse {
            Some(ours) if ours.mount != mount => return deny(OTHER_MOUNT),
            Some(ours) if !outside => self.bearer(ours, sent.sub.as_deref(), peer, mount, came).await?,
            None if !outside => return deny(FOREIGN),
            _ => Caller::anonymous(),
        };
        let access = Access { entries: sent.access.unwrap_or_default(), outside };
        Ok(Caller { access: Some(Arc::new(access)), ..caller })
    }

    /// The account for which this registry has signed a token.
    async fn bearer(
        &self,
        ours: &Ours,
        name: Option<&str>,
        peer: IpAddr,
        mount: &str,
        came: u64,
    ) -> Result<Caller, AuthError> {
        let Some(user) = &ours.user else {
            return Ok(Caller::anonymous());
        };
        let known = self.known_user(name.unwrap_or_default()).await?;
        // Another user may have that name now.
        let Some(known) = known.filter(|known| known.id.to_string() == *user) else {
            return deny(GONE);
        };
        let token = match &ours.token {
            Some(id) => Some(self.made_with(id, known.id, peer, mount, came).await?),
            None => None,
        };
        Ok(Caller::signed_in(Account::new(known, token).bearing()))
    }

    async fn made_with(
        &self,
        id: &str,
        owner: Uuid,
        peer: IpAddr,
        mount: &str,
        came: u64,
    ) -> Result<Arc<Token>, AuthError> {
        let token = match Uuid::try_parse(id) {
            Ok(id) => self.known_token_of(id).await?,
            Err(_) => None,
        };
        let token = token.filter(|token| token.owner == owner).map_or_else(|| deny(GONE), Ok)?;
        check_use(&token, peer, mount, came)?;
        Ok(token)
    }

    async fn known_token_of(&self, id: Uuid) -> Result<Option<Arc<Token>>, AuthError> {
        let known = &self.inner.known_by_id;
        if let Some(token) = known.get(&id) {
            return Ok(Some(token));
        }
        let ticket = known.ticket();
        let token = self.inner.stores.tokens.find_by_id(id).await?.map(Arc::new);
        if let Some(token) = &token {
            known.put(ticket, id, Arc::clone(token));
        }
        Ok(token)
    }
}

/// As many random bytes as a signature has, as text.
fn fresh_secret() -> SecretString {
    SecretString::from(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
}

fn check(signing: &Signing, account: Option<&Account>, request: &AccessRequest<'_>) -> Result<(), AuthError> {
    if account.is_some_and(Account::is_bearer) {
        return deny(
            "an access token cannot create other tokens: sign in with the password or another token",
        );
    }
    if !request.service.is_empty() && request.service != signing.service {
        return Err(AuthError::Invalid(format!(
            "this registry issues access tokens for the service `{}`: request that one",
            signing.service
        )));
    }
    if request.wanted.len() > MOST_WANTED {
        return Err(AuthError::Invalid(format!(
            "an access token holds at most {MOST_WANTED} things: ask for fewer at once"
        )));
    }
    Ok(())
}

fn lifetime(signing: &Signing, account: Option<&Account>, now: u64) -> Result<Duration, AuthError> {
    let end = account.and_then(Account::token).and_then(Token::end);
    let left = end.map_or(u64::MAX, |end| end.saturating_sub(now) / 1000);
    if left == 0 {
        return deny("the token that you are signed in with is about to expire: sign in again");
    }
    Ok(signing.lifetime.min(Duration::from_secs(left)))
}

fn deny<T>(why: &str) -> Result<T, AuthError> {
    Err(AuthError::Denied(why.to_owned()))
}

#[cfg(test)]
mod tests;
