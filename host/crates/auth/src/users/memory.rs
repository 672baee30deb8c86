//! Users in the memory of this process, for tests and for servers that keep nothing. They end with
//! the process. It does not know the other stores of this crate.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::{Holder, PasswordHash, User, UserStore};
use crate::AuthError;
use crate::Grant;

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

#[async_trait]
impl UserStore for Memory {
    async fn add(&self, user: &User) -> Result<(), AuthError> {
        let mut users = self.users();
        if users.contains_key(user.name.as_str()) {
            return Err(AuthError::user_exists(&user.name));
        }
        users.insert(user.name.to_string(), self.prepared(user));
        Ok(())
    }

    async fn add_first(&self, user: &User) -> Result<bool, AuthError> {
        let mut users = self.users();
        let first = users.is_empty();
        if first {
            users.insert(user.name.to_string(), self.prepared(user));
        }
        Ok(first)
    }

    async fn find(&self, name: &str) -> Result<Option<User>, AuthError> {
        Ok(self.users().get(name).cloned())
    }

    async fn find_by_id(&self, id: Uuid) -> Result<Option<User>, AuthError> {
        Ok(self.users().values().find(|user| user.id == id).cloned())
    }

    async fn set_password(&self, name: &str, password: &PasswordHash) -> Result<bool, AuthError> {
        let mut users = self.users();
        let user = users.get_mut(name);
        Ok(user.map(|user| user.password = password.clone()).is_some())
    }

    async fn change_grants(&self, name: &str, add: &[Grant], remove: &[Grant]) -> Result<bool, AuthError> {
        let mut users = self.users();
        let Some(user) = users.get_mut(name) else {
            return Ok(false);
        };
        user.grants.extend_from_slice(add);
        user.grants.retain(|grant| !remove.contains(grant));
        sort(&mut user.grants);
        Ok(true)
    }

    async fn remove(&self, name: &str) -> Result<Option<Uuid>, AuthError> {
        let mut users = self.users();
        let removed = users.remove(name);
        self.removed_users().extend(removed.as_ref().map(User::holder));
        Ok(removed.map(|user| user.id))
    }

    async fn removed(&self, name: &str) -> Result<Vec<Holder>, AuthError> {
        let removed = self.removed_users();
        Ok(removed.iter().filter(|removed| removed.name.as_str() == name).cloned().collect())
    }

    async fn list(&self) -> Result<Vec<User>, AuthError> {
        Ok(self.users().values().cloned().collect())
    }
}

fn sorted(mut user: User) -> User {
    sort(&mut user.grants);
    user
}

fn sort(grants: &mut Vec<Grant>) {
    grants.sort_by_cached_key(ToString::to_string);
    grants.dedup();
}
