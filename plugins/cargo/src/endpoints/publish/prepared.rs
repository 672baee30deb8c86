//! The index file as it will be with the new version, made before anything is committed.

use packhouse_plugin::storage::{self, Document, Precondition};

use super::super::TEXT;
use super::repair::Broken;
use super::{Publication, require_publish, version_exists};
use crate::document::Index;
use crate::error::{self, Error};
use crate::layout;
use crate::name::{CrateName, Version};

/// The new file, against what it was made of.
pub struct Prepared {
    bytes: Vec<u8>,
    /// None when there was none.
    version: Option<String>,
}

/// What a publish meets.
pub enum Seen {
    /// The version is free; what the index says so far.
    Free(Option<Document>),
    /// The version is there, and its stored file is damaged.
    Broken(Broken),
}

impl Prepared {
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

    /// What [`Prepared::check`] gave, with the line: it is read again when it has changed
    /// since. 409 when the version or another spelling of the name is there by now.
    pub fn of(publication: &Publication<'_>, seen: Option<Document>) -> Result<Self, Error> {
        let now = storage::stat(&layout::index(publication.name))?;
        let version = |document: &Document| document.info.version.clone();
        if seen.as_ref().map(version) != now.map(|now| now.version) {
            drop(seen);
            return Self::new(publication);
        }
        // An upload may take long: an owner may be none any more.
        require_publish(publication.name, seen.is_some())?;
        Self::with_line(publication, seen)
    }

    /// Reads what is there and adds the line: 409 when the version or another spelling of
    /// the name is there already.
    fn new(publication: &Publication<'_>) -> Result<Self, Error> {
        let current = storage::get(&layout::index(publication.name))?;
        check_against(publication.name, publication.version, current.as_ref())?;
        Self::with_line(publication, current)
    }

    /// 413 when the file would grow over what can be read back.
    fn with_line(publication: &Publication<'_>, current: Option<Document>) -> Result<Self, Error> {
        let there = current.as_ref().map(|document| document.bytes.as_slice()).unwrap_or_default();
        let bytes = Index::new(there).with_line(&publication.line);
        if bytes.len() as u64 > storage::DEFAULT_LIMIT {
            return Err(Error::because(
                error::TOO_LARGE,
                "this crate has more versions than its index file can hold; publish under another name",
            ));
        }
        Ok(Self { bytes, version: current.map(|document| document.info.version) })
    }

    /// Whether there was no file yet.
    pub fn is_first(&self) -> bool {
        self.version.is_none()
    }

    /// Writes it, made anew whenever somebody else was faster. True when the crate is new
    /// with it.
    pub fn write(mut self, publication: &Publication<'_>) -> Result<bool, Error> {
        let key = layout::index(publication.name);
        let mut attempt = 1;
        loop {
            let precondition = self.version.as_deref().map_or(Precondition::Absent, Precondition::Version);
            match storage::put(&key, &self.bytes, precondition, Some(TEXT)) {
                Ok(_) => return Ok(self.is_first()),
                Err(packhouse_plugin::Error::Conflict) => {
                    // Two of them at once may be more than there is room for.
                    self.bytes = Vec::new();
                    storage::wait_turn(&key, attempt)?;
                    self = Self::new(publication)?;
                    attempt += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn check_against(name: &CrateName, version: &Version, current: Option<&Document>) -> Result<(), Error> {
    // Asked again of what is built on: an owner may be none any more.
    require_publish(name, current.is_some())?;
    let Some(document) = current else {
        return Ok(name.check_new()?);
    };
    let index = Index::new(&document.bytes);
    // A new line would hide that others are lost.
    index.check(name).map_err(|why| document.damaged(why))?;
    if let Some(spelled) = index.name().filter(|spelled| spelled != name) {
        return Err(super::name::taken(name, &spelled));
    }
    match index.find_same_release(version) {
        Some(there) => Err(version_exists(name, version, &there)),
        None => Ok(()),
    }
}
