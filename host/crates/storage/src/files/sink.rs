//! Staging files: bytes that do not have a name yet. They are written in jobs of about a mebibyte,
//! outside the asynchronous threads and one at a time for each sink, so a slow sender holds no
//! thread.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinHandle;

use super::clock;
use super::inside::{Inside, Kind};
use super::version::{HASHED_UP_TO, hash_version, stamp};
use super::{FileContent, Files, read_range, run_long};
use crate::error::{Result, StorageError};
use crate::store::{Content, Material, Sink};

const PIECE: u64 = 1024 * 1024;
pub(super) const STAGING: &str = ".packhouse/staging";

/// A complete file in staging, removed with its last owner unless it was placed.
#[derive(Clone)]
pub(super) struct StagingFile(Arc<Staged>);

struct Staged {
    guard: Guard,
    file: Arc<File>,
    size: u64,
    version: Option<String>,
}

/// Removes the name when dropped.
struct Guard {
    files: Arc<Files>,
    path: String,
    placed: AtomicBool,
}

impl Guard {
    fn fresh(files: &Arc<Files>) -> Self {
        let path = format!("{STAGING}/{}", uuid::Uuid::new_v4().simple());
        Self { files: Arc::clone(files), path, placed: AtomicBool::new(false) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.placed.load(Ordering::Acquire) {
            return;
        }
        let removed = self.files.root.enter().and_then(|inside| Ok(inside.remove(&self.path).map(drop)?));
        match removed {
            Ok(()) | Err(StorageError::NotFound) => {}
            Err(error) => {
                tracing::warn!(
                    path = self.path,
                    "a staging file could not be removed; the sweep will: {error}"
                );
            }
        }
    }
}

impl StagingFile {
    /// Below the store's folder.
    pub fn path(&self) -> &str {
        &self.0.guard.path
    }

    pub fn file(&self) -> &File {
        &self.0.file
    }

    /// Known from the writing; none for files too large to be hashed, and for
    /// joined ones.
    pub fn version(&self) -> Option<String> {
        self.0.version.clone()
    }

    /// As old as if it had been written now, by the clock of the file system: it may have
    /// been staged long ago, and its age counts from the moment in which it gets its key.
    pub fn renew(&self) -> Result<()> {
        match self.0.version {
            Some(_) => Ok(clock::touch(&self.0.file).map(drop)?),
            None => stamp(&self.0.file),
        }
    }

    /// It has another name now.
    pub fn placed(&self) {
        self.0.guard.placed.store(true, Ordering::Release);
    }

    pub fn content(&self) -> FileContent {
        FileContent { file: self.0.file.clone(), path: self.0.guard.path.clone(), size: self.0.size }
    }
}

/// A file that is being written.
struct Growing {
    guard: Guard,
    file: File,
    size: u64,
    hash: Option<blake3::Hasher>,
}

impl Growing {
    fn create(files: &Arc<Files>) -> Result<Self> {
        let guard = Guard::fresh(files);
        let created = files.root.inside(|inside| Ok(inside.create(&guard.path)?));
        let file = created.map_err(|error| match error {
            StorageError::NotFound => {
                StorageError::unavailable("the folder for staging was missing; try again")
            }
            error => error,
        })?;
        Ok(Self { guard, file, size: 0, hash: Some(blake3::Hasher::new()) })
    }

    fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.file.write_all(piece)?;
        self.size += piece.len() as u64;
        if self.size > HASHED_UP_TO {
            self.hash = None;
        }
        if let Some(hash) = &mut self.hash {
            hash.update(piece);
        }
        Ok(())
    }

    fn finish(self) -> Result<StagingFile> {
        if self.hash.is_none() {
            stamp(&self.file)?;
        }
        self.file.sync_all()?;
        let version = self.hash.as_ref().map(hash_version);
        Ok(StagingFile(Arc::new(Staged {
            guard: self.guard,
            file: Arc::new(self.file),
            size: self.size,
            version,
        })))
    }
}

pub(super) struct FileSink {
    files: Arc<Files>,
    /// None before the first write.
    job: Option<JoinHandle<Result<Growing>>>,
}

impl FileSink {
    pub fn new(files: Arc<Files>) -> Self {
        Self { files, job: None }
    }

