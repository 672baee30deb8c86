//! The state of one plugin file: the serving generation, the file as it was last seen, and why its
//! newest version does not serve.

use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::capabilities::storage::milliseconds;
use crate::plugins::generation::{Generation, Offers};

/// The state of one plugin file. It stays when the file is removed, so that the numbers continue
/// when a file comes back.
#[derive(Default)]
pub(super) struct Slot {
    pub serving: Option<Arc<Generation>>,
    /// Why the newest version does not serve; none if it serves.
    pub problem: Option<String>,
    /// How many generations were loaded.
    pub count: u64,
    /// What the previous serving generation offered.
    pub offered: Option<Offers>,
    /// The file as it was when it was last loaded.
    pub seen: Option<Signature>,
    /// When loading of the newest version began: reading, waiting for the compiler, compiling.
    pub taken_up: Option<SystemTime>,
    /// When its compilation began; none before.
    pub compiling: Option<SystemTime>,
    pub gone_since: Option<Instant>,
    /// Whether the file existed at the last look.
    pub is_there: bool,
}

/// The progress of loading the newest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is being read, or waits while others compile.
    Waiting,
    Compiling,
}

/// Detects a changed file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature {
    size: u64,
    modified: Option<SystemTime>,
    inode: u64,
    /// The mode, the owner and the group, which decide who can write to it.
    access: (u32, u32, u32),
}

impl Signature {
    /// None if nothing is there. A dangling symbolic link counts as something.
    pub fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).or_else(|_| std::fs::symlink_metadata(path)).ok()?;
        Some(Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            inode: metadata.ino(),
            access: (metadata.mode(), metadata.uid(), metadata.gid()),
        })
    }
}

/// Why a file could not become a generation.
#[derive(Debug)]
pub(super) enum Unloadable {
    /// The next try may succeed without a change of the file.
    Now(String),
    /// The next try fails unless the file changes.
    Ever(String),
}

/// The state of one plugin file for the status page.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PluginStatus {
    /// The file's name without `.wasm`.
    pub name: String,
    /// Whether the file is there.
    #[serde(skip)]
    pub is_there: bool,
    pub title: Option<String>,
    pub protocol: Option<String>,
    pub version: Option<String>,
    /// Of the serving generation.
    pub generation: Option<u64>,
    pub content_hash: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub loaded_at: Option<u64>,
    /// Since when the newest version waits for the compiler, in milliseconds since the Unix epoch.
    pub waiting_since: Option<u64>,
    /// Since when the newest version compiles, in milliseconds since the Unix epoch.
    pub compiling_since: Option<u64>,
    /// What the previous serving generation offered and this one does not.
    pub lost: Vec<String>,
    /// Why the newest version does not serve; none if it serves.
    pub last_error: Option<String>,
}

impl PluginStatus {
    /// The state for a file that does not exist.
    pub fn missing(name: &str) -> Self {
        Slot::default().status(name)
    }
}

impl Slot {
    /// None if no version is being loaded.
    pub fn stage(&self) -> Option<Stage> {
        self.taken_up.map(|_| if self.compiling.is_some() { Stage::Compiling } else { Stage::Waiting })
    }

    /// Loading of the newest version is over.
    pub fn lay_down(&mut self) {
        (self.taken_up, self.compiling) = (None, None);
    }

    /// Keeps what the serving generation offers, to compare the next one with it. A generation that
    /// never served is not compared.
    pub fn remember_offers(&mut self) {
        if let Some(serving) = self.serving.as_ref().filter(|serving| serving.has_served()) {
            self.offered = Some(serving.offers());
        }
    }

    pub fn status(&self, name: &str) -> PluginStatus {
        let serving = self.serving.as_deref();
        let description = serving.map(|serving| &serving.description);
        PluginStatus {
            name: name.to_owned(),
            is_there: self.is_there,
            title: description.map(|description| description.title.clone()),
            protocol: description.map(|description| description.protocol.clone()),
            version: description.map(|description| description.version.clone()),
            generation: serving.map(|serving| serving.number),
            content_hash: serving.map(|serving| serving.hash.clone()),
            loaded_at: serving.and_then(|serving| milliseconds(serving.loaded)),
            waiting_since: self.taken_up.filter(|_| self.compiling.is_none()).and_then(milliseconds),
            compiling_since: self.compiling.and_then(milliseconds),
            lost: serving.map(|serving| serving.lost.clone()).unwrap_or_default(),
            last_error: self.problem.clone(),
        }
    }
}
