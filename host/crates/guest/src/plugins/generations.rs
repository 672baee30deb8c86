//! The generation of each plugin that serves, and how a newer one takes over.
//!
//! # Invariants
//! - **Files are taken up independently**: each changed file has a task of its own, and one that
//!   compiles for long keeps no other waiting (`places`).
//! - **A swap never changes the protocol** of a generation that is in its place.
//! - **A swap takes no feature away that a mount sets**, and no setting.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::{BoxFuture, join_all};
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::plugins::checked::Unusable;
use crate::plugins::generation::Generation;
use crate::plugins::loader::{LoadError, Loader};
use crate::plugins::places::NotDone;
use crate::plugins::sandbox::Sandbox;
use crate::plugins::slot::{PluginStatus, Signature, Slot, Stage, Unloadable};
use packhouse_common::reach;

/// How long a file must have been gone before its plugin stops serving, so that
/// deleting and writing it again loses nothing.
const GONE_FOR: Duration = Duration::from_secs(2);

/// Between two looks at a file that changes while it is loaded.
const AGAIN: Duration = Duration::from_millis(200);

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

/// Where plugins come from.
pub struct PluginFolders<'a> {
    pub plugins: &'a Path,
    pub cache: &'a Path,
    /// Bytes of compiled code that the cache keeps.
    pub cache_size: u64,
}

/// Whether a mount depends on the protocol of the generation that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Needed,
    Free,
    /// The storage does not say.
    Unknown,
}

/// Says it of a plugin by name.
pub type InPlace = Box<dyn Fn(String) -> BoxFuture<'static, Place> + Send + Sync>;

/// Why a mount of this plugin, which the generation that serves now can serve, cannot be served by the
/// next one.
pub type LostMount = Box<
    dyn for<'a> Fn(&'a str, &'a Generation, &'a Generation) -> BoxFuture<'a, Option<Unusable>> + Send + Sync,
>;

/// All plugins of one folder.
pub struct Plugins {
    folder: PathBuf,
    sandbox: Arc<Sandbox>,
    loader: Arc<Loader>,
    slots: RwLock<BTreeMap<String, Slot>>,
    /// One look at the folder at a time.
    looking: Mutex<()>,
    in_place: OnceLock<InPlace>,
    lost_mount: OnceLock<LostMount>,
    changes: watch::Sender<u64>,
    /// Whether each generation that is loaded is logged.
    is_announced: AtomicBool,
}

impl Plugins {
    /// Loads every plugin of the folder; one that fails is kept with its reason.
    pub async fn load(folders: PluginFolders<'_>, sandbox: Sandbox) -> Result<Arc<Self>, PluginsError> {
        let loader = Loader::new(folders.cache, folders.cache_size, sandbox.engine())?;
        let plugins = Arc::new(Self {
            folder: folders.plugins.to_owned(),
            sandbox: Arc::new(sandbox),
            loader: Arc::new(loader),
            slots: RwLock::default(),
            looking: Mutex::default(),
            in_place: OnceLock::new(),
            lost_mount: OnceLock::new(),
            changes: watch::Sender::new(0),
            is_announced: AtomicBool::new(false),
        });
        join_all(plugins.refresh()?).await;
        plugins.loader.prune();
        Ok(plugins)
    }

