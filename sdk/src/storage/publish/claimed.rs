//! The last steps of a publish: what lies beside the blob, and the document that names both.

use super::{Claimed, Entry, Named, Publish, Refused, read};
use crate::Error;
use crate::maintenance::hold;
use crate::storage::{
    Before, Document, GRACE, Name, Precondition, Proof, Said, get_up_to, now, put, retry, stamp,
    unless_conflict, wait_turn,
};

/// How old a claim may be when the document is written, in milliseconds. The write may take
/// two minutes more before the claim is worth nothing.
const CLAIM_USED_WITHIN: u64 = GRACE - 2 * 60 * 1000;

impl Claimed<'_> {
    /// Writes what belongs to the version and lies beside its file, e.g. a signature. Nobody sees
    /// it before the document names the version; if that fails, it is left over.
    pub fn beside(&self, key: &str, bytes: &[u8], content_type: Option<&str>) -> Result<(), Error> {
        put(key, bytes, Precondition::Any, content_type)?;
        self.beside.borrow_mut().push(key.to_owned());
        Ok(())
    }

    /// Writes the document that names the blob. Whenever somebody else was faster, the
    /// document is read and made anew. `Unavailable` when others kept winning, or the publish
    /// has taken too long.
    pub fn name<E: From<Error>>(
        mut self,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Named, Refused>, E> {
        let written = self.write(look)?;
        Ok(written.map(|Written { mut named, stamp, said }| {
            if let Some(proof) = self.prepared.proof {
                let proof = said.into_iter().fold(proof, Proof::saying);
                let files = self.beside.into_inner().into_iter().chain([self.blob]);
                let names: Vec<Name> = files.map(Name::from).collect();
                if let Some(again) = proof.record(&named.document, stamp, &names) {
                    named.document = again;
                }
            }
            named
        }))
    }

    fn write<E: From<Error>>(
        &mut self,
        look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
    ) -> Result<Result<Written, Refused>, E> {
        let Publish { document: key, content_type, limit, said, .. } = self.prepared.publish;
        let said = |bytes: &[u8]| said.map(|said| said(bytes));
        let mut is_new_document = false;
        let written = |document, bytes: &[u8], is_new_document| Written {
            named: Named { document, is_new_document },
            stamp: stamp::of(bytes),
            said: said(bytes),
        };
        for attempt in 1.. {
            if now()?.saturating_sub(self.since) > CLAIM_USED_WITHIN {
                return Err(Error::Unavailable("the publish took too long".to_owned()).into());
            }
            is_new_document |= self.prepared.is_new_document();
            let precondition =
                self.prepared.before.as_ref().map_or(Precondition::Absent, Before::precondition);
            let bytes = std::mem::take(&mut self.prepared.bytes);
            let error = match put(key, &bytes, precondition, content_type) {
                Ok(document) => return Ok(Ok(written(document, &bytes, is_new_document))),
                Err(error) => error,
            };
            drop(bytes);
            match error {
                Error::Conflict => wait_turn(key, attempt)?,
                Error::Unavailable(_) | Error::Other { .. } => {
                    let found = written_after_all(key, limit, look);
                    return found
                        .map(|document| Ok(written(document.info, &document.bytes, is_new_document)))
                        .ok_or(error.into());
                }
                other => return Err(other.into()),
            }
            let publish = self.prepared.publish;
            let proof = self.prepared.proof.take();
            let mut found = None;
            let prepared = retry(key, |_| {
                let current = read(key, limit)?;
                Ok::<_, E>(match look(current.as_ref())? {
                    Entry::New(bytes) if publish.is_too_large(&bytes) => Some(Err(Refused::TooLarge)),
                    Entry::New(bytes) => {
                        // Without a document, only the proof knows what was there meanwhile.
                        let proof = match &proof {
                            Some(_) if current.is_none() => Some(Proof::of(key)?),
                            proof => proof.clone(),
                        };
                        let prepared = publish.prepare_after(current.as_ref(), bytes, proof);
                        unless_conflict(prepared)?.map(Ok)
                    }
                    Entry::Same => {
                        found = current;
                        Some(Err(Refused::Same))
                    }
                    Entry::Other => Some(Err(Refused::Exists)),
                })
            })?;
            match prepared {
                Ok(prepared) => self.prepared = prepared,
                Err(Refused::Same) => {
                    // The document cannot be absent where it names something.
                    let document = found.ok_or(Error::NotFound)?;
                    self.prepared.proof = proof.map(|mut proof| {
                        proof.build_on(Some(&Before::from(&document)));
                        proof
                    });
                    return Ok(Ok(written(document.info, &document.bytes, is_new_document)));
                }
                Err(refused) => return Ok(Err(refused)),
            }
            // Somebody may have published the same, removed it, and the blob with it.
            if !hold(&self.blob)? {
                return Ok(Err(Refused::Busy));
            }
        }
        Ok(Err(Refused::Busy))
    }
}

/// A document that names the blob, its stamp, and what it says.
struct Written {
    named: Named,
    stamp: Option<u64>,
    said: Option<Said>,
}

/// After a write whose outcome is unknown: the document, if it names the version.
/// What goes wrong here does not matter beside what went wrong there.
fn written_after_all<E>(
    key: &str,
    limit: u64,
    look: &mut impl FnMut(Option<&Document>) -> Result<Entry, E>,
) -> Option<Document> {
    let current = get_up_to(key, limit).ok()?;
    let is_named = matches!(look(current.as_ref()), Ok(Entry::Same));
    current.filter(|_| is_named)
}
