//! Compiled code kept on disk, so that the next start is instant.
//!
//! # Layout
//! `{hash}-{flavour}.code`: a MAC (`key`), and the code. `{uuid}.new`: one that is being written.
//!
//! # Invariants
//! - **Code counts only with the host's MAC** of it and its name.
//! - **The folder keeps to its size**: what was used longest ago goes first, and never what this
//!   host uses. Hosts may share a folder.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use super::key::CodeKey;

/// Length of the MAC in front of cached code.
pub(super) const MAC: usize = 32;
/// A file that is being written for so long was left by a host that died.
const ABANDONED: Duration = Duration::from_hours(1);

/// As long as it lives, the code of this name stays.
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
    /// Makes the folder if need be; a sentence when it cannot be used.
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

    /// The code of this name behind its MAC. None when there is none that counts.
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
        // Its time tells when it was used last.
        let _ = std::fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(content)
    }

    /// Writes beside and renames, so that no reader meets half a file.
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

    /// Removes what was used longest ago until the rest fits.
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

/// The folder may hold other files, which stay.
fn is_ours(name: &str) -> bool {
    is_new(name) || Path::new(name).extension().is_some_and(|extension| extension == "code")
}

fn is_new(name: &str) -> bool {
    name.strip_suffix(".new").is_some_and(|id| uuid::Uuid::parse_str(id).is_ok())
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
