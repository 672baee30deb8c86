//! Files of a package that has no document, as `verify` reports them.

use crate::Error;
use crate::maintenance::Step;
use crate::storage::{self, GRACE, wait_turn};
use crate::types::ObjectInfo;

/// How often a young file's document is looked for: about half a second in all.
const LOOKS: u32 = 6;

impl Step<'_> {
    /// Reports those of these files that are there while `document` is not. A young file may
    /// belong to the first publish of a package, which writes the document last: the document
    /// is awaited for a moment.
    pub fn report_orphans(&self, files: &[ObjectInfo], document: &str) -> Result<(), Error> {
        let floor = self.started().saturating_sub(GRACE);
        let is_young = |file: &ObjectInfo| file.modified.is_none_or(|modified| modified >= floor);
        let looks = if files.iter().any(is_young) { LOOKS } else { 1 };
        for attempt in 1..=looks {
            if storage::stat(document)?.is_some() {
                return Ok(());
            }
            // The host ends the waiting of a step that has waited often.
            if attempt < looks && wait_turn(document, attempt).is_err() {
                break;
            }
        }
        let keys: Vec<&str> = files.iter().map(|file| file.key.as_str()).collect();
        for (file, found) in files.iter().zip(storage::stat_many(&keys)?) {
            if found.is_some() {
                self.orphan(&file.key, file.size, &without(document));
            }
        }
        Ok(())
    }
}

/// Why a file is an orphan.
pub(super) fn without(document: &str) -> String {
    format!("its document {document} does not exist: restore it, or publish again")
}
