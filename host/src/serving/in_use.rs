//! Automatic mounts of which only the storage knows. If the plugin file of such a mount is missing
//! or damaged, nothing in the configuration names the mount. Without this module, the mount would
//! answer 404, and package managers would ask the next registry.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::layout::Configured;
use crate::prefixes::Prefixes;
use crate::storage::StorageError;

/// For so long an answer of the storage is not asked for again.
const REMEMBERED: Duration = Duration::from_secs(10);
/// For so long a storage that did not answer is left alone.
const POSTPONED: Duration = Duration::from_secs(2);
/// The protocols of such mounts, as the storage named them last.
#[derive(Default)]
pub struct InUse(Mutex<State>);

#[derive(Default)]
struct State {
    /// None before the storage has answered.
    protocols: Option<Vec<String>>,
    asked: Option<Instant>,
}

impl InUse {
    pub fn protocols(&self) -> Vec<String> {
        self.state().protocols.clone().unwrap_or_default()
    }

    pub fn is_known(&self) -> bool {
        self.state().protocols.is_some()
    }

    /// Whether it is time to ask the storage again. Of many requests, one does.
    pub fn is_due(&self) -> bool {
        let mut state = self.state();
        let pause = if state.protocols.is_some() { REMEMBERED } else { POSTPONED };
        let is_due = state.asked.is_none_or(|asked| asked.elapsed() >= pause);
        if is_due {
            state.asked = Some(Instant::now());
        }
        is_due
    }

    /// True when it is another answer than before.
    pub fn learn(&self, protocols: Vec<String>) -> bool {
        let mut state = self.state();
        let is_new = state.protocols.as_ref() != Some(&protocols);
        (state.protocols, state.asked) = (Some(protocols), Some(Instant::now()));
        is_new
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the storage which protocols without a mount in the configuration have stored something.
pub async fn look(configured: &Configured, prefixes: &Prefixes) -> Result<Vec<String>, StorageError> {
    if !configured.auto_mount {
        return Ok(Vec::new());
    }
    let mounts = configured.mounts.iter();
    let is_free =
        |protocol: &str| !mounts.clone().any(|mount| mount.name == protocol || mount.prefix == protocol);
    prefixes.in_use(is_free).await
}
