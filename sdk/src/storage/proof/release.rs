//! Files that a request takes out of a document that remains.
//!
//! | who takes a file out | who has published it |
//! |---|---|
//! | 1. reads the document | 1. writes the document that names the file |
//! | 2. takes the file out of the proof | 2. writes into the proof that the document names it |
//! | 3. writes the document without the file | |
//!
//! Step 2 of the publish may come last. So the proof keeps for a while which files were taken out of
//! which state of the document: who has published one of them into that state, or into an earlier one,
//! adds nothing. Who publishes it after step 3 has a later stamp.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Before, Proof, State};
use crate::Error;
use crate::storage::{GRACE, now, retry, unless_conflict};

/// A file that was taken out of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Released {
    /// The stamp of the document that named it.
    of: u64,
    /// By the store's clock, in milliseconds since the Unix epoch.
    at: u64,
}

impl State {
    /// Whether a request has taken this file out of the document with this stamp, or out of a later one.
    pub(super) fn is_released(&self, file: &str, stamp: u64) -> bool {
        self.released.get(file).is_some_and(|released| released.of >= stamp)
    }

    /// Forgets what no request can be late for any more.
    pub(super) fn forget_released(&mut self) -> Result<(), Error> {
        if !self.released.is_empty() {
            let now = now()?;
            self.released.retain(|_, released| now.saturating_sub(released.at) <= GRACE);
        }
        Ok(())
    }
}

/// Takes files out of the proof, before the document, which was read as `before`, is written without
/// them. [`Removal::announce_from`](crate::storage::Removal::announce_from) does this.
pub fn release(document: &str, before: &Before, files: &[String]) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    let at = now()?;
    retry(document, |_| {
        let mut proof = Proof::of(document)?;
        let of = before.stamp.unwrap_or(0).max(proof.state.stamp);
        proof.state.forget_released()?;
        let released: BTreeMap<String, Released> =
            files.iter().map(|file| (file.clone(), Released { of, at })).collect();
        proof.state.files.retain(|file, _| !released.contains_key(file));
        proof.state.notes.retain(|file, _| !released.contains_key(file));
        proof.state.released.extend(released);
        Ok(unless_conflict(proof.write())?.map(drop))
    })
}
