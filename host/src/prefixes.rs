//! Which protocol a part of the storage belongs to. What lies below a mount's prefix has the layout
//! of one protocol; a plugin of another one would misread it, and its `gc` could remove it. It knows
//! protocols by name only, and nothing of plugins.
//!
//! # Layout
//! `.packhouse/prefixes/{prefix}.json`: [`Record`], `/` and `%` of the prefix percent-encoded. It is
//! written when the first plugin serves the prefix, and never changed: an operator who wants to hand
//! the prefix over removes it.
//!
//! # Invariants
//! - **No plugin sees a record**: they lie in the host's own part of the storage.
//! - **A prefix without a record is adopted**: a bucket of an earlier version has none.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::storage::{Key, MAX_SEGMENT_BYTES, Precondition, Scope, Storage, StorageError};

const ROOM: &str = "prefixes";
const LARGEST: u64 = 64 << 10;
/// For so long an answer that may change is not asked for again.
const REMEMBERED: Duration = Duration::from_secs(2);
/// For so long a store that took no record is left alone.
const POSTPONED: Duration = Duration::from_secs(30);

/// The object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// For people: the key is made of it.
    prefix: String,
    protocol: String,
}

/// Why a prefix is not for a protocol; one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum PrefixError {
    #[error(
        "what is stored below `{prefix}` belongs to the protocol `{recorded}`, and the plugin speaks `{spoken}`: put the \
         plugin of `{recorded}` back, or give the mount another `prefix`. If nothing below `{prefix}` is needed any \
         more, remove it together with `{record}`"
    )]
    OtherProtocol { prefix: String, recorded: String, spoken: String, record: String },
    #[error(
        "it speaks `{spoken}` and does not have the feature `{feature}`, which the mount sets, and no \
         protocol is recorded for `{prefix}` yet: put the plugin of the right protocol in its place, or correct `features`"
    )]
    Doubtful { prefix: String, spoken: String, feature: String },
    #[error(
        "the record of the protocol below `{prefix}` (`{record}`) is damaged ({reason}): restore it, or remove it if the \
         plugin is the right one"
    )]
    Damaged { prefix: String, record: String, reason: String },
    #[error("the storage does not say which protocol it belongs to: {0}")]
    Storage(#[from] StorageError),
}

/// What is known without asking the store.
#[derive(Debug)]
enum Known {
    Recorded {
        protocol: String,
        read: Instant,
    },
    /// There is no record, and the store takes none.
    Postponed(Instant),
}

/// The records of one store.
pub struct Prefixes {
    records: Scope,
    known: Mutex<HashMap<String, Known>>,
}

impl Prefixes {
    pub fn new(storage: &Storage) -> Self {
        Self { records: storage.private(ROOM), known: Mutex::default() }
    }

    /// A plugin of this protocol wants to serve what is below a prefix. From the first time on, the
    /// prefix is its protocol's. A `doubt` is a feature that shows that the plugin may be the wrong
    /// one; it does not get a prefix that is nobody's yet.
    pub async fn claim(&self, prefix: &str, protocol: &str, doubt: Option<&str>) -> Result<(), PrefixError> {
        if let Some(known) = self.known(prefix, protocol, doubt.is_some()) {
            return known;
        }
        if let Some(recorded) = self.read(prefix).await? {
            return self.compare(prefix, recorded, protocol);
        }
        if let Some(feature) = doubt {
            return Err(doubtful(prefix, protocol, feature));
        }
        match self.write(prefix, protocol).await {
            Ok(()) => {
                tracing::info!(
                    prefix,
                    protocol,
                    "what is stored below {prefix} belongs to the protocol {protocol} from now on"
                );
                self.compare(prefix, protocol.to_owned(), protocol)
            }
            // Another host was faster.
            Err(StorageError::Conflict) => match self.read(prefix).await? {
                Some(recorded) => self.compare(prefix, recorded, protocol),
                None => Ok(()),
            },
            // Reading does no harm, and the store refuses writes.
            Err(error) => {
                tracing::warn!(
                    prefix, protocol, error = %error,
                    "that the storage below {prefix} belongs to the protocol {protocol} cannot be recorded now: {error}"
                );
                self.remember(prefix, Known::Postponed(Instant::now()));
                Ok(())
            }
        }
    }

    /// The protocol that a prefix belongs to; none if it has not been claimed.
    pub async fn recorded(&self, prefix: &str) -> Result<Option<String>, PrefixError> {
        self.read(prefix).await
    }

    /// As [`Prefixes::claim`], and nothing is written.
    pub async fn check(&self, prefix: &str, protocol: &str, doubt: Option<&str>) -> Result<(), PrefixError> {
        match (self.read(prefix).await?, doubt) {
            (Some(recorded), _) => self.compare(prefix, recorded, protocol),
            (None, Some(feature)) => Err(doubtful(prefix, protocol, feature)),
            (None, None) => Ok(()),
        }
    }

    fn compare(&self, prefix: &str, recorded: String, protocol: &str) -> Result<(), PrefixError> {
        self.remember(prefix, Known::Recorded { protocol: recorded.clone(), read: Instant::now() });
        if recorded == protocol { Ok(()) } else { Err(other_protocol(prefix, recorded, protocol)) }
    }

