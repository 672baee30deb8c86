//! What the garbage collection is about to remove, as whoever brings content meets it: a
//! condemned blob can be rescued until its removal has begun.
//!
//! # Invariants
//! - The document at [`layout::condemned`] changes by compare-and-swap only, so that of a
//!   rescue and a removal exactly one happens. A rescue is a swap too: not every store
//!   removes by version in one step.

use packhouse_plugin::storage::{self, Json, ObjectInfo, Precondition, unless_conflict};
use packhouse_plugin::{Error, log};
use serde::{Deserialize, Serialize};

use crate::digest::ContentDigest;
use crate::layout;

/// A blob that nobody named when it was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemned {
    /// Which run of the collection.
    pub run: String,
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It can be rescued.
    Condemned,
    /// It is being removed, or already is.
    Deleting,
    /// Whoever brought it has taken it out of the collection's hands.
    Rescued,
}

/// How a blob stands after [`rescue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is after it any more.
    Safe,
    /// Its removal has begun.
    Deleting,
}

/// Takes a condemned blob out of the collection's hands if that can still be done.
pub fn rescue(digest: &ContentDigest) -> Result<Standing, Error> {
    let key = layout::condemned(digest);
    loop {
        let Some(document) = storage::get(&key)? else {
            return Ok(Standing::Safe);
        };
        let condemned = match document.json::<Condemned>() {
            Ok(Condemned { run, state: State::Condemned }) => Condemned { run, state: State::Rescued },
            Ok(Condemned { state: State::Rescued, .. }) => return Ok(Standing::Safe),
            Ok(Condemned { state: State::Deleting, .. }) => return Ok(Standing::Deleting),
            Err(error) => {
                log::error("a condemnation cannot be read", &[("error", &error.to_string())]);
                return Ok(Standing::Deleting);
            }
        };
        match condemned.write(digest, document.precondition()) {
            // The swap has done the work: what another run makes of it is that run's.
            Ok(rescued) => {
                let precondition = Precondition::Version(&rescued.version);
                unless_conflict(storage::remove(&rescued.key, precondition))?;
                return Ok(Standing::Safe);
            }
            // The collection, or another rescuer, was quicker: what is there now decides.
            Err(Error::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
}

/// [`rescue`] of several; those whose removal has begun. Most are in nobody's hands, which is
/// seen with one look.
pub fn rescue_all(digests: &[ContentDigest]) -> Result<Vec<ContentDigest>, Error> {
    let keys: Vec<String> = digests.iter().map(layout::condemned).collect();
    let found = storage::stat_many(&keys)?;
    let mut lost = Vec::new();
    for (digest, _) in digests.iter().zip(found).filter(|(_, found)| found.is_some()) {
        if rescue(digest)? == Standing::Deleting {
            lost.push(digest.clone());
        }
    }
    Ok(lost)
}

impl Condemned {
    /// Writes it down; `Conflict` when somebody else was quicker.
    pub fn write(&self, digest: &ContentDigest, precondition: Precondition<'_>) -> Result<ObjectInfo, Error> {
        Json::at(layout::condemned(digest)).put(self, precondition)
    }
}
