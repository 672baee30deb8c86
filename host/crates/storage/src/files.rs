//! A folder as a store. Each object is a file with the same path. The host's own files are under
//! `.packhouse/`. It does not know scopes, or types of opendal.
//!
//! # Layout
//! - `{root}/<key>`: an object. It is never changed in place: every change renames a finished file
//!   over it.
//! - `{root}/.packhouse/staging/<uuid>`: bytes that are not visible yet.
//! - `{root}/.packhouse/locks/<shard>`, `host.lock`: empty files that processes lock.
//! - `{root}/.packhouse/store.json`: the identity of the store.
//!
//! # Invariants
//! - **A change of a key holds its locks**: one in the process (`KeyLocks`) and one between
//!   processes (`ShardLock`). Readers take no lock, because an open descriptor keeps its version
//!   when another file is renamed over the name.
//! - **Every call opens the folder again**, and finds nothing in a folder that is not the store.
//! - **A folder inside that has a mark counts only while the mark is there** ([`marks`]).
//! - **No symbolic link in the folder is followed.**

mod ahead;
mod clock;
mod inside;
mod lock;
mod marks;
mod place;
mod root;
mod sink;
mod version;
mod walk;

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tokio::sync::OwnedRwLockWriteGuard;

use super::error::{Result, StorageError};
use super::identity::{Opening, StoreId};
use super::locks::KeyLocks;
use super::object::{Listing, ObjectInfo, PathListing, Precondition};
use super::store::{
    Abilities, Company, Content, Kept, Lock, Material, Sink, Store, Stored, of_another_store,
};
use super::store_clock::StoreClock;
use inside::Inside;
use lock::ShardLock;
use marks::Marks;
use root::{Finding, Root};
use sink::{FileSink, StagingFile};
use version::Versions;

/// No single small call may keep a request longer than this; a hung network
/// mount then costs a thread, not the request.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The file system is asked again what time it is after so long.
const CLOCK_FRESH: Duration = Duration::from_secs(10);

pub(super) struct Files {
    root: Root,
    marks: Marks,
    locks: KeyLocks,
    versions: Versions,
    /// Of the file system, which may be another machine's.
    clock: StoreClock,
}

/// Whether a staged file was written a moment ago.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    New,
    Unknown,
}

/// One version of a file, held open.
#[derive(Clone)]
struct FileContent {
    file: Arc<File>,
    /// Where it was opened, below the store's folder; another file may be there by now.
    path: String,
    size: u64,
}

impl Files {
    /// One that is away, or is not the store that is wanted, may come back: its calls are
    /// `Unavailable` until then.
    pub async fn open_folder(root: &Path, opening: &Opening) -> Result<Arc<Self>> {
        let files = Self {
            root: Root::new(root, opening),
            marks: Marks::default(),
            locks: KeyLocks::default(),
            versions: Versions::default(),
            clock: StoreClock::default(),
        };
        let files = Arc::new(files);
        let prepared = files.clone();
        run(move || prepared.root.prepare()).await?;
        Ok(files)
    }

    /// What time it is by the file system's clock. May block.
    fn look_at_clock(&self) -> Result<SystemTime> {
        if let Some(now) = self.clock.now(CLOCK_FRESH) {
            return Ok(now);
        }
        let asked = Instant::now();
        let told = self.root.inside(|inside| Ok(Some(clock::read(inside.folder_itself(sink::STAGING))?)))?;
        let told = told.ok_or(StorageError::NotFound)?;
        self.clock.note(asked, told, clock::TICK);
        Ok(self.clock.now(CLOCK_FRESH).unwrap_or(told))
    }

    async fn commit_file(
        self: &Arc<Self>,
        staged: &StagingFile,
        path: &str,
        precondition: &Precondition,
        age: Age,
    ) -> Result<ObjectInfo> {
        let hold = self.hold(path).await?;
        let (files, staged, path, precondition) =
            (self.clone(), staged.clone(), path.to_owned(), precondition.clone());
        run(move || {
            let _hold = hold;
            let placed = files.root.inside(|inside| {
                let lock = ShardLock::take(inside, &path)?;
                files.check(inside, &path, &precondition)?;
                if age == Age::Unknown {
                    staged.renew()?;
                }
                files.marks.check(inside, &path)?;
                place::place(inside, &staged, &path)?;
                Ok(Some(lock))
            });
            let _lock = named(&path, placed)?;
            let metadata = staged.file().metadata()?;
            let version = match staged.version() {
                Some(version) => version,
                None => files.version_of_file(&metadata, staged.file())?,
            };
            Ok(object_info(path, metadata.len(), version, &metadata))
        })
        .await
    }

