//! Each file against what the index says of it. It changes nothing.

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage::{self, ListingOptions, list_page};
use packhouse_plugin::{Error, find_digest};

use super::Stored;
use crate::document::Line;
use crate::layout;
use crate::name::{CrateName, Version};

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

/// One step: crates in the order of their index files, until enough was read. The cursor is
/// the number of the crate's lines that were read before, and the key of its index file.
pub fn verify(step: &Step<'_>) -> Result<(), Error> {
    let cursor = step.cursor();
    let (read, after) = match cursor.as_deref().and_then(|cursor| cursor.split_once(' ')) {
        Some((read, key)) => (read.parse().unwrap_or(0), Some(key)),
        None => (0, None),
    };
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
    page.next.iter().for_each(|next| step.set_cursor(&format!("0 {next}")));
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
    if let Stored::TooLarge(limit) = &stored {
        step.damaged(key, &format!("it is larger than the {limit} bytes that can be read"));
    }
    let Some(index) = stored.index() else { return Ok(true) };
    for (number, line) in index.all_lines().enumerate().skip(read) {
        if done.is_enough() {
            step.set_cursor(&format!("{number} {key}"));
            return Ok(false);
        }
        match line.as_ref().and_then(|line| Some((line, release(&name, line)?))) {
            Some((line, (spelled, version))) => verify_version(step, &spelled, &version, line, done)?,
            None => step.damaged(key, &format!("its line {} is none of an index", number + 1)),
        }
    }
    Ok(true)
}

/// What the line is about, when that is the crate whose file it stands in.
fn release(name: &CrateName, line: &Line<'_>) -> Option<(CrateName, Version)> {
    let spelled = CrateName::parse(&line.name).ok()?;
    let version = Version::parse(&line.vers).ok()?;
    (spelled.lower() == name.lower()).then_some((spelled, version))
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
