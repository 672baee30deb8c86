//! The index file as it will be with the new version, made before anything is committed.

use packhouse_plugin::storage::{self, Document, Entry};

use super::super::stored::StoredName;
use super::repair::Broken;
use super::{Publication, require_publish, version_exists};
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
/// spelling of the name or of the version is there by now, 413 when the file would grow over
/// what can be read back.
pub fn look(publication: &Publication<'_>, current: Option<&Document>) -> Result<Entry, Error> {
    let there = current.map(|document| document.bytes.as_slice()).unwrap_or_default();
    let index = Index::new(there);
    if let Some(document) = current {
        index.check(publication.name).map_err(|why| document.damaged(why))?;
    }
    if let Some(line) = index.find(publication.version)
        && index.name().as_ref() == Some(publication.name)
    {
        let is_same = line.cksum.eq_ignore_ascii_case(publication.checksum);
        return Ok(if is_same { Entry::Same } else { Entry::Other });
    }
    check_against(publication.name, publication.version, current)?;
    let bytes = index.with_line(&publication.line);
    if bytes.len() as u64 > storage::DEFAULT_LIMIT {
        return Err(Error::because(
            error::TOO_LARGE,
            "this crate has more versions than its index file can hold; publish under another name",
        ));
    }
    Ok(Entry::New(bytes))
}

fn check_against(name: &CrateName, version: &Version, current: Option<&Document>) -> Result<(), Error> {
    // Asked again of what is built on: an owner may be none any more.
    let stored = current.map(StoredName::of_document).transpose()?;
    require_publish(name, stored.as_ref())?;
    let Some(document) = current else {
        return Ok(name.check_new()?);
    };
    let index = Index::new(&document.bytes);
    // A new line would hide that others are lost.
    index.check(name).map_err(|why| document.damaged(why))?;
    match index.find_same_release(version) {
        Some(there) => Err(version_exists(name, version, &there)),
        None => Ok(()),
    }
}
