//! Tokens in the memory of this process, for tests and for servers that keep nothing. They end with
//! the process. It does not know the other stores of this crate.
//!
//! # Invariants
//! - Each question is answered from an index, so its cost does not grow with the tokens of others.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use secrecy::SecretString;
use uuid::Uuid;

use super::{Count, Quota, SecretHash, TOUCH_INTERVAL, Token, TokenStore};
use crate::AuthError;

#[derive(Debug, Default)]
pub struct Memory {
    tokens: Mutex<Tokens>,
    secret: OnceLock<SecretString>,
}

impl Memory {
    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All tokens, and the indexes of them.
#[derive(Debug, Default)]
struct Tokens {
    kept: HashMap<Uuid, (SecretHash, Token)>,
    by_secret: HashMap<SecretHash, Uuid>,
    /// The tokens of an owner, in the order in which they were created.
    by_owner: HashMap<Uuid, BTreeSet<(u64, Uuid)>>,
    by_parent: HashMap<Uuid, BTreeSet<Uuid>>,
    /// Those that expire, by the time.
    by_end: BTreeSet<(u64, Uuid)>,
}

impl Tokens {
    fn get(&self, id: Uuid) -> Option<&Token> {
        self.kept.get(&id).map(|(_, token)| token)
    }

    fn of(&self, owner: Uuid) -> impl Iterator<Item = &Token> {
        self.by_owner.get(&owner).into_iter().flatten().filter_map(|(_, id)| self.get(*id))
    }

    fn insert(&mut self, secret: SecretHash, token: Token) {
        let id = token.id;
        self.by_secret.insert(secret, id);
        self.by_owner.entry(token.owner).or_default().insert((token.created, id));
        if let Some(parent) = token.parent {
            self.by_parent.entry(parent).or_default().insert(id);
        }
        self.by_end.extend(token.end().map(|end| (end, id)));
        self.kept.insert(id, (secret, token));
    }

    fn take(&mut self, id: Uuid) -> Option<Token> {
        let (secret, token) = self.kept.remove(&id)?;
        self.by_secret.remove(&secret);
        remove_from(&mut self.by_owner, token.owner, &(token.created, id));
        if let Some(parent) = token.parent {
            remove_from(&mut self.by_parent, parent, &id);
        }
        if let Some(end) = token.end() {
            self.by_end.remove(&(end, id));
        }
        Some(token)
    }

    /// Removes a token and all tokens that were made with it.
    fn remove_with_children(&mut self, id: Uuid) -> u64 {
        let mut waiting = vec![id];
        let mut removed = 0;
        while let Some(id) = waiting.pop() {
            waiting.extend(self.by_parent.get(&id).into_iter().flatten());
            removed += u64::from(self.take(id).is_some());
        }
        removed
    }

    /// Removes these, except those with which others were made.
    fn remove_childless(&mut self, ids: &[Uuid]) -> u64 {
        let parents: Vec<bool> = ids.iter().map(|id| self.by_parent.contains_key(id)).collect();
        let childless = ids.iter().zip(parents).filter(|(_, is_parent)| !is_parent).map(|(id, _)| *id);
        childless.filter_map(|id| self.take(id)).count() as u64
    }

    fn count(&self, token: &Token, now: u64) -> Count {
        let own = self.of(token.owner).filter(|other| !other.is_expired(now));
        let is_alike =
            |other: &Token| other.idle.is_some() && other.parent.is_some() == token.parent.is_some();
        own.fold(Count::default(), |count, other| Count {
            all: count.all + 1,
            alike: count.alike + u64::from(is_alike(other)),
        })
    }

    /// Which token makes room for one that was made with the password.
    fn longest_unused(&self, token: &Token, only_alike: bool) -> Option<Uuid> {
        let own = self.of(token.owner).filter(|other| other.idle.is_some());
        let others = own.filter(|other| !only_alike || other.parent.is_none());
        let key =
            |other: &&Token| (other.parent.is_none(), other.last_used.unwrap_or(other.created), other.id);
        others.min_by_key(key).map(|other| other.id)
    }

