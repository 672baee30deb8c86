//! The list of all gems and versions: the file `versions` of the compact index, and what is derived
//! from it. No push writes them.
//!
//! # How a change reaches the list
//! 1. A push leaves a note, `changes/{gem}`, and then changes the gem's document.
//! 2. A request that reads the list processes the notes. It adds a line for each gem whose document has
//!    changed since the list was made. The new lines go to `recent.json`, which is small.
//! 3. The lines are appended to `versions` when `versions` is older than [`INTERVAL`], or when there
//!    are many of them.
//!
//! So a reader sees each push that has ended, `versions` grows at its end, and it is written at
//! most once in an interval, however much is pushed.
//!
//! # Invariants
//! - A note stays for [`storage::GRACE`]: a push that left it may not have changed the document
//!   yet. After that the push has ended.
//! - The first request that reads the list writes `recent.json`, also beside the `versions` of an
//!   earlier system. So a gem whose document has no note shows that there was one.
//! - The notes are listed before `recent.json` is read, and that before `versions` is looked at: the
//!   request that removed a note has processed it.

use packhouse_plugin::digests::{self, MD5, SHA256};
use packhouse_plugin::storage::{self, Document, Json, Precondition, Writer, unless_conflict};
use packhouse_plugin::{Error, ObjectInfo, log, random};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::layout::{self, CHANGES, RECENT, VERSIONS};
use crate::name::GemName;
use listing::Listing;

pub mod anew;
pub mod listing;
pub mod rendered;

/// How old `versions` is before it is written again, in milliseconds by the store's clock.
pub const INTERVAL: u64 = 60_000;
/// So many bytes of lines are appended to `versions` before the interval has passed.
const MANY: usize = 1 << 20;
const TEXT: &str = "text/plain; charset=utf-8";
/// Stands with the version of a note for the version of a document that is not there.
const ABSENT: &str = "absent ";
/// Of `versions` while there is nothing in it. Clients do not read the time.
const EMPTY: &str = "created_at: 1970-01-01T00:00:00Z\n---\n";

/// What is stored beside `versions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Recent {
    /// The version in the store of `versions`; none while there is no such object.
    base: Option<String>,
    /// What follows its end.
    lines: String,
    /// Of both together.
    #[serde(flatten)]
    sums: Sums,
    /// By the name in lower case of each gem with a note: the version in the store of the document
    /// that its lines are about.
    seen: BTreeMap<String, String>,
    /// Of `versions` as it was at `base`; none in what an earlier version of this plugin wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<Sums>,
    /// Whether a reindex is writing the list anew and has not listed every gem yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_partial: bool,
}

impl Recent {
    /// What is stored, or nothing. It is never ignored: gems may be listed only here.
    fn of(stored: Option<&Document>) -> Result<Self, Error> {
        stored.map_or_else(|| Ok(Self::default()), Document::json)
    }

    /// No request reads a list that is being written anew.
    fn check_complete(&self) -> Result<(), Error> {
        if self.is_partial {
            return Err(Error::damaged(
                VERSIONS,
                "it is being written anew: wait for `packhouse reindex`, or run it again",
            ));
        }
        Ok(())
    }

    /// The lines that follow `versions` as it is now. Another request may have appended them since,
    /// and in a copied bucket the version is another one. `Damaged` if the gems that were in
    /// `versions` are not in it any more.
    fn beside(self, base: Option<&Document>) -> Result<Self, Error> {
        let version = base.map(|base| base.info.version.clone());
        let text = text_of(base)?;
        if Sums::of(text.clone() + &self.lines)? == self.sums {
            return Ok(Self { base: version, ..self });
        }
        let before = self
            .head
            .as_ref()
            .map_or_else(|| self.sums.size.saturating_sub(self.lines.len() as u64), |head| head.size);
        let begin = usize::try_from(before).ok().and_then(|size| text.as_bytes().get(..size));
        let is_kept = match (begin, &self.head) {
            (None, _) => false,
            (Some(begin), Some(head)) => Sums::of(begin)? == *head,
            (Some(_), None) => base.is_some() || self.base.is_none(),
        };
        if is_kept {
            return Ok(Self { base: version, is_partial: self.is_partial, ..Self::default() });
        }
        let what = if base.is_some() { "its text is not the one that was written" } else { "it is missing" };
        Err(Error::damaged(VERSIONS, format!("{what}: run `packhouse reindex` to write it anew")))
    }
}

