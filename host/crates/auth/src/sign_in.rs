//! Signing in with a name and a password: how often a client may try, how many attempts may wait,
//! and when a password is not verified again. It does not know what the caller wants, or how a
//! password is hashed.
//!
//! # Invariants
//! - Attempts are verified one after another, and a bounded number waits. An attempt above the
//!   limit is `Busy`, one that would wait too long is `Throttled`. Neither is reported as a wrong
//!   password.
//! - After wrong attempts, the next one is rejected at once (see `throttle`).
//! - An attempt that holds a place waits for at most [`Lane::InPlace`], which is short.
//! - A remembered password is accepted without verification only from the network that sent it, and
//!   only while few wrong ones come from there (see `throttle`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::passwords::{self, Fingerprint, Verdict};
use super::throttle::{self, TooMany};
use super::users::{PasswordHash, User, UserName};
use super::{Auth, AuthError};

const WRONG: &str = "the user name or password is wrong: check both, or sign in with a token";
const MANY: &str = "too many clients are signing in: try again in a moment";

/// The most attempts that wait before their requests have places.
const MOST_WAITING: usize = 256;

/// Where an attempt waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The request has no place yet: only its connection waits.
    Waiting,
    /// The request has a place and an instance.
    InPlace,
}

impl Lane {
    /// How long this attempt waits for earlier attempts that are being verified.
    fn throttle(self) -> Duration {
        match self {
            Self::Waiting => Duration::from_secs(2),
            Self::InPlace => Duration::from_secs(1),
        }
    }

    /// How long it waits for its own verification, or for that of equal credentials.
    fn turn(self) -> Duration {
        match self {
            Self::Waiting => Duration::from_secs(15),
            Self::InPlace => Duration::from_secs(3),
        }
    }
}

/// Counts the attempts in progress.
#[derive(Debug)]
pub struct Lanes {
    waiting: Semaphore,
    in_place: Semaphore,
}

impl Lanes {
    /// `in_place`: the most attempts that hold a place.
    pub fn new(in_place: usize) -> Self {
        Self { waiting: Semaphore::new(MOST_WAITING), in_place: Semaphore::new(in_place.max(1)) }
    }

    fn enter(&self, lane: Lane) -> Result<SemaphorePermit<'_>, AuthError> {
        let all = match lane {
            Lane::Waiting => &self.waiting,
            Lane::InPlace => &self.in_place,
        };
        all.try_acquire().map_err(|_| AuthError::Busy(MANY.to_owned()))
    }
}

impl Auth {
    /// The user of this name and password.
    ///
    /// # Errors
    /// `Denied` if they are wrong, `Throttled` after too many wrong ones, `Busy` if too many wait
    /// to be verified, `Unavailable` if the store cannot be reached.
    pub(super) async fn by_password(
        &self,
        name: &str,
        password: &SecretString,
        peer: IpAddr,
        lane: Lane,
    ) -> Result<Arc<User>, AuthError> {
        if UserName::parse(name).is_err() || password.expose_secret().len() > passwords::LONGEST {
            return wrong();
        }
        let inner = &self.inner;
        let fingerprint = inner.passwords.fingerprint(name, password, throttle::network_of(peer));
        let user = self.known_user(name).await?;
        match inner.passwords.remembered(&fingerprint, stored(user.as_deref()).as_ref()) {
            Some(false) => return wrong(),
            Some(true) if inner.throttle.trusts(name, peer, inner.clock.now()) => return right(user, true),
            _ => {}
        }
        let attempt = Attempt { name, password, peer, fingerprint, lane };
        // An attempt that waits for equal credentials needs no turn, but a place.
        let _permit = (lane == Lane::InPlace).then(|| inner.lanes.enter(lane)).transpose()?;
        let shared = inner.passwords.verdict(fingerprint);
        let shared = tokio::time::timeout(lane.throttle() + lane.turn(), shared.lock_owned()).await;
        let mut shared = shared.map_err(|_| AuthError::Busy(MANY.to_owned()))?;
        let user = self.known_user(name).await?;
        let known = shared.as_ref().filter(|known| known.against == stored(user.as_deref()));
        if let Some(known) = known {
            return right(user, known.is_right);
        }
        let _permit = (lane == Lane::Waiting).then(|| inner.lanes.enter(lane)).transpose()?;
        let (user, is_right) = self.attempt(&attempt).await?;
        let verdict = Verdict { against: stored(user.as_deref()), is_right };
        inner.passwords.remember(fingerprint, verdict.clone());
        *shared = Some(verdict);
        right(user, is_right)
    }

    /// Verifies a password once. The attempt is counted, and may have to wait. The user is read
    /// after the wait, because the password may have changed meanwhile.
    async fn attempt(&self, sent: &Attempt<'_>) -> Result<(Option<Arc<User>>, bool), AuthError> {
        let (throttle, clock) = (&self.inner.throttle, &self.inner.clock);
        let Attempt { name, peer, fingerprint, lane, .. } = *sent;
        let tag = fingerprint.tag();
        let begun = throttle.begin(name, peer, tag, lane.throttle(), clock.now());
        let begun = begun.map_err(|TooMany(wait)| AuthError::throttled(wait))?;
        if !begun.wait.is_zero() {
            clock.sleep(begun.wait).await;
        }
        let answer = self.look_at(sent).await;
        match answer {
            Ok((_, true)) => throttle.succeed(begun, tag, clock.now()),
            Ok((_, false)) => {
                throttle.fail(&begun, clock.now());
                tracing::info!(%peer, "a wrong password was sent");
            }
            Err(_) => throttle.undo(&begun, clock.now()),
        }
        answer
    }

    async fn look_at(&self, sent: &Attempt<'_>) -> Result<(Option<Arc<User>>, bool), AuthError> {
        let user = self.known_user(sent.name).await?;
        let stored = stored(user.as_deref());
        let is_right = self.inner.passwords.verify(sent.password, stored.as_ref(), sent.lane.turn()).await?;
        Ok((user, is_right))
    }
}

/// The name and the password of an attempt.
struct Attempt<'a> {
    name: &'a str,
    password: &'a SecretString,
    peer: IpAddr,
    fingerprint: Fingerprint,
    lane: Lane,
}

fn right(user: Option<Arc<User>>, is_right: bool) -> Result<Arc<User>, AuthError> {
    user.filter(|_| is_right).map_or_else(wrong, Ok)
}

fn wrong<T>() -> Result<T, AuthError> {
    Err(AuthError::Denied(WRONG.to_owned()))
}

fn stored(user: Option<&User>) -> Option<PasswordHash> {
    user.map(|user| user.password.clone())
}

#[cfg(test)]
mod tests;
