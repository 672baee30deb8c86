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
//! | `signing`, `jwt` | signed access tokens: what they contain and whose they are; their form and keys |
//! | `sign_in`, `passwords`, `throttle` | sign-ins with passwords: queues, hashes, limits on wrong ones |
//! | `users`, `token_store`, `stores` | the traits of the stores of users and of tokens, with one file for each store; which stores there are |
//! | `database` | the SQLite file of the stores |
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
mod database;
mod granted;
pub mod home;
pub mod identity;
pub mod jwt;
mod passwords;
pub mod session;
mod sign_in;
pub mod signing;
mod stores;
mod targets;
mod throttle;
pub mod token_store;
pub mod tokens;
pub mod users;

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
pub use home::Home;
pub use identity::{Account, Caller};
pub use packhouse_scope::{Access, Actions, Decision, Entry, Resource, Scope, ScopeError};
pub use session::{Area, Session};
pub use signing::{AccessRequest, AccessSettings, AccessToken, TokenServer};
pub use stores::{StoreKind, StoreKinds};
pub use targets::{Kinds, Targets};
pub use token_store::Token;
pub use tokens::{Issued, TokenRequest, parse_network};
pub use users::{Holder, User, UserName};

use cache::Cache;
use clock::Clock;
use database::Database;
use passwords::Passwords;
use sign_in::Lanes;
use signing::Signing;
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
    pub anonymous: Vec<Scope>,
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

/// Everything that goes wrong here, each with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The store of users and tokens is away, locked or damaged. Nobody's fault who
    /// asks: a 503.
    #[error("users and tokens can't be reached ({reason}): try again in a moment")]
    Unavailable {
        /// For the log and the administrator.
        reason: String,
        /// What the store said.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// Too much is under way; a 503 as well.
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
    /// The database file is not the one that was opened, it never was there although the storage
    /// remembers users, or a log of another file lies beside it. A 503; it has been logged.
    #[error("{0}")]
    Gone(String),
    /// The database file holds something else than was written to it.
    #[error(
        "the user database {file} is damaged ({reason}): stop every server that uses it, and restore it from a backup or repair it with `sqlite3 FILE .recover`"
    )]
    Damaged {
        /// For people.
        file: String,
        /// What the database said.
        reason: String,
    },
    /// What was given can't be read: a scope, a name, a network, a password.
    #[error("{0}")]
    Invalid(String),
    /// The credentials of a request do not count, and its answer depends on who asks; a 401.
    #[error("{0}")]
    Rejected(String),
    /// Wrong credentials, or more asked for than one has.
    #[error("{0}")]
    Denied(String),
    /// Too many wrong passwords for this name, or from this address.
    #[error("too many wrong passwords were sent: try again in {}", in_words(*seconds))]
    Throttled {
        /// Until the next attempt is looked at.
        seconds: u64,
    },
    /// There is one of this name already.
    #[error("{0}")]
    Exists(String),
    /// There is none of this name.
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
        Self::Exists(format!("there is a user `{name}` already: choose another name, or change that user"))
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

/// What a caller wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// What everybody may do here, where it is not what everybody may do elsewhere.
    pub anonymous: Option<&'a [Scope]>,
    pub resource: Resource<'a>,
    pub action: &'a str,
    /// The actions of the protocol that answers there.
    pub actions: &'a Actions,
}

/// Who a package lists as its owners.
#[derive(Debug, Clone, Copy, Default)]
pub struct Owners<'a> {
    /// Of accounts.
    pub ids: &'a [String],
    /// Of owners whose ids are not known. A name means the first user who had it.
    pub names: &'a [String],
}

