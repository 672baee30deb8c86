//! What a plugin has in every call (a request, a step of maintenance, or a question about owners):
//! its mount, and the mount's part of the store. It does not know the kind of call.

use std::sync::Arc;
use std::time::SystemTime;

use crate::capabilities::HostError;
use crate::capabilities::resources::Resources;
use crate::description::Description;
use crate::mount::Mount;
use packhouse_storage::Scope;

/// Everything that does not depend on the kind of call.
pub struct Ground {
    pub mount: Arc<Mount>,
    pub description: Arc<Description>,
    pub storage: Scope,
    /// Whether the call must not change the store.
    pub is_read_only: bool,
    pub limits: DataLimits,
    pub resources: Resources,
    pub now: SystemTime,
}

/// How many times the host's work for a request a step of maintenance may use.
const STEP_FACTOR: u64 = 256;

/// The most bytes of one call.
#[derive(Debug, Clone, Copy)]
pub struct DataLimits {
    /// In one upload.
    pub upload: u64,
    /// In a reply that the plugin builds in memory.
    pub reply: u64,
    /// That the host reads, hashes, unpacks, copies or writes for the plugin, without those that
    /// the client sends.
    pub work: u64,
    /// The most open upload sessions of one caller on one mount.
    pub open_uploads: usize,
}

impl DataLimits {
    /// Limits for a step of maintenance, which may read many large objects and delays no client.
    #[must_use]
    pub fn of_a_step(self) -> Self {
        Self { work: self.work.saturating_mul(STEP_FACTOR), ..self }
    }
}

impl Ground {
    /// The store, for a call that writes or removes.
    pub fn storage_to_change(&self) -> Result<&Scope, HostError> {
        if self.is_read_only {
            return Err(HostError::denied(
                "nothing may be changed in a dry run, while what is stored is verified, or while owners are listed",
            ));
        }
        Ok(&self.storage)
    }
}
