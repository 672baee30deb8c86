//! Which protocol a part of the storage belongs to, and whether its objects are still there. The
//! objects below a mount's prefix have the layout of one protocol. A plugin of another protocol
//! would misread them, and its `gc` could remove them. And a part whose objects have disappeared
//! looks like an empty one. It knows protocols only by name, and does not know plugins.
//!
//! # Layout
//! - `record`: which protocol a prefix belongs to; an object in the host's own part of the storage
//! - `mark`: shows that the objects of a prefix are there; an object among them
//!
//! # Invariants
//! - **No plugin sees a record or a mark.**
//! - **A prefix without a record is adopted**, because earlier versions wrote no records. So is a
//!   record without a mark.
//! - **A mark is missing only if the store says so.** If the store does not answer, nothing
//!   changes.
//! - **A request asks the store only if no other request has asked within [`REMEMBERED`].** A store
//!   in a folder also looks for the mark itself, before every change and whenever it does not find an
//!   object.

mod mark;
mod record;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::storage::{Precondition, Storage, StorageError};

use mark::Sight;
use record::{Look, Record, Recorded, Records, shown};

/// For so long an answer is not asked for again.
const REMEMBERED: Duration = Duration::from_secs(2);
/// For so long a store that took no record is left alone.
const POSTPONED: Duration = Duration::from_secs(30);
/// How long a request waits to learn whether the mark is there.
const PATIENCE: Duration = Duration::from_secs(5);
/// Lost races for a record before giving up.
const ATTEMPTS: u32 = 5;

/// Why a prefix is not for a protocol; one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum PrefixError {
    #[error(
        "what is stored below `{prefix}` belongs to the protocol `{recorded}` (`{record}`), and the plugin speaks \
         `{spoken}`: put the plugin of `{recorded}` back, or give the mount another `prefix`. If nothing below \
         `{prefix}` is needed, remove it, and run `packhouse store accept {prefix}`"
    )]
    OtherProtocol { prefix: String, recorded: String, spoken: String, record: String },
    #[error(
        "it speaks `{spoken}` and does not have the feature `{feature}`, which the mount sets, and no \
         protocol is recorded for `{prefix}` yet: put the plugin of the right protocol in its place, or correct `features`"
    )]
    Doubtful { prefix: String, spoken: String, feature: String },
    #[error(
        "the record of the protocol below `{prefix}` (`{record}`) is damaged ({reason}): restore it, or, if the plugin is \
         the right one, run `packhouse store accept {prefix}`"
    )]
    Damaged { prefix: String, record: String, reason: String },
    #[error(
        "the mark of what is stored below `{prefix}` (`{mark}`) is damaged, so it does not show that these are the objects \
         of the mount: restore it, or, if they are, run `packhouse store accept {prefix}`"
    )]
    DamagedMark { prefix: String, mark: String },
    #[error(
        "what was stored below `{prefix}` has disappeared: `{mark}` is missing. Mount its disk, or restore it from a \
         backup. If what is stored below `{prefix}` now is all that should be there, run `packhouse store accept {prefix}`"
    )]
    Missing { prefix: String, mark: String },
    #[error(
        "what is stored below `{prefix}` is that of the prefix `{other}`, as `{mark}` says: mount the right disk there, \
         or restore it from a backup. If it is the right one, run `packhouse store accept {prefix}`"
    )]
    Exchanged { prefix: String, other: String, mark: String },
    #[error("the storage does not say which protocol it belongs to: {0}")]
    Storage(#[from] StorageError),
}

/// What is known without asking the store.
#[derive(Debug)]
enum Known {
    Found {
        protocol: String,
        sight: Sight,
        read: Instant,
    },
    /// The record is damaged, for this reason.
    Damaged {
        reason: String,
        read: Instant,
    },
    /// The prefix is this protocol's so far as is known, and the store takes no record or mark.
    Postponed {
        protocol: String,
        since: Instant,
    },
}

/// What to do about a claim.
enum Next {
    Answer(Result<(), PrefixError>),
    /// This was the answer a while ago. It is the answer too if the store says nothing now.
    LookAgain(Result<(), PrefixError>),
    Find,
}

/// What became of an operator's word that a part of the storage is as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is empty, and belongs to nobody now.
    Free,
    /// It holds objects of this protocol.
    Kept(String),
    /// It holds objects, and the damaged record of their protocol is removed.
    Anew,
    /// Nothing was recorded.
    Unknown,
}

/// The records and marks of one store.
pub struct Prefixes {
    storage: Storage,
    records: Records,
    known: Mutex<HashMap<String, Known>>,
}

impl Prefixes {
    pub fn new(storage: &Storage) -> Self {
        Self { storage: storage.clone(), records: Records::new(storage), known: Mutex::default() }
    }

