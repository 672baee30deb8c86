//! Marks: the protocol between a collection that removes bytes and a client that publishes the same
//! bytes again.

use serde::Deserialize;

use crate::storage::{self, Document, Precondition, unless_conflict};
use crate::types::ObjectInfo;
use crate::{Error, log};

/// A mark of this age, in milliseconds, was left by a killed process.
pub(super) const DEAD: u64 = 10 * 60 * 1000;
/// The same for the state "removing". The host ends a call after a minute.
const STALLED: u64 = 2 * 60 * 1000;

/// The state of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkState {
    /// The removal is announced and can still be stopped.
    Announced,
    /// The removal has begun, and may have ended.
    Removing,
    /// A publisher has stopped the removal.
    Kept,
}

impl MarkState {
    const ALL: [(MarkState, &str); 3] =
        [(MarkState::Announced, "announced"), (MarkState::Removing, "removing"), (MarkState::Kept, "kept")];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }
}

/// The result of [`Mark::keep`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No removal is announced any more. Check afterwards whether the bytes are there.
    Safe,
    /// The removal has begun: do not reference the bytes.
    Removing,
}

/// Says that bytes are about to be removed. Stored as text: `{state} by {by}: {what}`. It changes
/// by compare-and-swap only, so that of a collection and a publisher of the same bytes exactly one
/// succeeds:
///
/// | the collection | the publisher |
/// |---|---|
/// | 1. writes "announced" | 1. writes the bytes |
/// | 2. checks again whether something references the bytes | 2. [`Mark::keep`] |
/// | 3. swaps to "removing"; on a conflict the bytes stay | 3. references the bytes if they exist |
/// | 4. removes the bytes, then the mark | |
///
/// [`Mark::keep`] is a swap too, and removes the mark only afterwards, because not every store can
/// remove by version in one step.
///
/// # Examples
/// ```
/// use packhouse_plugin::Error;
/// use packhouse_plugin::maintenance::{Mark, MarkState, Standing};
/// use packhouse_plugin::storage::Precondition;
/// # let host = packhouse_plugin::testing::Host::new();
///
/// let announce = || Mark::write("marks/1", MarkState::Announced, "run 7", "blobs/1", Precondition::Absent);
/// // The publisher is first: the collection's next swap is a conflict.
/// let announced = announce()?;
/// assert_eq!(Mark::keep("marks/1")?, Standing::Safe);
/// let ours = Precondition::Version(&announced.version);
/// let removing = Mark::write("marks/1", MarkState::Removing, "run 7", "blobs/1", ours);
/// assert_eq!(removing.unwrap_err(), Error::Conflict);
/// // The collection is first.
/// let announced = announce()?;
/// let ours = Precondition::Version(&announced.version);
/// Mark::write("marks/1", MarkState::Removing, "run 7", "blobs/1", ours)?;
/// assert_eq!(Mark::keep("marks/1")?, Standing::Removing);
/// assert_eq!(host.object("marks/1").unwrap(), b"removing by run 7: blobs/1");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// None if it cannot be read, or is empty because the disk was full. It may be "removing".
    pub state: Option<MarkState>,
    /// The run or request that wrote it; empty if unknown.
    pub by: String,
    pub info: ObjectInfo,
}

/// In the format of older versions of the OCI plugin.
#[derive(Deserialize)]
struct Condemned {
    run: String,
    state: String,
}

impl Mark {
    /// The mark at this key, if there is one. Fails like [`storage::get`].
    pub fn read(key: &str) -> Result<Option<Mark>, Error> {
        Ok(storage::get(key)?.as_ref().map(Mark::of))
    }

    /// Parses a document as a mark.
    pub fn of(document: &Document) -> Mark {
        let (state, by) = parse(&document.bytes);
        Mark { state, by, info: document.info.clone() }
    }

    /// Writes a mark. `by` must not contain `: `. `what` is for people who look into the store.
    /// `Conflict` if another process was faster. On stores whose versions are hashes, use another
    /// `by` for a mark that must differ from an earlier one.
    pub fn write(
        key: &str,
        state: MarkState,
        by: &str,
        what: &str,
        precondition: Precondition<'_>,
    ) -> Result<ObjectInfo, Error> {
        let text = format!("{} by {by}: {what}", state.word());
        storage::put(key, text.as_bytes(), precondition, None)
    }