    async fn read(&self, prefix: &str) -> Result<Option<String>, PrefixError> {
        let Some((_, bytes)) = self.records.get(&key(prefix)?, LARGEST).await? else { return Ok(None) };
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| PrefixError::Damaged {
            prefix: prefix.to_owned(),
            record: shown(prefix),
            reason: error.to_string(),
        })?;
        Ok(Some(record.protocol))
    }

    async fn write(&self, prefix: &str, protocol: &str) -> Result<(), StorageError> {
        let record = Record { prefix: prefix.to_owned(), protocol: protocol.to_owned() };
        let bytes = serde_json::to_vec(&record).map_err(|error| StorageError::Invalid(error.to_string()))?;
        let json = Some("application/json");
        self.records.put(&key(prefix)?, Bytes::from(bytes), &Precondition::Absent, json).await.map(|_| ())
    }

    /// None when the store is to be asked.
    fn known(&self, prefix: &str, protocol: &str, is_doubtful: bool) -> Option<Result<(), PrefixError>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(prefix)? {
            Known::Recorded { protocol: recorded, .. } if recorded == protocol => Some(Ok(())),
            Known::Recorded { protocol: recorded, read } if read.elapsed() < REMEMBERED => {
                Some(Err(other_protocol(prefix, recorded.clone(), protocol)))
            }
            Known::Postponed(since) if since.elapsed() < POSTPONED && !is_doubtful => Some(Ok(())),
            Known::Recorded { .. } | Known::Postponed(_) => None,
        }
    }

    fn remember(&self, prefix: &str, known: Known) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(prefix.to_owned(), known);
    }
}

fn other_protocol(prefix: &str, recorded: String, spoken: &str) -> PrefixError {
    let record = shown(prefix);
    PrefixError::OtherProtocol { prefix: prefix.to_owned(), recorded, spoken: spoken.to_owned(), record }
}

fn doubtful(prefix: &str, spoken: &str, feature: &str) -> PrefixError {
    PrefixError::Doubtful {
        prefix: prefix.to_owned(),
        spoken: spoken.to_owned(),
        feature: feature.to_owned(),
    }
}

/// The whole path of a record, for people.
fn shown(prefix: &str) -> String {
    format!(".packhouse/{ROOM}/{}", name(prefix))
}

fn key(prefix: &str) -> Result<Key, StorageError> {
    Key::parse(&name(prefix))
}

/// One segment, another one for each prefix.
fn name(prefix: &str) -> String {
    let name = format!("{}.json", prefix.replace('%', "%25").replace('/', "%2F"));
    if name.len() <= MAX_SEGMENT_BYTES { name } else { format!("{}.json", blake3::hash(prefix.as_bytes())) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::storage::Settings;

    async fn memory() -> Storage {
        Storage::open(&Settings::Memory).await.unwrap()
    }

    #[tokio::test]
    async fn the_first_protocol_keeps_its_prefix_on_every_host() {
        let storage = memory().await;
        let (one, other) = (Prefixes::new(&storage), Prefixes::new(&storage));
        one.check("demo", "go", None).await.unwrap();
        one.claim("demo", "go", None).await.unwrap();
        one.claim("demo", "go", None).await.unwrap();
        let refused = other.claim("demo", "recipes", None).await.unwrap_err().to_string();
        assert!(refused.contains("`go`") && refused.contains("`recipes`"), "{refused}");
        assert!(refused.contains(".packhouse/prefixes/demo.json"), "{refused}");
        assert!(matches!(other.check("demo", "recipes", None).await, Err(PrefixError::OtherProtocol { .. })));
        other.claim("demo", "go", None).await.unwrap();
        other.claim("demo/inner", "recipes", None).await.unwrap();
    }

    #[tokio::test]
    async fn a_plugin_that_may_be_the_wrong_one_gets_no_prefix_that_is_nobodys() {
        let storage = memory().await;
        let prefixes = Prefixes::new(&storage);
        for _ in 0..2 {
            let refused = prefixes.claim("demo", "recipes", Some("mirrors")).await.unwrap_err().to_string();
            assert!(refused.contains("`recipes`") && refused.contains("`mirrors`"), "{refused}");
        }
        assert!(prefixes.check("demo", "recipes", Some("mirrors")).await.is_err());
        assert_eq!(prefixes.recorded("demo").await.unwrap(), None);
        prefixes.claim("demo", "go", None).await.unwrap();
        prefixes.claim("demo", "go", Some("mirrors")).await.unwrap();
        Prefixes::new(&storage).check("demo", "go", Some("mirrors")).await.unwrap();
        let refused = prefixes.claim("demo", "recipes", Some("mirrors")).await;
        assert!(matches!(refused, Err(PrefixError::OtherProtocol { .. })));
    }

    #[tokio::test]
    async fn a_record_that_is_damaged_lets_nobody_in() {
        let storage = memory().await;
        let key = Key::parse("demo.json").unwrap();
        let room = storage.private(ROOM);
        room.put(&key, Bytes::from_static(b"{"), &Precondition::Any, None).await.unwrap();
        let claimed = Prefixes::new(&storage).claim("demo", "go", None).await;
        assert!(matches!(claimed, Err(PrefixError::Damaged { .. })));
    }

    #[test]
    fn every_prefix_has_a_name_of_its_own() {
        let long = "x".repeat(255);
        let names = ["a/b", "a%2Fb", "a", &long].map(name);
        let mut distinct = names.to_vec();
        distinct.dedup();
        assert_eq!(distinct.len(), 4);
        assert!(names.iter().all(|name| Key::parse(name).is_ok() && !name.contains('/')));
    }
}
