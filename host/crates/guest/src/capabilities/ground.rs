//! What a plugin stands on in every call, be it a request, a step of maintenance or a question
//! about owners: its mount, and the part of the store that is the mount's. It knows none of
//! these.

use std::sync::Arc;
use std::time::SystemTime;

use crate::capabilities::HostError;
use crate::capabilities::resources::Resources;
use crate::description::Description;
use crate::mount::Mount;
use packhouse_storage::Scope;

/// Everything that does not depend on why a plugin was called.
pub struct Ground {
    pub mount: Arc<Mount>,
    pub description: Arc<Description>,
    pub storage: Scope,
    /// Whether the store is there to be looked at only.
    pub is_read_only: bool,
    pub limits: DataLimits,
    pub resources: Resources,
    pub now: SystemTime,
}

/// A step of maintenance may use this many times the host's work of a request.
const STEP_FACTOR: u64 = 256;

/// Bytes that one call may move.
#[derive(Debug, Clone, Copy)]
pub struct DataLimits {
    /// Of one upload.
    pub upload: u64,
    /// Of the answer that a plugin builds in memory.
    pub reply: u64,
    /// That the host reads, hashes, unpacks, copies or writes for the plugin, beside what the client
    /// sends.
    pub work: u64,
    /// Upload sessions of one caller on one mount, at one time.
    pub open_uploads: usize,
}

impl DataLimits {
    /// A step of maintenance may read through many large objects: nobody waits for it.
    #[must_use]
    pub fn of_a_step(self) -> Self {
        Self { work: self.work.saturating_mul(STEP_FACTOR), ..self }
    }
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