    /// As [`Root::inside`], for a look at a path: what is not there is only absent if the folder around it
    /// is.
    fn look<T: Finding>(&self, path: &str, work: impl FnOnce(&Inside) -> Result<T>) -> Result<T> {
        self.root.inside(|inside| {
            let found = work(inside)?;
            if found.is_absent() {
                self.marks.check(inside, path)?;
            }
            Ok(found)
        })
    }

    /// The lock inside this process. Only its holder occupies a thread.
    async fn hold(&self, path: &str) -> Result<OwnedRwLockWriteGuard<()>> {
        let wait = tokio::time::timeout(lock::PATIENCE, self.locks.alone(path)).await;
        wait.map_err(|_| {
            StorageError::unavailable(format!("`{path}` is being changed for too long; try again"))
        })
    }

    fn check(&self, inside: &Inside, path: &str, precondition: &Precondition) -> Result<()> {
        if *precondition == Precondition::Any {
            return Ok(());
        }
        let current = self.look_up(inside, path)?;
        precondition.check(current.as_ref().map(|info| info.version.as_str()))
    }

    fn version_of_file(&self, metadata: &std::fs::Metadata, file: &File) -> Result<String> {
        self.versions.of_file(metadata, file, self.look_at_clock().ok())
    }

    fn look_up(&self, inside: &Inside, path: &str) -> Result<Option<ObjectInfo>> {
        let metadata = match inside.metadata(path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Ok(None),
            Err(error) if is_nothing(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if let Some(version) = self.versions.known(&metadata) {
            return Ok(Some(object_info(path.to_owned(), metadata.len(), version, &metadata)));
        }
        let Some(file) = open_object(inside, path)? else {
            return Ok(None);
        };
        let metadata = file.metadata()?;
        let version = self.version_of_file(&metadata, &file)?;
        Ok(Some(object_info(path.to_owned(), metadata.len(), version, &metadata)))
    }
}

#[async_trait]
impl Store for Arc<Files> {
    fn abilities(&self) -> Abilities {
        Abilities {
            lasting: true,
            shareable: true,
            content_types: false,
            keeps_opened: true,
            copies: true,
            links: true,
        }
    }

    async fn id(&self) -> Option<StoreId> {
        let files = self.clone();
        run(move || Ok(files.root.id())).await.ok().flatten()
    }

    async fn probe(&self) -> Result<()> {
        let files = self.clone();
        let looked = run(move || files.root.enter().map(drop));
        match tokio::time::timeout(PROBE_TIMEOUT, looked).await {
            Ok(other) => other,
            Err(_) => Err(StorageError::unavailable("the storage folder does not answer")),
        }
    }

    /// By the clock that dates the files.
    async fn now(&self) -> Result<SystemTime> {
        if let Some(now) = self.clock.now(CLOCK_FRESH) {
            return Ok(now);
        }
        let files = self.clone();
        run(move || files.look_at_clock()).await
    }

    async fn lock(&self, company: Company) -> Result<Option<Lock>> {
        let files = self.clone();
        run(move || files.root.share_with(company)).await?;
        Ok(Some(Box::new(FolderLock(self.clone()))))
    }

    fn mark(&self, folder: &str, mark: &str) {
        self.marks.add(folder, mark);
    }

    async fn stat(&self, path: &str) -> Result<Option<ObjectInfo>> {
        let (files, path) = (self.clone(), path.to_owned());
        run(move || named(&path, files.look(&path, |inside| files.look_up(inside, &path)))).await
    }

    async fn get(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        let (files, path) = (self.clone(), path.to_owned());
        run(move || {
            let Some(file) = named(&path, files.look(&path, |inside| open_object(inside, &path)))? else {
                return Ok(None);
            };
            let metadata = file.metadata()?;
            if metadata.len() > limit {
                return Err(StorageError::TooLarge(limit));
            }
            let bytes = read_whole(&file, metadata.len())?;
            let version = files.versions.of_bytes(&metadata, &bytes, files.look_at_clock().ok());
            Ok(Some((object_info(path, bytes.len() as u64, version, &metadata), bytes.into())))
        })
        .await
    }

    async fn open(&self, path: &str) -> Result<Option<(ObjectInfo, Content)>> {
        let (files, path) = (self.clone(), path.to_owned());
        run(move || {
            let Some(file) = named(&path, files.look(&path, |inside| open_object(inside, &path)))? else {
                return Ok(None);
            };
            let metadata = file.metadata()?;
            let version = files.version_of_file(&metadata, &file)?;
            let content = FileContent { file: Arc::new(file), path: path.clone(), size: metadata.len() };
            Ok(Some((object_info(path, metadata.len(), version, &metadata), Content::stored(content))))
        })
        .await
    }

    async fn put(
        &self,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        _content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let files = self.clone();
        let staged = run(move || sink::stage(&files, &bytes)).await?;
        self.commit_file(&staged, path, precondition, Age::New).await
    }

    async fn commit(
        &self,
        material: &Material,
        path: &str,
        precondition: &Precondition,
        _content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        self.commit_file(material.form()?, path, precondition, Age::Unknown).await
    }

    async fn remove(&self, path: &str, precondition: &Precondition) -> Result<bool> {
        let hold = self.hold(path).await?;
        let (files, path, precondition) = (self.clone(), path.to_owned(), precondition.clone());
        run(move || {
            let _hold = hold;
            let removed = files.root.inside(|inside| {
                let _lock = ShardLock::take(inside, &path)?;
                files.check(inside, &path, &precondition)?;
                files.marks.check(inside, &path)?;
                place::remove(inside, &path)
            });
            named(&path, removed)
        })
        .await
    }

    async fn discard(&self, path: &str) -> Result<()> {
        self.remove(path, &Precondition::Any).await.map(|_| ())
    }

    async fn list(&self, listing: &PathListing) -> Result<Listing> {
        let (files, listing) = (self.clone(), listing.clone());
        run(move || files.look(&listing.prefix, |inside| walk::page(&files, inside, &listing))).await
    }

    fn sink(&self, _folder: &str) -> Box<dyn Sink> {
        Box::new(FileSink::new(self.clone()))
    }

    async fn keep(&self, material: Material, folder: &str) -> Result<Vec<Kept>> {
        let name = uuid::Uuid::new_v4().simple().to_string();
        let info = self.commit(&material, &format!("{folder}{name}"), &Precondition::Any, None).await?;
        Ok(vec![Kept { name, size: info.size, version: None }])
    }

    async fn kept(&self, path: &str, _kept: &Kept) -> Result<Content> {
        let opened = self.open(path).await?;
        opened.map(|(_, content)| content).ok_or(StorageError::NotFound)
    }

    async fn join(&self, contents: Vec<Content>) -> Result<Material> {
        let parts = file_parts(&contents)?;
        let files = self.clone();
        run_long(move || sink::join(&files, &parts)).await.map(Material::new)
    }

    async fn duplicate(&self, content: Content) -> Result<Material> {
        let parts = file_parts(&[content])?;
        let files = self.clone();
        run_long(move || sink::concatenate(&files, &parts)).await.map(Material::new)
    }

    async fn sweep_staging(&self, before: SystemTime) -> Result<u64> {
        let files = self.clone();
        run(move || files.root.inside(|inside| sink::sweep(inside, before))).await
    }
}

/// This host's lock on the folder.
struct FolderLock(Arc<Files>);

impl Drop for FolderLock {
    fn drop(&mut self) {
        self.0.root.leave();
    }
}

#[async_trait]
impl Stored for FileContent {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let file = self.file.clone();
        run(move || read_range(&file, range)).await
    }

    fn stream(self: Arc<Self>, range: Range<u64>) -> BoxStream<'static, Result<Bytes>> {
        ahead::stream(self, range)
    }
}

