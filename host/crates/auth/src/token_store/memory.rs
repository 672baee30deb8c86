//! Tokens in the memory of this process, for tests and for servers that keep nothing. They end with
//! the process. It does not know the other stores of this crate.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use secrecy::SecretString;
use uuid::Uuid;

use super::{Count, Quota, SecretHash, TOUCH_INTERVAL, Token, TokenStore};
use crate::AuthError;

/// Tokens by the hash of their secret.
#[derive(Debug, Default)]
pub struct Memory {
    tokens: Mutex<HashMap<SecretHash, Token>>,
    secret: OnceLock<SecretString>,
}

impl Memory {
    fn tokens(&self) -> MutexGuard<'_, HashMap<SecretHash, Token>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove_where(&self, gone: impl Fn(&Token) -> bool) -> u64 {
        let mut tokens = self.tokens();
        let before = tokens.len();
        tokens.retain(|_, token| !gone(token));
        (before - tokens.len()) as u64
    }
}

type Tokens = HashMap<SecretHash, Token>;

/// Removes a token and all tokens that were made with it.
fn remove_with_children(tokens: &mut Tokens, id: Uuid) -> u64 {
    let before = tokens.len();
    let mut gone = vec![id];
    while let Some(id) = gone.pop() {
        tokens.retain(|_, token| token.id != id);
        gone.extend(tokens.values().filter(|token| token.parent == Some(id)).map(|token| token.id));
    }
    (before - tokens.len()) as u64
}

fn remove_expired(tokens: &mut Tokens, gone: impl Fn(&Token) -> bool) -> u64 {
    let before = tokens.len();
    let parents: HashSet<Uuid> = tokens.values().filter_map(|token| token.parent).collect();
    tokens.retain(|_, token| parents.contains(&token.id) || !gone(token));
    (before - tokens.len()) as u64
}

fn count(tokens: &Tokens, token: &Token, now: u64) -> Count {
    let own = tokens.values().filter(|other| other.owner == token.owner && !other.is_expired(now));
    let is_alike = |other: &Token| other.idle.is_some() && other.parent.is_some() == token.parent.is_some();
    own.fold(Count::default(), |count, other| Count {
        all: count.all + 1,
        alike: count.alike + u64::from(is_alike(other)),
    })
}

/// Which token makes room for one that was made with the password.
fn longest_unused(tokens: &Tokens, token: &Token, only_alike: bool) -> Option<Uuid> {
    let own = tokens.values().filter(|other| other.owner == token.owner && other.idle.is_some());
    let others = own.filter(|other| !only_alike || other.parent.is_none());
    let key = |other: &&Token| (other.parent.is_none(), other.last_used.unwrap_or(other.created), other.id);
    others.min_by_key(key).map(|other| other.id)
}

fn done<'a, T: Send + 'a>(answer: T) -> BoxFuture<'a, Result<T, AuthError>> {
    ready(Ok(answer)).boxed()
}

impl TokenStore for Memory {
    fn add<'a>(
        &'a self,
        token: &'a Token,
        secret: SecretHash,
        quota: Option<Quota>,
    ) -> BoxFuture<'a, Result<bool, AuthError>> {
        let mut tokens = self.tokens();
        if let Some(quota) = quota {
            if !quota.has_room(token, count(&tokens, token, 0)) {
                remove_expired(&mut tokens, |other| {
                    other.owner == token.owner && other.is_expired(quota.now)
                });
            }
            loop {
                let count = count(&tokens, token, quota.now);
                if quota.has_room(token, count) {
                    break;
                }
                let only_alike = quota.is_full_of_alike(token, count);
                let victim = longest_unused(&tokens, token, only_alike).filter(|_| token.parent.is_none());
                let Some(victim) = victim else { return done(false) };
                remove_with_children(&mut tokens, victim);
            }
        }
        tokens.insert(secret, token.clone());
        done(true)
    }

    fn find(&self, secret: SecretHash) -> BoxFuture<'_, Result<Option<Token>, AuthError>> {
        done(self.tokens().get(&secret).cloned())
    }

    fn find_by_id(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Token>, AuthError>> {
        done(self.tokens().values().find(|token| token.id == id).cloned())
    }

    fn list(&self, owner: Option<Uuid>) -> BoxFuture<'_, Result<Vec<Token>, AuthError>> {
        let wanted = |token: &&Token| owner.is_none_or(|owner| token.owner == owner);
        let mut tokens: Vec<Token> = self.tokens().values().filter(wanted).cloned().collect();
        tokens.sort_by_key(|token| (token.created, token.id));
        done(tokens)
    }

    fn remove(&self, id: Uuid, owner: Option<Uuid>) -> BoxFuture<'_, Result<u64, AuthError>> {
        let theirs = |token: &Token| token.id == id && owner.is_none_or(|owner| token.owner == owner);
        let mut tokens = self.tokens();
        let is_there = tokens.values().any(theirs);
        done(if is_there { remove_with_children(&mut tokens, id) } else { 0 })
    }

    fn remove_all(&self, owner: Uuid) -> BoxFuture<'_, Result<u64, AuthError>> {
        done(self.remove_where(|token| token.owner == owner))
    }

    fn touch(&self, id: Uuid, now: u64) -> BoxFuture<'_, Result<(), AuthError>> {
        let mut tokens = self.tokens();
        let due =
            |token: &Token| token.last_used.is_none_or(|last| last.saturating_add(TOUCH_INTERVAL) <= now);
        if let Some(token) = tokens.values_mut().find(|token| token.id == id && due(token)) {
            token.last_used = Some(now);
        }
        done(())
    }

    fn shared_secret<'a>(
        &'a self,
        fresh: &'a SecretString,
    ) -> BoxFuture<'a, Result<SecretString, AuthError>> {
        done(self.secret.get_or_init(|| fresh.clone()).clone())
    }

    fn forget_expired(&self, time: u64) -> BoxFuture<'_, Result<u64, AuthError>> {
        done(remove_expired(&mut self.tokens(), |token| token.end().is_some_and(|end| end < time)))
    }
}