    /// Logs the generations that are loaded, and from now on each new one. For a host that serves:
    /// the log of a command does not need them.
    pub fn announce(&self) {
        self.is_announced.store(true, Ordering::Relaxed);
        for (name, serving) in self.all_serving() {
            log_loaded(&name, &serving);
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Asked before a generation of another protocol takes over. Without it, none does.
    pub fn ask_before_a_change_of_protocol(&self, in_place: InPlace) {
        let _ = self.in_place.set(in_place);
    }

    /// Asked before a generation takes over.
    pub fn ask_before_a_mount_is_lost(&self, lost_mount: LostMount) {
        let _ = self.lost_mount.set(lost_mount);
    }

    /// The generation that serves now.
    pub fn serving(&self, name: &str) -> Option<Arc<Generation>> {
        self.read().get(name)?.serving.clone()
    }

    /// Why the newest file of a plugin does not serve.
    pub fn last_error(&self, name: &str) -> Option<String> {
        self.read().get(name)?.problem.clone()
    }

    /// How far the newest file of a plugin has come; none when nothing is done with it.
    pub fn stage(&self, name: &str) -> Option<Stage> {
        self.read().get(name)?.stage()
    }

    /// Why a plugin does not serve, for the one who gave a command.
    pub fn absence(&self, name: &str) -> String {
        let file = self.file_of(name);
        let file = file.display();
        match self.last_error(name) {
            Some(reason) => format!("`{file}` cannot be loaded: {reason}"),
            None => format!("its plugin `{file}` is missing: put it there"),
        }
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

    /// Of every file, by name.
    pub fn status(&self) -> Vec<PluginStatus> {
        let slots = self.read();
        slots.iter().filter(|(_, slot)| slot.is_there).map(|(name, slot)| slot.status(name)).collect()
    }

    /// Looks at the folder and takes up what has changed, a task for each file.
    pub fn refresh(self: &Arc<Self>) -> Result<Vec<JoinHandle<()>>, PluginsError> {
        let _one_at_a_time = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let files =
            self.files().map_err(|source| PluginsError::Folder { folder: self.folder.clone(), source })?;
        let mut changed = Vec::new();
        for (name, signature) in &files {
            let mut slots = self.write();
            let slot = slots.entry(name.clone()).or_default();
            (slot.is_there, slot.gone_since) = (true, None);
            if slot.seen != Some(*signature) && slot.taken_up.is_none() {
                slot.taken_up = Some(SystemTime::now());
                changed.push(tokio::spawn(Arc::clone(self).take_up(name.clone())));
            }
        }
        self.drop_gone(&files);
        Ok(changed)
    }

    fn files(&self) -> std::io::Result<BTreeMap<String, Signature>> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| !stem.starts_with('.'));
            if let (Some(name), Some("wasm"), Some(signature)) =
                (name, path.extension().and_then(|extension| extension.to_str()), Signature::of(&path))
            {
                files.insert(name.to_owned(), signature);
            }
        }
        Ok(files)
    }

    fn file_of(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.wasm"))
    }

    /// Loads a changed file and lets it serve, or keeps the reason why not. What changes again
    /// meanwhile is loaded again: it may still be copied.
    async fn take_up(self: Arc<Self>, name: String) {
        let file = self.file_of(&name);
        while let Some(signature) = Signature::of(&file) {
            self.note_compiling(&name, None);
            let loaded = match self.load_file(&name).await {
                Ok(Some(next)) => {
                    let checked = self.check_protocol(&name, next).await;
                    match checked {
                        Ok(next) => self.check_mounts(&name, next).await.map(Some),
                        Err(why) => Err(why),
                    }
                }
                other => other,
            };
            if Signature::of(&file) == Some(signature) {
                return self.settle(&name, signature, loaded);
            }
            tokio::time::sleep(AGAIN).await;
        }
        if let Some(slot) = self.write().get_mut(&name) {
            slot.lay_down();
        }
    }

    fn note_compiling(&self, name: &str, since: Option<SystemTime>) {
        if let Some(slot) = self.write().get_mut(name) {
            slot.compiling = since;
        }
    }

    fn settle(&self, name: &str, signature: Signature, loaded: Result<Option<Generation>, Unloadable>) {
        let mut slots = self.write();
        let slot = slots.entry(name.to_owned()).or_default();
        slot.lay_down();
        // What failed in passing is tried again at the next look.
        slot.seen = Some(signature).filter(|_| !matches!(loaded, Err(Unloadable::Now(_))));
        match loaded {
            Ok(None) => slot.problem = None,
            Ok(Some(next)) => {
                let next = slot.take_over(name, next);
                if self.is_announced.load(Ordering::Relaxed) {
                    log_loaded(name, &next);
                }
                self.changes.send_modify(|count| *count += 1);
            }
            Err(Unloadable::Now(reason) | Unloadable::Ever(reason)) => {
                if slot.refuse(name, reason) {
                    self.changes.send_modify(|count| *count += 1);
                }
            }
        }
    }

