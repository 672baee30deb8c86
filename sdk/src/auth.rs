//! The caller and their permissions. Credentials stay in the host.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, sys};

/// Complete: no decision is added later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Granted,
    /// 401: anonymous, or the credentials are wrong, expired or revoked, or a signed access token does
    /// not allow this, although its account may do it.
    SignIn,
    /// 403: signed in, and not allowed.
    Forbidden,
}

/// Why the caller may not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// A 401. `permission` is the grant that is missing ([`grant`]); `rejection` says why the
    /// credentials are not valid. The protocol may set the challenge that its clients need; otherwise
    /// the host adds `Basic`.
    SignIn { permission: String, rejection: Option<String> },
    /// A 403. `rejection` says why the token that was sent does not allow this, where the account
    /// itself may do it.
    Forbidden { permission: String, rejection: Option<String> },
}

impl Denied {
    /// 401 or 403.
    pub fn status(&self) -> u16 {
        match self {
            Denied::SignIn { .. } => 401,
            Denied::Forbidden { .. } => 403,
        }
    }

    pub fn decision(&self) -> Decision {
        match self {
            Denied::SignIn { .. } => Decision::SignIn,
            Denied::Forbidden { .. } => Decision::Forbidden,
        }
    }

    /// The grant that is missing: `{mount}:{kind}:{name}:{action}`, as an administrator pastes it
    /// after `packhouse user grant NAME`.
    pub fn permission(&self) -> &str {
        match self {
            Denied::SignIn { permission, .. } | Denied::Forbidden { permission, .. } => permission,
        }
    }

    /// Why the credentials in the request are not valid, or do not allow this.
    pub fn rejection(&self) -> Option<&str> {
        match self {
            Denied::SignIn { rejection, .. } | Denied::Forbidden { rejection, .. } => rejection.as_deref(),
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::SignIn { rejection: Some(rejection), .. }
            | Denied::Forbidden { rejection: Some(rejection), .. } => formatter.write_str(rejection),
            Denied::SignIn { permission, .. } => {
                write!(formatter, "sign in first: this needs the permission {permission}")
            }
            Denied::Forbidden { permission, rejection: None } => {
                write!(formatter, "this account lacks the permission {permission}")
            }
        }
    }
}

impl std::error::Error for Denied {}

/// The grant that allows this on the mount of the request: `{mount}:{kind}:{name}:{action}`, as an
/// administrator gives it to a user. Use it in messages to callers who lack the permission.
pub fn grant(kind: &str, name: &str, action: &str) -> String {
    sys::grant(kind, name, action)
}

/// Whether the caller may do `action` on `{mount}:{kind}:{name}`.
pub fn check(kind: &str, name: &str, action: &str) -> Decision {
    sys::check(kind, name, action)
}

/// An owner of a package, as the document of the package records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The user name, to be shown.
    pub name: String,
    /// [`Account::id`]; none if an earlier version or another system recorded the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Owner {
    /// The account, to be recorded as an owner.
    pub fn of(account: &Account) -> Owner {
        Owner { name: account.name(), id: Some(account.id()) }
    }
}

/// Like [`check`], but a user named in `listed` is treated as if `action` on this were granted to them.
/// A name means the first account that had it. Record [`Owner`]s and ask [`check_owned`] instead,
/// unless the plugin must also run on hosts older than 0.1.1.
pub fn check_listed<S: AsRef<str>>(kind: &str, name: &str, action: &str, listed: &[S]) -> Decision {
    let listed: Vec<String> = listed.iter().map(|user| user.as_ref().to_owned()).collect();
    sys::check_listed(kind, name, action, &listed)
}

/// Like [`check`], but an owner is treated as if `action` on this were granted to them: for protocols
/// in which a package lists its owners. The limits of a narrowed token still apply. Only the first 1000
/// owners with an id, and the first 1000 without, are used.
pub fn check_owned(kind: &str, name: &str, action: &str, owners: &[Owner]) -> Decision {
    let ids: Vec<String> = owners.iter().filter_map(|owner| owner.id.clone()).collect();
    let unknown = owners.iter().filter(|owner| owner.id.is_none());
    let names: Vec<String> = unknown.map(|owner| owner.name.clone()).collect();
    sys::check_owned(kind, name, action, &ids, &names)
}

