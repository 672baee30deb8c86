//! A map as a store. It ends with the process, and only this process sees it.
//!
//! # Invariants
//! **A precondition and its change are one step.** Both happen under the map's lock, which is never
//! held across a wait.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::digest::hex;
use super::error::{Result, StorageError};
use super::identity::StoreId;
use super::key::folders_above;
use super::object::{Listing, ObjectInfo, PathListing, Precondition};
use super::store::{Abilities, Company, Content, Kept, Lock, Material, Sink, Store, of_another_store};

#[derive(Default)]
pub(super) struct Memory {
    objects: Mutex<Objects>,
}

/// By path.
type Objects = BTreeMap<String, Object>;

#[derive(Clone)]
struct Object {
    bytes: Bytes,
    version: String,
    modified: SystemTime,
    content_type: Option<String>,
}

impl Object {
    fn info(&self, path: &str) -> ObjectInfo {
        ObjectInfo {
            key: path.to_owned(),
            size: self.bytes.len() as u64,
            version: self.version.clone(),
            modified: Some(self.modified),
            content_type: self.content_type.clone(),
        }
    }
}

impl Memory {
    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, path: &str) -> Option<Object> {
        self.objects().get(path).cloned()
    }

    fn write(
        &self,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let hash = blake3::hash(&bytes);
        let version = hex(hash.as_bytes().get(..16).unwrap_or_default());
        let content_type = content_type.map(str::to_owned);
        let mut objects = self.objects();
        if !matches!(precondition, Precondition::Version(_)) {
            refuse_clash(&objects, path)?;
        }
        precondition.check(objects.get(path).map(|object| object.version.as_str()))?;
        let object = Object { bytes, version, modified: SystemTime::now(), content_type };
        let info = object.info(path);
        objects.insert(path.to_owned(), object);
        Ok(info)
    }

    fn take_away(&self, path: &str, precondition: &Precondition) -> Result<bool> {
        let mut objects = self.objects();
        precondition.check(objects.get(path).map(|object| object.version.as_str()))?;
        Ok(objects.remove(path).is_some())
    }
}

/// A key cannot be an object and a folder at once.
fn refuse_clash(objects: &Objects, path: &str) -> Result<()> {
    let folder = format!("{path}/");
    let is_folder =
        objects.range(folder.clone()..).next().is_some_and(|(first, _)| first.starts_with(&folder));
    if is_folder || folders_above(path).any(|above| objects.contains_key(above)) {
        return Err(StorageError::clash(path));
    }
    Ok(())
}

fn page_of(objects: &Objects, listing: &PathListing) -> Listing {
    let mut page = Listing::default();
    let mut last = None;
    let start = listing.after.as_ref().filter(|after| **after > listing.prefix).unwrap_or(&listing.prefix);
    let behind = objects.range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded));
    for (path, object) in behind.take_while(|(path, _)| path.starts_with(&listing.prefix)) {
        let folder = listing.group_of(path).filter(|_| listing.folders);
        if !listing.includes(path) || folder.is_some() && folder == page.folders.last().map(String::as_str) {
            continue;
        }
        if page.objects.len() + page.folders.len() >= listing.limit {
            page.next = last;
            break;
        }
        last = Some(folder.unwrap_or(path).to_owned());
        match folder {
            Some(folder) => page.folders.push(folder.to_owned()),
            None => page.objects.push(object.info(path)),
        }
    }
    page
}

#[async_trait]
impl Store for Arc<Memory> {
    fn abilities(&self) -> Abilities {
        Abilities {
            lasting: false,
            shareable: false,
            content_types: true,
            keeps_opened: true,
            copies: true,
            links: false,
        }
    }

    async fn id(&self) -> Option<StoreId> {
        None
    }

    async fn probe(&self) -> Result<()> {
        Ok(())
    }

    async fn now(&self) -> Result<SystemTime> {
        Ok(SystemTime::now())
    }

    async fn lock(&self, _company: Company) -> Result<Option<Lock>> {
        Ok(None)
    }

    async fn stat(&self, path: &str) -> Result<Option<ObjectInfo>> {
        Ok(self.find(path).map(|object| object.info(path)))
    }

    async fn get(&self, path: &str, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>> {
        match self.find(path) {
            Some(object) if object.bytes.len() as u64 > limit => Err(StorageError::TooLarge(limit)),
            found => Ok(found.map(|object| (object.info(path), object.bytes))),
        }
    }

    async fn open(&self, path: &str) -> Result<Option<(ObjectInfo, Content)>> {
        Ok(self.find(path).map(|object| (object.info(path), Content::Memory(object.bytes))))
    }

    async fn put(
        &self,
        path: &str,
        bytes: Bytes,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        self.write(path, bytes, precondition, content_type)
    }

    async fn remove(&self, path: &str, precondition: &Precondition) -> Result<bool> {
        self.take_away(path, precondition)
    }

    async fn discard(&self, path: &str) -> Result<()> {
        self.take_away(path, &Precondition::Any).map(drop)
    }

    async fn list(&self, listing: &PathListing) -> Result<Listing> {
        Ok(page_of(&self.objects(), listing))
    }

    fn sink(&self, _folder: &str) -> Box<dyn Sink> {
        Box::new(Gathered::default())
    }

    async fn keep(&self, material: Material, folder: &str) -> Result<Vec<Kept>> {
        let name = uuid::Uuid::new_v4().simple().to_string();
        let info = self.commit(&material, &format!("{folder}{name}"), &Precondition::Any, None).await?;
        Ok(vec![Kept { name, size: info.size, version: None }])
    }

    async fn kept(&self, path: &str, _kept: &Kept) -> Result<Content> {
        self.find(path).map(|object| Content::Memory(object.bytes)).ok_or(StorageError::NotFound)
    }

    async fn join(&self, contents: Vec<Content>) -> Result<Material> {
        let mut whole = BytesMut::new();
        for content in contents {
            match content {
                Content::Memory(bytes) => whole.extend_from_slice(&bytes),
                Content::Stored(_) | Content::Chain(_) => return Err(of_another_store()),
            }
        }
        Ok(Material::new(whole.freeze()))
    }

    async fn duplicate(&self, content: Content) -> Result<Material> {
        match content {
            Content::Memory(bytes) => Ok(Material::new(bytes)),
            Content::Stored(_) | Content::Chain(_) => Err(of_another_store()),
        }
    }

    async fn commit(
        &self,
        material: &Material,
        path: &str,
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        self.write(path, material.form::<Bytes>()?.clone(), precondition, content_type)
    }

    /// Staged bytes have no path.
    async fn sweep_staging(&self, _before: SystemTime) -> Result<u64> {
        Ok(0)
    }
}

#[derive(Default)]
struct Gathered(Vec<Bytes>);

#[async_trait]
impl Sink for Gathered {
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.0.extend(pieces);
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<(Material, Content)> {
        let bytes = match <[Bytes; 1]>::try_from(self.0) {
            Ok([only]) => only,
            Err(pieces) => Bytes::from(pieces.concat()),
        };
        Ok((Material::new(bytes.clone()), Content::Memory(bytes)))
    }
}