    async fn settle(&mut self) -> Result<Option<Growing>> {
        match self.job.take() {
            Some(job) => job.await?.map(Some),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl Sink for FileSink {
    /// Waits for the write before, starts this one.
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        let growing = self.settle().await?;
        let files = self.files.clone();
        self.job = Some(tokio::task::spawn_blocking(move || {
            let mut growing = growing.map_or_else(|| Growing::create(&files), Ok)?;
            pieces.iter().try_for_each(|piece| growing.write(piece))?;
            Ok(growing)
        }));
        Ok(())
    }

    fn can_copy(&self, content: &Content) -> bool {
        content.form::<FileContent>().is_some()
    }

    /// They share the blocks of the other file where the file system can.
    async fn copy(&mut self, content: &Content) -> Result<()> {
        let other = content.form::<FileContent>().cloned();
        let other = other.ok_or_else(|| StorageError::other("stored in another store"))?;
        let growing = self.settle().await?;
        let files = self.files.clone();
        let copied = run_long(move || {
            let mut growing = growing.map_or_else(|| Growing::create(&files), Ok)?;
            growing.hash = None;
            copy_range(&other, &mut growing)?;
            Ok(growing)
        });
        let growing = copied.await?;
        self.job = Some(tokio::task::spawn_blocking(move || Ok(growing)));
        Ok(())
    }

    async fn close(mut self: Box<Self>) -> Result<(Material, Content)> {
        let growing = self.settle().await?;
        let files = self.files.clone();
        let file = run_long(move || growing.map_or_else(|| Growing::create(&files), Ok)?.finish()).await?;
        let content = Content::stored(file.content());
        Ok((Material::new(file), content))
    }
}

/// All bytes at once.
pub(super) fn stage(files: &Arc<Files>, bytes: &[u8]) -> Result<StagingFile> {
    let mut growing = Growing::create(files)?;
    growing.write(bytes)?;
    growing.finish()
}

/// One part becomes the whole under a second name; several are copied together.
pub(super) fn join(files: &Arc<Files>, parts: &[FileContent]) -> Result<StagingFile> {
    if let [only] = parts
        && let Some(linked) = link(files, only)
    {
        return Ok(linked);
    }
    concatenate(files, parts)
}

/// None where links do not work, or another file has taken the name.
fn link(files: &Arc<Files>, part: &FileContent) -> Option<StagingFile> {
    use std::os::unix::fs::MetadataExt;
    let inside = files.root.enter().ok()?;
    let guard = Guard::fresh(files);
    inside.link(&part.path, &guard.path).ok()?;
    let file = inside.read(&guard.path).ok()?;
    if file.metadata().ok()?.ino() != part.file.metadata().ok()?.ino() {
        return None;
    }
    stamp(&file).ok()?;
    Some(StagingFile(Arc::new(Staged { guard, file: Arc::new(file), size: part.size, version: None })))
}

/// New bytes on the disk (shared blocks where the file system can).
pub(super) fn concatenate(files: &Arc<Files>, parts: &[FileContent]) -> Result<StagingFile> {
    let mut growing = Growing::create(files)?;
    growing.hash = None;
    for part in parts {
        copy_range(part, &mut growing)?;
    }
    growing.finish()
}

fn copy_range(part: &FileContent, target: &mut Growing) -> Result<()> {
    let mut at = 0_u64;
    while at < part.size {
        let wanted = usize::try_from(part.size - at).unwrap_or(usize::MAX);
        match rustix::fs::copy_file_range(&part.file, Some(&mut at), &target.file, None, wanted) {
            Ok(copied) if copied > 0 => target.size += copied as u64,
            _ => break,
        }
    }
    while at < part.size {
        let end = (at + PIECE).min(part.size);
        target.write(&read_range(&part.file, at..end)?)?;
        at = end;
    }
    Ok(())
}

/// Counts what it removed.
pub(super) fn sweep(inside: &Inside, before: SystemTime) -> Result<u64> {
    let mut removed = 0;
    for (name, kind) in inside.entries(STAGING)? {
        let path = format!("{STAGING}/{name}");
        let is_old = kind == Kind::File
            && inside
                .metadata(&path)
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|time| time < before);
        removed += u64::from(is_old && inside.remove(&path).is_ok());
    }
    Ok(removed)
}
