//! Gives a staged blob its key in a publish. Others may do the same at the same time, and crashes may
//! have left something at the key. It knows no document: the caller says whether the document names the
//! blob.

use crate::digests::{BLAKE2B256, MD5, SHA1, SHA256, SHA512};
use crate::maintenance::{hold, wait_for_removals};
use crate::storage::{Precondition, Staged, age, digests, stat, wait_turn};
use crate::types::{Digest, ObjectInfo};
use crate::{Error, log};

/// Milliseconds, by the store's clock. If a blob is younger than this and its document does not name
/// it, it belongs to a publish that may still name it. This is longer than the request's deadline plus
/// the time of a call to the host. After a crash, another publisher waits at most this long.
pub const GRACE: u64 = 5 * 60 * 1000;
/// The weakest first.
const STRENGTH: [&str; 5] = [MD5, SHA1, SHA256, BLAKE2B256, SHA512];
/// How often giving it the key is tried against others.
const ATTEMPTS: u32 = 8;

/// What became of [`Staged::claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Claim {
    /// The blob is stored at the key, and the document can name it now.
    Committed,
    /// The document names the key already; nothing was changed.
    Named,
    /// Somebody else is publishing other bytes there, or a collection is removing what a
    /// crash left there; the document must not name it.
    Busy,
}

/// What a document says about the object at a key.
pub(super) enum There<W> {
    Named,
    /// It does not name it. Other bytes may replace it unless this says why not.
    Unnamed(W),
}

impl Staged {
    /// Gives it a key that no document names yet, in the order of a publish (see [`crate::storage`]):
    /// all that can fail comes before, and after it only the swap of the document. `is_named` reads the
    /// document again and says whether it names the key; it is called only if the key exists.
    ///
    /// An object at the key that no document names was left by a crash, or another publisher is about
    /// to name it. The same bytes are renewed; other bytes are replaced if they are older than
    /// [`GRACE`]. The bytes are compared by the strongest digest that was computed, so ask for one.
    ///
    /// It does not know whether a document was lost that named the key: [`Publish`] does.
    ///
    /// [`Publish`]: crate::storage::Publish
    pub fn claim<E: From<Error>>(
        &mut self,
        key: &str,
        content_type: Option<&str>,
        mut is_named: impl FnMut() -> Result<bool, E>,
    ) -> Result<Claim, E> {
        let may_be_replaced = |_: &ObjectInfo| Ok(());
        self.claim_unless(key, content_type, || {
            Ok(if is_named()? { There::Named } else { There::Unnamed(may_be_replaced) })
        })
    }