    /// A plugin of this protocol wants to serve what is below a prefix. From the first time on, the
    /// prefix is its protocol's. A `doubt` is a feature that shows that the plugin may be the wrong
    /// one; it does not get a prefix that is nobody's yet.
    pub async fn claim(&self, prefix: &str, protocol: &str, doubt: Option<&str>) -> Result<(), PrefixError> {
        match self.known(prefix, protocol, doubt.is_some()) {
            Next::Answer(answer) => answer,
            Next::Find => self.find(prefix, protocol, doubt).await,
            Next::LookAgain(before) => {
                match tokio::time::timeout(PATIENCE, self.find(prefix, protocol, doubt)).await {
                    Ok(Err(PrefixError::Storage(error))) => {
                        tracing::debug!(prefix, error = %error, "the host cannot find out now what is stored below {prefix}: {error}");
                        before
                    }
                    Ok(found) => found,
                    Err(_) => before,
                }
            }
        }
    }

    /// The protocol that a prefix belongs to; none if it has not been claimed.
    pub async fn recorded(&self, prefix: &str) -> Result<Option<String>, PrefixError> {
        Ok(self.records.read(prefix).await?.map(|it| it.record.protocol))
    }

    /// As [`Prefixes::claim`], and nothing is written.
    pub async fn check(&self, prefix: &str, protocol: &str, doubt: Option<&str>) -> Result<(), PrefixError> {
        match (self.records.read(prefix).await?, doubt) {
            (Some(Recorded { record, .. }), _) if record.protocol != protocol => {
                Err(other_protocol(prefix, &record.protocol, protocol))
            }
            (Some(Recorded { record, .. }), _) if record.marked => {
                verdict(prefix, &mark::look(&self.storage, prefix).await?)?;
                Ok(mark::hold(&self.storage, prefix)?)
            }
            (Some(_), _) | (None, None) => Ok(()),
            (None, Some(feature)) => Err(doubtful(prefix, protocol, feature)),
        }
    }

