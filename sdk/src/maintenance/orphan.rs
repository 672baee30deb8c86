//! Files of a package that has no document, as `verify` reports them.

use crate::Error;
use crate::maintenance::Step;
use crate::storage::{self, GRACE};
use crate::types::ObjectInfo;

impl Step<'_> {
    /// Reports those of these files that are there while `document` is not. A file younger than
    /// the grace is not reported: it may belong to the first publish of a package, which writes
    /// the document last, or to one that was interrupted a moment ago.
    pub fn report_orphans(&self, files: &[ObjectInfo], document: &str) -> Result<(), Error> {
        let floor = self.started().saturating_sub(GRACE);
        let is_old = |file: &&ObjectInfo| file.modified.is_some_and(|modified| modified < floor);
        let old: Vec<&ObjectInfo> = files.iter().filter(is_old).collect();
        if old.is_empty() || storage::stat(document)?.is_some() {
            return Ok(());
        }
        let keys: Vec<&str> = old.iter().map(|file| file.key.as_str()).collect();
        for (file, found) in old.into_iter().zip(storage::stat_many(&keys)?) {
            if found.is_some() {
                self.orphan(&file.key, file.size, &without(document));
            }
        }
        Ok(())
    }
}

/// Why a file is an orphan.
pub(super) fn without(document: &str) -> String {
    format!("its document {document} does not exist: restore it, or publish this version again")
}

/// The same of a file that an earlier document may have named.
pub(super) fn before(document: &str) -> String {
    format!(
        "it is older than its document {document}, which does not name it: an earlier document was lost, so \
         restore that one"
    )
}
