//! Rejects a key that is an object and a folder at once. Services with flat names would permit
//! that, so the host looks before it creates a key. Locks make this exact inside one process. Two
//! keys that two hosts create at the same moment may slip through.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use opendal::options::ListOptions;

use super::Bucket;
use crate::error::{Result, StorageError};
use crate::key::{PRIVATE, folders_above};
use crate::object::Precondition;

const REMEMBERED: usize = 4096;
const REMEMBERED_FOR: Duration = Duration::from_mins(1);

/// Folders that were not empty a moment ago, and therefore cannot be objects.
#[derive(Default)]
pub(super) struct KnownFolders(Mutex<HashMap<String, Instant>>);

impl KnownFolders {
    fn has(&self, folder: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(folder).is_some_and(|since| since.elapsed() < REMEMBERED_FOR)
    }

    fn add(&self, path: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.extend(folders_above(path).map(|folder| (folder.to_owned(), Instant::now())));
    }

    fn forget(&self, path: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }
}

impl Bucket {
    /// Called with the key's lock held. An object that must have a version exists already, and was
    /// checked when it was created.
    pub(super) async fn refuse_clash(&self, path: &str, precondition: &Precondition) -> Result<()> {
        if matches!(precondition, Precondition::Version(_)) || path.starts_with(PRIVATE) {
            return Ok(());
        }
        let above = folders_above(path)
            .filter(|folder| !self.folders.has(folder))
            .map(|folder| self.refuse_object(folder, path));
        tokio::try_join!(try_join_all(above), self.refuse_folder(path))?;
        self.folders.add(path);
        self.folders.forget(path);
        Ok(())
    }

    /// By a listing: the object itself comes first among the keys with this prefix. Some services
    /// fail when they look up a folder.
    async fn refuse_object(&self, folder: &str, path: &str) -> Result<()> {
        match self.first_below(folder).await? {
            Some(first) if first == folder => Err(StorageError::clash(path)),
            _ => Ok(()),
        }
    }

    async fn refuse_folder(&self, path: &str) -> Result<()> {
        match self.first_below(&format!("{path}/")).await? {
            Some(_) => Err(StorageError::clash(path)),
            None => Ok(()),
        }
    }

    /// The first object whose path begins with `prefix`.
    async fn first_below(&self, prefix: &str) -> Result<Option<String>> {
        let options = ListOptions { limit: Some(1), recursive: true, ..ListOptions::default() };
        let mut inside = self.operator.lister_options(prefix, options).await?;
        while let Some(entry) = inside.try_next().await? {
            if !entry.path().ends_with('/') {
                return Ok(Some(entry.path().to_owned()));
            }
        }
        Ok(None)
    }
}
