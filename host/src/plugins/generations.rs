//! The generation of each plugin that serves, and how a newer one takes over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Mutex, watch};

use crate::auth::Holder;
use crate::capabilities::{Ground, RequestContext, StepContext};
use crate::ownership::Page;
use crate::plugins::description::Description;
use crate::plugins::linked::Linked;
use crate::plugins::loader::{LoadError, Loader, first_line};
use crate::plugins::sandbox::{CallError, Sandbox};
use crate::respond::Reply;

/// How long a file must have been gone before its plugin stops serving, so that
/// deleting and writing it again loses nothing.
const GONE_FOR: Duration = Duration::from_secs(2);

/// One loaded version of a plugin.
pub struct Generation {
    /// Counts up for each version of one plugin that came to serve.
    pub number: u64,
    /// Of the file's content.
    pub hash: String,
    pub loaded: SystemTime,
    pub description: Arc<Description>,
    linked: Linked,
    sandbox: Arc<Sandbox>,
}

impl Generation {
    /// Answers one request in a fresh instance.
    pub async fn handle(&self, request: Box<RequestContext>) -> Result<Reply, CallError> {
        self.sandbox.handle(&self.linked, request).await
    }

    /// Whether it can look after what it has stored.
    pub fn has_maintenance(&self) -> bool {
        self.linked.has_maintenance()
    }

    /// Does one step of maintenance in a fresh instance. Gives where the next one goes on;
    /// none at the end.
    pub async fn step(&self, step: Box<StepContext>) -> Result<Option<String>, CallError> {
        self.sandbox.step(&self.linked, step).await
    }

    /// Whether it can say who owns what.
    pub fn has_ownership(&self) -> bool {
        self.linked.has_ownership()
    }

    /// Asks in a fresh instance for one page of what a user owns.
    pub async fn owned_by(
        &self,
        ground: Box<Ground>,
        holder: &Holder,
        cursor: Option<&str>,
    ) -> Result<Page, CallError> {
        self.sandbox.owned_by(&self.linked, ground, holder, cursor).await
    }

    /// Takes a user off one owner list, in a fresh instance. False when they were not on it.
    pub async fn disown(
        &self,
        ground: Box<Ground>,
        holder: &Holder,
        kind: &str,
        thing: &str,
    ) -> Result<bool, CallError> {
        self.sandbox.disown(&self.linked, ground, holder, (kind, thing)).await
    }
}

/// What is known of one plugin file.
#[derive(Default)]
struct Slot {
    serving: Option<Arc<Generation>>,
    last_error: Option<String>,
    /// How many generations have served.
    count: u64,
    /// The file as it was last looked at.
    seen: Option<Signature>,
    gone_since: Option<Instant>,
}

/// Tells a changed file from an unchanged one without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signature {
    size: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

/// Why a file gave no generation.
enum Unloadable {
    /// It may yet, without being touched.
    Now(String),
    /// It will not until it changes.
    Ever(String),
}

/// A line of the status page.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PluginStatus {
    /// The file's name without `.wasm`.
    pub name: String,
    pub title: Option<String>,
    pub protocol: Option<String>,
    pub version: Option<String>,
    pub generation: Option<u64>,
    pub content_hash: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub loaded_at: Option<u64>,
    /// Why the newest file does not serve; none when it does.
    pub last_error: Option<String>,
}

/// Why the plugins cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum PluginsError {
    #[error("the plugin folder {folder} cannot be read: {source}", folder = .folder.display())]
    Folder { folder: PathBuf, source: std::io::Error },
    #[error("the plugin engine does not start: {0}")]
    Engine(String),
    #[error(transparent)]
    Cache(#[from] LoadError),
}

/// All plugins of one folder.
pub struct Plugins {
    folder: PathBuf,
    sandbox: Arc<Sandbox>,
    loader: Arc<Loader>,
    slots: RwLock<BTreeMap<String, Slot>>,
    /// One refresh at a time.
    refreshing: Mutex<()>,
    changes: watch::Sender<u64>,
}

impl Plugins {
    /// Loads every plugin of `folder`; one that fails is kept with its reason.
    pub async fn load(folder: &Path, cache: &Path, sandbox: Sandbox) -> Result<Self, PluginsError> {
        let loader = Loader::new(cache, sandbox.engine())?;
        let plugins = Self {
            folder: folder.to_owned(),
            sandbox: Arc::new(sandbox),
            loader: Arc::new(loader),
            slots: RwLock::default(),
            refreshing: Mutex::default(),
            changes: watch::Sender::new(0),
        };
        plugins.refresh().await?;
        Ok(plugins)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The generation that serves now.
    pub fn serving(&self, name: &str) -> Option<Arc<Generation>> {
        self.read().get(name)?.serving.clone()
    }

    /// Why the newest file of a plugin does not serve.
    pub fn last_error(&self, name: &str) -> Option<String> {
        self.read().get(name)?.last_error.clone()
    }

    /// All that serve, by name.
    pub fn all_serving(&self) -> Vec<(String, Arc<Generation>)> {
        let slots = self.read();
        slots.iter().filter_map(|(name, slot)| Some((name.clone(), slot.serving.clone()?))).collect()
    }

    /// Tells of each generation that comes or goes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub fn status(&self) -> Vec<PluginStatus> {
        self.read().iter().map(|(name, slot)| slot.status(name)).collect()
    }

