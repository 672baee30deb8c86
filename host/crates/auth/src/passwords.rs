//! Hashing and verifying passwords. Both are slow by design (argon2id with its crate's defaults,
//! 19 MiB and two passes), so few run at once, and what was just verified is remembered. It must
//! not know who may try, nor where users are kept.
//!
//! # Invariants
//! - No password is kept: what was verified is remembered as a hash keyed with random
//!   bytes of this process, for [`REMEMBERED`] at most, and counts only as long as the
//!   user's stored hash is the one that it was verified against.
//! - What was verified is remembered for the network that sent it. Credentials from elsewhere
//!   are verified again, so that guessing elsewhere is never faster.
//! - Verifying takes as long for a user that does not exist.
//! - The same credentials sent many times at once are verified once.

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

/// How long a verified password need not be verified again.
pub const REMEMBERED: Duration = Duration::from_mins(1);
/// The longest password, in bytes.
pub const LONGEST: usize = 1024;
/// How long hashing a new password waits for its turn.
const PATIENCE: Duration = Duration::from_secs(15);
/// The hash of no password, with the parameters that all others have.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Credentials as this process remembers them; means nothing elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// A part of it that many passwords share.
    pub fn tag(&self) -> Tag {
        let [first, second, ..] = self.0;
        Tag::from_le_bytes([first, second])
    }
}

/// What verifying credentials came to.
#[derive(Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The stored hash that they were verified against; none for a user that does not exist.
    pub against: Option<PasswordHash>,
    pub is_right: bool,
}

/// The verdict that those share who sent the same credentials at the same time.
pub type Shared = tokio::sync::Mutex<Option<Verdict>>;

/// Verifies passwords for one process.
pub struct Passwords {
    key: [u8; 32],
    verified: Cache<Fingerprint, Verdict>,
    under_way: Mutex<HashMap<Fingerprint, Weak<Shared>>>,
    turns: Arc<Semaphore>,
}

impl Passwords {
    /// Nothing remembered yet.
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

    /// Is this fit to be a password?
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

    /// Makes the hash that is stored.
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

    /// Is this the password? As slow for `None`, nobody's.
    ///
    /// # Errors
    /// `Busy` when its turn does not come within `patience`.
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

    /// Whether these were right a short while ago; none when they were not verified against
    /// this stored hash.
    pub fn remembered(&self, fingerprint: &Fingerprint, stored: Option<&PasswordHash>) -> Option<bool> {
        let verdict = self.verified.get(fingerprint)?;
        (verdict.against.as_ref() == stored).then_some(verdict.is_right)
    }

    /// These were verified just now.
    pub fn remember(&self, fingerprint: Fingerprint, verdict: Verdict) {
        self.verified.put(self.verified.ticket(), fingerprint, verdict);
    }

    /// Forgets all that was verified.
    pub fn forget(&self) {
        self.verified.clear();
    }

    /// The verdict on these credentials, shared by all who wait for it now. Whoever
    /// holds its lock and finds none is the one to verify.
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

/// A password for somebody who gave none: 20 characters, 99 random bits, none of them
/// easily taken for another.
pub fn generate() -> SecretString {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let letter = |byte: &u8| LETTERS.get(usize::from(byte & 31)).copied().map_or('x', char::from);
    random.iter().take(20).map(letter).collect::<String>().into()
}

#[cfg(test)]
mod tests;
