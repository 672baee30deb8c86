//! What is known of one plugin file: the generation that serves, the file as it was last looked
//! at, and why the newest one does not serve.

use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::capabilities::storage::milliseconds;
use crate::plugins::generation::{Generation, Offers};

/// What is known of one plugin file. It outlives the file, so that the numbers go on when a file
/// comes back.
#[derive(Default)]
pub(super) struct Slot {
    pub serving: Option<Arc<Generation>>,
    /// Why the newest file does not serve; none when it does.
    pub problem: Option<String>,
    /// How many generations were loaded.
    pub count: u64,
    /// What the last generation that served before the present one offered.
    pub offered: Option<Offers>,
    /// The file as it was last taken up.
    pub seen: Option<Signature>,
    /// Since when the newest file is taken up: it is read, waits for the compiler, and is compiled.
    pub taken_up: Option<SystemTime>,
    /// Since when it is compiled; none before.
    pub compiling: Option<SystemTime>,
    pub gone_since: Option<Instant>,
    /// Whether its file was there lately.
    pub is_there: bool,
}

/// How far the newest file of a plugin has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is being read, or others are compiled before it.
    Waiting,
    Compiling,
}

/// Tells a changed file from an unchanged one without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature {
    size: u64,
    modified: Option<SystemTime>,
    inode: u64,
    /// The mode and the group: who can write to it.
    access: (u32, u32),
}

impl Signature {
    /// None when nothing is there. A symbolic link that leads nowhere is something.
    pub fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).or_else(|_| std::fs::symlink_metadata(path)).ok()?;
        Some(Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            inode: metadata.ino(),
            access: (metadata.mode(), metadata.gid()),
        })
    }
}

/// Why a file gave no generation.
#[derive(Debug)]
pub(super) enum Unloadable {
    /// It may yet, without being touched.
    Now(String),
    /// It will not until it changes.
    Ever(String),
}

/// What the status page says of one plugin file.
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
    /// Of the generation that serves.
    pub generation: Option<u64>,
    pub content_hash: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub loaded_at: Option<u64>,
    /// Since when the newest file waits to be compiled, in milliseconds since the Unix epoch.
    pub waiting_since: Option<u64>,
    /// Since when the newest file is compiled, in milliseconds since the Unix epoch.
    pub compiling_since: Option<u64>,
    /// What the generation that served before offered and this one does not.
    pub lost: Vec<String>,
    /// Why the newest file does not serve; none when it does.
    pub last_error: Option<String>,
}

impl PluginStatus {
    /// Of a file that is not there.
    pub fn missing(name: &str) -> Self {
        Slot::default().status(name)
    }
}

impl Slot {
    /// None when nothing is done with the newest file.
    pub fn stage(&self) -> Option<Stage> {
        self.taken_up.map(|_| if self.compiling.is_some() { Stage::Compiling } else { Stage::Waiting })
    }

    /// The newest file is settled.
    pub fn lay_down(&mut self) {
        (self.taken_up, self.compiling) = (None, None);
    }

    /// Keeps what the generation that serves offers, for the one after it. One that never served is
    /// nothing to compare with.
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