    /// Looks at the folder and takes up what has changed.
    pub async fn refresh(&self) -> Result<(), PluginsError> {
        let _one_at_a_time = self.refreshing.lock().await;
        let files =
            self.files().map_err(|source| PluginsError::Folder { folder: self.folder.clone(), source })?;
        for (name, signature) in &files {
            if self.read().get(name).and_then(|slot| slot.seen) != Some(*signature) {
                self.take_up(name, *signature).await;
            }
        }
        self.drop_gone(&files);
        Ok(())
    }

    fn files(&self) -> std::io::Result<BTreeMap<String, Signature>> {
        use std::os::unix::fs::MetadataExt;
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            let name = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| !stem.starts_with('.'));
            if let (Some(name), true, Some("wasm")) =
                (name, metadata.is_file(), path.extension().and_then(|e| e.to_str()))
            {
                let signature = Signature {
                    size: metadata.len(),
                    modified: metadata.modified().ok(),
                    inode: metadata.ino(),
                };
                files.insert(name.to_owned(), signature);
            }
        }
        Ok(files)
    }

    /// Loads a changed file and lets it serve, or keeps the reason why not.
    async fn take_up(&self, name: &str, signature: Signature) {
        let loaded = self.load_file(name).await;
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(name.to_owned()).or_default();
        // What failed in passing is tried again at the next look.
        slot.seen = Some(signature).filter(|_| !matches!(loaded, Err(Unloadable::Now(_))));
        slot.gone_since = None;
        match loaded {
            Ok(None) => slot.last_error = None,
            Ok(Some(mut generation)) => {
                slot.count += 1;
                generation.number = slot.count;
                tracing::info!(
                    plugin = name,
                    generation = slot.count,
                    hash = generation.hash,
                    "plugin {name} serves its generation {}",
                    slot.count
                );
                slot.last_error = None;
                slot.serving = Some(Arc::new(generation));
                self.changes.send_modify(|count| *count += 1);
            }
            Err(Unloadable::Now(reason) | Unloadable::Ever(reason)) => {
                if slot.last_error.as_ref() == Some(&reason) {
                    return;
                }
                let now = if slot.serving.is_some() {
                    "the generation before goes on"
                } else {
                    "it does not serve"
                };
                tracing::error!(plugin = name, reason, "plugin {name} cannot be loaded, {now}: {reason}");
                slot.last_error = Some(reason);
            }
        }
    }

    /// None when the content is that of the generation that serves.
    async fn load_file(&self, name: &str) -> Result<Option<Generation>, Unloadable> {
        let file = self.folder.join(format!("{name}.wasm"));
        let content = tokio::fs::read(&file)
            .await
            .map_err(|error| Unloadable::Now(format!("it cannot be read: {error}")))?;
        let hash = blake3::hash(&content).to_hex().to_string();
        if self.serving(name).is_some_and(|serving| serving.hash == hash) {
            return Ok(None);
        }
        let (loader, loaded_hash) = (Arc::clone(&self.loader), hash.clone());
        let component = tokio::task::spawn_blocking(move || loader.load(&loaded_hash, &content))
            .await
            .map_err(|error| Unloadable::Now(error.to_string()))?
            .map_err(|error| Unloadable::Ever(error.to_string()))?;
        let linked = self.sandbox.link(&component).map_err(|error| {
            let reason = first_line(&format!("{error:#}"));
            Unloadable::Ever(format!("it does not fit the contract of this host: {reason}"))
        })?;
        let description = self.sandbox.describe(&linked).await.map_err(|error| match error {
            CallError::Busy(_) | CallError::Deadline(_) => Unloadable::Now(error.to_string()),
            error => Unloadable::Ever(first_line(&error.to_string())),
        })?;
        Ok(Some(Generation {
            number: 0,
            hash,
            loaded: SystemTime::now(),
            description: Arc::new(description),
            linked,
            sandbox: Arc::clone(&self.sandbox),
        }))
    }

    /// Stops what has been gone long enough.
    fn drop_gone(&self, files: &BTreeMap<String, Signature>) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let mut dropped = false;
        slots.retain(|name, slot| {
            if files.contains_key(name) {
                slot.gone_since = None;
                return true;
            }
            let gone = slot.gone_since.get_or_insert_with(Instant::now).elapsed() >= GONE_FOR;
            if gone {
                tracing::info!(plugin = name, "the file of plugin {name} is gone, it no longer serves");
                dropped = true;
            }
            !gone
        });
        if dropped {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn status(&self, name: &str) -> PluginStatus {
        let serving = self.serving.as_deref();
        let description = serving.map(|serving| &serving.description);
        PluginStatus {
            name: name.to_owned(),
            title: description.map(|description| description.title.clone()),
            protocol: description.map(|description| description.protocol.clone()),
            version: description.map(|description| description.version.clone()),
            generation: serving.map(|serving| serving.number),
            content_hash: serving.map(|serving| serving.hash.clone()),
            loaded_at: serving.and_then(|serving| crate::capabilities::storage::milliseconds(serving.loaded)),
            last_error: self.last_error.clone(),
        }
    }
}