    /// None when the content is that of the generation that serves.
    async fn load_file(&self, name: &str) -> Result<Option<Generation>, Unloadable> {
        let content = read_safely(&self.file_of(name)).await?;
        let hash = blake3::hash(&content).to_hex().to_string();
        if self.serving(name).is_some_and(|serving| serving.hash == hash) {
            return Ok(None);
        }
        let begins = || self.note_compiling(name, Some(SystemTime::now()));
        let loaded = Arc::clone(&self.loader).load(name, &hash, content, begins).await;
        let loaded = loaded.map_err(|error| match error {
            LoadError::Reading(_) | LoadError::NotCompiled(NotDone::NoThread(_)) => {
                Unloadable::Now(error.to_string())
            }
            error => Unloadable::Ever(error.to_string()),
        })?;
        Generation::of(loaded, hash, Arc::clone(&self.sandbox)).await.map(Some)
    }

    /// Refuses a generation of another protocol where a mount depends on the one that serves: it
    /// would read, and clean up, what is not its own.
    async fn check_protocol(&self, name: &str, next: Generation) -> Result<Generation, Unloadable> {
        let Some(serving) = self.serving(name) else { return Ok(next) };
        let (now, new) = (&serving.description.protocol, &next.description.protocol);
        if now == new {
            return Ok(next);
        }
        let place = match self.in_place.get() {
            Some(in_place) => in_place(name.to_owned()).await,
            None => Place::Needed,
        };
        match place {
            Place::Free => return Ok(next),
            Place::Needed => {}
            Place::Unknown => {
                return Err(Unloadable::Now(format!(
                    "it speaks the protocol `{new}`, and the file before speaks `{now}`: the host cannot find out which of them is the right one while the storage does not answer"
                )));
            }
        }
        Err(Unloadable::Ever(format!(
            "it speaks the protocol `{new}`, and the generation that serves speaks `{now}`: a swap cannot change the \
             protocol. Copy it into the folder under a name of its own; to serve it instead of `{now}`, remove the old \
             file first, and give its mount in the configuration another `prefix`"
        )))
    }

    /// Refuses a generation that cannot serve a mount with the features and settings of the
    /// configuration: the next start would refuse the configuration.
    async fn check_mounts(&self, name: &str, next: Generation) -> Result<Generation, Unloadable> {
        let (Some(serving), Some(lost_mount)) = (self.serving(name), self.lost_mount.get()) else {
            return Ok(next);
        };
        match lost_mount(name, &serving, &next).await {
            None => Ok(next),
            Some(Unusable::Refused(why)) => Err(Unloadable::Ever(why)),
            Some(Unusable::Unknown(why)) => Err(Unloadable::Now(why)),
        }
    }

