//! A folder as a store. One object is one file of the same path; the host's own
//! things lie under `.packhouse/`. It must not know scopes, nor any opendal type.
//!
//! # Layout
//! - `{root}/<key>`: an object, never written in place: every change is a rename
//!   of a finished file over it.
//! - `{root}/.packhouse/staging/<uuid>`: bytes that are not visible yet.
//! - `{root}/.packhouse/locks/<shard>`, `host.lock`: empty files that processes lock.
//! - `{root}/.packhouse/store.json`: the identity of the store.
//!
//! # Invariants
//! **A change of a key happens with its lock held**, inside the process
//! (`KeyLocks`) and between processes (`ShardLock`). Readers take no lock: an open
//! descriptor keeps its version whatever is renamed over the name.
//! **Every call enters the folder anew**, and finds nothing in one that is not the store.
//! **No symbolic link in the folder is followed.**

mod clock;
mod inside;
mod lock;
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

use bytes::Bytes;
use tokio::sync::OwnedRwLockWriteGuard;

use super::clock::StoreClock;
use super::error::{Result, StorageError};
use super::identity::{Opening, StoreId};
use super::locks::KeyLocks;
use super::object::{Listing, PathListing};
use super::presence::Company;
use super::store::{Content, Kept, Material, ObjectInfo, Precondition, Sink};
use inside::Inside;
pub(super) use inside::is_link;
use lock::ShardLock;
use root::Root;
pub(super) use sink::{FileSink, StagingFile};
use version::Versions;

/// No single small call may keep a request longer than this; a hung network
/// mount then costs a thread, not the request.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The file system is asked again what time it is after so long.
const CLOCK_FRESH: Duration = Duration::from_secs(10);

pub(super) struct Files {
    root: Root,
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
pub(super) struct FileContent {
    file: Arc<File>,
    /// Where it was opened, below the store's folder; another file may be there by now.
    path: String,
    pub size: u64,
}

impl Files {
    /// One that is away, or is not the store that is wanted, may come back: its calls are
    /// `Unavailable` until then.
    pub async fn open_folder(root: &Path, opening: &Opening) -> Result<Arc<Self>> {
        let files = Self {
            root: Root::new(root, opening),
            locks: KeyLocks::default(),
            versions: Versions::default(),
            clock: StoreClock::default(),
        };
        let files = Arc::new(files);
        let prepared = files.clone();
        run(move || prepared.root.prepare()).await?;
        Ok(files)
    }

    /// Takes this host's lock on the folder until [`Self::leave`].
    pub async fn share_with(self: &Arc<Self>, company: Company) -> Result<()> {
        let files = self.clone();
        run(move || files.root.share_with(company)).await
    }

    pub fn leave(&self) {
        self.root.leave();
    }

    /// None when it is away.
    pub async fn id(self: &Arc<Self>) -> Option<StoreId> {
        let files = self.clone();
        run(move || Ok(files.root.id())).await.ok().flatten()
    }

    pub async fn probe(self: &Arc<Self>) -> Result<()> {
        let files = self.clone();
        let looked = run(move || files.root.enter().map(drop));
        match tokio::time::timeout(PROBE_TIMEOUT, looked).await {
            Ok(other) => other,
            Err(_) => Err(StorageError::unavailable("the storage folder does not answer")),
        }
    }

    /// By the clock that dates the files.
    pub async fn now(self: &Arc<Self>) -> Result<SystemTime> {
        if let Some(now) = self.clock.now(CLOCK_FRESH) {
            return Ok(now);
        }
        let files = self.clone();
        run(move || files.look_at_clock()).await
    }

    /// The same, for what runs off the asynchronous threads already.
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

    pub async fn stat(self: &Arc<Self>, path: &str) -> Result<Option<ObjectInfo>> {
        let (files, path) = (self.clone(), path.to_owned());
        run(move || named(&path, files.root.inside(|inside| files.look_up(inside, &path)))).await
    }

