//! Removing blobs that a request takes out of their document, while others may publish the
//! same names again.
//!
//! The same bytes written again may have the same version, so removing by version alone could
//! take away what somebody has just published. Therefore a removal marks the folder of its
//! blobs before it changes the document. Publishers look for the mark after they have read the
//! document and given a blob its key; see `maintenance/reclaim.rs`. It knows no document.

use crate::maintenance::{Mark, MarkState, RENEWED_WITHIN, clear, mark_of};
use crate::storage::{Before, Precondition, now, release, remove, stat_many};
use crate::types::{Digest, ObjectInfo};
use crate::{Error, log, random};

/// A removal of blobs in one folder, and of other objects that belong to them.
///
/// Call [`Removal::announce`] with the keys before the document is written without them, or
/// [`Removal::announce_from`] if the document has a proof; then write the document by compare-and-swap, then [`Removal::carry_out`]. If it is dropped, it removes nothing. If
/// somebody else is working in the folder, it leaves the blobs, which nothing names any more: `gc`
/// removes them.
///
/// ```
/// use packhouse_plugin::storage::{self, Change, Precondition, Removal};
/// # use packhouse_plugin::Error;
/// # let host = packhouse_plugin::testing::Host::new();
/// # host.insert("notes/a", "text")?;
/// # host.insert("index", "a")?;
///
/// let mut removal = Removal::of("notes");
/// storage::update("index", |index| {
///     removal.announce(&["notes/a".to_owned()])?;
///     Ok::<_, Error>(index.map_or(Change::Keep, |_| Change::Write(b"".to_vec())))
/// })?;
/// removal.carry_out();
/// assert_eq!(host.objects(), ["index"]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Removal {
    folder: String,
    state: State,
    blobs: Vec<ObjectInfo>,
}

#[derive(Debug)]
enum State {
    Begun,
    Marked(ObjectInfo),
    /// Somebody else marks the folder.
    Left,
}

impl Removal {
    /// `folder` is what the blobs' keys begin with, without the last `/`.
    pub fn of(folder: &str) -> Removal {
        Removal { folder: folder.to_owned(), state: State::Begun, blobs: Vec::new() }
    }

    /// Marks the folder and looks up the objects at these keys, which the document still names. May be
    /// called again when the document has changed: the keys of the last call are valid.
    pub fn announce(&mut self, keys: &[String]) -> Result<(), Error> {
        if let (State::Begun, false) = (&self.state, keys.is_empty()) {
            self.state = self.mark()?;
        }
        self.blobs = stat_many(keys)?.into_iter().flatten().collect();
        Ok(())
    }

    /// The same for blobs that are taken out of a document with a proof
    /// ([`Publish::proven`](crate::storage::Publish::proven)), which was read as `before` and remains: the
    /// proof must not say any more that the document names them. If the document goes too,
    /// [`RemovalMark::remove`](crate::maintenance::RemovalMark::remove) tells the proof.
    pub fn announce_from(&mut self, document: &str, before: &Before, keys: &[String]) -> Result<(), Error> {
        self.announce(keys)?;
        release(document, before, keys)
    }

    /// What lay at the keys of the last call.
    pub fn announced(&self) -> &[ObjectInfo] {
        &self.blobs
    }

    /// The mark is unlike any other, so that its version is.
    fn mark(&self) -> Result<State, Error> {
        let key = mark_of(&self.folder)?;
        let id = Digest::from_bytes("random", &random::bytes(16)).hex;
        let announce = |on| Mark::write(&key, MarkState::Announced, &id, &self.folder, on);
        let mut written = announce(Precondition::Absent);
        if written == Err(Error::Conflict)
            && let Some(there) = Mark::read(&key)?
            && there.is_left_over(now()?)
        {
            written = announce(Precondition::Version(&there.info.version));
        }
        match written {
            Ok(mark) => Ok(State::Marked(mark)),
            Err(Error::Conflict) => Ok(State::Left),
            Err(error) => Err(error),
        }
    }

    /// Removes the blobs as they were looked at, after the document has ceased to name them.
    /// Failing to is no failure of the request, so it is only logged.
    pub fn carry_out(mut self) {
        if let Err(error) = self.try_carry_out() {
            let fields = [("folder", self.folder.as_str()), ("error", &error.to_string())];
            log::warn("blobs that nothing references were left for `gc`", &fields);
        }
    }

    fn try_carry_out(&mut self) -> Result<(), Error> {
        let mut renewed: Option<u64> = None;
        for blob in std::mem::take(&mut self.blobs) {
            // Publishers take a mark that is not renewed for that of a process that was killed.
            let now = now()?;
            if renewed.is_none_or(|renewed| now.saturating_sub(renewed) > RENEWED_WITHIN) {
                renewed = Some(now);
                if !self.renew()? {
                    return Ok(());
                }
            }
            match remove(&blob.key, Precondition::Version(&blob.version)) {
                Ok(_) | Err(Error::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes the mark anew. False if it is no longer ours: a publisher wants to keep what lies
    /// there.
    fn renew(&mut self) -> Result<bool, Error> {
        let State::Marked(mark) = &mut self.state else { return Ok(false) };
        let (version, ours) = (&mark.version, Precondition::Version(&mark.version));
        match Mark::write(&mark.key, MarkState::Removing, version, &self.folder, ours) {
            Err(Error::Conflict) => {
                self.state = State::Left;
                Ok(false)
            }
            written => {
                *mark = written?;
                Ok(true)
            }
        }
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        if let State::Marked(mark) = &self.state
            && let Err(error) = clear(mark)
        {
            let fields = [("key", mark.key.as_str()), ("error", &error.to_string())];
            log::warn(
                "the mark of a removal was left behind: publishes take it over in two minutes",
                &fields,
            );
        }
    }
}
