//! The functions on keys, inside one prefix: it makes paths of keys, and keys of paths. It does not
//! know which store it is.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::digest::{Algorithm, Digest, unique};
use super::error::{Result, StorageError};
use super::key::{Key, PRIVATE, check_length};
use super::object::{ListOptions, Listing, ObjectInfo, PathListing, Precondition};
use super::own;
use super::reader::Reader;
use super::store::Store;

/// The keys below one prefix. Cheap to clone.
#[derive(Clone)]
pub struct Scope {
    store: Arc<dyn Store>,
    /// Ends with `/`.
    prefix: Arc<str>,
}

impl Scope {
    pub(super) fn new(store: Arc<dyn Store>, prefix: &Key) -> Self {
        Self { store, prefix: format!("{prefix}/").into() }
    }

    /// The keys below a folder of the host's own.
    pub(super) fn private(store: Arc<dyn Store>, room: &'static str) -> Self {
        Self { store, prefix: format!("{PRIVATE}/{room}/").into() }
    }

    /// The scope of the host's own objects inside this scope. No key of this scope leads there, and
    /// no listing shows them.
    #[must_use]
    pub fn own(&self) -> Self {
        Self { store: Arc::clone(&self.store), prefix: format!("{}{PRIVATE}/", self.prefix).into() }
    }

    /// From now on this scope counts only while the host's own object at this key is there, in the store
    /// of this process: if its folder goes away or is replaced by another one, what is not found there is
    /// `Unavailable`, and so is every change. A bucket has no folders that could go.
    pub fn known_by(&self, own: &Key) -> Result<()> {
        self.store.mark(&self.prefix, &self.own().path(own)?);
        Ok(())
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The same, to be kept.
    pub(super) fn shared_store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) fn path(&self, key: &Key) -> Result<String> {
        let path = format!("{}{key}", self.prefix);
        check_length(&path)?;
        Ok(path)
    }

    fn relative(&self, path: String) -> String {
        path.strip_prefix(&*self.prefix).map(str::to_owned).unwrap_or(path)
    }

    pub(super) fn relative_info(&self, info: ObjectInfo) -> ObjectInfo {
        ObjectInfo { key: self.relative(info.key), ..info }
    }

    /// The time by the store's clock. Seldom costs a request.
    pub async fn now(&self) -> Result<SystemTime> {
        self.store.now().await
    }

    /// None if the object does not exist. Costs one request to the store.
    pub async fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        let info = self.store.stat(&self.path(key)?).await?;
        Ok(info.map(|info| self.relative_info(info)))
    }

    /// A whole object, and its version at the same moment. None if the object does not exist,
    /// `TooLarge` above `limit` bytes.
    pub async fn get(&self, key: &Key, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        let found = self.store.get(&self.path(key)?, limit).await?;
        Ok(found.map(|(info, bytes)| (self.relative_info(info), bytes)))
    }

    /// Writes an object completely or not at all. `Conflict` if the precondition does not hold.
    pub async fn put(
        &self,
        key: &Key,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let info = self.store.put(&self.path(key)?, bytes, precondition, content_type).await?;
        Ok(self.relative_info(info))
    }

    /// False if the object did not exist, or `Conflict` if the precondition requires a version.
    pub async fn remove(&self, key: &Key, precondition: &Precondition) -> Result<bool> {
        self.store.remove(&self.path(key)?, precondition).await
    }

    /// One page of keys, in the order of their bytes.
    pub async fn list(&self, options: &ListOptions) -> Result<Listing> {
        check_prefix(&options.prefix)?;
        let (limit, hides) = (options.limit.max(1), own::may_be_on(options));
        let listing = PathListing {
            prefix: format!("{}{}", self.prefix, options.prefix),
            folders: options.folders,
            after: options.after.as_ref().map(|after| format!("{}{after}", self.prefix)),
            limit: if hides { limit + own::MOST } else { limit },
        };
        let page = self.store.list(&listing).await?;
        let mut page = Listing {
            objects: page.objects.into_iter().map(|info| self.relative_info(info)).collect(),
            folders: page.folders.into_iter().map(|folder| self.relative(folder)).collect(),
            next: page.next.map(|next| self.relative(next)),
            odd: page.odd.into_iter().map(|path| self.relative(path)).collect(),
        };
        if hides {
            own::hide(&mut page, limit);
        }
        Ok(page)
    }

    /// Whether listings may report symbolic links.
    pub fn has_links(&self) -> bool {
        self.store.abilities().links
    }

    /// Writes a second object with the bytes of `source`. The store copies them itself if it can.
    /// Without a content type, the copy has that of `source`. `Conflict` if `source` was replaced or
    /// removed since it was opened, or if the precondition does not hold for `target`.
    pub async fn copy(
        &self,
        source: &Reader,
        target: &Key,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let target = self.path(target)?;
        let content_type = content_type.or(source.info().content_type.as_deref());
        let material = self.store.duplicate(source.content().clone()).await?;
        let info = self.store.commit(&material, &target, precondition, content_type).await;
        Ok(self.relative_info(info.map_err(StorageError::replaced_source)?))
    }

    /// Reads parts of one version. None if the object does not exist.
    pub async fn open(&self, key: &Key) -> Result<Option<Reader>> {
        let opened = self.store.open(&self.path(key)?).await?;
        Ok(opened.map(|(info, content)| Reader::new(self.relative_info(info), content)))
    }

    /// Computes digests, for which it reads the whole object. None if the object does not exist.
    pub async fn digests(&self, key: &Key, algorithms: &[Algorithm]) -> Result<Option<Vec<Digest>>> {
        let Some(reader) = self.open(key).await? else {
            return Ok(None);
        };
        let size = reader.info().size;
        reader.digest_range(0, size, &unique(algorithms)).await.map(Some)
    }
}

/// A prefix is the beginning of a key: its whole segments are those of keys.
fn check_prefix(prefix: &str) -> Result<()> {
    check_length(prefix)?;
    if prefix.chars().any(char::is_control) {
        return Err(StorageError::invalid("a prefix cannot hold control characters"));
    }
    match prefix.rsplit_once('/') {
        Some((folders, _)) => super::key::check_path(folders),
        None => Ok(()),
    }
}