/// An error about a path names it.
fn named<T>(path: &str, result: Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        StorageError::NotFound | StorageError::Unavailable(_) => error,
        error => error.about(&format!("`{path}`")),
    })
}

fn object_info(key: String, size: u64, version: String, metadata: &std::fs::Metadata) -> ObjectInfo {
    ObjectInfo { key, size, version, modified: metadata.modified().ok(), content_type: None }
}

/// None when nothing is there, or a folder.
fn open_object(inside: &Inside, path: &str) -> Result<Option<File>> {
    let file = match inside.read(path) {
        Ok(file) => file,
        Err(error) if is_nothing(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(file.metadata()?.is_file().then_some(file))
}

/// No such file, or an object where the key has a folder.
fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn read_whole(mut file: &File, size: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Without moving the descriptor's place, which readers share.
fn read_range(file: &File, range: Range<u64>) -> Result<Bytes> {
    let length = usize::try_from(range.end.saturating_sub(range.start))
        .map_err(|_| StorageError::invalid("the range does not fit into memory"))?;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let at = range.start + bytes.len() as u64;
        let read = rustix::io::pread(file, rustix::buffer::spare_capacity(&mut bytes), at)
            .map_err(io::Error::from)?;
        if read == 0 {
            return Err(StorageError::Conflict);
        }
    }
    bytes.truncate(length);
    Ok(bytes.into())
}

fn file_parts(contents: &[Content]) -> Result<Vec<FileContent>> {
    contents.iter().map(|content| content.form().cloned().ok_or_else(of_another_store)).collect()
}

/// One call off the asynchronous threads, bounded in time.
async fn run<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::time::timeout(CALL_TIMEOUT, run_long(work)).await {
        Ok(result) => result,
        Err(_) => Err(StorageError::unavailable("the storage folder does not answer; try again")),
    }
}

/// The same for work whose time grows with the bytes.
async fn run_long<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}
