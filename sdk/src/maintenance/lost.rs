//! Finds lost documents by their proofs; see `storage/proof.rs`. Each function processes one page of
//! keys, and returns the key after which the next page begins.

use crate::Error;
use crate::maintenance::Step;
use crate::maintenance::removal::has_mark;
use crate::storage::{
    Document, GRACE, ListingOptions, Name, PROOFS, Proof, add_names, get, get_each, is_damaged_proof,
    is_lost, list_page, proof_of, record_proof, record_strict_proof, stat_many, why_lost, why_unnamed,
};
use crate::types::ObjectInfo;

/// Proofs of one page.
const KEYS: u32 = 500;
/// The same where each document is read.
const DOCUMENTS: u32 = 100;

impl Step<'_> {
    /// Reports the documents that were lost, and proofs that cannot be read.
    pub fn report_lost(&self, after: Option<&str>) -> Result<Option<String>, Error> {
        self.report_lost_unless(after, |_, _| Ok(false))
    }

    /// The same for a reindex. `was_removed` says whether a request has removed the document after the last
    /// change that its proof knows; then the proof goes.
    pub fn report_lost_unless(
        &self,
        after: Option<&str>,
        was_removed: impl Fn(&str, &Proof) -> Result<bool, Error>,
    ) -> Result<Option<String>, Error> {
        let Page { proofs, lost, next, .. } = absent(after)?;
        for (key, proof) in proofs.iter().zip(get_each(&proofs)) {
            if self.pass(proof)?.flatten().is_some_and(|proof| is_damaged_proof(&proof.bytes)) {
                let why =
                    "it is no proof, so nobody knows what its document has named: restore it, or remove it";
                self.damaged_once(key, why);
            }
        }
        for (document, proof) in &lost {
            if was_removed(document, &Proof::of(document)?)? {
                if self.remove(proof)? {
                    self.rebuilt(&proof.key);
                }
            } else {
                self.damaged_once(document, &why_lost(&proof.key));
            }
        }
        Ok(next)
    }

    /// Reports that a document has lost the entry of this file, if its proof says so, once in a run.
    pub(super) fn report_unnamed_by(&self, proof: &Proof, document: &str, file: &str) -> bool {
        let is_lost = proof.names(file);
        if is_lost {
            self.damaged_once(document, &why_unnamed(file));
        }
        is_lost
    }

    /// The same for a collection. The proof of a document that a request has removed goes when no request
    /// can be late for it any more. If the operator ordered to remove orphans, that of a lost one goes too,
    /// once `has_files` says that no file is left of the package with this document.
    pub fn collect_lost(
        &self,
        after: Option<&str>,
        mut has_files: impl FnMut(&str) -> Result<bool, Error>,
    ) -> Result<Option<String>, Error> {
        let Page { lost, removed, next, .. } = absent(after)?;
        let floor = self.started().saturating_sub(GRACE);
        for (document, proof) in &removed {
            if proof.modified.is_some_and(|modified| modified < floor)
                && !has_mark(document)?
                && self.remove(proof)?
                && !self.is_dry_run()
            {
                // Not every store removes by version in one step, and a publish may come at any time.
                record_proof(document)?;
            }
        }
        for (document, proof) in &lost {
            if self.removes_orphans() && !has_files(document)? {
                if self.remove(proof)? {
                    self.left_over(&proof.key, proof.size, "nothing is left of its package");
                }
            } else {
                self.damaged_once(document, &why_lost(&proof.key));
            }
        }
        Ok(next)
    }

    /// Removes a document that names nothing, and its proof before it. False if the document or the
    /// proof was changed, or if the proof says that the document has named a file: then it has lost
    /// that, and is reported.
    pub fn remove_document(&self, document: &ObjectInfo) -> Result<bool, Error> {
        let proof = Proof::of(&document.key)?;
        if let Some((file, _)) = proof.files().next() {
            self.damaged_once(&document.key, &why_unnamed(file));
            return Ok(false);
        }
        if let Some(proof) = proof.info()
            && !self.remove(proof)?
        {
            return Ok(false);
        }
        self.remove(document)
    }

    /// The documents of one page of proofs that are there, each with its proof, for a reindex that
    /// makes older copies anew ([`Proof::is_ahead_of`], [`Proof::files`]).
    pub fn each_proven(
        &self,
        after: Option<&str>,
        mut visit: impl FnMut(Document, Proof) -> Result<(), Error>,
    ) -> Result<Option<String>, Error> {
        let after = after.filter(|after| *after != PROOFS);
        let page = list_page(&ListingOptions { after, limit: DOCUMENTS, ..ListingOptions::new(PROOFS) })?;
        for proof in &page.objects {
            let Some(document) = proof.key.strip_prefix(PROOFS) else { continue };
            if let Some(document) = self.pass(get(document))?.flatten() {
                let proof = Proof::of(&document.info.key)?;
                visit(document, proof)?;
            }
        }
        Ok(page.next)
    }

    /// Writes into the proof of a document what the document names and the proof does not say, as an
    /// earlier version left it. Nothing in a dry run.
    pub fn prove_names(&self, document: &Document, proof: Proof, names: Vec<Name>) -> Result<(), Error> {
        if self.is_dry_run() { Ok(()) } else { add_names(document, proof, names) }
    }

    /// Writes the proofs that are missing of documents that are there, as an earlier version left
    /// them.
    pub fn prove<S: AsRef<str>>(&self, documents: &[S]) -> Result<(), Error> {
        self.prove_by(documents, record_proof)
    }

    /// The same for documents that are changed with [`Update::strict`](crate::storage::Update::strict):
    /// those without a stamp get one.
    pub fn prove_strict<S: AsRef<str>>(&self, documents: &[S]) -> Result<(), Error> {
        self.prove_by(documents, record_strict_proof)
    }

    fn prove_by<S: AsRef<str>>(
        &self,
        documents: &[S],
        record: impl Fn(&str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.is_dry_run() {
            return Ok(());
        }
        let proofs: Vec<String> = documents.iter().map(|document| proof_of(document.as_ref())).collect();
        for (document, found) in documents.iter().zip(stat_many(&proofs)?) {
            if found.is_none() {
                record(document.as_ref())?;
            }
        }
        Ok(())
    }
}