    pub async fn get(self: &Arc<Self>, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        let (files, path) = (self.clone(), path.to_owned());
        run(move || {
            let Some(file) = named(&path, files.root.inside(|inside| open_object(inside, &path)))? else {
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

    pub async fn open(self: &Arc<Self>, path: &str) -> Result<Option<(ObjectInfo, Content)>> {
        let (files, path) = (self.clone(), path.to_owned());
        run(move || {
            let Some(file) = named(&path, files.root.inside(|inside| open_object(inside, &path)))? else {
                return Ok(None);
            };
            let metadata = file.metadata()?;
            let version = files.version_of_file(&metadata, &file)?;
            let content = FileContent { file: Arc::new(file), path: path.clone(), size: metadata.len() };
            Ok(Some((object_info(path, metadata.len(), version, &metadata), Content::File(content))))
        })
        .await
    }

    pub async fn put(
        self: &Arc<Self>,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        _content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let files = self.clone();
        let staged = run(move || sink::stage(&files, &bytes)).await?;
        self.commit_file(&staged, path, precondition, Age::New).await
    }

    pub async fn commit(
        self: &Arc<Self>,
        material: &Material,
        path: &str,
        precondition: &Precondition,
        _content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        match material {
            Material::File(staged) => self.commit_file(staged, path, precondition, Age::Unknown).await,
            Material::Objects { .. } => Err(StorageError::other("staged in another store")),
        }
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

    /// The lock inside this process; whoever has it keeps a thread, others do not.
    async fn hold(&self, path: &str) -> Result<OwnedRwLockWriteGuard<()>> {
        let wait = tokio::time::timeout(lock::PATIENCE, self.locks.alone(path)).await;
        wait.map_err(|_| {
            StorageError::unavailable(format!("`{path}` is being changed for too long; try again"))
        })
    }

    pub async fn remove(self: &Arc<Self>, path: &str, precondition: &Precondition) -> Result<bool> {
        let hold = self.hold(path).await?;
        let (files, path, precondition) = (self.clone(), path.to_owned(), precondition.clone());
        run(move || {
            let _hold = hold;
            let removed = files.root.inside(|inside| {
                let _lock = ShardLock::take(inside, &path)?;
                files.check(inside, &path, &precondition)?;
                place::remove(inside, &path)
            });
            named(&path, removed)
        })
        .await
    }

    pub async fn discard(self: &Arc<Self>, path: &str) -> Result<()> {
        self.remove(path, &Precondition::Any).await.map(|_| ())
    }

    pub async fn list(self: &Arc<Self>, listing: &PathListing) -> Result<Listing> {
        let (files, listing) = (self.clone(), listing.clone());
        run(move || files.root.inside(|inside| walk::page(&files, inside, &listing))).await
    }

    pub fn sink(self: &Arc<Self>) -> Sink {
        Sink::File(FileSink::new(self.clone()))
    }

    pub async fn keep(self: &Arc<Self>, material: Material, folder: &str) -> Result<Vec<Kept>> {
        let name = uuid::Uuid::new_v4().simple().to_string();
        let info = self.commit(&material, &format!("{folder}{name}"), &Precondition::Any, None).await?;
        Ok(vec![Kept { name, size: info.size, version: None }])
    }

    pub async fn kept(self: &Arc<Self>, path: &str, _kept: &Kept) -> Result<Content> {
        let opened = self.open(path).await?;
        opened.map(|(_, content)| content).ok_or(StorageError::NotFound)
    }

    pub async fn join(self: &Arc<Self>, contents: Vec<Content>) -> Result<Material> {
        let parts = file_parts(contents)?;
        let files = self.clone();
        run_long(move || sink::join(&files, &parts)).await.map(Material::File)
    }

    pub async fn duplicate(self: &Arc<Self>, content: Content) -> Result<Material> {
        let parts = file_parts(vec![content])?;
        let files = self.clone();
        run_long(move || sink::concatenate(&files, &parts)).await.map(Material::File)
    }

    pub async fn sweep_staging(self: &Arc<Self>, before: SystemTime) -> Result<u64> {
        let files = self.clone();
        run(move || files.root.inside(|inside| sink::sweep(inside, before))).await
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

impl FileContent {
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let file = self.file.clone();
        run(move || read_range(&file, range)).await
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

fn file_parts(contents: Vec<Content>) -> Result<Vec<FileContent>> {
    contents
        .into_iter()
        .map(|content| match content {
            Content::File(content) => Ok(content),
            _ => Err(StorageError::other("stored in another store")),
        })
        .collect()
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
