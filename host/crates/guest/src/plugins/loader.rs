//! Makes runnable code from a `.wasm` file. A cache on disk keeps the compiled code.
//!
//! # Invariants
//! - **Compiled code is machine code, so it must be trusted.** The cache folder belongs to the host
//!   (0700), and a file is used only if its MAC is valid. Any other file is compiled again.
//! - **Equal content is compiled once**, also if several files have it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use bytesize::ByteSize;
use tokio::sync::OnceCell;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::plugins::cache::{CodeCache, CodeInUse, MAC};
use crate::plugins::fitness::{self, Misfit};
use crate::plugins::places::{self, NotDone, Places};

/// Why a file could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Misfit(#[from] Misfit),
    #[error("it requires more than a plugin may have: {0}")]
    Unfit(String),
    #[error("it cannot be read from the cache now: {0}")]
    Reading(tokio::task::JoinError),
    #[error("it cannot be compiled: {0}")]
    NotCompiled(#[from] NotDone),
    #[error("the cache folder {folder} cannot be used: {reason}", folder = .0.display(), reason = .1)]
    Cache(PathBuf, String),
}

/// A component, and the guard that keeps its code in the cache.
pub(super) struct Loaded {
    pub component: Component,
    pub code: CodeInUse,
}

/// Loads components for one engine.
#[derive(Debug)]
pub struct Loader {
    cache: CodeCache,
    engine: Engine,
    places: Places,
    /// Content that is being compiled or waits for it, by the name of its code.
    underway: Mutex<HashMap<String, Weak<OnceCell<Component>>>>,
    /// Distinguishes code of other engine versions and settings.
    flavour: u64,
}

impl Loader {
    /// `size`: the most bytes of code in the cache.
    pub fn new(cache: &Path, size: u64, engine: &Engine) -> Result<Self, LoadError> {
        let cache =
            CodeCache::open(cache, size).map_err(|reason| LoadError::Cache(cache.to_owned(), reason))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            cache,
            engine: engine.clone(),
            places: Places::default(),
            underway: Mutex::default(),
            flavour: hasher.finish(),
        })
    }

    /// The code for a plugin's content. It is compiled only if the cache does not have it. `begins`
    /// is called when the compiler begins, not while the file waits.
    pub(super) async fn load(
        self: Arc<Self>,
        plugin: &str,
        hash: &str,
        content: Vec<u8>,
        begins: impl Fn() + Send + Sync,
    ) -> Result<Loaded, LoadError> {
        fitness::check_content(&content)?;
        let name = format!("{hash}-{:016x}.code", self.flavour);
        let code = self.cache.using(&name);
        let component = if let Some(component) = self.find(&name).await? {
            component
        } else {
            let cell = self.underway(&name);
            let compile = || Arc::clone(&self).compile_in_turn(plugin, content, name, begins);
            cell.get_or_try_init(compile).await?.clone()
        };
        fitness::check_line(&component, &self.engine)?;
        Ok(Loaded { component, code })
    }

    /// The result that all loads of the same content wait for.
    fn underway(&self, name: &str) -> Arc<OnceCell<Component>> {
        let mut underway = self.underway.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = underway.get(name).and_then(Weak::upgrade) {
            return cell;
        }
        underway.retain(|_, cell| cell.strong_count() > 0);
        let cell = Arc::new(OnceCell::new());
        underway.insert(name.to_owned(), Arc::downgrade(&cell));
        cell
    }

    /// Removes code until the cache is within its size.
    pub fn prune(&self) {
        if let Err(error) = self.cache.prune() {
            tracing::warn!(error = %error, "the cache of compiled code cannot be kept to its size: {error}");
        }
    }

    async fn find(self: &Arc<Self>, name: &str) -> Result<Option<Component>, LoadError> {
        let (loader, name) = (Arc::clone(self), name.to_owned());
        tokio::task::spawn_blocking(move || loader.cached(&name)).await.map_err(LoadError::Reading)
    }

    fn cached(&self, name: &str) -> Option<Component> {
        let content = self.cache.read(name)?;
        #[expect(unsafe_code, reason = "wasmtime cannot check machine code; we wrote it, as its MAC shows")]
        let component = unsafe { Component::deserialize(&self.engine, content.get(MAC..)?) };
        component.ok()
    }

    /// Compiles. Large files compile one after another. The log says when one begins, because it
    /// may take a minute.
    async fn compile_in_turn(
        self: Arc<Self>,
        plugin: &str,
        content: Vec<u8>,
        name: String,
        begins: impl Fn(),
    ) -> Result<Component, LoadError> {
        let _place = self.places.enter(content.len()).await;
        // Another load of the same content may have finished meanwhile.
        if let Some(component) = self.find(&name).await? {
            return Ok(component);
        }
        begins();
        let (size, started) = (content.len() as u64, Instant::now());
        let shown = ByteSize(size);
        tracing::info!(plugin, size_bytes = size, "compiling plugin {plugin} ({shown})");
        let loader = Arc::clone(&self);
        let compiled = places::apart(move || loader.compile(&content, &name)).await;
        let component = compiled??;
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(plugin, seconds, "plugin {plugin} is compiled, it took {seconds:.1} s");
        Ok(component)
    }

    fn compile(&self, content: &[u8], name: &str) -> Result<Component, LoadError> {
        let code = self.engine.precompile_component(content).map_err(|error| fitness::unreadable(&error))?;
        if let Err(error) = self.cache.keep(name, &code) {
            tracing::warn!(error = %error, "precompiled code cannot be kept, the next start compiles again: {error}");
        }
        #[expect(unsafe_code, reason = "the code was made by this engine a moment ago")]
        let component = unsafe { Component::deserialize(&self.engine, &code) };
        component.map_err(|error| LoadError::Unfit(first_line(&format!("{error:#}"))))
    }
}

/// A long explanation, cut to fit into a sentence.
pub fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

    use super::*;

    #[tokio::test]
    async fn what_was_compiled_once_is_read_and_what_is_damaged_is_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let loader = Arc::new(Loader::new(&cache, 1 << 30, &Engine::default()).unwrap());
        let name = format!("one-{:016x}.code", loader.flavour);
        let load = async || {
            Arc::clone(&loader).load("one", "one", b"(component)".to_vec(), || ()).await.unwrap();
        };
        assert!(loader.cached(&name).is_none());
        load().await;
        assert!(loader.cached(&name).is_some());
        let kept = cache.join(&name);
        let right = std::fs::read(&kept).unwrap();
        let mut wrong = right.clone();
        wrong[MAC + 10] ^= 1;
        std::fs::write(&kept, &wrong).unwrap();
        load().await;
        assert!(loader.cached(&name).is_some(), "it is compiled again");
    }

    #[tokio::test]
    async fn equal_content_is_compiled_once_for_all_who_ask_at_one_time() {
        let folder = tempfile::tempdir().unwrap();
        let loader = Arc::new(Loader::new(&folder.path().join("cache"), 1, &Engine::default()).unwrap());
        let compiled = std::sync::atomic::AtomicUsize::new(0);
        let begins = || _ = compiled.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let load = |name| Arc::clone(&loader).load(name, "same", b"(component)".to_vec(), begins);
        let all = tokio::join!(load("one"), load("two"), load("three"));
        assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok());
        assert_eq!(compiled.into_inner(), 1);
        drop(all);
        loader.underway("another");
        assert_eq!(loader.underway.lock().unwrap().len(), 1, "what is done is forgotten");
    }
}
