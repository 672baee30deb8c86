//! If the stored file of an existing version is missing or damaged, publishing the same bytes repairs
//! it.

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::storage::{self, Document, Staged};
use packhouse_plugin::{Error as Host, find_digest};

use super::version_exists;
use crate::document::Index;
use crate::error::Error;
use crate::layout;
use crate::name::{CrateName, Version};

/// A file that can be repaired.
pub struct Broken {
    key: String,
    /// Of the bytes that the index names.
    checksum: String,
}

impl Broken {
    /// None when the version is not there, or its file is what the index says. Reads the stored
    /// file through.
    pub fn find(name: &CrateName, version: &Version, document: &Document) -> Result<Option<Self>, Error> {
        let Some(line) = Index::new(&document.bytes).find(version) else { return Ok(None) };
        let Ok(spelled) = CrateName::parse(&line.name) else { return Ok(None) };
        if spelled != *name {
            return Ok(None);
        }
        let keys = [layout::crate_file(name, version), layout::lower_crate_file(name, version)];
        let found = storage::stat_many(&keys)?.into_iter().flatten().next();
        let [key, _] = keys;
        let key = found.map_or(key, |info| info.key);
        let digests = match storage::digests(&key, &[SHA256]) {
            // It is being repaired at this moment.
            Err(Host::Conflict) => return Ok(None),
            digests => digests?.unwrap_or_default(),
        };
        let is_whole =
            find_digest(&digests, SHA256).is_some_and(|found| found.hex.eq_ignore_ascii_case(&line.cksum));
        Ok((!is_whole).then(|| Self { key, checksum: line.cksum.into_owned() }))
    }

    /// 409 for other bytes.
    pub fn repair(&self, name: &CrateName, version: &Version, staged: &mut Staged) -> Result<(), Error> {
        if !staged.digest(SHA256)?.hex.eq_ignore_ascii_case(&self.checksum) {
            return Err(version_exists(name, version, version));
        }
        staged.repair(&self.key, Some(super::GZIP))?;
        Ok(())
    }
}
