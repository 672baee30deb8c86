//! The store's own clock, which the times of its objects are measured by: it may differ
//! from this machine's, and several hosts have only this one in common.

use std::time::SystemTime;

use bytes::Bytes;

use super::Storage;
use super::backend::Precondition;
use super::error::{Result, StorageError};
use super::key::PRIVATE;

/// Where the small objects lie for as long as it takes to look at them.
pub(super) const CLOCK: &str = "clock";

impl Storage {
    /// What time it is in the store. Costs writing, looking at and removing a small object.
    pub async fn now(&self) -> Result<SystemTime> {
        let path = format!("{PRIVATE}/{CLOCK}/{}", uuid::Uuid::new_v4().simple());
        let written = self.backend.put(&path, Bytes::new(), &Precondition::Absent, None).await?;
        let modified = match written.modified {
            Some(modified) => Ok(Some(modified)),
            None => self.backend.stat(&path).await.map(|info| info.and_then(|info| info.modified)),
        };
        if let Err(error) = self.backend.remove(&path, &Precondition::Any).await {
            tracing::debug!(error = %error, path, "a small object stays until it is swept: {error}");
        }
        modified?.ok_or_else(|| StorageError::other("the store does not say when an object was written"))
    }
}