/// Length and digests of a file of the compact index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    pub size: u64,
    /// In hexadecimal.
    pub md5: String,
    /// In hexadecimal.
    pub sha256: String,
}

impl Sums {
    pub fn of(content: impl AsRef<[u8]>) -> Result<Self, Error> {
        let content = content.as_ref();
        let found = digests::of(content, &[MD5, SHA256])?;
        let hex = |algorithm: &str| {
            found.iter().find(|digest| digest.algorithm == algorithm).map(|digest| digest.hex.clone())
        };
        Ok(Self {
            size: content.len() as u64,
            md5: hex(MD5).unwrap_or_default(),
            sha256: hex(SHA256).unwrap_or_default(),
        })
    }
}

/// The list as it is now: `versions`, if it is there, and the lines behind its end.
pub struct Current {
    /// The version in the store of `versions`.
    pub base: Option<String>,
    pub lines: String,
    pub sums: Sums,
}

impl Current {
    /// Whether there is no gem.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.lines == EMPTY
    }

    /// The whole text. `Conflict` when `versions` was replaced meanwhile.
    pub fn text(&self) -> Result<String, Error> {
        let base = read_base()?;
        if base.as_ref().map(|base| &base.info.version) != self.base.as_ref() {
            return Err(Error::Conflict);
        }
        Ok(text_of(base.as_ref())? + &self.lines)
    }
}

/// Leaves the note that a document is about to change. Pushes and yanks call this first.
pub fn announce(name: &GemName) -> Result<(), Error> {
    storage::put(&layout::change(name), &random::bytes(16), Precondition::Any, None).map(drop)
}

/// The list with all changes that have ended.
pub fn current() -> Result<Current, Error> {
    storage::retry(RECENT, |_| try_current())
}

/// None if somebody else has written the list meanwhile.
fn try_current() -> Result<Option<Current>, Error> {
    let mut notes: Vec<(GemName, ObjectInfo)> = Vec::new();
    for note in storage::list(CHANGES) {
        let note = note?;
        if let Some(name) = layout::gem_of_change(&note.key) {
            notes.push((name, note));
        }
    }
    let stored = storage::get(RECENT)?;
    let recent = Recent::of(stored.as_ref())?;
    recent.check_complete()?;
    let mut keys = vec![VERSIONS.to_owned()];
    keys.extend(notes.iter().map(|(name, _)| layout::document(name)));
    let mut found = storage::stat_many(&keys)?.into_iter();
    let base = found.next().flatten();
    let is_of_base = stored.is_some() && recent.base.as_ref() == base.as_ref().map(|info| &info.version);
    let seen: BTreeMap<String, String> = notes
        .iter()
        .zip(found)
        .map(|((name, note), info)| {
            let version = info.map_or_else(|| format!("{ABSENT}{}", note.version), |info| info.version);
            (name.lower(), version)
        })
        .collect();
    let is_seen = |(name, version): (&String, &String)| recent.seen.get(name) == Some(version);
    if is_of_base && seen.iter().all(is_seen) {
        return Ok(Some(Current { base: recent.base, lines: recent.lines, sums: recent.sums }));
    }
    if stored.is_none() {
        anew::check_begun(base.is_some())?;
    }
    if stored.is_none() && base.is_none() && seen.values().all(|version| version.starts_with(ABSENT)) {
        return Ok(Some(Current { base: None, lines: EMPTY.to_owned(), sums: Sums::of(EMPTY)? }));
    }
    let base = read_base()?;
    let recent = beside(stored.as_ref(), recent, base.as_ref())?;
    let dirty: Vec<&GemName> = notes
        .iter()
        .map(|(name, _)| name)
        .filter(|name| recent.seen.get(&name.lower()) != seen.get(&name.lower()))
        .collect();
    let folded = fold(stored.as_ref(), base.as_ref(), recent, &dirty, seen)?;
    if folded.is_some() {
        forget(&notes)?;
    }
    Ok(folded)
}

/// Without `recent.json`, `versions` is that of an earlier system: see [`anew::check_begun`].
fn beside(stored: Option<&Document>, recent: Recent, base: Option<&Document>) -> Result<Recent, Error> {
    match stored {
        Some(_) => recent.beside(base),
        None => Ok(Recent { base: base.map(|base| base.info.version.clone()), ..recent }),
    }
}

/// The whole text of the list with all changes that have ended.
pub fn text() -> Result<String, Error> {
    storage::retry(VERSIONS, |_| unless_conflict(current()?.text()))
}

