//! What a plugin stands on in every call, be it a request, a step of maintenance or a question
//! about owners: its mount, and the part of the store that is the mount's. It knows none of
//! these.

use std::sync::Arc;
use std::time::SystemTime;

use crate::capabilities::HostError;
use crate::mounts::Mount;
use crate::plugins::description::Description;
use crate::storage::Scope;

/// Everything that does not depend on why a plugin was called.
pub struct Ground {
    pub mount: Arc<Mount>,
    pub description: Arc<Description>,
    pub storage: Scope,
    /// Whether the store is there to be looked at only.
    pub is_read_only: bool,
    pub limits: DataLimits,
    pub now: SystemTime,
}

/// Bytes that one call may move.
#[derive(Debug, Clone, Copy)]
pub struct DataLimits {
    /// Of one upload.
    pub upload: u64,
    /// Of the answer that a plugin builds in memory.
    pub reply: u64,
}

impl Ground {
    /// The store, for what writes or removes.
    pub fn storage_to_change(&self) -> Result<&Scope, HostError> {
        if self.is_read_only {
            return Err(HostError::denied(
                "nothing may be changed in a dry run, while what is stored is verified, or while owners are listed",
            ));
        }
        Ok(&self.storage)
    }
}
