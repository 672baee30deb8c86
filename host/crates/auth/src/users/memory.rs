//! Users in the memory of this process, for tests and for servers that keep nothing. They end with
//! the process. It does not know the other stores of this crate.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use uuid::Uuid;

use super::{Holder, PasswordHash, User, UserStore};
use crate::AuthError;
use crate::Scope;

#[derive(Debug, Default)]
pub struct Memory {
    /// By name.
    users: Mutex<BTreeMap<String, User>>,
    removed: Mutex<Vec<Holder>>,
}

impl Memory {
    fn users(&self) -> MutexGuard<'_, BTreeMap<String, User>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// If both are locked, [`Memory::users`] comes first.
    fn removed_users(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it is kept.
    fn prepared(&self, user: &User) -> User {
        let mut user = sorted(user.clone());
        user.owns_by_name |= !self.removed_users().iter().any(|removed| removed.name == user.name);
        user
    }
}

fn done<'a, T: Send + 'a>(answer: T) -> BoxFuture<'a, Result<T, AuthError>> {
    ready(Ok(answer)).boxed()
}

impl UserStore for Memory {
    fn add<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<(), AuthError>> {
        let mut users = self.users();
        if users.contains_key(user.name.as_str()) {
            return ready(Err(AuthError::user_exists(&user.name))).boxed();
        }
        users.insert(user.name.to_string(), self.prepared(user));
        done(())
    }

    fn add_first<'a>(&'a self, user: &'a User) -> BoxFuture<'a, Result<bool, AuthError>> {
        let mut users = self.users();
        let first = users.is_empty();
        if first {
            users.insert(user.name.to_string(), self.prepared(user));
        }
        done(first)
    }

    fn find<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<User>, AuthError>> {
        done(self.users().get(name).cloned())
    }

    fn find_by_id(&self, id: Uuid) -> BoxFuture<'_, Result<Option<User>, AuthError>> {
        done(self.users().values().find(|user| user.id == id).cloned())
    }

    fn set_password<'a>(
        &'a self,
        name: &'a str,
        password: &'a PasswordHash,
    ) -> BoxFuture<'a, Result<bool, AuthError>> {
        let mut users = self.users();
        let user = users.get_mut(name);
        done(user.map(|user| user.password = password.clone()).is_some())
    }

    fn change_grants<'a>(
        &'a self,
        name: &'a str,
        add: &'a [Scope],
        remove: &'a [Scope],
    ) -> BoxFuture<'a, Result<bool, AuthError>> {
        let mut users = self.users();
        let Some(user) = users.get_mut(name) else {
            return done(false);
        };
        user.grants.extend_from_slice(add);
        user.grants.retain(|grant| !remove.contains(grant));
        sort(&mut user.grants);
        done(true)
    }

    fn remove<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Uuid>, AuthError>> {
        let mut users = self.users();
        let removed = users.remove(name);
        self.removed_users().extend(removed.as_ref().map(User::holder));
        done(removed.map(|user| user.id))
    }

    fn removed<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Holder>, AuthError>> {
        let removed = self.removed_users();
        done(removed.iter().filter(|removed| removed.name.as_str() == name).cloned().collect())
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<User>, AuthError>> {
        done(self.users().values().cloned().collect())
    }
}

fn sorted(mut user: User) -> User {
    sort(&mut user.grants);
    user
}

fn sort(grants: &mut Vec<Scope>) {
    grants.sort_by_cached_key(ToString::to_string);
    grants.dedup();
}
