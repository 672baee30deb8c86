//! Groups in the memory of this process. They end with it. It does not know the other stores of this
//! crate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use uuid::Uuid;

use super::{Group, GroupChange, GroupName, GroupStore, Membership};
use crate::{AuthError, Grant};

#[derive(Debug, Default)]
pub struct Memory {
    groups: Mutex<BTreeMap<GroupName, Content>>,
}

#[derive(Debug, Default)]
struct Content {
    grants: Vec<Grant>,
    members: BTreeSet<Uuid>,
}

impl Memory {
    fn groups(&self) -> MutexGuard<'_, BTreeMap<GroupName, Content>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl GroupStore for Memory {
    async fn add_group(&self, name: &GroupName) -> Result<bool, AuthError> {
        let mut groups = self.groups();
        let is_new = !groups.contains_key(name);
        groups.entry(name.clone()).or_default();
        Ok(is_new)
    }

    async fn change_group(&self, name: &GroupName, change: &GroupChange) -> Result<bool, AuthError> {
        let mut groups = self.groups();
        let Some(Content { grants, members }) = groups.get_mut(name) else { return Ok(false) };
        grants.extend_from_slice(&change.add_grants);
        grants.retain(|grant| !change.remove_grants.contains(grant));
        grants.sort_by_cached_key(ToString::to_string);
        grants.dedup();
        members.extend(&change.add_members);
        members.retain(|member| !change.remove_members.contains(member));
        Ok(true)
    }

    async fn remove_group(&self, name: &GroupName) -> Result<bool, AuthError> {
        Ok(self.groups().remove(name).is_some())
    }

    async fn memberships(&self, member: Uuid) -> Result<Vec<Membership>, AuthError> {
        let groups = self.groups();
        let own = groups.iter().filter(|(_, content)| content.members.contains(&member));
        Ok(own
            .map(|(name, content)| Membership { group: name.clone(), grants: content.grants.clone() })
            .collect())
    }

    async fn groups(&self) -> Result<Vec<Group>, AuthError> {
        let groups = Self::groups(self);
        let group = |(name, content): (&GroupName, &Content)| Group {
            name: name.clone(),
            grants: content.grants.clone(),
            members: content.members.iter().copied().collect(),
        };
        Ok(groups.iter().map(group).collect())
    }
}
