//! One append to an upload. Its bytes become parts, which belong to the upload when the document
//! names them. It does not know how an upload is finished.

use bytes::Bytes;
use tokio::time::{Duration, Instant};

use super::Upload;
use super::session::{self, Session};
use crate::digest::DigestState;
use crate::error::{Result, StorageError};
use crate::staging::Intake;
use crate::store::{Kept, Material};

/// Smaller parts are joined as they arrive, so that an upload in small pieces has few parts, and
/// finishing it reads none of them again.
const SMALL: u64 = 5 * 1024 * 1024;
/// They are joined when they have this many bytes together.
const TOGETHER: u64 = 8 * 1024 * 1024;

/// If the first append takes longer than this, the document records it.
const SHOWN_AFTER: Duration = Duration::from_mins(1);

/// One append in progress. Dropping it appends nothing.
pub struct Append<'a> {
    upload: &'a mut Upload,
    intake: Intake,
    /// The state of the upload before it.
    offset: u64,
    began: Instant,
}

/// The change that an append makes to the upload.
struct Change {
    session: Session,
    added: Vec<Kept>,
    /// Small parts that were joined into an added part.
    replaced: Vec<Kept>,
}

impl<'a> Append<'a> {
    pub(super) fn new(upload: &'a mut Upload, intake: Intake) -> Self {
        let offset = upload.offset();
        Self { upload, intake, offset, began: Instant::now() }
    }

    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if self.upload.session.is_empty() && self.began.elapsed() > SHOWN_AFTER {
            self.show().await?;
        }
        self.intake.write(bytes).await
    }

    /// Records in the document that bytes are arriving, so that the upload does not expire as idle.
    async fn show(&mut self) -> Result<()> {
        let now = self.upload.scope.now().await?;
        match self.upload.save(self.upload.session.receiving(now)).await {
            // Another request has changed the document. The end of the append checks whether that
            // conflicts.
            Err(StorageError::Conflict) => self.upload.refresh().await,
            saved => saved,
        }
    }

    /// The bytes of this append up to now.
    pub fn written(&self) -> u64 {
        self.intake.written()
    }

    /// Returns the new offset. `Truncated`, without a change, unless the append has `length` bytes.
    /// `Conflict`, without a change, if another append came first.
    pub async fn finish(self, length: Option<u64>) -> Result<u64> {
        let Self { upload, intake, offset, .. } = self;
        if upload.offset() != offset || upload.session.is_being_finished(upload.scope.now().await?) {
            return Err(StorageError::Conflict);
        }
        let size = intake.written();
        if length.is_some_and(|length| length != size) {
            return Err(StorageError::Truncated);
        }
        let (material, _, hasher) = intake.finish().await?;
        let change = upload.extend(material, size, &hasher).await?;
        match upload.save(change.session).await {
            Ok(()) => {
                upload.remove_later(change.replaced);
                Ok(upload.offset())
            }
            // Either another append came first, or the response was lost: the document tells. If it
            // cannot be read, parts that it does not name are removed with the upload.
            Err(error) => {
                match upload.refresh().await {
                    // The upload has ended and was removed, maybe before these parts were written.
                    Err(StorageError::NotFound) => {
                        upload.remove_later(change.added);
                        return Err(StorageError::NotFound);
                    }
                    refreshed => refreshed?,
                }
                let is_named = |part: &Kept| upload.session.parts.contains(part);
                if change.added.last().is_some_and(is_named) {
                    upload.remove_later(change.replaced);
                    return Ok(upload.offset());
                }
                upload.remove_later(change.added);
                Err(error)
            }
        }
    }
}

impl Upload {
    async fn extend(&self, material: Material, size: u64, hasher: &DigestState) -> Result<Change> {
        let mut session = self.session.clone();
        session.touch(&hasher.save(), self.scope.now().await?);
        let mut change = Change { session, added: Vec::new(), replaced: Vec::new() };
        if size == 0 {
            return Ok(change);
        }
        let folder = session::folder(&self.id);
        change.added = self.scope.store().keep(material, &folder).await?;
        change.session.parts.extend(change.added.iter().cloned());
        let small = Self::small_parts_at_the_end(&change.session);
        if small.len() > 1 && small.iter().map(|part| part.size).sum::<u64>() >= TOGETHER {
            match self.scope.store().merge(&folder, &small).await {
                Ok(merged) => {
                    change.session.parts.truncate(change.session.parts.len() - small.len());
                    change.session.parts.push(merged.clone());
                    // The document has never named the last of the small parts.
                    change.replaced = small;
                    change.added.push(merged);
                }
                Err(error) => tracing::warn!(%error, upload = self.id, "parts stay small: {error}"),
            }
        }
        Ok(change)
    }

    fn small_parts_at_the_end(session: &Session) -> Vec<Kept> {
        let parts = &session.parts;
        let large = parts.iter().rposition(|part| part.size >= SMALL).map_or(0, |at| at + 1);
        parts.get(large..).unwrap_or_default().to_vec()
    }

    /// Parts that remain are removed with the upload.
    fn remove_later(&self, parts: Vec<Kept>) {
        if parts.is_empty() {
            return;
        }
        let (store, id) = (self.scope.shared_store(), self.id.clone());
        tokio::spawn(async move {
            if let Err(error) = session::remove_parts(&*store, &id, &parts).await {
                tracing::debug!(%error, upload = id, "parts that nobody needs are left for the end: {error}");
            }
        });
    }
}
