//! Tokens in this process's memory: for tests, and for servers that keep nothing. They
//! are gone when it ends. It must not know anything else of this room's stores.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use secrecy::SecretString;
use uuid::Uuid;

use super::{Quota, SecretHash, TOUCH_INTERVAL, Token, TokenStore};
use crate::auth::AuthError;

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
        let has_room = |tokens: &HashMap<SecretHash, Token>| {
            let own = tokens.values().filter(|other| other.owner == token.owner);
            let (all, idle) =
                own.fold((0, 0), |(all, idle), other| (all + 1, idle + u64::from(other.idle.is_some())));
            quota.is_none_or(|quota| quota.has_room(token, all, idle))
        };
        if !has_room(&tokens) {
            let now = quota.map_or(0, |quota| quota.now);
            tokens.retain(|_, other| other.owner != token.owner || !other.is_expired(now));
        }
        let added = has_room(&tokens);
        if added {
            tokens.insert(secret, token.clone());
        }
        done(added)
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

    fn remove(&self, id: Uuid, owner: Option<Uuid>) -> BoxFuture<'_, Result<bool, AuthError>> {
        let theirs = |token: &Token| token.id == id && owner.is_none_or(|owner| token.owner == owner);
        done(self.remove_where(theirs) > 0)
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
        done(self.remove_where(|token| token.end().is_some_and(|end| end < time)))
    }
}
