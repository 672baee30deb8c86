//! Identity and permission: who the caller is, what the caller may do, and tokens. It does not know
//! storage, plugins, request bodies, or any protocol.
//!
//! # Layout
//! | part | contents |
//! |---|---|
//! | `session` | the questions of one request about its caller; `granted` has the permissions that it has found |
//! | `credentials` | reads the credentials of a request, and removes them from its headers |
//! | `identity` | whose credentials these are. The crate `packhouse-scope` decides what the caller may do |
//! | `tokens`, `accounts` | change tokens and users |
//! | `groups` | groups of users, and the trait of their stores, with one file for each store |
//! | `explain` | says which rule decides, for administrators |
//! | `signing`, `jwt` | signed access tokens: what they contain and whose they are; their form and keys |
//! | `web_sessions` | the sessions of browsers on the host's own pages |
//! | `sign_in`, `passwords`, `throttle` | sign-ins with passwords: queues, hashes, limits on wrong ones |
//! | `users`, `token_store`, `stores` | the traits of the stores of users and of tokens, with one file for each store; which stores there are |
//! | `keeper`, `home` | the trait of a place that outlives the process; which storage the users belong to |
//! | `sqlite` | the SQLite file of the stores |
//!
//! # Invariants
//! - A credential never leaves this crate: it is removed from the headers and dropped.
//! - If a store does not answer, that is an error of its own, and never "not allowed".
//! - If something is revoked or changed on this host, it is effective here at once, also for requests in
//!   progress. It is effective within a second on every other host of the same store (see
//!   [`identity::FRESH`]).

pub mod accounts;
mod cache;
mod clock;
pub mod credentials;
mod explain;
mod granted;
pub mod groups;
pub mod home;
pub mod identity;
pub mod jwt;
pub mod keeper;
mod passwords;
pub mod session;
mod sign_in;
pub mod signing;
mod sqlite;
mod stores;
mod targets;
mod throttle;
pub mod token_store;
pub mod tokens;
pub mod users;
pub mod web_sessions;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use packhouse_scope as scope;
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use accounts::{ADMIN, FirstUser, NewUser};
pub use credentials::Credentials;
pub use groups::{ConfiguredGroups, GroupChange, GroupName, ListedGroup, Origin};
pub use identity::{Account, Caller};
pub use keeper::{Home, Keeper};
pub use packhouse_scope::{
    Access, Actions, Decision, Declaration, Entry, Explanation, Grant, Implication, Reason, Resource, Scope,
    ScopeError,
};
pub use session::{Area, Session};
pub use signing::{AccessRequest, AccessSettings, AccessToken, TokenServer};
pub use stores::{StoreKind, StoreKinds};
pub use targets::{Kinds, Targets};
pub use token_store::Token;
pub use tokens::{Issued, TokenRequest, parse_network};
pub use users::{Holder, User, UserName};

use cache::Cache;
use clock::Clock;
use passwords::Passwords;
use sign_in::Lanes;
use signing::Signing;
use sqlite::Database;
use stores::Stores;
use throttle::Throttle;
use token_store::SecretHash;

/// The settings of this crate.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which store keeps users, and which one keeps tokens.
    pub stores: StoreKinds,
    /// The database file, for the stores that have one.
    pub database: PathBuf,
    /// What everybody may do, signed in or not.
    pub anonymous: Vec<Grant>,
    /// What the groups of users may do, in addition to the grants in the store.
    pub groups: ConfiguredGroups,
    /// Signed access tokens; none if they are disabled.
    pub access: Option<AccessSettings>,
    pub limits: Limits,
}

/// Limits for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sign-ins that may be verified or wait for it while their requests hold places.
    pub sign_ins_in_place: usize,
    /// Tokens of one user that have not expired. At most a quarter of them can be created with a
    /// password in a header, and at most a quarter with another token.
    pub tokens_per_user: u64,
    /// The longest lifetime of a token that was issued without a password check.
    pub longest_lifetime: Duration,
    /// After this time without use, such a token expires.
    pub idle_lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let days = |days: u64| Duration::from_hours(days * 24);
        Self {
            sign_ins_in_place: 64,
            tokens_per_user: 200,
            longest_lifetime: days(90),
            idle_lifetime: days(30),
        }
    }
}