/// An error if the caller may not do `action` on `{mount}:{kind}:{name}`.
pub fn require(kind: &str, name: &str, action: &str) -> Result<(), Denied> {
    granted(check(kind, name, action), || grant(kind, name, action))
}

/// Like [`require`], but users in `listed` are treated as if it were granted to them; see
/// [`check_listed`].
pub fn require_listed<S: AsRef<str>>(
    kind: &str,
    name: &str,
    action: &str,
    listed: &[S],
) -> Result<(), Denied> {
    granted(check_listed(kind, name, action, listed), || grant(kind, name, action))
}

/// Like [`check_owned`], but reads the owners only if no grant decides, because that costs a request to
/// the store.
pub fn decide_owned<E>(
    kind: &str,
    name: &str,
    action: &str,
    owners: impl FnOnce() -> Result<Vec<Owner>, E>,
) -> Result<Decision, E> {
    match check(kind, name, action) {
        Decision::Forbidden => Ok(check_owned(kind, name, action, &owners()?)),
        decided => Ok(decided),
    }
}

/// Like [`require`], but an owner is treated as if it were granted to them; see [`check_owned`]. The
/// owners are read only if no grant decides.
///
/// ```
/// use packhouse_plugin::auth::{self, Owner};
/// use packhouse_plugin::{Failure, storage};
/// # let host = packhouse_plugin::testing::Host::new().user("ann", &[]);
/// # host.insert("owners.json", "[\"ann\"]")?;
///
/// fn require(action: &str) -> Result<(), Failure> {
///     auth::require_owned("note", "todo", action, || {
///         let Some(document) = storage::get("owners.json")? else { return Ok(Vec::new()) };
///         let names: Vec<String> = document.json()?;
///         Ok(names.into_iter().map(|name| Owner { name, id: None }).collect())
///     })
/// }
/// assert!(host.as_user("ann").run(|| require("write")).is_ok());
/// assert_eq!(host.anonymous().run(|| require("write")).err().map(|failure| failure.status()), Some(401));
/// # Ok::<(), packhouse_plugin::Error>(())
/// ```
pub fn require_owned<E: From<Denied>>(
    kind: &str,
    name: &str,
    action: &str,
    owners: impl FnOnce() -> Result<Vec<Owner>, E>,
) -> Result<(), E> {
    let decision = decide_owned(kind, name, action, owners)?;
    Ok(granted(decision, || grant(kind, name, action))?)
}

fn granted(decision: Decision, permission: impl Fn() -> String) -> Result<(), Denied> {
    match decision {
        Decision::Granted => Ok(()),
        Decision::SignIn => Err(Denied::SignIn { permission: permission(), rejection: rejection() }),
        Decision::Forbidden => Err(Denied::Forbidden { permission: permission(), rejection: rejection() }),
    }
}

/// The host filters this many names at once.
const FILTER_MANY: usize = 10_000;

/// Of these names, those on which the caller may do `action`, in order. If the credentials of the
/// request are not valid, the host ends the request with 401, even for no names, because an empty list
/// would look as if nothing existed. An endpoint that lists names calls [`refuse_rejected`] first,
/// which gives the protocol's own answer, and [`refuse_empty`] if no name is left.
pub fn filter_allowed<S: AsRef<str>>(kind: &str, names: &[S], action: &str) -> Vec<String> {
    let filter = |names: &[S]| {
        let names = names.iter().map(|name| name.as_ref().to_owned()).collect();
        sys::filter_allowed(kind, names, action)
    };
    if names.is_empty() {
        return filter(names);
    }
    names.chunks(FILTER_MANY).flat_map(filter).collect()
}

/// A 401 if the credentials are not valid. A caller without credentials, or with valid ones, continues.
/// A listing calls this first, because it checks the permission for each name, and there may be no
/// names.
pub fn refuse_rejected(kind: &str, action: &str) -> Result<(), Denied> {
    if has_credentials() {
        return Ok(());
    }
    match rejection() {
        Some(rejection) => {
            Err(Denied::SignIn { permission: grant(kind, "*", action), rejection: Some(rejection) })
        }
        None => Ok(()),
    }
}

