//! Each file against what the index says of it, files without an index, and the documents of
//! owners. It changes nothing.

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::maintenance::{Reference, Step};
use packhouse_plugin::storage::{self, ListingOptions, PROOFS, list_page};
use packhouse_plugin::{Error, ObjectInfo, find_digest};

use super::collect::is_left_over;
use super::{Stored, folder, is_published_here, lost_owners, wrong_owners};
use crate::document::{Index, Line, bad_line};
use crate::layout;
use crate::name::{CrateName, Version};
use crate::owners::Owners;

/// Keys of one step.
const KEYS: u32 = 500;
/// Bytes of index files after which a step that looks at files ends.
const MOST_OF_INDEXES: u64 = 16 << 20;
/// Versions after which a step ends, and bytes.
const MOST_VERSIONS: usize = 200;
const MOST_READ: u64 = 1 << 30;

/// What the layout has folders for.
const FOLDERS: [&str; 3] = ["index", "crates", "owners"];

/// What a step has done so far.
#[derive(Default)]
struct Done {
    versions: usize,
    bytes: u64,
}

impl Done {
    fn is_enough(&self) -> bool {
        self.versions >= MOST_VERSIONS || self.bytes >= MOST_READ
    }
}

/// One step: crates in the order of their index files, until enough was read; then the files,
/// the documents of owners, and the proofs, a page of keys at a time. The cursor is a key, behind the
/// number of the lines of this index file that were read before.
pub fn verify(step: &Step<'_>) -> Result<(), Error> {
    let cursor = step.cursor();
    let (read, after) = match cursor.as_deref().and_then(|cursor| cursor.split_once(' ')) {
        Some((read, key)) => (read.parse().unwrap_or(0), Some(key)),
        None => (0, None),
    };
    if after.is_none() {
        step.report_files_for_folders(&FOLDERS)?;
    }
    match after {
        Some(after) if after.starts_with(layout::CRATES) => verify_files(step, after),
        Some(after) if after.starts_with(layout::OWNERS) => verify_owners(step, after),
        Some(after) if after.starts_with(PROOFS) => {
            step.report_lost(Some(after))?.iter().for_each(|next| go_on(step, next));
            Ok(())
        }
        after => verify_indexes(step, read, after),
    }
}

fn go_on(step: &Step<'_>, key: &str) {
    step.set_cursor(&format!("0 {key}"));
}

fn verify_indexes(step: &Step<'_>, read: usize, after: Option<&str>) -> Result<(), Error> {
    let mut done = Done::default();
    if let Some(key) = after.filter(|_| read > 0)
        && !verify_crate(step, key, read, &mut done)?
    {
        return Ok(());
    }
    let page = list_page(&ListingOptions { after, limit: KEYS, ..ListingOptions::new(layout::INDEX) })?;
    for object in &page.objects {
        if step.report_misplaced(layout::misplaced(&object.key)) {
            continue;
        }
        if !verify_crate(step, &object.key, 0, &mut done)? {
            return Ok(());
        }
    }
    go_on(step, page.next.as_deref().unwrap_or(layout::CRATES));
    Ok(())
}

/// Files that no index names, or that have no index file.
fn verify_files(step: &Step<'_>, after: &str) -> Result<(), Error> {
    let page = list_page(&ListingOptions {
        after: Some(after).filter(|after| *after != layout::CRATES),
        limit: KEYS,
        ..ListingOptions::new(layout::CRATES)
    })?;
    let mut read = 0;
    for files in page.objects.chunk_by(|one, next| folder(&one.key) == folder(&next.key)) {
        read += verify_files_of_crate(step, files)?;
        if let Some(last) = files.last().filter(|_| read > MOST_OF_INDEXES) {
            go_on(step, &last.key);
            return Ok(());
        }
    }
    go_on(step, page.next.as_deref().unwrap_or(layout::OWNERS));
    Ok(())
}

/// Gives the bytes that were read.
fn verify_files_of_crate(step: &Step<'_>, files: &[ObjectInfo]) -> Result<u64, Error> {
    for file in files {
        step.report_misplaced(layout::misplaced(&file.key));
    }
    let releases: Vec<(&ObjectInfo, CrateName, Version)> = files
        .iter()
        .filter_map(|file| layout::release_of_file(&file.key).map(|(name, version)| (file, name, version)))
        .collect();
    let Some((_, name, _)) = releases.first() else { return Ok(0) };
    let stored = Stored::read(name)?;
    let unnamed: Vec<(&ObjectInfo, Reference)> = releases
        .iter()
        .map(|(file, _, version)| (*file, stored.reference(version)))
        .filter(|(_, reference)| *reference != Reference::Named)
        .collect();
    let begun = if unnamed.is_empty() { None } else { stored.begun() };
    let unnamed: Vec<_> =
        unnamed.into_iter().map(|(file, reference)| (file, reference.beside(file, begun))).collect();
    step.report_unnamed(&unnamed, &layout::index(name))?;
    Ok(stored.size())
}

