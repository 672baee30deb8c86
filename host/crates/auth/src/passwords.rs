//! Hashes and verifies passwords. Both are slow by design (argon2id with the defaults of its crate,
//! 19 MiB and two passes). So only a few run at a time, and a recently verified password is
//! remembered. It does not know who may try, or where users are stored.
//!
//! # Invariants
//! - No password is stored. A verified one is remembered as a hash that is keyed with random bytes
//!   of this process, for at most [`REMEMBERED`], and only while the user's stored hash stays the
//!   same.
//! - It is remembered for the network that sent it. Credentials from another network are verified
//!   again, so that guessing from there is never faster.
//! - Verifying takes as long for a user who does not exist.
//! - If the same credentials arrive many times at once, they are verified once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::AuthError;
use super::cache::Cache;
use super::clock::Clock;
use super::throttle::Tag;
use super::users::PasswordHash;

/// How long a verified password is remembered.
pub const REMEMBERED: Duration = Duration::from_mins(1);
/// The longest password, in bytes.
pub const LONGEST: usize = 1024;
/// How long hashing a new password waits in the queue.
const PATIENCE: Duration = Duration::from_secs(15);
/// A hash that no password has, with the same parameters as all others.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Credentials as this process remembers them. Meaningless in another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// A short part of it, which many passwords share.
    pub fn tag(&self) -> Tag {
        let [first, second, ..] = self.0;
        Tag::from_le_bytes([first, second])
    }
}

/// The result of verifying credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The stored hash that they were compared with; none for a user who does not exist.
    pub against: Option<PasswordHash>,
    pub is_right: bool,
}

/// The result that requests with the same credentials share.
pub type Shared = tokio::sync::Mutex<Option<Verdict>>;

/// Verifies passwords for one process.
pub struct Passwords {
    key: [u8; 32],
    verified: Cache<Fingerprint, Verdict>,
    under_way: Mutex<HashMap<Fingerprint, Weak<Shared>>>,
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// With an empty memory.
    pub fn new(clock: Clock) -> Self {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, 4);
        Self {
            key: *blake3::hash(&[Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat())
                .as_bytes(),
            verified: Cache::new(REMEMBERED, clock),
            under_way: Mutex::default(),
            turns: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// Checks a new password.
    ///
    /// # Errors
    /// `Invalid` with a sentence that says what to choose.
    pub fn check(password: &SecretString) -> Result<(), AuthError> {
        let password = password.expose_secret();
        if password.is_empty() || password.len() > LONGEST {
            return Err(AuthError::Invalid(format!("a password has 1 to {LONGEST} bytes: choose another")));
        }
        if password.chars().any(char::is_control) {
            return Err(AuthError::Invalid(
                "a password may not hold control characters: choose another".to_owned(),
            ));
        }
        if password.chars().count() < 8 {
            tracing::warn!("a password of fewer than 8 characters was set: it is easily guessed");
        }
        Ok(())
    }

    /// Computes the hash for the store.
    pub async fn hash(&self, password: &SecretString) -> Result<PasswordHash, AuthError> {
        Self::check(password)?;
        let password = password.clone();
        let hash = self.in_turn(PATIENCE, move || {
            Argon2::default().hash_password(password.expose_secret().as_bytes()).map(|hash| hash.to_string())
        });
        let phc = hash
            .await?
            .map_err(|error| AuthError::Busy(format!("the password could not be hashed ({error})")))?;
        Ok(PasswordHash::new(phc))
    }

    /// Whether this is the password. `None` (no such user) takes as long.
    ///
    /// # Errors
    /// `Busy` if the queue takes longer than `patience`.
    pub async fn verify(
        &self,
        password: &SecretString,
        stored: Option<&PasswordHash>,
        patience: Duration,
    ) -> Result<bool, AuthError> {
        let phc = stored.map_or(NOBODYS, PasswordHash::as_str).to_owned();
        let (password, somebody) = (password.clone(), stored.is_some());
        let right = self.in_turn(patience, move || {
            Argon2::default().verify_password(password.expose_secret().as_bytes(), phc.as_str()).is_ok()
        });
        Ok(right.await? && somebody)
    }

    /// The fingerprint of a name and password that came from this network.
    pub fn fingerprint(&self, name: &str, password: &SecretString, network: IpAddr) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&octets(network));
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(password.expose_secret().as_bytes());
        Fingerprint(*hasher.finalize().as_bytes())
    }

    /// Whether these credentials were right a short while ago; none if they were not verified
    /// against this stored hash.
    pub fn remembered(&self, fingerprint: &Fingerprint, stored: Option<&PasswordHash>) -> Option<bool> {
        let verdict = self.verified.get(fingerprint)?;
        (verdict.against.as_ref() == stored).then_some(verdict.is_right)
    }

    /// Remembers credentials that were verified now.
    pub fn remember(&self, fingerprint: Fingerprint, verdict: Verdict) {
        self.verified.put(self.verified.ticket(), fingerprint, verdict);
    }

    /// Forgets all credentials.
    pub fn forget(&self) {
        self.verified.clear();
    }

    /// The result for these credentials, which all waiting requests share. The one that locks it
    /// first and finds none verifies.
    pub fn verdict(&self, fingerprint: Fingerprint) -> Arc<Shared> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = under_way.get(&fingerprint).and_then(Weak::upgrade) {
            return verdict;
        }
        if under_way.len() >= 256 {
            under_way.retain(|_, verdict| verdict.strong_count() > 0);
        }
        let verdict = Arc::<Shared>::default();
        under_way.insert(fingerprint, Arc::downgrade(&verdict));
        verdict
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let turn = tokio::time::timeout(patience, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(AuthError::Busy(
                "too many passwords are being verified: try again in a moment".to_owned(),
            ));
        };
        let answer = tokio::task::spawn_blocking(move || {
            let answer = work();
            drop(turn);
            answer
        });
        answer
            .await
            .map_err(|error| AuthError::Busy(format!("verifying a password was interrupted ({error})")))
    }
}

fn octets(network: IpAddr) -> [u8; 16] {
    match network {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// A generated password: 20 characters, 99 random bits, without characters that look alike.
pub fn generate() -> SecretString {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let letter = |byte: &u8| LETTERS.get(usize::from(byte & 31)).copied().map_or('x', char::from);
    random.iter().take(20).map(letter).collect::<String>().into()
}

#[cfg(test)]
mod tests;
