//! The cache of compiled code on disk, which makes the next start fast.
//!
//! # Layout
//! `{hash}-{flavour}.code`: a MAC (`key`) and the code. `{uuid}.new`: a file that is being written.
//!
//! # Invariants
//! - **Code is used only if its MAC is valid**: the host's MAC of the code and its name.
//! - **The folder stays within its size.** The least recently used code is removed first, but never
//!   code that this host uses. Several hosts can share a folder.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use super::key::CodeKey;

/// Length of the MAC before the code.
pub(super) const MAC: usize = 32;
/// A `.new` file of this age was left by a host that died.
const ABANDONED: Duration = Duration::from_hours(1);

/// The code of this name stays in the cache while this lives.
pub(super) type CodeInUse = Arc<str>;

#[derive(Debug)]
pub(super) struct CodeCache {
    folder: PathBuf,
    key: CodeKey,
    /// In bytes.
    limit: u64,
    used: Mutex<Vec<Weak<str>>>,
}

impl CodeCache {
    /// Creates the folder if it does not exist. The error is a sentence.
    pub fn open(folder: &Path, limit: u64) -> Result<Self, String> {
        own_folder(folder)?;
        let key = CodeKey::of(folder)?;
        Ok(Self { folder: folder.to_owned(), key, limit, used: Mutex::default() })
    }

    /// Keeps the code of this name from being removed.
    pub fn using(&self, name: &str) -> CodeInUse {
        let name: CodeInUse = name.into();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|used| used.strong_count() > 0);
        used.push(Arc::downgrade(&name));
        name
    }

    /// The code of this name. None if there is no file with a valid MAC.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.folder.join(name);
        let content = std::fs::read(&path).ok()?;
        let (mac, code) = content.split_at_checked(MAC)?;
        // Compared in constant time.
        if self.key.authenticate(name, code) != <[u8; MAC]>::try_from(mac).ok()? {
            tracing::warn!(
                file = name,
                "compiled code in the cache is damaged or not the host's, and is compiled again"
            );
            return None;
        }
        // The modification time records when the code was last used.
        let _ = std::fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(content)
    }

    /// Writes a new file and renames it, so that no reader sees half a file.
    pub fn keep(&self, name: &str, code: &[u8]) -> std::io::Result<()> {
        let beside = self.folder.join(format!("{}.new", uuid::Uuid::new_v4()));
        let mut new = std::fs::OpenOptions::new();
        let written = new.write(true).create_new(true).mode(0o600).open(&beside).and_then(|mut file| {
            file.write_all(self.key.authenticate(name, code).as_bytes())?;
            file.write_all(code)?;
            std::fs::rename(&beside, self.folder.join(name))
        });
        if written.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        written?;
        self.prune()
    }

    /// Removes the least recently used code until the folder is within its size.
    pub fn prune(&self) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let (name, Ok(metadata)) = (entry.file_name(), entry.metadata()) else { continue };
            if let Some(name) = name.to_str().filter(|name| is_ours(name)) {
                files.push((metadata.modified()?, metadata.len(), name.to_owned()));
            }
        }
        files.sort();
        let mut size: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (used, bytes, name) in files {
            let is_abandoned = is_new(&name) && used.elapsed().is_ok_and(|age| age >= ABANDONED);
            let is_too_much = size > self.limit && !is_new(&name) && !self.is_used(&name);
            if is_abandoned || is_too_much {
                // Another host may have removed it.
                let _ = std::fs::remove_file(self.folder.join(&name));
                size = size.saturating_sub(bytes);
            }
        }
        Ok(())
    }

    fn is_used(&self, name: &str) -> bool {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.iter().filter_map(Weak::upgrade).any(|used| &*used == name)
    }
}

/// Other files in the folder stay.
fn is_ours(name: &str) -> bool {
    is_new(name) || Path::new(name).extension().is_some_and(|extension| extension == "code")
}

fn is_new(name: &str) -> bool {
    name.strip_suffix(".new").is_some_and(|id| uuid::Uuid::parse_str(id).is_ok())
}

/// Creates the folder. Rejects a folder to which other users can write.
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
            "others may write to it (mode {:o}): remove that permission with chmod go-w",
            mode & 0o777
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn code_counts_only_with_a_mac_that_the_host_has_made_for_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("cache");
        let cache = CodeCache::open(&at, 1 << 20).unwrap();
        cache.keep("one.code", &[7; 200]).unwrap();
        assert_eq!(cache.read("one.code").unwrap()[MAC..], [7; 200]);
        let kept = at.join("one.code");
        let right = std::fs::read(&kept).unwrap();
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

        std::fs::write(at.join("two.code"), &right).unwrap();
        assert!(cache.read("two.code").is_none(), "of another plugin");
        let mut tampered = right.clone();
        tampered[MAC + 100] ^= 1;
        let checksum = *blake3::hash(&tampered[MAC..]).as_bytes();
        tampered[..MAC].copy_from_slice(&checksum);
        for wrong in [tampered.as_slice(), &right[..right.len() / 2], &right[..MAC - 1], b""] {
            std::fs::write(&kept, wrong).unwrap();
            assert!(cache.read("one.code").is_none());
        }
        std::fs::write(&kept, &right).unwrap();
        assert!(CodeCache::open(&at, 1).unwrap().read("one.code").is_some(), "by the next process");
        std::fs::remove_file(folder.path().join("cache.key")).unwrap();
        assert!(CodeCache::open(&at, 1).unwrap().read("one.code").is_none(), "with another key");
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_what_is_in_use_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("cache");
        let cache = CodeCache::open(&at, 1000).unwrap();
        let names = || {
            let entries = std::fs::read_dir(&at).unwrap();
            let mut names: Vec<_> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let age = |name: &str, seconds| {
            let long_ago = SystemTime::now() - Duration::from_secs(seconds);
            std::fs::File::open(at.join(name)).unwrap().set_modified(long_ago).unwrap();
        };
        std::fs::write(at.join("notes.txt"), [0; 5000]).unwrap();
        for (name, seconds) in [("a.code", 40), ("b.code", 30), ("c.code", 20)] {
            cache.keep(name, &[0; 268]).unwrap();
            age(name, seconds);
        }
        let in_use = cache.using("a.code");
        cache.read("b.code").unwrap();
        cache.keep("d.code", &[0; 268]).unwrap();
        assert_eq!(names(), ["a.code", "b.code", "d.code", "notes.txt"], "1200 bytes were too many");

        let abandoned = format!("{}.new", uuid::Uuid::new_v4());
        std::fs::write(at.join(&abandoned), [0; 10]).unwrap();
        age(&abandoned, 7200);
        drop(in_use);
        cache.keep("e.code", &[0; 268]).unwrap();
        assert_eq!(names(), ["b.code", "d.code", "e.code", "notes.txt"]);
    }
}