    /// Stops an announced removal. A publisher calls it after it has written the bytes and before
    /// it references them.
    pub fn keep(key: &str) -> Result<Standing, Error> {
        Self::keep_unless(key, |_| Ok(false))
    }

    /// Like [`Mark::keep`], and also takes over removals that a killed process left behind, as
    /// decided by `is_left`.
    pub(super) fn keep_unless(
        key: &str,
        is_left: impl Fn(&Mark) -> Result<bool, Error>,
    ) -> Result<Standing, Error> {
        loop {
            let Some(found) = Self::read(key)? else { return Ok(Standing::Safe) };
            if found.state == Some(MarkState::Kept) {
                return Ok(Standing::Safe);
            }
            if found.is_removing() && !is_left(&found)? {
                found.report_unreadable();
                return Ok(Standing::Removing);
            }
            let theirs = Precondition::Version(&found.info.version);
            match storage::put(key, MarkState::Kept.word().as_bytes(), theirs, None) {
                // The collection or another publisher was faster: the present state decides.
                Err(Error::Conflict) => {}
                kept => {
                    // The mark is no longer needed. If another run changes it meanwhile, it belongs
                    // to that run.
                    clear(&kept?)?;
                    return Ok(Standing::Safe);
                }
            }
        }
    }

    /// For operators. An empty mark is not damage.
    fn report_unreadable(&self) {
        if self.state.is_none() && self.info.size > 0 {
            log::error("the mark of a removal cannot be read", &[("key", &self.info.key)]);
        }
    }

    /// Whether the removal may have begun.
    pub fn is_removing(&self) -> bool {
        matches!(self.state, None | Some(MarkState::Removing))
    }

    /// Whether no process uses this mark any more at `now`, by the store's clock. For marks that
    /// one call writes and removes.
    pub(crate) fn is_left_over(&self, now: u64) -> bool {
        match self.state {
            Some(MarkState::Kept) => true,
            Some(MarkState::Removing) => self.is_older(STALLED, now),
            Some(MarkState::Announced) | None => self.is_older(DEAD, now),
        }
    }

    fn is_older(&self, age: u64, now: u64) -> bool {
        is_older(&self.info, age, now)
    }
}

fn parse(bytes: &[u8]) -> (Option<MarkState>, String) {
    if let Ok(Condemned { run, state }) = serde_json::from_slice(bytes) {
        let state = match state.as_str() {
            "condemned" => Some(MarkState::Announced),
            "deleting" => Some(MarkState::Removing),
            "rescued" => Some(MarkState::Kept),
            _ => None,
        };
        return (state, run);
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let found = MarkState::ALL.iter().find_map(|(state, word)| Some((*state, text.strip_prefix(word)?)));
    let Some((state, rest)) = found else { return (None, String::new()) };
    let by = rest.strip_prefix(" by ").and_then(|rest| rest.split_once(": "));
    (Some(state), by.map(|(by, _)| by.to_owned()).unwrap_or_default())
}

pub(super) fn is_older(mark: &ObjectInfo, age: u64, now: u64) -> bool {
    mark.modified.is_some_and(|modified| modified.saturating_add(age) < now)
}

/// Removes a mark if it has not changed.
pub(crate) fn clear(mark: &ObjectInfo) -> Result<(), Error> {
    unless_conflict(storage::remove(&mark.key, Precondition::Version(&mark.version))).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_every_version_wrote_it() {
        for (bytes, state, by) in [
            ("announced by run 1: blobs/a: b", Some(MarkState::Announced), "run 1"),
            ("removing by run 1: blobs/a", Some(MarkState::Removing), "run 1"),
            ("removing with version 12", Some(MarkState::Removing), ""),
            ("kept", Some(MarkState::Kept), ""),
            (r#"{"run":"one","state":"condemned"}"#, Some(MarkState::Announced), "one"),
            (r#"{"run":"one","state":"deleting"}"#, Some(MarkState::Removing), "one"),
            (r#"{"run":"one","state":"rescued"}"#, Some(MarkState::Kept), "one"),
            (r#"{"run":"one","state":"later"}"#, None, "one"),
            (r#"{"run":"one""#, None, ""),
            ("", None, ""),
        ] {
            assert_eq!(parse(bytes.as_bytes()), (state, by.to_owned()), "{bytes}");
        }
        assert_eq!(parse(b"\xff").0, None);
    }
}
