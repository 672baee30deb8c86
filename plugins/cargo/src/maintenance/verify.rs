//! Each file against what the index says of it, files without an index, and the documents of
//! owners. It changes nothing.

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage::{self, ListingOptions, list_page};
use packhouse_plugin::{Error, ObjectInfo, find_digest};

use super::{Stored, folder};
use crate::document::{Index, Line, bad_line};
use crate::layout;
use crate::name::{CrateName, Version};
use crate::owners::Owners;

/// Keys of one step.
const KEYS: u32 = 500;
/// Versions after which a step ends, and bytes.
const MOST_VERSIONS: usize = 200;
const MOST_READ: u64 = 1 << 30;

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
/// and the documents of owners, a page of keys at a time. The cursor is a key, behind the
/// number of the lines of this index file that were read before.
pub fn verify(step: &Step<'_>) -> Result<(), Error> {
    let cursor = step.cursor();
    let (read, after) = match cursor.as_deref().and_then(|cursor| cursor.split_once(' ')) {
        Some((read, key)) => (read.parse().unwrap_or(0), Some(key)),
        None => (0, None),
    };
    match after {
        Some(after) if after.starts_with(layout::CRATES) => verify_files(step, after),
        Some(after) if after.starts_with(layout::OWNERS) => verify_owners(step, after),
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
        if !verify_crate(step, &object.key, 0, &mut done)? {
            return Ok(());
        }
    }
    go_on(step, page.next.as_deref().unwrap_or(layout::CRATES));
    Ok(())
}

/// Files of crates that have no index file.
fn verify_files(step: &Step<'_>, after: &str) -> Result<(), Error> {
    let page = list_page(&ListingOptions {
        after: Some(after).filter(|after| *after != layout::CRATES),
        limit: KEYS,
        ..ListingOptions::new(layout::CRATES)
    })?;
    for files in page.objects.chunk_by(|one, next| folder(&one.key) == folder(&next.key)) {
        let is_release = |file: &&ObjectInfo| layout::release_of_file(&file.key).is_some();
        let releases: Vec<ObjectInfo> = files.iter().filter(is_release).cloned().collect();
        let name = releases.first().and_then(|file| layout::release_of_file(&file.key));
        if let Some((name, _)) = name {
            step.report_orphans(&releases, &layout::index(&name))?;
        }
    }
    go_on(step, page.next.as_deref().unwrap_or(layout::OWNERS));
    Ok(())
}

fn verify_owners(step: &Step<'_>, after: &str) -> Result<(), Error> {
    let page = list_page(&ListingOptions {
        after: Some(after).filter(|after| *after != layout::OWNERS),
        limit: KEYS,
        ..ListingOptions::new(layout::OWNERS)
    })?;
    let keys: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        let why = match document {
            Ok(None) => continue,
            Ok(Some(document)) => match document.json::<Owners>() {
                Ok(owners) => wrong_owners(key, &owners),
                Err(error) => Some(format!("it is no document of owners: {error}")),
            },
            Err(Error::Damaged { why, .. }) => Some(why),
            Err(error) => return Err(error),
        };
        if let Some(why) = why {
            step.damaged(key, &why);
        }
    }
    page.next.iter().for_each(|next| go_on(step, next));
    Ok(())
}

fn wrong_owners(key: &str, owners: &Owners) -> Option<String> {
    match CrateName::parse(&owners.name) {
        Ok(name) if layout::owners(&name) == key => None,
        Ok(name) => Some(format!("it is about {name}")),
        Err(error) => Some(error.to_string()),
    }
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
    // What no single line shows: that it is empty, too large, or lists a version twice.
    if let (Stored::Damaged(_, why), false) = (&stored, told) {
        step.damaged_once(key, why);
    }
    Ok(true)
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