/// Gives these gems their lines, whether there are notes of them or not.
pub fn follow(names: &[&GemName]) -> Result<(), Error> {
    storage::retry(RECENT, |_| {
        let stored = storage::get(RECENT)?;
        let recent = Recent::of(stored.as_ref())?;
        let base = read_base()?;
        let recent = beside(stored.as_ref(), recent, base.as_ref())?;
        let seen = recent.seen.clone();
        fold(stored.as_ref(), base.as_ref(), recent, names, seen)
    })?;
    Ok(())
}

/// Adds the lines of these gems and writes the list. None if another request has changed it.
fn fold(
    stored: Option<&Document>,
    base: Option<&Document>,
    recent: Recent,
    dirty: &[&GemName],
    seen: BTreeMap<String, String>,
) -> Result<Option<Current>, Error> {
    let mut lines = recent.lines;
    if base.is_none() && lines.is_empty() {
        lines = anew::header();
    }
    let before = text_of(base)?;
    let head = recent.head.map_or_else(|| Sums::of(&before), Ok)?;
    let whole = before.clone() + &lines;
    lines.push_str(&Listing::new(&whole).lines_for(dirty)?);
    let sums = Sums::of(before + &lines)?;
    let mut next =
        Recent { base: recent.base, lines, sums, seen, head: Some(head), is_partial: recent.is_partial };
    if let Some(written) = move_lines(base.map(|base| &base.info), &next.lines)? {
        let head = Some(next.sums.clone());
        next = Recent { base: Some(written.version), lines: String::new(), head, ..next };
    }
    let precondition = stored.map_or(Precondition::Absent, Document::precondition);
    let written = Json::<Recent>::at(RECENT).put(&next, precondition);
    let current = Current { base: next.base, lines: next.lines, sums: next.sums };
    Ok(unless_conflict(written)?.map(|_| current))
}

/// Appends the lines to `versions`, if the interval has passed or there are many. The store copies the
/// text before them. None if it is too early, or another request has changed `versions`.
fn move_lines(base: Option<&ObjectInfo>, lines: &str) -> Result<Option<ObjectInfo>, Error> {
    if lines.is_empty() {
        return Ok(None);
    }
    let age = base.map(storage::age).transpose()?.flatten();
    if lines.len() < MANY && age.is_some_and(|age| age < INTERVAL) {
        return Ok(None);
    }
    let mut longer = Writer::new(&[]);
    if let Some(base) = base {
        match longer.append_object(VERSIONS, &base.version) {
            Err(Error::Conflict | Error::NotFound) => return Ok(None),
            appended => appended?,
        }
    }
    longer.add(lines.as_bytes())?;
    let precondition = base.map_or(Precondition::Absent, |info| Precondition::Version(&info.version));
    unless_conflict(longer.finish()?.commit(VERSIONS, &[], precondition, Some(TEXT)))
}

/// Removes the notes whose pushes have ended. If one cannot be removed, the request continues.
fn forget(notes: &[(GemName, ObjectInfo)]) -> Result<(), Error> {
    for (_, note) in notes {
        if storage::age(note)?.is_none_or(|age| age <= 2 * storage::GRACE) {
            continue;
        }
        if let Err(error) = unless_conflict(storage::remove(&note.key, Precondition::Version(&note.version)))
        {
            let fields = [("key", note.key.as_str()), ("error", &error.to_string())];
            log::warn("a note of a change could not be removed", &fields);
        }
    }
    Ok(())
}

fn read_base() -> Result<Option<Document>, Error> {
    storage::get(VERSIONS)
}

/// What an earlier system has written may lack the line feed at its end.
fn text_of(base: Option<&Document>) -> Result<String, Error> {
    let Some(base) = base else { return Ok(String::new()) };
    let text = std::str::from_utf8(&base.bytes)
        .map_err(|_| base.damaged("it is not UTF-8; run `packhouse reindex`"))?;
    Ok(text.to_owned())
}

/// The stored list, without the changes that it does not contain yet. It changes nothing. `Damaged` if
/// a request would get an error.
pub fn peek() -> Result<String, Error> {
    let stored = storage::get(RECENT)?;
    Recent::of(stored.as_ref())?.check_complete()?;
    if stored.is_none() {
        anew::check_begun(storage::stat(VERSIONS)?.is_some())?;
    }
    anew::draft()
}
