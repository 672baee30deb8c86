//! Groups of users, what they grant to their members, and the trait of stores of groups. It does not
//! know what a grant allows.
//!
//! # Layout
//! One file below `groups/` per store. `groups/tests.rs` checks that all of them behave alike.
//!
//! # Invariants
//! - A member has the grants of the group in addition to its own, also those that deny.
//! - The configuration can give grants to a group. The store adds to them, and has the members.
//! - A change is effective within a second on every host, because the groups of a user are read together
//!   with the user (see [`FRESH`](crate::identity::FRESH)).

pub mod memory;
pub mod sqlite;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use packhouse_scope::Grant;
use uuid::Uuid;

use super::users::{User, UserName};
use super::{Auth, AuthError};

/// The name of a group: 1 to 64 of `a`–`z`, `0`–`9`, `.`, `_` and `-`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(String);

const LONGEST: usize = 64;

impl GroupName {
    /// Parses a name.
    ///
    /// # Errors
    /// `Invalid` with a sentence that says which characters a name can have.
    pub fn parse(text: &str) -> Result<Self, AuthError> {
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=LONGEST).contains(&text.len())
            && text.as_bytes().first().is_some_and(plain)
            && text.bytes().all(|byte| plain(&byte) || b"._-".contains(&byte));
        if fits {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.escape_debug().take(80).collect();
        Err(AuthError::Invalid(format!(
            "`{shown}` can't be the name of a group: write 1 to {LONGEST} of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit"
        )))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for GroupName {
    type Err = AuthError;

    fn from_str(text: &str) -> Result<Self, AuthError> {
        Self::parse(text)
    }
}

/// The grants that the configuration gives to groups.
pub type ConfiguredGroups = BTreeMap<GroupName, Vec<Grant>>;

/// One group as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: GroupName,
    /// Sorted and without duplicates.
    pub grants: Vec<Grant>,
    /// The ids of its members, sorted. Some may be of users who were removed meanwhile.
    pub members: Vec<Uuid>,
}

/// A group for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    pub name: GroupName,
    /// The grants that the store gives to it.
    pub grants: Vec<Grant>,
    /// The names of its members, sorted.
    pub members: Vec<UserName>,
}

/// A group that a user is a member of, and the grants that the store gives to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub group: GroupName,
    /// Sorted and without duplicates.
    pub grants: Vec<Grant>,
}

/// A change of one group, made in one step. What is there already, or is not, is not an error.
#[derive(Debug, Clone, Default)]
pub struct GroupChange {
    pub add_grants: Vec<Grant>,
    pub remove_grants: Vec<Grant>,
    /// The ids of users.
    pub add_members: Vec<Uuid>,
    pub remove_members: Vec<Uuid>,
}

/// A store of groups, beside the users. All hosts of the store see a change when its call returns.
/// Every function answers `Unavailable` if the store cannot be reached.
#[async_trait]
pub trait GroupStore: Send + Sync {
    /// Adds a group without grants and members; false if there is one of this name.
    async fn add_group(&self, name: &GroupName) -> Result<bool, AuthError>;
    /// Changes a group; false if there is none of this name.
    async fn change_group(&self, name: &GroupName, change: &GroupChange) -> Result<bool, AuthError>;
    /// Removes a group; false if there is none of this name.
    async fn remove_group(&self, name: &GroupName) -> Result<bool, AuthError>;
    /// The groups of this user, in the order of their names.
    async fn memberships(&self, member: Uuid) -> Result<Vec<Membership>, AuthError>;
    /// All groups in the order of their names.
    async fn groups(&self) -> Result<Vec<Group>, AuthError>;
}

/// Where a grant of a user is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Own,
    Group(GroupName),
    /// The configuration gives it to the group.
    Configuration(GroupName),
}