    /// Stops what has been gone long enough.
    fn drop_gone(&self, files: &BTreeMap<String, Signature>) {
        let mut slots = self.write();
        let mut dropped = false;
        for (name, slot) in
            slots.iter_mut().filter(|(name, slot)| slot.is_there && !files.contains_key(*name))
        {
            if slot.gone_since.get_or_insert_with(Instant::now).elapsed() >= GONE_FOR {
                tracing::warn!(plugin = name, "the file of plugin {name} is gone, it no longer serves");
                slot.remember_offers();
                *slot = Slot {
                    count: slot.count,
                    offered: slot.offered.take(),
                    taken_up: slot.taken_up,
                    compiling: slot.compiling,
                    ..Slot::default()
                };
                dropped = true;
            }
        }
        if dropped {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Slot>> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The content of a file that nobody else can write to; others could make the host run anything.
async fn read_safely(path: &Path) -> Result<Vec<u8>, Unloadable> {
    let unreadable = |error: std::io::Error| {
        let is_link = std::fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink());
        Unloadable::Now(match error.kind() {
            ErrorKind::NotFound if is_link => {
                "it is a symbolic link that leads nowhere: put the file there that it names".to_owned()
            }
            ErrorKind::PermissionDenied => {
                format!(
                    "it cannot be read: {error}; give the user that the host runs as the right to read it"
                )
            }
            _ => format!("it cannot be read: {error}"),
        })
    };
    // Opening what is no file may take for ever.
    let there = tokio::fs::metadata(path).await.map_err(unreadable)?;
    if there.is_dir() {
        return Err(Unloadable::Ever("it is a folder: put the plugin's file in its place".to_owned()));
    }
    if !there.is_file() {
        return Err(Unloadable::Ever(
            "it is not a regular file: put the plugin's file in its place".to_owned(),
        ));
    }
    let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    if let Some(why) = reach::refusal(path, &file.metadata().await.map_err(unreadable)?) {
        return Err(Unloadable::Ever(why));
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content).await.map_err(unreadable)?;
    Ok(content)
}

fn log_loaded(name: &str, generation: &Generation) {
    let (number, protocol) = (generation.number, &generation.description.protocol);
    tracing::info!(
        plugin = name,
        generation = number,
        hash = generation.hash,
        protocol,
        "generation {number} of plugin {name} is loaded, it speaks the protocol {protocol}"
    );
}

impl Slot {
    fn take_over(&mut self, name: &str, mut next: Generation) -> Arc<Generation> {
        self.count += 1;
        next.number = self.count;
        self.remember_offers();
        next.lost = self.offered.as_ref().map(|offered| offered.lost_by(&next)).unwrap_or_default();
        if !next.lost.is_empty() {
            let lost = next.lost.join(", ");
            tracing::warn!(
                plugin = name,
                lost,
                "plugin {name} no longer offers what the generation that served before did: {lost}"
            );
        }
        self.problem = None;
        let next = Arc::new(next);
        self.serving = Some(Arc::clone(&next));
        next
    }

    /// False when the reason is known already.
    fn refuse(&mut self, name: &str, reason: String) -> bool {
        if self.problem.as_ref() == Some(&reason) {
            return false;
        }
        let now = if self.serving.is_some() {
            "the previous generation continues to serve"
        } else {
            "it does not serve"
        };
        tracing::error!(plugin = name, reason, "plugin {name} cannot be loaded, {now}: {reason}");
        self.problem = Some(reason);
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_file_that_others_can_write_to_is_not_read_and_one_that_becomes_so_is_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("demo.wasm");
        std::fs::write(&file, "content").unwrap();
        let set = |mode| set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        set(0o644);
        let before = Signature::of(&file);
        assert_eq!(read_safely(&file).await.unwrap(), b"content");
        set(0o646);
        assert_ne!(Signature::of(&file), before, "it has changed");
        match read_safely(&file).await {
            Err(Unloadable::Ever(why)) => {
                assert!(why.contains("chmod") && why.contains("demo.wasm"), "{why}");
            }
            other => panic!("{other:?}"),
        }
        set(0o644);
        assert_eq!(Signature::of(&file), before);
    }

    #[tokio::test]
    async fn what_is_no_file_is_told_and_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("folder.wasm")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("link.wasm")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket.wasm")).unwrap();
        for (name, told) in [
            ("folder.wasm", "it is a folder"),
            ("link.wasm", "it is a symbolic link that leads nowhere"),
            ("socket.wasm", "it is not a regular file"),
        ] {
            assert!(Signature::of(&at(name)).is_some(), "{name} is there");
            match read_safely(&at(name)).await {
                Err(Unloadable::Now(why) | Unloadable::Ever(why)) => assert!(why.contains(told), "{why}"),
                Ok(_) => panic!("{name} was read"),
            }
        }
        assert_eq!(Signature::of(&at("absent.wasm")), None);
    }
}