/// A 401 where a list shows nothing to a caller without credentials, unless everybody may do `action`
/// on everything: signing in may show more, and an empty list would say that there is nothing.
///
/// ```
/// use packhouse_plugin::auth::{self, Denied};
/// # let host = packhouse_plugin::testing::Host::new().user("ann", &[]);
///
/// fn list(names: &[&str]) -> Result<Vec<String>, Denied> {
///     auth::refuse_rejected("note", "read")?;
///     let names = auth::filter_allowed("note", names, "read");
///     if names.is_empty() {
///         auth::refuse_empty("note", "read")?;
///     }
///     Ok(names)
/// }
/// assert!(host.anonymous().run(|| list(&["todo"])).is_err());
/// assert!(host.as_user("ann").run(|| list(&["todo"])).is_ok());
/// ```
pub fn refuse_empty(kind: &str, action: &str) -> Result<(), Denied> {
    if has_credentials() { Ok(()) } else { require(kind, "*", action) }
}

/// Whether everybody may do this, without signing in. Use it to tell clients whether they need
/// credentials. It does not depend on the caller.
pub fn is_public(kind: &str, name: &str, action: &str) -> bool {
    sys::is_public(kind, name, action)
}

/// Why the credentials of the request are not valid, or do not allow what was checked last, in words
/// for the user. None if they are valid, or if the request has none.
pub fn rejection() -> Option<String> {
    sys::rejection()
}

/// Whether the request has valid credentials. Also true for a signed access token without an account,
/// for which there is no [`caller`]. Use it in an endpoint at which clients only test their
/// credentials.
pub fn has_credentials() -> bool {
    sys::has_credentials()
}

/// The account of the caller; none if the caller is anonymous. If you only need a permission, use
/// [`require`] instead, so that a host can use one response for several callers.
pub fn caller() -> Option<Account> {
    sys::caller().map(|raw| Account { raw })
}

/// Exchanges a name and a password that a client sent in a body for an account. `Denied` if they are
/// wrong, or if the mount has no grant `login`.
pub fn authenticate_password(name: &str, password: &str) -> Result<Account, Error> {
    authenticate("password", &[("name", name), ("password", password)])
}

/// Exchanges the secret of a token that [`Account::issue_token`] made, e.g. a refresh token, for an
/// account. The account may do no more than the token. `Denied` if the token is not valid, if it is a
/// signed access token, or if the mount has no grant `login`.
pub fn authenticate_token(secret: &str) -> Result<Account, Error> {
    authenticate("token", &[("token", secret)])
}

/// Exchanges other kinds of credentials, if the configuration adds some; otherwise `Invalid`.
pub fn authenticate(kind: &str, values: &[(&str, &str)]) -> Result<Account, Error> {
    sys::authenticate(kind, values).map(|raw| Account { raw })
}

/// How many seconds the client should wait before it signs in again, if [`authenticate`] was `Denied`
/// because of too many wrong passwords; otherwise none. Answer 429 with this number as `Retry-After`.
pub fn retry_after() -> Option<u64> {
    sys::retry_after()
}

/// Whether a user of this name exists, for owner lists.
pub fn user_exists(name: &str) -> Result<bool, Error> {
    sys::user_exists(name)
}

/// The id of the account that has this user name now, for an owner list. None if there is no such user.
pub fn account_id(name: &str) -> Result<Option<String>, Error> {
    sys::account_id(name)
}

/// A request for a token. `Default` is a token that may do everything that the account may do, for as
/// long as possible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenRequest {
    pub label: Option<String>,
    pub read_only: bool,
    /// Empty for everything that the account may do. In a name, `*` matches any characters. The name `*`
    /// alone means everything on which the account may do the action when the token is used.
    pub scopes: Vec<Wanted>,
    /// None for the lifetime of the account's credentials.
    pub lifetime_seconds: Option<u64>,
    /// The networks from which it may be used, e.g. `10.0.0.0/8`; empty for all.
    pub networks: Vec<String>,
}

