//! From the bytes of a `.wasm` file to code that can be run, by way of a cache of
//! precompiled code on disk.
//!
//! # Invariants
//! - **Precompiled code is trusted**, since it is machine code: the cache folder is
//!   the host's own (0700), and a file counts only when the MAC before it is that of
//!   its content, so that one that is torn, rotten or not the host's is compiled again.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::key::CodeKey;

/// Files kept in the cache.
const MOST_CACHED: usize = 64;
/// Length of the MAC in front of cached code.
const MAC: usize = 32;

/// Why a file gave no code.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("it is no WASM component: {0}")]
    NoComponent(String),
    #[error("it asks for more than a plugin may have: {0}")]
    Unfit(String),
    #[error(
        "it is built for {0}, and this host speaks packhouse:plugin 0.1: use a build for 0.1, or a newer host"
    )]
    OtherContract(String),
    #[error("the cache folder {folder} cannot be used: {reason}", folder = .0.display(), reason = .1)]
    Cache(PathBuf, String),
}

/// Loads components for one engine.
#[derive(Debug)]
pub struct Loader {
    cache: PathBuf,
    engine: Engine,
    key: CodeKey,
    /// Tells apart code made by other versions or settings of the engine.
    flavour: u64,
}

impl Loader {
    pub fn new(cache: &Path, engine: &Engine) -> Result<Self, LoadError> {
        own_folder(cache).map_err(|reason| LoadError::Cache(cache.to_owned(), reason))?;
        let key = CodeKey::of(cache).map_err(|reason| LoadError::Cache(cache.to_owned(), reason))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { cache: cache.to_owned(), engine: engine.clone(), key, flavour: hasher.finish() })
    }

    /// Code for a file's content, compiled only the first time. Blocks for as long as
    /// compiling takes.
    pub fn load(&self, hash: &str, content: &[u8]) -> Result<Component, LoadError> {
        let name = format!("{hash}-{:016x}.code", self.flavour);
        let component = match self.cached_code(&name) {
            Some(component) => component,
            None => self.compile(content, &name)?,
        };
        self.check_contract(&component)?;
        Ok(component)
    }

    fn cached_code(&self, name: &str) -> Option<Component> {
        let content = std::fs::read(self.cache.join(name)).ok()?;
        let (mac, code) = content.split_at_checked(MAC)?;
        // Compared in constant time.
        if self.key.authenticate(name, code) != <[u8; MAC]>::try_from(mac).ok()? {
            tracing::warn!(
                file = name,
                "compiled code in the cache is damaged or not the host's, and is compiled again"
            );
            return None;
        }
        #[expect(unsafe_code, reason = "wasmtime cannot check machine code; we wrote it, as its MAC shows")]
        let component = unsafe { Component::deserialize(&self.engine, code) };
        component.ok()
    }

    fn compile(&self, content: &[u8], name: &str) -> Result<Component, LoadError> {
        let code = self
            .engine
            .precompile_component(content)
            .map_err(|error| LoadError::NoComponent(first_line(&format!("{error:#}"))))?;
        if let Err(error) = self.keep(name, &code) {
            tracing::warn!(error = %error, "precompiled code cannot be kept, the next start compiles again: {error}");
        }
        #[expect(unsafe_code, reason = "the code was made by this engine a moment ago")]
        let component = unsafe { Component::deserialize(&self.engine, &code) };
        component.map_err(|error| LoadError::Unfit(first_line(&format!("{error:#}"))))
    }

    /// Writes beside and renames, so that no reader meets half a file.
    fn keep(&self, name: &str, code: &[u8]) -> std::io::Result<()> {
        let beside = self.cache.join(format!("{}.new", uuid::Uuid::new_v4()));
        let mut new = std::fs::OpenOptions::new();
        let written = new.write(true).create_new(true).mode(0o600).open(&beside).and_then(|mut file| {
            file.write_all(self.key.authenticate(name, code).as_bytes())?;
            file.write_all(code)?;
            std::fs::rename(&beside, self.cache.join(name))
        });
        if written.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        written?;
        self.prune()
    }

    fn prune(&self) -> std::io::Result<()> {
        let mut files = BTreeSet::new();
        for entry in std::fs::read_dir(&self.cache)? {
            let entry = entry?;
            files.insert((entry.metadata()?.modified()?, entry.path()));
        }
        let surplus = files.len().saturating_sub(MOST_CACHED);
        files.into_iter().take(surplus).try_for_each(|(_, file)| std::fs::remove_file(file))
    }

    /// Names another line of the contract before linking fails in longer words.
    fn check_contract(&self, component: &Component) -> Result<(), LoadError> {
        let kind = component.component_type();
        let mut contracts = kind
            .imports(&self.engine)
            .map(|(name, _)| name)
            .filter(|name| name.starts_with("packhouse:plugin/"));
        match contracts
            .find(|name| !name.rsplit_once('@').is_some_and(|(_, version)| version.starts_with("0.1.")))
        {
            Some(other) => Err(LoadError::OtherContract(other.to_owned())),
            None => Ok(()),
        }
    }
}

/// Makes the folder, and refuses one that others may write to.
fn own_folder(folder: &Path) -> Result<(), String> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| error.to_string())?;
    let metadata = std::fs::metadata(folder).map_err(|error| error.to_string())?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err("it belongs to another user: choose a folder of the host's own".into());
    }
    let mode = metadata.permissions().mode();
    if mode & 0o022 != 0 {
        return Err(format!(
            "others may write to it (mode {:o}): take that away with chmod go-w",
            mode & 0o777
        ));
    }
    Ok(())
}

/// A long explanation cut to what fits in a sentence.
pub fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn code_counts_only_with_a_mac_that_the_host_has_made_for_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let engine = Engine::default();
        let loader = Loader::new(&cache, &engine).unwrap();
        let names = ["one", "two"].map(|hash| format!("{hash}-{:016x}.code", loader.flavour));
        loader.load("one", b"(component)").unwrap();
        assert!(loader.cached_code(&names[0]).is_some());
        let (kept, other) = (cache.join(&names[0]), cache.join(&names[1]));
        let right = std::fs::read(&kept).unwrap();
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

        std::fs::write(&other, &right).unwrap();
        assert!(loader.cached_code(&names[1]).is_none(), "of another plugin");
        let mut tampered = right.clone();
        tampered[MAC + 100] ^= 1;
        let checksum = *blake3::hash(&tampered[MAC..]).as_bytes();
        tampered[..MAC].copy_from_slice(&checksum);
        for wrong in [tampered.as_slice(), &right[..right.len() / 2], &right[..MAC - 1], b""] {
            std::fs::write(&kept, wrong).unwrap();
            assert!(loader.cached_code(&names[0]).is_none());
            loader.load("one", b"(component)").unwrap();
            assert!(std::fs::read(&kept).unwrap() != wrong, "it is compiled again");
        }
        assert!(
            Loader::new(&cache, &engine).unwrap().cached_code(&names[0]).is_some(),
            "by the next process"
        );
        std::fs::remove_file(folder.path().join("cache.key")).unwrap();
        assert!(Loader::new(&cache, &engine).unwrap().cached_code(&names[0]).is_none(), "with another key");
    }
}
