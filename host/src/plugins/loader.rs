//! From the bytes of a `.wasm` file to code that can be run, by way of a cache of
//! precompiled code on disk.
//!
//! # Invariants
//! - **Precompiled code is trusted**, since it is machine code: the cache folder is
//!   the host's own (0700), and a file counts only when the checksum before it is
//!   that of its content, so that a torn or rotten one is compiled again.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

/// Files kept in the cache.
const MOST_CACHED: usize = 64;
/// Length of the checksum in front of cached code.
const CHECKSUM: usize = 32;

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
    /// Tells apart code made by other versions or settings of the engine.
    flavour: u64,
}

impl Loader {
    pub fn new(cache: &Path, engine: &Engine) -> Result<Self, LoadError> {
        own_folder(cache).map_err(|reason| LoadError::Cache(cache.to_owned(), reason))?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { cache: cache.to_owned(), engine: engine.clone(), flavour: hasher.finish() })
    }

    /// Code for a file's content, compiled only the first time. Blocks for as long as
    /// compiling takes.
    pub fn load(&self, hash: &str, content: &[u8]) -> Result<Component, LoadError> {
        let cached = self.cache.join(format!("{hash}-{:016x}.code", self.flavour));
        let component = match self.cached_code(&cached) {
            Some(component) => component,
            None => self.compile(content, &cached)?,
        };
        self.check_contract(&component)?;
        Ok(component)
    }

    fn cached_code(&self, file: &Path) -> Option<Component> {
        let content = std::fs::read(file).ok()?;
        let (checksum, code) = content.split_at_checked(CHECKSUM)?;
        if blake3::hash(code).as_bytes() != checksum {
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "wasmtime cannot check machine code; we wrote it, into a folder of our own, and its checksum holds"
        )]
        let component = unsafe { Component::deserialize(&self.engine, code) };
        component.ok()
    }

    fn compile(&self, content: &[u8], cached: &Path) -> Result<Component, LoadError> {
        let code = self
            .engine
            .precompile_component(content)
            .map_err(|error| LoadError::NoComponent(first_line(&format!("{error:#}"))))?;
        if let Err(error) = self.keep(cached, &code) {
            tracing::warn!(error = %error, "precompiled code cannot be kept, the next start compiles again: {error}");
        }
        #[expect(unsafe_code, reason = "the code was made by this engine a moment ago")]
        let component = unsafe { Component::deserialize(&self.engine, &code) };
        component.map_err(|error| LoadError::Unfit(first_line(&format!("{error:#}"))))
    }

    /// Writes beside and renames, so that no reader meets half a file.
    fn keep(&self, cached: &Path, code: &[u8]) -> std::io::Result<()> {
        let beside = self.cache.join(format!("{}.new", uuid::Uuid::new_v4()));
        let written = std::fs::File::create(&beside).and_then(|mut file| {
            file.write_all(blake3::hash(code).as_bytes())?;
            file.write_all(code)?;
            std::fs::rename(&beside, cached)
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
