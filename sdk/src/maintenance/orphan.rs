//! Reports of `verify` besides damaged objects: files that the document of their package does not name,
//! and files in the place of folders. It changes nothing.

use super::Reference;
use crate::Error;
use crate::maintenance::Step;
use crate::storage::{self, GRACE, Proof};
use crate::types::ObjectInfo;

impl Step<'_> {
    /// Reports those of these files that are there while `document` is not. A file younger than
    /// the grace is not reported: it may belong to the first publish of a package, which writes
    /// the document last, or to one that was interrupted a moment ago.
    pub fn report_orphans(&self, files: &[ObjectInfo], document: &str) -> Result<(), Error> {
        let has_old = files.iter().any(|file| self.is_older_than_grace(file));
        if !has_old || storage::stat(document)?.is_some() {
            return Ok(());
        }
        let files: Vec<_> = files.iter().map(|file| (file, Reference::NoDocument)).collect();
        self.report_unnamed(&files, document)
    }

    /// Reports the files that a collection would remove, or keep as orphans, from what the
    /// document says of each. Read the document after the files were listed: a file that was
    /// published in between is named then. A file younger than the grace is not reported.
    pub fn report_unnamed(&self, files: &[(&ObjectInfo, Reference)], document: &str) -> Result<(), Error> {
        let unnamed: Vec<(&ObjectInfo, Reference, String)> = files
            .iter()
            .filter(|(file, _)| self.is_older_than_grace(file))
            .filter_map(|(file, reference)| Some((*file, *reference, why(*reference, document)?)))
            .collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        let proof = Proof::of(document)?;
        let keys: Vec<&str> = unnamed.iter().map(|(file, _, _)| file.key.as_str()).collect();
        for ((file, reference, why), found) in unnamed.iter().zip(storage::stat_many(&keys)?) {
            let has_document = *reference != Reference::NoDocument;
            if found.is_some() && !(has_document && self.report_unnamed_by(&proof, document, &file.key)) {
                self.orphan(&file.key, file.size, why);
            }
        }
        Ok(())
    }

    /// Reports what lies at these keys, which are folders of the layout. As long as a file lies
    /// there, nothing can be written below it.
    pub fn report_files_for_folders<S: AsRef<str>>(&self, folders: &[S]) -> Result<(), Error> {
        for found in storage::stat_many(folders)?.into_iter().flatten() {
            self.damaged(&found.key, FILE_FOR_FOLDER);
        }
        Ok(())
    }

    fn is_older_than_grace(&self, file: &ObjectInfo) -> bool {
        let floor = self.started().saturating_sub(GRACE);
        file.modified.is_some_and(|modified| modified < floor)
    }
}

/// Why an object is damaged that lies where the layout has a folder.
pub const FILE_FOR_FOLDER: &str = "it is a file, and a folder belongs there: move it away";
/// Why a key of the layout is damaged below which an object lies.
pub const FOLDER_FOR_FILE: &str = "it is a folder, and a file belongs there: move the folder away";

/// Why a file is reported; none for one that stays.
fn why(reference: Reference, document: &str) -> Option<String> {
    match reference {
        Reference::Named | Reference::Damaged => None,
        Reference::Unnamed => {
            Some(format!("its document {document} does not name it: `packhouse gc` removes it"))
        }
        Reference::Predates => Some(before(document)),
        Reference::NoDocument => Some(without(document)),
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
