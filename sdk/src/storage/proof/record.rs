//! Writing the proof of a document after the document was written.

use super::{Name, Proof, proof_of};
use crate::storage::{Precondition, get, put, stamp, stat, unless_conflict, wait_turn};
use crate::types::ObjectInfo;
use crate::{Error, clock, log};

/// How often a proof is written against others.
const ATTEMPTS: u32 = 20;

impl Proof {
    /// Writes down that the document was `written` a moment before with this stamp, and that it names
    /// these. That it cannot be written is no failure of the change, so it is only logged: the
    /// next change tries again. Gives the document if it was written once more, with a later stamp.
    pub(crate) fn record(
        self,
        written: &ObjectInfo,
        stamp: Option<u64>,
        names: &[Name],
    ) -> Option<ObjectInfo> {
        let document = self.document.clone();
        match self.try_record(&written.version, stamp.unwrap_or(0), names) {
            Ok(again) => again,
            Err(error) => {
                let fields = [("key", document.as_str()), ("error", &error.to_string())];
                log::warn("the proof of a document could not be written", &fields);
                None
            }
        }
    }

    /// See the modules `removal` and `release`.
    pub(super) fn try_record(
        mut self,
        version: &str,
        mut stamp: u64,
        names: &[Name],
    ) -> Result<Option<ObjectInfo>, Error> {
        let key = proof_of(&self.document);
        let mut again = None;
        for attempt in 1..=ATTEMPTS {
            if self.state.is_removed_since(stamp) {
                if stamp == 0 {
                    // A document that can have no stamp may be another one.
                    if stat(&self.document)?.is_none() {
                        return Ok(None);
                    }
                } else {
                    let stamped = if again.is_none() { self.stamp_again(version, stamp)? } else { None };
                    let Some((written, later)) = stamped else { return Ok(again) };
                    (again, stamp) = (Some(written), later);
                }
            }
            let names: Vec<&Name> =
                names.iter().filter(|name| !self.state.is_released(&name.name, stamp)).collect();
            if self.is_there()
                && self.state.stamp >= stamp
                && names.iter().all(|name| self.knows(name, stamp))
                && !self.has_news(stamp)
            {
                return Ok(again);
            }
            // After a removal, and where somebody has taken the proof away meanwhile, the document may be
            // gone by now.
            let may_be_gone = self.state.is_removed() || (attempt > 1 && self.info.is_none());
            self.begin_anew_after_removal();
            self.say(stamp, &names);
            self.state.forget_released()?;
            if let Some(written) = unless_conflict(self.write())? {
                if may_be_gone && stat(&self.document)?.is_none() {
                    self.info = Some(written);
                    self.state.remove(stamp, "");
                    unless_conflict(self.write())?;
                }
                return Ok(again);
            }
            wait_turn(&key, attempt)?;
            self = Proof { base: self.base, new: self.new, ..Proof::of(&self.document)? };
        }
        Err(Error::Unavailable("others kept changing it".to_owned()))
    }

    fn say(&mut self, stamp: u64, names: &[&Name]) {
        // No stamp says that the document is later than the removal.
        if stamp == 0 && self.state.is_removed() {
            self.state.removal = None;
        }
        // A later change may have said something else of them.
        let is_latest = self.state.stamp <= stamp;
        self.say_new(stamp);
        self.state.stamp = self.state.stamp.max(stamp);
        for Name { name, note, since } in names {
            let since = since.unwrap_or_else(clock::now);
            self.state.files.entry(name.clone()).or_insert(since);
            if let (Some(note), true) = (note, is_latest || self.note(name).is_none()) {
                self.state.notes.insert(name.clone(), note.clone());
            }
        }
    }

    /// Gives the document a later stamp than the last removal has, if it is still the one that this
    /// request has begun, in this version, and did not know of the removal. None if it is not. The stamp
    /// does not tell that: two requests that begin at one moment give the same.
    fn stamp_again(&self, version: &str, stamp: u64) -> Result<Option<(ObjectInfo, u64)>, Error> {
        if !self.is_begun() {
            return Ok(None);
        }
        let Some(there) = get(&self.document)?.filter(|there| there.info.version == version) else {
            return Ok(None);
        };
        let later = self.next_stamp(Some(stamp));
        let bytes = stamp::with(&self.document, there.bytes, later);
        let content_type = there.info.content_type.as_deref();
        let written = put(&self.document, &bytes, Precondition::Version(version), content_type);
        Ok(unless_conflict(written)?.map(|written| (written, later)))
    }
}