impl Auth {
    /// Adds a group.
    ///
    /// # Errors
    /// `Exists`; `Unavailable`.
    pub async fn add_group(&self, name: &GroupName) -> Result<(), AuthError> {
        if self.inner.stores.groups.add_group(name).await? {
            return Ok(());
        }
        Err(AuthError::Exists(format!(
            "the group `{name}` exists already: choose another name, or change that group"
        )))
    }

    /// Changes a group. One that only the configuration names is added first.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn change_group(&self, name: &GroupName, change: &GroupChange) -> Result<(), AuthError> {
        let groups = &self.inner.stores.groups;
        if self.inner.groups.contains_key(name) {
            groups.add_group(name).await?;
        }
        let is_changed = groups.change_group(name, change).await?;
        self.forget_known();
        if is_changed { Ok(()) } else { Err(no_group(name)) }
    }

    /// Removes a group. Its members lose what it granted, also what the configuration grants to it.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn remove_group(&self, name: &GroupName) -> Result<(), AuthError> {
        let is_removed = self.inner.stores.groups.remove_group(name).await?;
        self.forget_known();
        if is_removed { Ok(()) } else { Err(no_group(name)) }
    }

    /// All groups in the order of their names, also those that only the configuration names.
    pub async fn list_groups(&self) -> Result<Vec<ListedGroup>, AuthError> {
        let stored = self.inner.stores.groups.groups().await?;
        let names: BTreeMap<Uuid, UserName> =
            self.list_users().await?.into_iter().map(|user| (user.id, user.name)).collect();
        let listed = stored.into_iter().map(|group| {
            let mut members: Vec<UserName> =
                group.members.iter().filter_map(|id| names.get(id)).cloned().collect();
            members.sort();
            (group.name.clone(), ListedGroup { name: group.name, grants: group.grants, members })
        });
        let mut all: BTreeMap<GroupName, ListedGroup> = listed.collect();
        for name in self.inner.groups.keys() {
            let empty = || ListedGroup { name: name.clone(), grants: Vec::new(), members: Vec::new() };
            all.entry(name.clone()).or_insert_with(empty);
        }
        Ok(all.into_values().collect())
    }

    /// The grants that the configuration gives to a group.
    pub fn configured_grants(&self, name: &GroupName) -> &[Grant] {
        self.inner.groups.get(name).map_or(&[], Vec::as_slice)
    }

    /// The grants that the user of this name has without its groups.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn own_grants(&self, name: &str) -> Result<Vec<Grant>, AuthError> {
        let user = self.inner.stores.users.find(name).await?;
        Ok(user.ok_or_else(|| AuthError::no_user(name))?.grants)
    }

    /// All grants of the user of this name, each with all places where it is from.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn origins(&self, name: &str) -> Result<Vec<(Grant, Origin)>, AuthError> {
        let user = self.inner.stores.users.find(name).await?.ok_or_else(|| AuthError::no_user(name))?;
        let mut all: Vec<_> = user.grants.into_iter().map(|grant| (grant, Origin::Own)).collect();
        for Membership { group, grants } in self.inner.stores.groups.memberships(user.id).await? {
            all.extend(grants.into_iter().map(|grant| (grant, Origin::Group(group.clone()))));
            let configured = self.configured_grants(&group).iter();
            all.extend(configured.map(|grant| (grant.clone(), Origin::Configuration(group.clone()))));
        }
        Ok(all)
    }

    /// A user as read from the store, with the grants of the groups among the own ones.
    pub(super) async fn with_groups(&self, mut user: User) -> Result<User, AuthError> {
        let memberships = self.inner.stores.groups.memberships(user.id).await?;
        if memberships.is_empty() {
            return Ok(user);
        }
        for Membership { group, grants } in memberships {
            user.grants.extend(grants);
            user.grants.extend_from_slice(self.configured_grants(&group));
        }
        user.grants.sort();
        user.grants.dedup();
        Ok(user)
    }
}

fn no_group(name: &GroupName) -> AuthError {
    AuthError::NotFound(format!("there is no group `{name}`: add it first, or look at `group list`"))
}

#[cfg(test)]
mod tests;
