//! Who is calling and what they may do. Credentials stay in the host.

use std::fmt;

use crate::{Error, sys};

/// Closed for good: these are the three answers HTTP has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Granted,
    /// 401: anonymous, or the credentials are wrong, expired or revoked.
    SignIn,
    /// 403: signed in, and not allowed.
    Forbidden,
}

/// Why somebody may not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// A 401. `permission` is `{kind}:{name}:{action}`; `rejection` says why the
    /// credentials that were sent do not count. The protocol may set the challenge that
    /// its clients need; the host adds `Basic` when there is none.
    SignIn { permission: String, rejection: Option<String> },
    /// A 403.
    Forbidden { permission: String },
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

    /// What is missing: `{kind}:{name}:{action}`.
    pub fn permission(&self) -> &str {
        match self {
            Denied::SignIn { permission, .. } | Denied::Forbidden { permission } => permission,
        }
    }

    /// Why the credentials that were sent do not count.
    pub fn rejection(&self) -> Option<&str> {
        match self {
            Denied::SignIn { rejection, .. } => rejection.as_deref(),
            Denied::Forbidden { .. } => None,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denied::SignIn { rejection: Some(rejection), .. } => formatter.write_str(rejection),
            Denied::SignIn { permission, .. } => {
                write!(formatter, "sign in first: this needs the permission {permission}")
            }
            Denied::Forbidden { permission } => {
                write!(formatter, "this account lacks the permission {permission}")
            }
        }
    }
}

impl std::error::Error for Denied {}

/// May the caller do `action` on `{protocol}:{kind}:{name}`?
pub fn check(kind: &str, name: &str, action: &str) -> Decision {
    sys::check(kind, name, action)
}

/// As [`check`], where a user named in `listed` counts as if `action` on this were granted
/// to them: for protocols in which a package lists its owners. What a token was narrowed to
/// still holds. At most 1000 of the names count.
pub fn check_listed<S: AsRef<str>>(kind: &str, name: &str, action: &str, listed: &[S]) -> Decision {
    let listed: Vec<String> = listed.iter().map(|user| user.as_ref().to_owned()).collect();
    sys::check_listed(kind, name, action, &listed)
}

/// The caller may do `action` on `{protocol}:{kind}:{name}`, or the reason why not.
pub fn require(kind: &str, name: &str, action: &str) -> Result<(), Denied> {
    granted(check(kind, name, action), || format!("{kind}:{name}:{action}"))
}

/// As [`require`], where those `listed` count as if it were granted to them; see
/// [`check_listed`].
pub fn require_listed<S: AsRef<str>>(
    kind: &str,
    name: &str,
    action: &str,
    listed: &[S],
) -> Result<(), Denied> {
    granted(check_listed(kind, name, action, listed), || format!("{kind}:{name}:{action}"))
}

fn granted(decision: Decision, permission: impl Fn() -> String) -> Result<(), Denied> {
    match decision {
        Decision::Granted => Ok(()),
        Decision::SignIn => Err(Denied::SignIn { permission: permission(), rejection: rejection() }),
        Decision::Forbidden => Err(Denied::Forbidden { permission: permission() }),
    }
}

/// The host filters this many names at once.
const FILTER_MANY: usize = 10_000;

/// Of these names, those on which the caller may do `action`, in order.
pub fn filter_allowed<S: AsRef<str>>(kind: &str, names: &[S], action: &str) -> Vec<String> {
    let owned = |names: &[S]| names.iter().map(|name| name.as_ref().to_owned()).collect();
    names.chunks(FILTER_MANY).flat_map(|names| sys::filter_allowed(kind, owned(names), action)).collect()
}

/// May anybody do that, signed in or not? For what tells clients whether to send credentials
/// at all; it says nothing of this caller.
pub fn is_public(kind: &str, name: &str, action: &str) -> bool {
    sys::is_public(kind, name, action)
}

/// Why the credentials that were sent do not count, in words for the user; none when they
/// do, or none were sent.
pub fn rejection() -> Option<String> {
    sys::rejection()
}

/// None for nobody. What is made with it belongs to this caller alone: a response that
/// only needs a permission uses [`require`] instead.
pub fn caller() -> Option<Account> {
    sys::caller().map(|raw| Account { raw })
}

/// Trades a name and password that a client sent in a body for an account. `Denied` when
/// they are wrong, or when the mount has no grant `login`.
pub fn authenticate_password(name: &str, password: &str) -> Result<Account, Error> {
    authenticate("password", &[("name", name), ("password", password)])
}

/// Other kinds of proof, where configured; `Invalid` elsewhere.
pub fn authenticate(kind: &str, values: &[(&str, &str)]) -> Result<Account, Error> {
    sys::authenticate(kind, values).map(|raw| Account { raw })
}

/// Is there a user of this name? For owner lists.
pub fn user_exists(name: &str) -> Result<bool, Error> {
    sys::user_exists(name)
}

/// What a new token may do. `Default` is all that the account may, for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenRequest {
    pub label: Option<String>,
    pub read_only: bool,
    /// Scopes; empty for all that the account has.
    pub scopes: Vec<String>,
    /// Seconds; none for no end.
    pub lifetime: Option<u64>,
    /// Networks it may be used from, e.g. `10.0.0.0/8`; empty for all.
    pub cidr: Vec<String>,
}

/// A token without its secret. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Not the secret; fit to be shown and to revoke it by.
    pub id: String,
    /// The first characters of the secret, to recognise it by.
    pub hint: String,
    pub label: Option<String>,
    pub created: u64,
    pub expires: Option<u64>,
    pub last_used: Option<u64>,
    pub read_only: bool,
    pub scopes: Vec<String>,
    pub cidr: Vec<String>,
}

/// A new token. The secret is to be shown once, and `Debug` does not.
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

/// Somebody who has proved who they are.
pub struct Account {
    raw: sys::Account,
}

impl Account {
    pub fn name(&self) -> String {
        self.raw.name()
    }

    pub fn email(&self) -> Option<String> {
        self.raw.email()
    }

    /// Signed in with something that can only read.
    pub fn read_only(&self) -> bool {
        self.raw.read_only()
    }

    /// Never for more, or longer, than what this account came with: `Denied`, as without
    /// the grant `login`. `Invalid` for a bad scope or network.
    pub fn issue_token(&self, request: &TokenRequest) -> Result<Issued, Error> {
        self.raw.issue_token(request)
    }

    pub fn list_tokens(&self) -> Result<Vec<Token>, Error> {
        self.raw.list_tokens()
    }

    /// Only the account's own. False when there is none of this id.
    pub fn revoke_token(&self, id: &str) -> Result<bool, Error> {
        self.raw.revoke_token(id)
    }
}