    /// The same, but `look` also says whether the object may be replaced by other bytes.
    pub(super) fn claim_unless<E: From<Error>, W: FnOnce(&ObjectInfo) -> Result<(), E>>(
        &mut self,
        key: &str,
        content_type: Option<&str>,
        mut look: impl FnMut() -> Result<There<W>, E>,
    ) -> Result<Claim, E> {
        let mut found: Option<String> = None;
        for attempt in 1..=ATTEMPTS {
            let precondition = found.as_deref().map_or(Precondition::Absent, Precondition::Version);
            match self.commit(key, &[], precondition, content_type) {
                // Somebody may be removing what lay there before.
                Ok(_) => return Ok(if hold(key)? { Claim::Committed } else { Claim::Busy }),
                Err(Error::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
            if attempt > 1 {
                wait_turn(key, attempt)?;
            }
            found = match stat(key)? {
                None => None,
                Some(info) => {
                    let There::Unnamed(check) = look()? else { return Ok(Claim::Named) };
                    if !self.is_same_as(key)? {
                        if age(&info)?.is_none_or(|age| age <= GRACE) {
                            return Ok(Claim::Busy);
                        }
                        check(&info)?;
                    }
                    // If this refuses, the object keeps its age.
                    wait_for_removals(key)?;
                    Some(info.version)
                }
            };
        }
        Ok(Claim::Busy)
    }

    /// Writes the bytes again that a document already names at this key, if the object is missing or
    /// has other bytes. True if it was. The caller has compared the staged digest with the document's.
    pub fn repair(&mut self, key: &str, content_type: Option<&str>) -> Result<bool, Error> {
        let found = stat(key)?;
        if found.is_some() && self.is_same_as(key)? {
            return Ok(false);
        }
        let version = found.as_ref().map(|info| info.version.as_str());
        match self.commit(key, &[], version.map_or(Precondition::Absent, Precondition::Version), content_type)
        {
            Ok(_) => {
                log::warn(
                    "a stored file was damaged, and a publish of the same bytes repaired it",
                    &[("key", key)],
                );
                Ok(true)
            }
            // Somebody else repaired it at the same moment.
            Err(Error::Conflict) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// True also for what is replaced or removed at this moment: the next try sees what is there then.
    fn is_same_as(&self, key: &str) -> Result<bool, Error> {
        let strength = |digest: &Digest| STRENGTH.iter().position(|name| *name == digest.algorithm);
        let Some(ours) = self.digests().into_iter().max_by_key(strength) else {
            return Err(Error::Misused("a blob is staged without a digest to compare it by".to_owned()));
        };
        match digests(key, &[&ours.algorithm]) {
            Err(Error::Conflict) => Ok(true),
            theirs => Ok(theirs?.is_none_or(|theirs| theirs.contains(&ours))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use crate::storage::{Writer, get, put};
    use crate::testing::Host;

    fn staged(bytes: &[u8]) -> Staged {
        let mut writer = Writer::new(&["sha256"]);
        writer.add(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn claim(bytes: &[u8], named: bool) -> Claim {
        staged(bytes).claim("blob", None, || Ok::<_, Error>(named)).unwrap()
    }

    #[test]
    fn a_free_key_is_taken_without_looking_at_the_document() {
        let _host = Host::new();
        let claim = staged(b"new").claim("blob", None, || Err(Error::NotFound));
        assert_eq!(claim, Ok(Claim::Committed));
        assert_eq!(get("blob").unwrap().unwrap().bytes, b"new");
    }

    #[test]
    fn what_is_named_stays() {
        let host = Host::new();
        put("blob", b"there", Precondition::Any, None).unwrap();
        host.set_now(host.now() + 2 * GRACE);
        assert_eq!(claim(b"new", true), Claim::Named);
        assert_eq!(get("blob").unwrap().unwrap().bytes, b"there");
    }

    #[test]
    fn what_a_crash_left_is_renewed_at_once_or_replaced_after_the_grace() {
        let host = Host::new();
        let before = put("blob", b"left", Precondition::Any, None).unwrap();
        assert_eq!(claim(b"other", false), Claim::Busy);
        assert_eq!(claim(b"left", false), Claim::Committed);
        let renewed = host.object_info("blob").unwrap();
        assert_ne!(renewed.version, before.version, "it may be about to be removed");
        host.set_now(host.now() + 2 * GRACE);
        assert_eq!(claim(b"other", false), Claim::Committed);
        assert_eq!(get("blob").unwrap().unwrap().bytes, b"other");
    }

    #[test]
    fn what_a_collection_removes_at_this_moment_is_no_last_copy() {
        let host = Host::new();
        put("blob", b"left", Precondition::Any, None).unwrap();
        host.set_now(host.now() + 2 * GRACE);
        let look = || {
            host.remove("blob");
            Ok::<_, Error>(There::Unnamed(|_: &ObjectInfo| {
                Err(Error::damaged("blob", "it is the last copy"))
            }))
        };
        assert_eq!(staged(b"left").claim_unless("blob", None, look), Ok(Claim::Committed));
    }

    #[test]
    fn what_a_document_names_is_written_again_when_it_is_damaged() {
        let host = Host::new();
        put("blob", b"named", Precondition::Any, None).unwrap();
        let repair = || staged(b"named").repair("blob", None);
        assert_eq!(repair(), Ok(false));
        for damage in [Some("nam"), None] {
            match damage {
                Some(bytes) => drop(host.insert("blob", bytes).unwrap()),
                None => assert!(host.remove("blob")),
            }
            assert_eq!(repair(), Ok(true));
            assert_eq!(get("blob").unwrap().unwrap().bytes, b"named");
        }
    }

    #[test]
    fn the_age_of_what_lies_there_is_told_by_the_stores_clock() {
        for away in [-3_600_000, 3_600_000] {
            let host = Host::new();
            host.set_store_ahead(away);
            put("blob", b"theirs", Precondition::Any, None).unwrap();
            assert_eq!(claim(b"ours", false), Claim::Busy, "{away}: it was written just now");
            host.set_now(host.now() + 2 * GRACE);
            assert_eq!(claim(b"ours", false), Claim::Committed, "{away}: it is old");
        }
    }

    #[test]
    fn a_lost_race_is_looked_at_again() {
        let host = Host::new();
        host.race("blob", "theirs");
        assert_eq!(claim(b"ours", false), Claim::Busy);
        assert_eq!(get("blob").unwrap().unwrap().bytes, b"theirs");
    }
}
