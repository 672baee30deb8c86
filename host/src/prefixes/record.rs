//! The record of a prefix: which protocol it belongs to, and whether it has its mark.
//!
//! # Layout
//! `.packhouse/prefixes/{prefix}.json`: [`Record`], `/` and `%` of the prefix percent-encoded. An
//! operator who wants to hand the prefix over removes it (`packhouse store accept`).

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::PrefixError;
use crate::storage::{Key, ListOptions, MAX_SEGMENT_BYTES, Precondition, Scope, Storage, StorageError};

const ROOM: &str = "prefixes";
const LARGEST: u64 = 64 << 10;
/// Keys of one listing.
const PAGE: usize = 1000;

/// The object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// For people: the key is made of it.
    pub prefix: String,
    pub protocol: String,
    /// Whether the prefix got its mark. Earlier versions wrote none.
    #[serde(default)]
    pub marked: bool,
}

impl Record {
    /// Of a prefix that is named like its protocol.
    fn unmarked(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), protocol: prefix.to_owned(), marked: false }
    }
}

/// A record with its version.
pub struct Recorded {
    pub record: Record,
    pub version: Precondition,
}

/// What lies where a record should be.
pub enum Look {
    Nothing,
    Recorded(Recorded),
    Damaged { version: Precondition, reason: String },
}

/// The records of one store.
pub struct Records {
    room: Scope,
}

impl Records {
    pub fn new(storage: &Storage) -> Self {
        Self { room: storage.private(ROOM) }
    }

    pub async fn read(&self, prefix: &str) -> Result<Option<Recorded>, PrefixError> {
        match self.look(prefix).await? {
            Look::Nothing => Ok(None),
            Look::Recorded(recorded) => Ok(Some(recorded)),
            Look::Damaged { reason, .. } => Err(damaged(prefix, reason)),
        }
    }

    pub async fn look(&self, prefix: &str) -> Result<Look, StorageError> {
        let key = key(prefix)?;
        let (info, bytes) = match self.room.get(&key, LARGEST).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Look::Nothing),
            Err(StorageError::TooLarge(limit)) => {
                let Some(info) = self.room.stat(&key).await? else { return Ok(Look::Nothing) };
                let reason = format!("it has more than {limit} bytes");
                return Ok(Look::Damaged { version: Precondition::Version(info.version), reason });
            }
            Err(error) => return Err(error),
        };
        let version = Precondition::Version(info.version);
        Ok(match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) if record.prefix != prefix => {
                Look::Damaged { version, reason: format!("it is the record of `{}`", record.prefix) }
            }
            Ok(record) => Look::Recorded(Recorded { record, version }),
            Err(error) => Look::Damaged { version, reason: error.to_string() },
        })
    }

    pub async fn write(&self, record: &Record, precondition: &Precondition) -> Result<(), StorageError> {
        let bytes = serde_json::to_vec(record).map_err(|error| StorageError::Invalid(error.to_string()))?;
        let json = Some("application/json");
        self.room.put(&key(&record.prefix)?, Bytes::from(bytes), precondition, json).await.map(drop)
    }

    pub async fn remove(&self, prefix: &str, precondition: &Precondition) -> Result<(), StorageError> {
        self.room.remove(&key(prefix)?, precondition).await.map(drop)
    }

    /// Those of `wanted` prefixes that are named like their protocol. A damaged record counts as one of
    /// them, because its mount must not seem to be unknown.
    pub async fn of_protocols(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<Record>, StorageError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let options = ListOptions { prefix: String::new(), folders: false, after, limit: PAGE };
            let page = self.room.list(&options).await?;
            // Nothing is encoded in the name of a protocol.
            let names = page.objects.iter().filter_map(|object| object.key.strip_suffix(".json"));
            for prefix in names.filter(|name| wanted(name)) {
                all.extend(match self.look(prefix).await? {
                    Look::Nothing => None,
                    Look::Recorded(Recorded { record, .. }) => {
                        Some(record).filter(|it| it.protocol == prefix)
                    }
                    Look::Damaged { .. } => Some(Record::unmarked(prefix)),
                });
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }
}

pub fn damaged(prefix: &str, reason: String) -> PrefixError {
    PrefixError::Damaged { prefix: prefix.to_owned(), record: shown(prefix), reason }
}

/// The whole path of a record, for people.
pub fn shown(prefix: &str) -> String {
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
    use super::*;

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