/// A token without its secret. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Not secret: show it, and revoke the token by it.
    pub id: String,
    /// The first characters of the secret, by which a user recognises the token.
    pub hint: String,
    pub label: Option<String>,
    pub created: u64,
    pub expires: Option<u64>,
    pub last_used: Option<u64>,
    pub read_only: bool,
    /// `{mount}:{kind}:{name}:{action}`, for display. Empty for everything that the user may do.
    pub scopes: Vec<String>,
    pub networks: Vec<String>,
}

/// A new token. Show its secret once. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    pub token: Token,
    pub secret: String,
}

impl fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Issued").field("token", &self.token).finish_non_exhaustive()
    }
}

/// Actions on one thing of this mount. The fields mean the same as in [`check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub kind: String,
    pub name: String,
    pub actions: Vec<String>,
}

impl Wanted {
    pub fn new<S: AsRef<str>>(kind: &str, name: &str, actions: &[S]) -> Wanted {
        let actions = actions.iter().map(|action| action.as_ref().to_owned()).collect();
        Wanted { kind: kind.to_owned(), name: name.to_owned(), actions }
    }
}

/// A signed access token; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Sent as `Authorization: Bearer {secret}`; it is valid for this mount only.
    pub secret: String,
    /// Milliseconds since the Unix epoch.
    pub issued: u64,
    /// Counted from `issued`.
    pub lifetime_seconds: u64,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("AccessToken");
        shown.field("issued", &self.issued).field("lifetime_seconds", &self.lifetime_seconds);
        shown.finish_non_exhaustive()
    }
}

/// The value of `WWW-Authenticate` that requests an access token for `wanted`: `Bearer
/// realm="…",service="…",scope="kind:name:a,b …"`. `endpoint` is the path below the mount at which the
/// protocol itself issues tokens. It is the realm unless the configuration names another token server.
/// Entries with white space, control characters or quotes are omitted. None if signed tokens are
/// switched off.
pub fn bearer_challenge(endpoint: &str, wanted: &[Wanted]) -> Option<String> {
    sys::bearer_challenge(endpoint, wanted)
}

/// Signs an access token with those permissions in `wanted` that the account has now, each once,
/// possibly none. Without an account, these are the permissions of an anonymous caller. The name `*`
/// means everything on which the bearer may do those actions when the token is used (e.g. to list it).
/// `service` is the service that the client requested; empty for the mount's own.
///
/// `Invalid` for another service, and for more than 100 entries in `wanted`. `Denied` if signed tokens are
/// off, if another token server is configured, or if the account itself signed in with an access token.
pub fn sign_access(
    account: Option<&Account>,
    service: &str,
    wanted: &[Wanted],
) -> Result<AccessToken, Error> {
    sys::sign_access(account.map(|account| &account.raw), service, wanted)
}

/// An account that has signed in.
pub struct Account {
    raw: sys::Account,
}

impl Account {
    pub fn name(&self) -> String {
        self.raw.name()
    }

    /// A UUID. Unlike the name, it never changes, and no other account ever gets it. Record it in
    /// documents that list owners. It is not secret.
    pub fn id(&self) -> String {
        self.raw.id()
    }

    pub fn email(&self) -> Option<String> {
        self.raw.email()
    }

    /// Whether the credentials of the account can only read.
    pub fn is_read_only(&self) -> bool {
        self.raw.is_read_only()
    }

    /// Issues a token that is valid for this mount. It never allows more, nor lives longer, than the
    /// credentials of this account: a request for more is `Denied`. Also `Denied` without the grant
    /// `login`, if the user has too many tokens, and always for an account that came with a signed
    /// access token. `Invalid` for a bad scope or network.
    ///
    /// Only a token for an account of [`authenticate_password`] may live for ever. Any other expires
    /// after 90 days at most, or after 30 days without use.
    pub fn issue_token(&self, request: &TokenRequest) -> Result<Issued, Error> {
        self.raw.issue_token(request)
    }

    /// The tokens of the account that are valid at this mount. If it signed in with a read-only or
    /// narrowed token, only that token.
    pub fn list_tokens(&self) -> Result<Vec<Token>, Error> {
        self.raw.list_tokens()
    }

    /// Revokes a token of the account. False if the account has no token with this id.
    pub fn revoke_token(&self, id: &str) -> Result<bool, Error> {
        self.raw.revoke_token(id)
    }
}
