//! The caller of one request: answers the questions of the plugin about them. `dispatch` creates a
//! session before the request has a place and an instance. The capabilities translate between it and
//! the contract. It does not know plugins, request bodies, or the contract.
//!
//! # Invariants
//! - The caller is identified once per request, and only if something depends on it.
//! - [`Session::admit`] does what may take long, before the request has a place: it verifies a
//!   password, and waits after wrong ones.
//! - If the credentials were revoked, or a permission was removed, the request changes nothing any
//!   more: at once on this host, and after about a second on others. See [`Session::verify`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use packhouse_scope::{Actions, Decision, Entry, Grant, Resource};
use secrecy::SecretString;

use super::credentials::{Credentials, Sent};
use super::granted::Granted;
use super::identity::{Account, Caller};
use super::signing::{AccessRequest, AccessToken, TokenServer};
use super::token_store::Token;
use super::tokens::{Issued, TokenRequest};
use super::{Auth, AuthError, Owners, Question};

/// Why a request changes nothing after its user was removed.
const ANOTHER: &str =
    "the user who sent this request was removed while it was under way: nothing was changed";

/// The most tokens that are issued in one request. A sign-in needs one.
const MOST_ISSUED: u32 = 4;

/// How long a verified permission is valid for changes, unless users or tokens change on this host.
const VERIFIED_FOR: Duration = Duration::from_secs(1);

/// The mount of a request, as far as permissions depend on it.
#[derive(Debug, Clone, Default)]
pub struct Area {
    /// The mount's name, which is the first part of a scope.
    pub mount: String,
    /// What everybody may do on this mount; none if it is the same as on other mounts.
    pub anonymous: Option<Vec<Grant>>,
    /// The actions of the mount's protocol.
    pub actions: Arc<Actions>,
}

/// The caller of one request.
pub struct Session {
    auth: Auth,
    area: Area,
    credentials: Credentials,
    peer: IpAddr,
    /// Known after the first question about it.
    caller: Option<Caller>,
    /// When the request with the credentials began, in milliseconds since the Unix epoch.
    came: u64,
    /// When the credentials and the permissions were last verified.
    verified: Instant,
    /// The number of changes of users and tokens on this host before that.
    changes: u64,
    /// The permissions that the caller was granted in this request.
    granted: Granted,
    /// Why the caller's access token does not contain the action of the last question.
    lacking: Option<String>,
    /// Why the action of the last question is not allowed although something allows it: a rule of the
    /// user denies it, or the caller's token does not allow it.
    limited: Option<String>,
    /// A sentence about credentials of an unknown scheme, if the last answer was to sign in.
    foreign: Option<String>,
    /// How long the client has to wait after its last attempt to sign in.
    retry_after: Option<Duration>,
    issued: u32,
}

impl Session {
    /// The session of a client that sent these credentials from this address. Looks nothing up.
    pub fn new(auth: Auth, area: Area, credentials: Credentials, peer: IpAddr) -> Self {
        let (came, verified) = (auth.inner.clock.unix_millis(), auth.inner.clock.now());
        let changes = auth.changes();
        Self {
            auth,
            area,
            credentials,
            peer,
            caller: None,
            came,
            verified,
            changes,
            granted: Granted::default(),
            lacking: None,
            limited: None,
            foreign: None,
            retry_after: None,
            issued: 0,
        }
    }

    /// Verifies a password in the request, before the request takes its place. Other credentials
    /// are looked up quickly, and only if something depends on the caller.
    ///
    /// # Errors
    /// `Throttled` after too many wrong passwords, `Busy` if too many wait to be verified,
    /// `Unavailable` if the store does not answer.
    pub async fn admit(&mut self) -> Result<(), AuthError> {
        if matches!(self.credentials.0, Sent::Password { .. }) {
            self.identify().await?;
        }
        Ok(())
    }

    /// The owner of uses that are counted: the account, or the address of an anonymous client.
    ///
    /// # Errors
    /// As [`Session::admit`].
    pub async fn counted_as(&mut self) -> Result<String, AuthError> {
        let peer = self.peer;
        let account = self.caller().await?.account.as_ref();
        Ok(account.map_or_else(|| format!("address {peer}"), |account| format!("user {}", account.name())))
    }

