//! The identity of a store. An empty folder under a mount point whose disk is missing, or another
//! bucket, answers like an empty store. Only the identity shows that it is the wrong store. It is
//! an object that is written once, and the user database remembers it.
//!
//! # Layout
//! `.packhouse/store.json`: [`Identity`].

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::{Result, StorageError};

pub(super) const PATH: &str = ".packhouse/store.json";
pub(super) const MAX_BYTES: u64 = 64 * 1024;
/// The end of every rejection.
const REMEDY: &str = "bring back the right one, or, if this one is right, run `packhouse store adopt`";

/// The identity of a store: a UUID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreId(String);

impl StoreId {
    pub fn fresh() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// Parses a remembered identity; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        uuid::Uuid::parse_str(text).ok().map(|id| Self(id.to_string()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which store a host expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This one. Nothing is created in any other store.
    Known(StoreId),
    /// The user database is new. A store without an identity gets this one. A store that belongs to
    /// another user database is the wrong store.
    New(StoreId),
    /// Any store. A store without an identity gets one. `lasting` if the users outlive the process.
    Any { lasting: bool },
}

/// How a store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub wanted: Wanted,
    /// Whether a store without an identity gets one, and a missing folder is created.
    pub may_make: bool,
    /// Nothing at all is written.
    pub only_reads: bool,
    /// Whether to leave a store unchanged that several hosts cannot share safely: the start will be
    /// rejected.
    pub must_be_shareable: bool,
}

impl Opening {
    /// For a host.
    pub fn to_serve(wanted: Wanted) -> Self {
        Self { wanted, may_make: true, only_reads: false, must_be_shareable: false }
    }
}

/// The object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Identity {
    pub id: StoreId,
    /// Seconds since the Unix epoch, by the clock of the host that wrote it; for people.
    made: u64,
    /// Whether the store belongs to users in a database, which then must exist.
    lasting: bool,
}

/// What to do at the start.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Use it: it is the right store.
    Use(StoreId),
    /// Give it this identity: it has none.
    Make(Identity),
}

impl Identity {
    fn new(id: StoreId, lasting: bool) -> Self {
        let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { id, made, lasting }
    }

    pub fn parse(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            StorageError::unavailable(format!(
                "its identity (`{PATH}`) is damaged ({error}); nothing is read from it or written to it: restore it \
                 from a backup, or remove it and run `packhouse store adopt`"
            ))
        })
    }

    pub fn bytes(&self) -> Result<Bytes> {
        let bytes = serde_json::to_vec(self);
        bytes.map(Bytes::from).map_err(|error| StorageError::other(format!("an identity: {error}")))
    }
}

impl Wanted {
    /// Whether a store with this identity is the right one. `Unavailable` with a sentence if it is
    /// not.
    pub(super) fn judge(&self, found: Option<&Identity>) -> Result<Verdict> {
        match (self, found) {
            (Self::Known(id), Some(found)) if found.id == *id => Ok(Verdict::Use(id.clone())),
            (Self::Known(_), Some(_)) => Err(wrong("it is not the store that the user database belongs to")),
            (Self::Known(_), None) => {
                Err(wrong("it has no identity, and the user database belongs to a store with an identity"))
            }
            (Self::New(id), Some(found)) if found.id == *id || !found.lasting => {
                Ok(Verdict::Use(found.id.clone()))
            }
            (Self::New(_), Some(_)) => Err(wrong(
                "it belongs to another user database: this one is new, or was used with another store",
            )),
            (Self::New(id), None) => Ok(Verdict::Make(Identity::new(id.clone(), true))),
            (Self::Any { .. }, Some(found)) => Ok(Verdict::Use(found.id.clone())),
            (Self::Any { lasting }, None) => Ok(Verdict::Make(Identity::new(StoreId::fresh(), *lasting))),
        }
    }
}

fn wrong(why: &str) -> StorageError {
    StorageError::unavailable(format!(
        "{why}; the host reads nothing from it and writes nothing to it: {REMEDY}"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

    use super::*;

    fn use_of(wanted: &Wanted, found: Option<&Identity>) -> StoreId {
        match wanted.judge(found).unwrap() {
            Verdict::Use(id) => id,
            Verdict::Make(identity) => panic!("made {identity:?}"),
        }
    }

    #[test]
    fn only_the_store_that_the_users_belong_to_is_used() {
        let (ours, other) = (StoreId::fresh(), StoreId::fresh());
        let found = |id: &StoreId, lasting| Identity::new(id.clone(), lasting);
        let known = Wanted::Known(ours.clone());
        assert_eq!(use_of(&known, Some(&found(&ours, true))), ours);
        assert!(known.judge(Some(&found(&other, true))).is_err());
        assert!(known.judge(Some(&found(&other, false))).is_err());
        assert!(known.judge(None).is_err());
        let new = Wanted::New(ours.clone());
        assert_eq!(use_of(&new, Some(&found(&ours, true))), ours, "a first start that was cut off");
        assert_eq!(use_of(&new, Some(&found(&other, false))), other, "of users in memory");
        assert!(new.judge(Some(&found(&other, true))).is_err(), "the database is gone");
        assert!(matches!(new.judge(None), Ok(Verdict::Make(made)) if made.id == ours && made.lasting));
        let any = Wanted::Any { lasting: false };
        assert_eq!(use_of(&any, Some(&found(&other, true))), other);
        assert!(matches!(any.judge(None), Ok(Verdict::Make(made)) if !made.lasting));
    }

    #[test]
    fn an_identity_is_read_as_it_was_written() {
        let identity = Identity::new(StoreId::fresh(), true);
        let read = Identity::parse(&identity.bytes().unwrap()).unwrap();
        assert_eq!((read.id, read.lasting), (identity.id, true));
        assert!(Identity::parse(b"{\"id\": ").is_err());
    }
}