/// The errors of this crate. Each sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The store of users and tokens does not answer, or is locked or damaged: a 503.
    #[error("users and tokens can't be reached ({reason}): try again in a moment")]
    Unavailable {
        /// For the log and the administrator.
        reason: String,
        /// The error of the store.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Too many sign-ins are in progress: a 503.
    #[error("{0}")]
    Busy(String),
    /// The database file can't be opened at the start.
    #[error("the user database `{}` can't be opened ({reason}): check that its folder can be written and that it is the right file", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The database file is not the one that was opened, does not exist although the storage has
    /// users, or has a log of another file beside it: a 503. It has been logged.
    #[error("{0}")]
    Gone(String),
    /// The content of the database file is not what was written to it.
    #[error(
        "the user database {file} is damaged ({reason}): stop every server that uses it, and restore it from a backup or repair it with `sqlite3 FILE .recover`"
    )]
    Damaged {
        /// For people.
        file: String,
        /// The error of the database.
        reason: String,
    },
    /// A scope, a name, a network or a password is not valid.
    #[error("{0}")]
    Invalid(String),
    /// The credentials of a request are not valid, and its answer depends on the caller: a 401.
    #[error("{0}")]
    Rejected(String),
    /// The credentials are wrong, or do not allow this.
    #[error("{0}")]
    Denied(String),
    /// Too many wrong passwords for this name, or from this address.
    #[error("too many wrong passwords were sent: try again in {}", in_words(*seconds))]
    Throttled {
        /// Until the next attempt is verified.
        seconds: u64,
    },
    /// The name is already used.
    #[error("{0}")]
    Exists(String),
    /// Nothing has this name.
    #[error("{0}")]
    NotFound(String),
}

impl From<ScopeError> for AuthError {
    fn from(error: ScopeError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl AuthError {
    pub fn user_exists(name: &UserName) -> Self {
        Self::Exists(format!("the user `{name}` exists already: choose another name, or change that user"))
    }

    /// The content of a store is not what was written to it.
    fn damaged(error: impl Into<Self>) -> Self {
        let error = error.into();
        Self::Unavailable {
            reason: format!("another program changed its content: {error}"),
            source: Some(Box::new(error)),
        }
    }

    fn no_user(name: &str) -> Self {
        Self::NotFound(format!(
            "there is no user `{}`: add it first, or look at the list of users",
            name.escape_debug()
        ))
    }

    fn throttled(wait: Duration) -> Self {
        Self::Throttled { seconds: wait.as_secs() + 1 }
    }
}

fn in_words(seconds: u64) -> String {
    if seconds == 1 { "1 second".to_owned() } else { format!("{seconds} seconds") }
}

/// The action that a caller wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What everybody may do on this mount; none if it is the same as on other mounts.
    pub anonymous: Option<&'a [Grant]>,
    pub resource: Resource<'a>,
    pub action: &'a str,
    /// The actions of the mount's protocol.
    pub actions: &'a Actions,
}

/// The owners in the list of a package.
#[derive(Debug, Clone, Copy, Default)]
pub struct Owners<'a> {
    /// The ids of accounts.
    pub ids: &'a [String],
    /// The names of owners whose ids are not known. A name means the first user who had it.
    pub names: &'a [String],
}

/// The entry to this crate. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    limits: Limits,
    anonymous: Vec<Grant>,
    groups: ConfiguredGroups,
    stores: Stores,
    signing: Option<Signing>,
    clock: Clock,
    passwords: Passwords,
    lanes: Lanes,
    throttle: Throttle,
    known_users: Cache<String, Arc<User>>,
    known_tokens: Cache<SecretHash, identity::Known>,
    known_by_id: Cache<Uuid, Arc<Token>>,
    /// The number of changes of users and tokens on this host.
    changes: AtomicU64,
    /// The number of uses of tokens that are being recorded.
    noting: Arc<Semaphore>,
    /// When expired tokens were last removed, in milliseconds.
    cleared: AtomicU64,
}

