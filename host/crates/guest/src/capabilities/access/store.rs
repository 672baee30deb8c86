//! Reading the store. Each object is recorded before it is read, and completed with what was found:
//! a read that fails leaves it incomplete, and the reply then cannot be remembered.

use bytes::Bytes;
use futures_util::StreamExt;

use super::{Access, Work, unix_millis};
use crate::capabilities::HostError;
use crate::inputs::Reason;
use packhouse_storage::{Key, ListOptions, Listing, ObjectInfo, Reader, StorageError};

impl Access {
    pub async fn stat(&mut self, key: &Key) -> Result<Option<ObjectInfo>, HostError> {
        self.inputs.reads(key);
        let found = self.ground()?.storage.stat(key).await;
        self.completed(key, found, |info| info)
    }

    /// The information on several objects, at most so many at a time.
    pub async fn stat_many(
        &mut self,
        keys: &[Key],
        at_a_time: usize,
    ) -> Result<Vec<Option<ObjectInfo>>, HostError> {
        for key in keys {
            self.inputs.reads(key);
        }
        let storage = &self.ground()?.storage;
        let found: Vec<_> = futures_util::stream::iter(keys.to_vec())
            .map(|key| async move { storage.stat(&key).await })
            .buffered(at_a_time)
            .collect()
            .await;
        keys.iter().zip(found).map(|(key, found)| self.completed(key, found, |info| info)).collect()
    }

    pub async fn get(&mut self, key: &Key, limit: u64) -> Result<Option<(ObjectInfo, Bytes)>, HostError> {
        self.inputs.reads(key);
        let found = self.ground()?.storage.get(key, limit).await;
        self.completed(key, found, |(info, _)| info)
    }

    /// Several documents, all at a time. The first error is the last result: the documents after it stay
    /// incomplete, unless the plugin reads them again.
    pub async fn get_many(
        &mut self,
        keys: &[Key],
        limit: u64,
    ) -> Result<Vec<Result<Option<(ObjectInfo, Bytes)>, HostError>>, HostError> {
        for key in keys {
            self.inputs.reads(key);
        }
        let storage = &self.ground()?.storage;
        let found: Vec<_> = futures_util::stream::iter(keys.to_vec())
            .map(|key| async move { storage.get(&key, limit).await })
            .buffered(keys.len().max(1))
            .collect()
            .await;
        let mut documents = Vec::with_capacity(found.len());
        for (key, found) in keys.iter().zip(found) {
            let document = self.completed(key, found, |(info, _)| info);
            let has_failed = document.is_err();
            documents.push(document);
            if has_failed {
                break;
            }
        }
        Ok(documents)
    }

    pub async fn open(&mut self, key: &Key) -> Result<Option<Reader>, HostError> {
        self.inputs.reads(key);
        let opened = self.ground()?.storage.open(key).await;
        self.completed(key, opened, Reader::info)
    }

    /// One version of an object: `NotFound` if nothing is there, `Conflict` if another version is.
    pub async fn open_version(&mut self, key: &Key, version: &str) -> Result<Reader, HostError> {
        let reader = self.open(key).await?.ok_or(StorageError::NotFound)?;
        if reader.info().version != version {
            return Err(StorageError::Conflict.into());
        }
        Ok(reader)
    }

    pub async fn list(&mut self, options: &ListOptions) -> Result<Listing, HostError> {
        self.inputs.lists(&options.prefix);
        let listing = self.ground()?.storage.list(options).await;
        if listing.is_err() {
            self.inputs.forget(Reason::Failed);
        }
        let listing = listing?;
        self.report_odd(&listing.odd)?;
        Ok(listing)
    }

    /// The time of the store, in milliseconds since the Unix epoch.
    pub async fn store_time(&mut self) -> Result<u64, HostError> {
        self.inputs.forget(Reason::StoreClock);
        Ok(unix_millis(self.ground()?.storage.now().await?))
    }

    /// The result of reading a key. A step of maintenance reports a symbolic link. In a run that
    /// changes nothing, the link then counts as absent and the run continues. Otherwise it is an
    /// error, because the document behind the link may need the files that the run would remove.
    fn completed<T>(
        &mut self,
        key: &Key,
        found: Result<Option<T>, StorageError>,
        info: impl Fn(&T) -> &ObjectInfo,
    ) -> Result<Option<T>, HostError> {
        match &found {
            Ok(found) => self.inputs.found(key, found.as_ref().map(info)),
            // The plugin may open it next, which completes the input.
            Err(StorageError::TooLarge(_)) => {}
            Err(_) => self.inputs.forget(Reason::Failed),
        }
        if let (Work::Step(step), Err(StorageError::Link(_))) = (&mut self.work, &found) {
            step.report_odd(key.as_str())?;
            if step.ground.is_read_only {
                return Ok(None);
            }
        }
        Ok(found?)
    }

    /// The same for keys that a listing left out.
    fn report_odd(&mut self, odd: &[String]) -> Result<(), HostError> {
        let (Work::Step(step), Some(first)) = (&mut self.work, odd.first()) else { return Ok(()) };
        odd.iter().try_for_each(|key| step.report_odd(key))?;
        if step.ground.is_read_only { Ok(()) } else { Err(StorageError::link(first).into()) }
    }
}