/// One page of proofs.
struct Page {
    /// The keys of all proofs.
    proofs: Vec<String>,
    /// The documents that were lost, each with its proof.
    lost: Vec<(String, ObjectInfo)>,
    /// The documents that requests have removed, each with its proof.
    removed: Vec<(String, ObjectInfo)>,
    /// The key behind which the next page begins.
    next: Option<String>,
}

fn absent(after: Option<&str>) -> Result<Page, Error> {
    let after = after.filter(|after| *after != PROOFS);
    let page = list_page(&ListingOptions { after, limit: KEYS, ..ListingOptions::new(PROOFS) })?;
    let proofs = page.objects.into_iter();
    let proofs: Vec<(String, ObjectInfo)> =
        proofs.filter_map(|proof| Some((proof.key.strip_prefix(PROOFS)?.to_owned(), proof))).collect();
    let keys = proofs.iter().map(|(_, proof)| proof.key.clone()).collect();
    let documents: Vec<&str> = proofs.iter().map(|(document, _)| document.as_str()).collect();
    let found = stat_many(&documents)?;
    let (mut lost, mut removed) = (Vec::new(), Vec::new());
    for ((document, proof), _) in proofs.into_iter().zip(found).filter(|(_, found)| found.is_none()) {
        let is_lost = is_lost(&document, &proof)?;
        if is_lost { &mut lost } else { &mut removed }.push((document, proof));
    }
    Ok(Page { proofs: keys, lost, removed, next: page.next })
}