impl Auth {
    /// Opens the store.
    ///
    /// # Errors
    /// `Open` if the database file cannot be used, `Invalid` if a key cannot be used.
    pub async fn open(settings: &Settings) -> Result<Self, AuthError> {
        let stores = Stores::open(settings.stores, &settings.database).await?;
        let signing = match &settings.access {
            Some(access) => Some(Signing::open(access, &stores).await?),
            None => None,
        };
        let (anonymous, groups) = (settings.anonymous.clone(), settings.groups.clone());
        Ok(Self::within(settings.limits, stores, anonymous, groups, signing, Clock::default()))
    }

    /// Without the database file, which does not exist. No file is created, and every call is
    /// `Gone`.
    pub fn without_users(settings: &Settings, why: &str) -> Self {
        let stores = Stores::of_database(Database::gone(&settings.database, why));
        let (anonymous, groups) = (settings.anonymous.clone(), settings.groups.clone());
        Self::within(settings.limits, stores, anonymous, groups, None, Clock::default())
    }

    /// The users are not those of the store: every call is `Gone` from now on.
    pub fn refuse_users(&self, why: &str) {
        if let Some(keeper) = self.inner.stores.keeper_of_users() {
            keeper.refuse(why);
        }
    }

    /// Closes the stores. Afterwards no transaction is in progress, and every call fails.
    pub async fn close(&self) {
        self.inner.stores.close().await;
    }

    #[cfg(test)]
    fn over(stores: Stores, anonymous: Vec<Grant>, signing: Option<Signing>, clock: Clock) -> Self {
        Self::within(Limits::default(), stores, anonymous, ConfiguredGroups::new(), signing, clock)
    }

    fn within(
        limits: Limits,
        stores: Stores,
        anonymous: Vec<Grant>,
        groups: ConfiguredGroups,
        signing: Option<Signing>,
        clock: Clock,
    ) -> Self {
        let inner = Inner {
            limits,
            anonymous,
            groups,
            stores,
            signing,
            passwords: Passwords::new(clock.clone()),
            lanes: Lanes::new(limits.sign_ins_in_place),
            throttle: Throttle::default(),
            known_users: Cache::new(identity::FRESH, clock.clone()),
            known_tokens: Cache::new(identity::FRESH, clock.clone()),
            known_by_id: Cache::new(identity::FRESH, clock.clone()),
            changes: AtomicU64::new(0),
            noting: Arc::new(Semaphore::new(4)),
            cleared: AtomicU64::new(0),
            clock,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether the caller may do this. An owner is treated as if the action were granted to them;
    /// the limits of a narrowed token still apply. Looks nothing up.
    pub fn decide(&self, asked: &Question<'_>, caller: &Caller, owners: Owners<'_>) -> Decision {
        let Question { anonymous, resource, action, actions } = *asked;
        let public = anonymous.unwrap_or(&self.inner.anonymous);
        scope::decide(&scope::Question { resource, action, public, actions }, &caller.as_asking(owners))
    }

    /// Whether everybody may read everything on a mount. `anonymous` is as in [`Question`].
    pub fn is_public(&self, anonymous: Option<&[Grant]>, mount: &str, actions: &Actions) -> bool {
        scope::is_public(anonymous.unwrap_or(&self.inner.anonymous), mount, actions)
    }

    /// Whether users outlive this process.
    pub fn has_lasting_users(&self) -> bool {
        self.inner.stores.kinds.users == StoreKind::Database
    }

    /// Whether tokens outlive this process.
    pub fn has_lasting_tokens(&self) -> bool {
        self.inner.stores.kinds.tokens == StoreKind::Database
    }

    /// An error unless the store answers, is complete, and accepts writes. For readiness.
    pub async fn probe(&self) -> Result<(), AuthError> {
        self.inner.stores.probe().await?;
        self.inner.stores.users.find(ADMIN).await.map(|_| ())
    }

    /// Forgets what was read from the store: it is read again before it is used.
    fn forget_known(&self) {
        self.inner.known_tokens.clear();
        self.inner.known_by_id.clear();
        self.inner.known_users.clear();
        // Those who notice this find nothing of before.
        self.inner.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// The number of changes of users and tokens on this host.
    fn changes(&self) -> u64 {
        self.inner.changes.load(Ordering::Acquire)
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Auth").field("anonymous", &self.inner.anonymous).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