/// The entry to this crate. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    limits: Limits,
    anonymous: Vec<Scope>,
    stores: Stores,
    signing: Option<Signing>,
    clock: Clock,
    passwords: Passwords,
    lanes: Lanes,
    throttle: Throttle,
    known_users: Cache<String, Arc<User>>,
    known_tokens: Cache<SecretHash, identity::Known>,
    known_by_id: Cache<Uuid, Arc<Token>>,
    /// How often this host has changed users and tokens.
    changes: AtomicU64,
    /// How many uses of tokens are being noted at once.
    noting: Arc<Semaphore>,
    /// When expired tokens were last cleared away, in milliseconds.
    cleared: AtomicU64,
}

impl Auth {
    /// Opens the store.
    ///
    /// # Errors
    /// `Open` when the database file can't be used; `Invalid` for a key that can't.
    pub async fn open(settings: &Settings) -> Result<Self, AuthError> {
        let stores = Stores::open(settings.stores, &settings.database).await?;
        let signing = match &settings.access {
            Some(access) => Some(Signing::open(access, &stores).await?),
            None => None,
        };
        Ok(Self::within(settings.limits, stores, settings.anonymous.clone(), signing, Clock::default()))
    }

    /// Without the database file, which is gone: nothing is made, and every call is `Gone`.
    pub fn without_users(settings: &Settings, why: &str) -> Self {
        let stores = Stores::of_database(Database::gone(&settings.database, why));
        Self::within(settings.limits, stores, settings.anonymous.clone(), None, Clock::default())
    }

    /// The users are not those of the store: every call is `Gone` from now on.
    pub fn refuse_users(&self, why: &str) {
        if let Some(database) = &self.inner.stores.database {
            database.refuse(why);
        }
    }

    /// Closes the database: no transaction is under way afterwards, and nothing can be asked.
    pub async fn close(&self) {
        if let Some(database) = &self.inner.stores.database {
            database.close().await;
        }
    }

    #[cfg(test)]
    fn over(stores: Stores, anonymous: Vec<Scope>, signing: Option<Signing>, clock: Clock) -> Self {
        Self::within(Limits::default(), stores, anonymous, signing, clock)
    }

    fn within(
        limits: Limits,
        stores: Stores,
        anonymous: Vec<Scope>,
        signing: Option<Signing>,
        clock: Clock,
    ) -> Self {
        let inner = Inner {
            limits,
            anonymous,
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

    /// May the caller do that? One of the owners counts as if the action were granted to them;
    /// what their token was narrowed to still holds. Costs no look-up.
    pub fn decide(&self, asked: &Question<'_>, caller: &Caller, owners: Owners<'_>) -> Decision {
        let Question { anonymous, resource, action, actions } = *asked;
        let public = anonymous.unwrap_or(&self.inner.anonymous);
        scope::decide(&scope::Question { resource, action, public, actions }, &caller.as_asking(owners))
    }

    /// May anybody read everything on a mount? `anonymous` is as in [`Question`].
    pub fn is_public(&self, anonymous: Option<&[Scope]>, mount: &str, actions: &Actions) -> bool {
        scope::is_public(anonymous.unwrap_or(&self.inner.anonymous), mount, actions)
    }

    /// Do users outlive this process?
    pub fn has_lasting_users(&self) -> bool {
        self.inner.stores.kinds.users == StoreKind::Database
    }

    /// Do tokens outlive this process?
    pub fn has_lasting_tokens(&self) -> bool {
        self.inner.stores.kinds.tokens == StoreKind::Database
    }

    /// Is the store there, whole, and does it take writes? For readiness.
    pub async fn probe(&self) -> Result<(), AuthError> {
        if let Some(database) = &self.inner.stores.database {
            database.probe().await?;
        }
        self.inner.stores.users.find(ADMIN).await.map(|_| ())
    }

    /// Everything read from the store so far is read again before it is used.
    fn forget_known(&self) {
        self.inner.known_tokens.clear();
        self.inner.known_by_id.clear();
        self.inner.known_users.clear();
        // Those who notice this find nothing of before.
        self.inner.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// How often this host has changed users and tokens.
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
