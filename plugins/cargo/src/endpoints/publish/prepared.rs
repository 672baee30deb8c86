//! The index file with the new version, made before anything is stored.

use packhouse_plugin::storage::{self, Document, Entry};

use super::repair::Broken;
use super::{Publication, require_publish, version_exists};
use crate::access::StoredName;
use crate::document::Index;
use crate::error::{self, Error};
use crate::layout;
use crate::name::{CrateName, Version};

/// What a publish meets.
pub enum Seen {
    /// The version is free; what the index says so far.
    Free(Option<Document>),
    /// The version is there, and its stored file is damaged.
    Broken(Broken),
}

/// Refuses what could not be published now.
pub fn check(name: &CrateName, version: &Version) -> Result<Seen, Error> {
    let current = storage::get(&layout::index(name))?;
    match (check_against(name, version, current.as_ref()), &current) {
        (Err(error), Some(document)) if error.code() == error::VERSION_EXISTS.code => {
            return Broken::find(name, version, document)?.map(Seen::Broken).ok_or(error);
        }
        (checked, _) => checked?,
    }
    if current.is_none() {
        super::name::check_free(name)?;
    }
    Ok(Seen::Free(current))
}

/// What the index says of the version, and how it will be with the line. 409 when another
/// spelling of the name or of the version is there by now.
pub fn look(publication: &Publication<'_>, current: Option<&Document>) -> Result<Entry, Error> {
    let Publication { name, version, .. } = publication;
    let there = current.map(|document| document.bytes.as_slice()).unwrap_or_default();
    let index = Index::new(there);
    let same = current.map(|document| find_same_release(name, version, document)).transpose()?.flatten();
    if same.as_ref() == Some(*version)
        && index.name().as_ref() == Some(*name)
        && let Some(line) = index.find(version)
    {
        let is_same = line.cksum.eq_ignore_ascii_case(publication.checksum);
        return Ok(if is_same { Entry::Same } else { Entry::Other });
    }
    check_caller(name, current)?;
    if let Some(there) = same {
        return Err(version_exists(name, version, &there));
    }
    Ok(Entry::New(index.with_line(&publication.line)))
}

fn check_against(name: &CrateName, version: &Version, current: Option<&Document>) -> Result<(), Error> {
    check_caller(name, current)?;
    let same = current.map(|document| find_same_release(name, version, document)).transpose()?.flatten();
    same.map_or(Ok(()), |there| Err(version_exists(name, version, &there)))
}

/// Asked again of what is built on: an owner may be none any more.
fn check_caller(name: &CrateName, current: Option<&Document>) -> Result<(), Error> {
    let stored = current.map(StoredName::of_document).transpose()?;
    require_publish(name, stored.as_ref(), StoredName::decide_again)?;
    if current.is_none() { Ok(name.check_new()?) } else { Ok(()) }
}

/// In an index that is whole: a new line would hide that others are lost.
fn find_same_release(
    name: &CrateName,
    version: &Version,
    document: &Document,
) -> Result<Option<Version>, Error> {
    let index = Index::new(&document.bytes);
    let found = index.check_to_change(name).and_then(|()| index.find_same_release(version));
    Ok(found.map_err(|why| document.damaged(why))?)
}