    /// Whether the caller may do `action` on this. An owner is treated as if the action were
    /// granted to them; the limits of a narrowed token still apply.
    ///
    /// # Errors
    /// As [`Session::admit`].
    pub async fn check(
        &mut self,
        kind: &str,
        name: &str,
        action: &str,
        owners: Owners<'_>,
    ) -> Result<Decision, AuthError> {
        let caller = self.identify().await?;
        let counts = caller.access.is_some() && caller.rejection.is_none();
        let foreign = caller.foreign.clone();
        let decision = self.decide(self.caller.as_ref(), kind, name, action, owners);
        if decision == Decision::Granted {
            let account = self.caller.as_ref().and_then(|caller| caller.account.as_ref());
            let is_owner = account.is_some_and(|account| account.is_one_of(owners));
            self.granted.add(kind, name, action, is_owner);
        }
        let mount = &self.area.mount;
        self.lacking = (counts && decision == Decision::SignIn).then(|| {
            format!("the access token does not allow {mount}:{kind}:{name}:{action}: request one that does, or sign in as a user who may")
        });
        self.foreign = foreign.filter(|_| decision == Decision::SignIn);
        let is_forbidden = decision == Decision::Forbidden;
        let why =
            || self.denial(kind, name, action).or_else(|| self.limit_of_token(kind, name, action, owners));
        self.limited = is_forbidden.then(why).flatten();
        Ok(decision)
    }

    /// Called before the request changes something: verifies that the credentials are still valid,
    /// and that the caller still has every permission that was granted before. A request may last
    /// for minutes while its client sends the body. This looks up at most once in [`VERIFIED_FOR`],
    /// unless something was changed on this host. Credentials that have only expired since the
    /// request began are still valid.
    ///
    /// # Errors
    /// `Denied` if one of these is not so; otherwise as [`Session::admit`].
    pub async fn verify(&mut self) -> Result<(), AuthError> {
        let (now, changes) = (self.auth.inner.clock.now(), self.auth.changes());
        let Some(before) = self.caller.as_ref() else { return Ok(()) };
        let is_fresh = changes == self.changes && now.duration_since(self.verified) < VERIFIED_FOR;
        if is_fresh || self.credentials.are_nobodys() {
            return Ok(());
        }
        let (mount, came) = (&self.area.mount, self.came);
        let caller = self.auth.identify_as_of(&self.credentials, self.peer, mount, came).await?;
        let id_of = |caller: &Caller| caller.account.as_ref().map(Account::id);
        if before.rejection.is_none() {
            if let Some(why) = &caller.rejection {
                return Err(AuthError::Denied(format!("{why}; nothing was changed")));
            }
            if id_of(before) != id_of(&caller) {
                return Err(AuthError::Denied(ANOTHER.to_owned()));
            }
        }
        let own = id_of(&caller).map(|id| id.to_string()).into_iter().collect::<Vec<_>>();
        for permission in self.granted.all() {
            let (kind, name, action) = (&permission.kind, &permission.name, &permission.action);
            let ids = if permission.is_owner { own.as_slice() } else { &[] };
            let owners = Owners { ids, names: &[] };
            if self.decide(Some(&caller), kind, name, action, owners) != Decision::Granted {
                return Err(AuthError::Denied(format!(
                    "the permission {mount}:{kind}:{name}:{action} was taken away while the request was under \
                     way: nothing was changed"
                )));
            }
        }
        (self.caller, self.verified, self.changes) = (Some(caller), now, changes);
        Ok(())
    }

    /// Those of the names on which the caller may do `action`.
    ///
    /// # Errors
    /// `Rejected` if the caller's credentials were rejected, because an empty list would look as if
    /// nothing existed. Otherwise as [`Session::admit`].
    pub async fn filter(
        &mut self,
        kind: &str,
        mut names: Vec<String>,
        action: &str,
    ) -> Result<Vec<String>, AuthError> {
        if let Some(why) = &self.identify().await?.rejection {
            return Err(AuthError::Rejected(why.clone()));
        }
        let caller = self.caller.as_ref();
        names.retain(|name| self.decide(caller, kind, name, action, Owners::default()) == Decision::Granted);
        Ok(names)
    }

    /// Whether everybody may do this, signed in or not. Looks nothing up.
    pub fn public(&self, kind: &str, name: &str, action: &str) -> bool {
        self.decide(Some(&Caller::anonymous()), kind, name, action, Owners::default()) == Decision::Granted
    }

    /// The caller.
    ///
    /// # Errors
    /// As [`Session::admit`].
    pub async fn caller(&mut self) -> Result<&Caller, AuthError> {
        self.identify().await
    }

    /// Why the credentials are not valid, or do not allow the action of the last question.
    ///
    /// # Errors
    /// As [`Session::admit`].
    pub async fn rejection(&mut self) -> Result<Option<String>, AuthError> {
        let rejection = self.identify().await?.rejection.clone();
        Ok(rejection
            .or_else(|| self.lacking.clone())
            .or_else(|| self.limited.clone())
            .or_else(|| self.foreign.clone()))
    }

