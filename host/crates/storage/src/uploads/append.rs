//! One append to an upload: its bytes become parts, and count when the document names
//! them. It must not know how an upload ends.

use bytes::Bytes;
use tokio::time::{Duration, Instant};

use super::Upload;
use super::session::{self, Session};
use crate::digest::DigestState;
use crate::error::{Result, StorageError};
use crate::staging::Intake;
use crate::store::{Kept, Material};

/// Smaller parts are put together as they come, so that an upload in small pieces has
/// few parts and its end reads none of them again.
const SMALL: u64 = 5 * 1024 * 1024;
/// As soon as they are so many bytes together.
const TOGETHER: u64 = 8 * 1024 * 1024;

/// The first append to an upload that takes longer than this is shown in the document.
const SHOWN_AFTER: Duration = Duration::from_mins(1);

/// One append on its way. Dropped, nothing was appended.
pub struct Append<'a> {
    upload: &'a mut Upload,
    intake: Intake,
    /// Where the upload stood.
    offset: u64,
    began: Instant,
}

/// What an append makes of the upload.
struct Change {
    session: Session,
    added: Vec<Kept>,
    /// Small parts whose bytes are in an added one.
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

    /// Says in the document that bytes are on their way, so that the upload does not expire
    /// as one that receives nothing.
    async fn show(&mut self) -> Result<()> {
        let now = self.upload.scope.now().await?;
        match self.upload.save(self.upload.session.receiving(now)).await {
            // Somebody else has changed it: finding out whether that is in the way is for the end.
            Err(StorageError::Conflict) => self.upload.refresh().await,
            saved => saved,
        }
    }

    /// Bytes of this append so far.
    pub fn written(&self) -> u64 {
        self.intake.written()
    }

    /// Gives the new offset. `Truncated` and unchanged unless it was `length`
    /// bytes; `Conflict` and unchanged when another append came first.
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
            // Another append came first, or the answer was lost: the document says. It may
            // not answer either; then what it does not name goes with the upload.
            Err(error) => {
                match upload.refresh().await {
                    // It has ended and been cleared away, maybe before these came.
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
                    // The last of the small ones was never named.
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

    /// What is left then goes with the upload.
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
