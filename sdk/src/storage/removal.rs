//! Removing blobs that a request takes out of their document, while others may publish the
//! same names again.
//!
//! The same bytes written again may have the same version, so removing by version alone could
//! take away what somebody has just published. Therefore a removal marks the folder of its
//! blobs before it changes the document. Publishers look for the mark after they have read the
//! document and given a blob its key; see `maintenance/reclaim.rs`. It knows no document.

use crate::maintenance::{ANNOUNCED, DEAD, REMOVING, clear, mark_of};
use crate::storage::{Precondition, now, put, remove, stat_many};
use crate::types::{Digest, ObjectInfo};
use crate::{Error, log, random};

/// A removal of blobs that lie in one folder, and of what lies elsewhere beside them.
///
/// Call [`Removal::announce`] with the keys before the document is written without them, then
/// write the document by compare-and-swap, then [`Removal::carry_out`]. Dropped, it removes
/// nothing. What it leaves in place, because somebody else is at work in the folder, nothing
/// names any more: `gc` removes it.
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
    /// Ours, since this moment by the store's clock.
    Marked(ObjectInfo, u64),
    /// Somebody else marks the folder.
    Left,
}

impl Removal {
    /// `folder` is what the blobs' keys begin with, without the last `/`.
    pub fn of(folder: &str) -> Removal {
        Removal { folder: folder.to_owned(), state: State::Begun, blobs: Vec::new() }
    }

    /// Marks the folder and looks at what lies at these keys, which the document still names.
    /// May be called again when the document has changed: the keys of the last call are valid.
    pub fn announce(&mut self, keys: &[String]) -> Result<(), Error> {
        if let (State::Begun, false) = (&self.state, keys.is_empty()) {
            self.state = self.mark()?;
        }
        self.blobs = stat_many(keys)?.into_iter().flatten().collect();
        Ok(())
    }

    /// What lay at the keys of the last call.
    pub fn announced(&self) -> &[ObjectInfo] {
        &self.blobs
    }

    /// The mark is unlike any other, so that its version is.
    fn mark(&self) -> Result<State, Error> {
        let since = now()?;
        let id = Digest::from_bytes("random", &random::bytes(16)).hex;
        let text = format!("{ANNOUNCED} by {id}: {}", self.folder);
        match put(&mark_of(&self.folder)?, text.as_bytes(), Precondition::Absent, None) {
            Ok(mark) => Ok(State::Marked(mark, since)),
            Err(Error::Conflict) => Ok(State::Left),
            Err(error) => Err(error),
        }
    }

    /// Removes the blobs as they were looked at, after the document has ceased to name them.
    /// Failing to is no failure of the request, so it is only logged.
    pub fn carry_out(mut self) {
        if let Err(error) = self.try_carry_out() {
            let fields = [("folder", self.folder.as_str()), ("error", &error.to_string())];
            log::warn("blobs that nothing names any more were left for `gc`", &fields);
        }
    }

    fn try_carry_out(&mut self) -> Result<(), Error> {
        let State::Marked(mark, since) = &mut self.state else { return Ok(()) };
        let text = format!("{REMOVING} with version {}", mark.version);
        match put(&mark.key, text.as_bytes(), Precondition::Version(&mark.version), None) {
            // A publisher wants to keep what lies there.
            Err(Error::Conflict) => {
                self.state = State::Left;
                return Ok(());
            }
            written => *mark = written?,
        }
        for blob in self.blobs.drain(..) {
            if now()?.saturating_sub(*since) > DEAD / 2 {
                return Err(Error::Unavailable("removing them takes too long".to_owned()));
            }
            match remove(&blob.key, Precondition::Version(&blob.version)) {
                Ok(_) | Err(Error::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        if let State::Marked(mark, _) = &self.state
            && let Err(error) = clear(mark)
        {
            let fields = [("key", mark.key.as_str()), ("error", &error.to_string())];
            log::warn("the mark of a removal was left behind, and is valid for ten minutes", &fields);
        }
    }
}