fn verify_owners(step: &Step<'_>, after: &str) -> Result<(), Error> {
    let page = list_page(&ListingOptions {
        after: Some(after).filter(|after| *after != layout::OWNERS),
        limit: KEYS,
        ..ListingOptions::new(layout::OWNERS)
    })?;
    let keys: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
    for (object, document) in page.objects.iter().zip(storage::get_each(&keys)) {
        let key = &object.key;
        if step.report_misplaced(layout::misplaced(key)) {
            continue;
        }
        let why = match document {
            Ok(None) => continue,
            Ok(Some(document)) => match document.json::<Owners>() {
                Ok(owners) => {
                    report_ownerless(step, object, &owners)?;
                    wrong_owners(key, &owners)
                }
                Err(error) => Some(format!("it is no document of owners: {error}")),
            },
            Err(Error::Damaged { why, .. }) => Some(why),
            Err(error) => return Err(error),
        };
        if let Some(why) = why {
            step.damaged(key, &why);
        }
    }
    go_on(step, page.next.as_deref().unwrap_or(PROOFS));
    Ok(())
}

/// Owners of a crate that is not there.
fn report_ownerless(step: &Step<'_>, object: &ObjectInfo, owners: &Owners) -> Result<(), Error> {
    let Ok(name) = CrateName::parse(&owners.name) else { return Ok(()) };
    if is_left_over(step, object, &name)? {
        step.orphan(
            &object.key,
            object.size,
            &format!("there is no crate {name}: `packhouse gc` removes it"),
        );
    }
    Ok(())
}

/// The crate whose index file this is, less the lines that were read before. False, with the
/// cursor set, when the step has done enough.
fn verify_crate(step: &Step<'_>, key: &str, read: usize, done: &mut Done) -> Result<bool, Error> {
    let Some(name) = layout::crate_of_index(key) else { return Ok(true) };
    let stored = Stored::read(&name)?;
    if read == 0 {
        step.checked(1, stored.size());
    }
    let mut told = false;
    let lines = stored.index().into_iter().flat_map(Index::all_lines).enumerate();
    for (number, line) in lines.skip(read) {
        if done.is_enough() {
            step.set_cursor(&format!("{number} {key}"));
            return Ok(false);
        }
        if let Some((line, (spelled, version))) =
            line.as_ref().and_then(|line| Some((line, line.release(&name)?)))
        {
            verify_version(step, &spelled, &version, line, done)?;
        } else {
            told = true;
            step.damaged(key, &bad_line(number));
        }
    }
    if read == 0 {
        verify_has_owners(step, &stored)?;
    }
    // What no single line shows: that it is empty, too large, or lists a version twice.
    if let (Stored::Damaged(_, why), false) = (&stored, told) {
        step.damaged_once(key, why);
    }
    Ok(true)
}

fn verify_has_owners(step: &Step<'_>, stored: &Stored) -> Result<(), Error> {
    let Stored::Index(document) = stored else { return Ok(()) };
    let index = Index::new(&document.bytes);
    let Some(name) = index.name().filter(|_| is_published_here(index)) else { return Ok(()) };
    let key = layout::owners(&name);
    if storage::stat(&key)?.is_none() {
        step.damaged(&key, &lost_owners(&name));
    }
    Ok(())
}

fn verify_version(
    step: &Step<'_>,
    name: &CrateName,
    version: &Version,
    line: &Line<'_>,
    done: &mut Done,
) -> Result<(), Error> {
    let keys = [layout::crate_file(name, version), layout::lower_crate_file(name, version)];
    done.versions += 1;
    let found = storage::stat_many(&keys)?.into_iter().flatten().next();
    let size = found.as_ref().map_or(0, |info| info.size);
    let [key, _] = keys;
    let key = found.map_or(key, |info| info.key);
    done.bytes += size;
    step.checked(1, size);
    let why = match digest(&key)? {
        None => "it is missing, and the index names it".to_owned(),
        Some(computed) if computed.eq_ignore_ascii_case(&line.cksum) => return Ok(()),
        Some(computed) => format!("its SHA-256 is {computed}, and the index says {}", line.cksum),
    };
    // It may have been replaced by hand while it was read; a publish never does that.
    let now = Stored::read(name)?;
    let is_still_so =
        now.index().and_then(|index| index.find(version)).is_some_and(|now| now.cksum == line.cksum);
    if is_still_so {
        step.damaged(&key, &why);
    }
    Ok(())
}

/// None when nothing is there. What is replaced while it is read is read again, once.
fn digest(key: &str) -> Result<Option<String>, Error> {
    let digests = match storage::digests(key, &[SHA256]) {
        Err(Error::Conflict) => storage::digests(key, &[SHA256])?,
        read => read?,
    };
    Ok(digests.and_then(|digests| find_digest(&digests, SHA256).map(|digest| digest.hex.clone())))
}