    /// The prefixes that are named like their protocol and in which something is stored, or was before
    /// it disappeared. Those that are not `wanted` are left out.
    pub async fn in_use(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, StorageError> {
        let mut found = Vec::new();
        for Record { prefix, marked, .. } in self.records.of_protocols(wanted).await? {
            let is_used = marked && mark::look(&self.storage, &prefix).await? != Sight::There
                || !mark::is_empty(&self.storage, &prefix).await?;
            found.extend(is_used.then_some(prefix));
        }
        Ok(found)
    }

    /// What is stored below a prefix now is what should be there. An empty one is for any protocol.
    pub async fn accept(&self, prefix: &str) -> Result<Accepted, PrefixError> {
        let (record, version) = match self.records.look(prefix).await? {
            Look::Nothing => return Ok(Accepted::Unknown),
            Look::Recorded(Recorded { record, version }) => (Some(record), version),
            Look::Damaged { version, .. } => (None, version),
        };
        if mark::is_empty(&self.storage, prefix).await? {
            // In this order: a host that takes the prefix anew marks it first.
            mark::remove(&self.storage, prefix).await?;
            self.records.remove(prefix, &version).await?;
            return Ok(Accepted::Free);
        }
        let Some(record) = record else {
            // The next plugin that serves the prefix records its protocol, and writes the mark.
            self.records.remove(prefix, &version).await?;
            return Ok(Accepted::Anew);
        };
        mark::write(&self.storage, prefix).await?;
        self.records.write(&Record { marked: true, ..record.clone() }, &version).await?;
        Ok(Accepted::Kept(record.protocol))
    }

    /// Asks the store, and records and marks what it has not recorded or marked yet.
    async fn find(&self, prefix: &str, protocol: &str, doubt: Option<&str>) -> Result<(), PrefixError> {
        for _ in 0..ATTEMPTS {
            let recorded = match self.records.look(prefix).await? {
                Look::Nothing => None,
                Look::Recorded(recorded) => Some(recorded),
                Look::Damaged { reason, .. } => {
                    let error = record::damaged(prefix, reason.clone());
                    self.remember(prefix, Known::Damaged { reason, read: Instant::now() });
                    return Err(error);
                }
            };
            let (precondition, is_new) = match recorded {
                Some(Recorded { record, .. }) if record.protocol != protocol => {
                    return self.settle(prefix, protocol, &record.protocol, Sight::There);
                }
                Some(Recorded { record, .. }) if record.marked => {
                    let sight = mark::look(&self.storage, prefix).await?;
                    if sight == Sight::There {
                        mark::hold(&self.storage, prefix)?;
                    }
                    return self.settle(prefix, protocol, protocol, sight);
                }
                Some(Recorded { version, .. }) => (version, false),
                None => (Precondition::Absent, true),
            };
            if let Some(feature) = doubt.filter(|_| is_new) {
                return Err(doubtful(prefix, protocol, feature));
            }
            match self.take(prefix, protocol, &precondition, is_new).await {
                Ok(()) => {
                    mark::hold(&self.storage, prefix)?;
                    return self.settle(prefix, protocol, protocol, Sight::There);
                }
                // Another host was faster.
                Err(StorageError::Conflict) => {}
                // Reading does no harm, and the store refuses writes.
                Err(error) => {
                    tracing::warn!(
                        prefix, protocol, error = %error,
                        "the host cannot record now that the storage below {prefix} belongs to the protocol {protocol}: {error}"
                    );
                    let (protocol, since) = (protocol.to_owned(), Instant::now());
                    self.remember(prefix, Known::Postponed { protocol, since });
                    return Ok(());
                }
            }
        }
        Err(StorageError::Unavailable("its record changes again and again; try again".into()).into())
    }

    /// Marks a prefix and records it, in this order: a record promises a mark. Where no mark can be
    /// made, the protocol is recorded all the same.
    async fn take(
        &self,
        prefix: &str,
        protocol: &str,
        precondition: &Precondition,
        is_new: bool,
    ) -> Result<(), StorageError> {
        let marked = mark::write(&self.storage, prefix).await;
        let record =
            Record { prefix: prefix.to_owned(), protocol: protocol.to_owned(), marked: marked.is_ok() };
        if marked.is_ok() || is_new {
            self.records.write(&record, precondition).await?;
        }
        if is_new {
            tracing::info!(
                prefix,
                protocol,
                "what is stored below {prefix} belongs to the protocol {protocol} from now on"
            );
        }
        marked
    }

    /// Remembers what was found, and says what follows from it for a plugin.
    fn settle(&self, prefix: &str, spoken: &str, recorded: &str, sight: Sight) -> Result<(), PrefixError> {
        let answer = answer(prefix, spoken, recorded, &sight);
        let protocol = recorded.to_owned();
        self.remember(prefix, Known::Found { protocol, sight, read: Instant::now() });
        answer
    }

    /// What follows from what is known. Of many requests, one looks again.
    fn known(&self, prefix: &str, protocol: &str, is_doubtful: bool) -> Next {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get_mut(prefix) {
            Some(Known::Found { protocol: recorded, sight, read }) => {
                let answer = answer(prefix, protocol, recorded, sight);
                if read.elapsed() < REMEMBERED {
                    return Next::Answer(answer);
                }
                *read = Instant::now();
                Next::LookAgain(answer)
            }
            Some(Known::Damaged { reason, read }) => {
                let answer = Err(record::damaged(prefix, reason.clone()));
                if read.elapsed() < REMEMBERED {
                    return Next::Answer(answer);
                }
                *read = Instant::now();
                Next::LookAgain(answer)
            }
            Some(Known::Postponed { protocol: ours, since })
                if ours == protocol && since.elapsed() < POSTPONED && !is_doubtful =>
            {
                Next::Answer(Ok(()))
            }
            Some(Known::Postponed { .. }) | None => Next::Find,
        }
    }

    fn remember(&self, prefix: &str, known: Known) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(prefix.to_owned(), known);
    }
}

fn answer(prefix: &str, spoken: &str, recorded: &str, sight: &Sight) -> Result<(), PrefixError> {
    if recorded == spoken { verdict(prefix, sight) } else { Err(other_protocol(prefix, recorded, spoken)) }
}

fn verdict(prefix: &str, sight: &Sight) -> Result<(), PrefixError> {
    let (prefix, mark) = (prefix.to_owned(), mark::shown(prefix));
    match sight {
        Sight::There => Ok(()),
        Sight::Missing => Err(PrefixError::Missing { prefix, mark }),
        Sight::Damaged => Err(PrefixError::DamagedMark { prefix, mark }),
        Sight::OfOther(other) => Err(PrefixError::Exchanged { prefix, other: other.clone(), mark }),
    }
}

fn other_protocol(prefix: &str, recorded: &str, spoken: &str) -> PrefixError {
    PrefixError::OtherProtocol {
        prefix: prefix.to_owned(),
        recorded: recorded.to_owned(),
        spoken: spoken.to_owned(),
        record: shown(prefix),
    }
}

fn doubtful(prefix: &str, spoken: &str, feature: &str) -> PrefixError {
    PrefixError::Doubtful {
        prefix: prefix.to_owned(),
        spoken: spoken.to_owned(),
        feature: feature.to_owned(),
    }
}

#[cfg(test)]
mod tests;