    /// False if there is no room, and none can be made.
    fn make_room(&mut self, token: &Token, quota: Quota) -> bool {
        if !quota.has_room(token, self.count(token, 0)) {
            let expired = |other: &&Token| other.is_expired(quota.now);
            let expired: Vec<Uuid> = self.of(token.owner).filter(expired).map(|other| other.id).collect();
            self.remove_childless(&expired);
        }
        loop {
            let count = self.count(token, quota.now);
            if quota.has_room(token, count) {
                return true;
            }
            let only_alike = quota.is_full_of_alike(token, count);
            let victim = self.longest_unused(token, only_alike).filter(|_| token.parent.is_none());
            let Some(victim) = victim else { return false };
            self.remove_with_children(victim);
        }
    }
}

/// Removes an item from the set under this key, and the set when it is empty.
fn remove_from<T: Ord>(sets: &mut HashMap<Uuid, BTreeSet<T>>, key: Uuid, item: &T) {
    if let Some(set) = sets.get_mut(&key) {
        set.remove(item);
        if set.is_empty() {
            sets.remove(&key);
        }
    }
}

#[async_trait]
impl TokenStore for Memory {
    async fn add(&self, token: &Token, secret: SecretHash, quota: Option<Quota>) -> Result<bool, AuthError> {
        let mut tokens = self.tokens();
        let has_room = quota.is_none_or(|quota| tokens.make_room(token, quota));
        if has_room {
            tokens.insert(secret, token.clone());
        }
        Ok(has_room)
    }

    async fn find(&self, secret: SecretHash) -> Result<Option<Token>, AuthError> {
        let tokens = self.tokens();
        Ok(tokens.by_secret.get(&secret).and_then(|id| tokens.get(*id)).cloned())
    }

    async fn find_by_id(&self, id: Uuid) -> Result<Option<Token>, AuthError> {
        Ok(self.tokens().get(id).cloned())
    }

    async fn list(&self, owner: Option<Uuid>) -> Result<Vec<Token>, AuthError> {
        let tokens = self.tokens();
        if let Some(owner) = owner {
            return Ok(tokens.of(owner).cloned().collect());
        }
        let mut all: Vec<Token> = tokens.kept.values().map(|(_, token)| token.clone()).collect();
        all.sort_by_key(|token| (token.created, token.id));
        Ok(all)
    }

    async fn remove(&self, id: Uuid, owner: Option<Uuid>) -> Result<u64, AuthError> {
        let mut tokens = self.tokens();
        let token = tokens.get(id).filter(|token| owner.is_none_or(|owner| token.owner == owner));
        Ok(if token.is_some() { tokens.remove_with_children(id) } else { 0 })
    }

    async fn remove_all(&self, owner: Uuid) -> Result<u64, AuthError> {
        let mut tokens = self.tokens();
        let own: Vec<Uuid> = tokens.of(owner).map(|token| token.id).collect();
        Ok(own.into_iter().filter_map(|id| tokens.take(id)).count() as u64)
    }

    async fn touch(&self, id: Uuid, now: u64) -> Result<(), AuthError> {
        let mut tokens = self.tokens();
        let Some((secret, token)) = tokens.kept.get(&id) else { return Ok(()) };
        if token.last_used.is_none_or(|last| last.saturating_add(TOUCH_INTERVAL) <= now) {
            let (secret, token) = (*secret, Token { last_used: Some(now), ..token.clone() });
            tokens.take(id);
            tokens.insert(secret, token);
        }
        Ok(())
    }

    async fn shared_secret(&self, fresh: &SecretString) -> Result<SecretString, AuthError> {
        Ok(self.secret.get_or_init(|| fresh.clone()).clone())
    }

    async fn forget_expired(&self, time: u64) -> Result<u64, AuthError> {
        let mut tokens = self.tokens();
        let expired: Vec<Uuid> = tokens.by_end.range(..(time, Uuid::nil())).map(|(_, id)| *id).collect();
        Ok(tokens.remove_childless(&expired))
    }
}
