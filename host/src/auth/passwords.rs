//! Hashing and verifying passwords, slow by design (argon2id with its crate's defaults,
//! 19 MiB and two passes), so also: how many at once, and remembering what was just
//! verified. It must not know who may try, nor where users are kept.
//!
//! # Invariants
//! - No password is kept: what was verified is remembered as a hash keyed with random
//!   bytes of this process, for [`REMEMBERED`] at most, and counts only as long as the
//!   user's stored hash is the one that it was verified against.
//! - Verifying takes as long for a user that does not exist.
//! - The same credentials sent many times at once are verified once.

use std::collections::HashMap;
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
use super::users::PasswordHash;

/// How long a verified password need not be verified again.
pub const REMEMBERED: Duration = Duration::from_mins(1);
/// The longest password, in bytes.
pub const LONGEST: usize = 1024;
/// How long a verification waits for its turn.
const PATIENCE: Duration = Duration::from_secs(15);
/// The hash of no password, with the parameters that all others have.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Credentials as this process remembers them; means nothing elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// What those who sent the same credentials at the same time share: against which
/// stored hash they were verified, and whether they were right.
pub type Verdict = tokio::sync::Mutex<Option<(Option<PasswordHash>, bool)>>;

/// Verifies passwords for one process.
pub struct Passwords {
    key: [u8; 32],
    verified: Cache<Fingerprint, PasswordHash>,
    under_way: Mutex<HashMap<Fingerprint, Weak<Verdict>>>,
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
        let hash = self.in_turn(move || {
            Argon2::default().hash_password(password.expose_secret().as_bytes()).map(|hash| hash.to_string())
        });
        let phc = hash
            .await?
            .map_err(|error| AuthError::Busy(format!("the password could not be hashed ({error})")))?;
        Ok(PasswordHash::new(phc))
    }

    /// Is this the password? As slow for `None`, nobody's.
    pub async fn verify(
        &self,
        password: &SecretString,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, AuthError> {
        let phc = stored.map_or(NOBODYS, PasswordHash::as_str).to_owned();
        let (password, somebody) = (password.clone(), stored.is_some());
        let right = self.in_turn(move || {
            Argon2::default().verify_password(password.expose_secret().as_bytes(), phc.as_str()).is_ok()
        });
        Ok(right.await? && somebody)
    }

    /// The fingerprint of a name and password.
    pub fn fingerprint(&self, name: &str, password: &SecretString) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(password.expose_secret().as_bytes());
        Fingerprint(*hasher.finalize().as_bytes())
    }

    /// Were these verified a short while ago, against this stored hash?
    pub fn is_remembered(&self, fingerprint: &Fingerprint, stored: &PasswordHash) -> bool {
        self.verified.get(fingerprint).is_some_and(|against| against == *stored)
    }

    /// These were verified just now.
    pub fn remember(&self, fingerprint: Fingerprint, stored: PasswordHash) {
        self.verified.put(self.verified.ticket(), fingerprint, stored);
    }

    /// Forgets all that was verified.
    pub fn forget(&self) {
        self.verified.clear();
    }

    /// The verdict on these credentials, shared by all who wait for it now. Whoever
    /// holds its lock and finds none is the one to verify.
    pub fn verdict(&self, fingerprint: Fingerprint) -> Arc<Verdict> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = under_way.get(&fingerprint).and_then(Weak::upgrade) {
            return verdict;
        }
        if under_way.len() >= 256 {
            under_way.retain(|_, verdict| verdict.strong_count() > 0);
        }
        let verdict = Arc::<Verdict>::default();
        under_way.insert(fingerprint, Arc::downgrade(&verdict));
        verdict
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthError> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
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

/// A password for somebody who gave none: 20 characters, 99 random bits, none of them
/// easily taken for another.
pub fn generate() -> SecretString {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let letter = |byte: &u8| LETTERS.get(usize::from(byte & 31)).copied().map_or('x', char::from);
    random.iter().take(20).map(letter).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    //! Slow where it must be, quick where it may.
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail loudly"
    )]
    use argon2::Params;
    use argon2::password_hash::phc;

    use super::*;

    #[tokio::test]
    async fn a_password_verifies_against_its_hash_and_no_other() {
        let passwords = Passwords::new(Clock::default());
        let stored = passwords.hash(&"correct horse".into()).await.unwrap();
        assert!(stored.as_str().starts_with("$argon2id$"));
        assert!(passwords.verify(&"correct horse".into(), Some(&stored)).await.unwrap());
        assert!(!passwords.verify(&"correct house".into(), Some(&stored)).await.unwrap());
        assert_ne!(stored, passwords.hash(&"correct horse".into()).await.unwrap());
        assert!(!format!("{stored:?}").contains("argon2"));
    }

    #[tokio::test]
    async fn nobodys_hash_costs_what_any_other_costs_and_never_verifies() {
        let ours = Argon2::default().hash_password(b"x").unwrap();
        let nobodys = phc::PasswordHash::new(NOBODYS).unwrap();
        assert_eq!(Params::try_from(&ours).unwrap(), Params::try_from(&nobodys).unwrap());
        assert_eq!((ours.algorithm, ours.version), (nobodys.algorithm, nobodys.version));
        assert!(!Passwords::new(Clock::default()).verify(&"x".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn what_was_verified_is_remembered_for_a_minute_and_for_that_hash_only() {
        let clock = Clock::without_waiting();
        let passwords = Passwords::new(clock.clone());
        let (stored, changed) = (PasswordHash::new("one".to_owned()), PasswordHash::new("two".to_owned()));
        let fingerprint = passwords.fingerprint("ann", &"pw".into());
        assert!(!passwords.is_remembered(&fingerprint, &stored));
        passwords.remember(fingerprint, stored.clone());
        assert!(passwords.is_remembered(&fingerprint, &stored));
        assert!(!passwords.is_remembered(&fingerprint, &changed));
        assert!(!passwords.is_remembered(&passwords.fingerprint("annp", &"w".into()), &stored));
        clock.sleep(REMEMBERED).await;
        assert!(!passwords.is_remembered(&fingerprint, &stored));
    }

    #[test]
    fn a_generated_password_is_long_and_never_the_same() {
        let (one, two) = (generate(), generate());
        assert_eq!(one.expose_secret().len(), 20);
        assert_ne!(one.expose_secret(), two.expose_secret());
    }

    #[test]
    fn an_unfit_password_is_refused() {
        for unfit in ["", "line\nbreak", &"x".repeat(1025)] {
            assert!(matches!(Passwords::check(&unfit.into()), Err(AuthError::Invalid(_))));
        }
        assert!(Passwords::check(&"pä:ss wörd".into()).is_ok());
    }
}