    /// Whether the credentials were rejected. False if nothing has depended on the caller yet.
    pub fn is_rejected(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.rejection.is_some())
    }

    /// Whether the access token does not contain the action of the last question.
    pub fn is_lacking(&self) -> bool {
        self.lacking.is_some()
    }

    /// The account of a name and a password in the body of the request.
    ///
    /// # Errors
    /// `Denied` if they are wrong; otherwise as [`Session::admit`].
    pub async fn sign_in(&mut self, name: &str, password: &SecretString) -> Result<Account, AuthError> {
        let answer = self.auth.authenticate_only_password(name, password, self.peer).await;
        self.retry_after = match &answer {
            Err(AuthError::Throttled { seconds }) => Some(Duration::from_secs(*seconds)),
            _ => None,
        };
        answer
    }

    /// The account of a token whose secret is in the body of the request.
    ///
    /// # Errors
    /// `Denied` if the token is not valid, `Unavailable` if the store does not answer.
    pub async fn sign_in_by_token(&mut self, secret: &SecretString) -> Result<Account, AuthError> {
        self.auth.authenticate_token(secret, self.peer, &self.area.mount).await
    }

    /// How long the client has to wait after its last attempt to sign in; none if the attempt was
    /// verified.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Issues a token that is valid at this mount only.
    ///
    /// # Errors
    /// As [`Auth::issue`], and `Denied` for more than a few in one request.
    pub async fn issue(&mut self, account: &Account, request: TokenRequest) -> Result<Issued, AuthError> {
        if self.issued >= MOST_ISSUED {
            return Err(AuthError::Denied(format!("one request can create at most {MOST_ISSUED} tokens")));
        }
        self.verify().await?;
        self.issued += 1;
        let Area { mount, actions, .. } = &self.area;
        let (mount, actions) = (Some(mount.clone()), Some(Arc::clone(actions)));
        self.auth.issue(account, &TokenRequest { mount, actions, by_owner: true, ..request }).await
    }

    /// The account's tokens that are valid at this mount.
    ///
    /// # Errors
    /// As [`Auth::list`].
    pub async fn list(&self, account: &Account) -> Result<Vec<Token>, AuthError> {
        let mut tokens = self.auth.list(account).await?;
        tokens.retain(|token| token.is_for(&self.area.mount));
        Ok(tokens)
    }

    /// Signs an access token for this mount.
    ///
    /// # Errors
    /// As [`Auth::sign_access`].
    pub fn sign_access(
        &self,
        account: Option<&Account>,
        service: &str,
        wanted: &[Entry],
    ) -> Result<AccessToken, AuthError> {
        self.auth.sign_access(
            account,
            &AccessRequest {
                mount: &self.area.mount,
                anonymous: self.area.anonymous.as_deref(),
                actions: &self.area.actions,
                service,
                wanted,
            },
        )
    }

    /// Where clients request access tokens for this mount.
    pub fn token_server(&self) -> Option<TokenServer<'_>> {
        self.auth.token_server(&self.area.mount)
    }

    /// For questions that do not depend on the caller.
    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    async fn identify(&mut self) -> Result<&Caller, AuthError> {
        if self.caller.is_none() {
            let (asked, changes) = (self.auth.inner.clock.now(), self.auth.changes());
            let caller = self.auth.identify(&self.credentials, self.peer, &self.area.mount).await?;
            (self.caller, self.verified, self.changes) = (Some(caller), asked, changes);
        }
        Ok(self.caller.get_or_insert_default())
    }

    /// A sentence if a rule of the user denies this: no further grant allows it.
    fn denial(&self, kind: &str, name: &str, action: &str) -> Option<String> {
        let account = self.caller.as_ref()?.account.as_ref()?;
        let mount = &self.area.mount;
        let asked = packhouse_scope::Question {
            resource: Resource { protocol: mount, kind, name },
            action,
            public: &[],
            actions: &self.area.actions,
        };
        packhouse_scope::is_denied(account.grants(), &asked).then(|| {
            format!(
                "a rule of this account denies {mount}:{kind}:{name}:{action}: ask an administrator to remove \
                 that rule"
            )
        })
    }

    /// Why the caller's token does not allow this, if the user may do it with the password.
    fn limit_of_token(&self, kind: &str, name: &str, action: &str, owners: Owners<'_>) -> Option<String> {
        let account = self.caller.as_ref()?.account.as_ref()?;
        let user = Caller { account: Some(account.without_token()), ..Caller::default() };
        if self.decide(Some(&user), kind, name, action, owners) != Decision::Granted {
            return None;
        }
        let limit =
            if account.read_only() { "it is read-only" } else { "it was created for other permissions" };
        let mount = &self.area.mount;
        Some(format!(
            "this token does not allow {mount}:{kind}:{name}:{action}: {limit}; use another token of this account"
        ))
    }

    fn decide(
        &self,
        caller: Option<&Caller>,
        kind: &str,
        name: &str,
        action: &str,
        owners: Owners<'_>,
    ) -> Decision {
        let question = Question {
            anonymous: self.area.anonymous.as_deref(),
            resource: Resource { protocol: &self.area.mount, kind, name },
            action,
            actions: &self.area.actions,
        };
        caller.map_or(Decision::SignIn, |caller| self.auth.decide(&question, caller, owners))
    }
}

#[cfg(test)]
mod tests;
