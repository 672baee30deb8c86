//! The key that authenticates compiled code. It lies beside the cache folder, not in it, so that a
//! user who can write to the cache cannot forge code.
//!
//! # Layout
//! `{cache}.key`: 32 random bytes in hexadecimal, readable by the host's user only.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::Rng;

/// Never printed.
pub(super) struct CodeKey([u8; blake3::KEY_LEN]);

impl std::fmt::Debug for CodeKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CodeKey")
    }
}

impl CodeKey {
    /// The key of a cache folder. Creates it if there is none. If it cannot be stored, each start
    /// uses a new key, and compiles all code again. The error is a sentence: other users can read
    /// the key.
    pub fn of(cache: &Path) -> Result<Self, String> {
        let file = place(cache);
        let kept = match read(&file)? {
            Some(key) => Ok(key),
            None => make(&file).and_then(|key| match key {
                Some(key) => Ok(key),
                // Another host has created it meanwhile.
                None => read(&file).map_err(io::Error::other)?.ok_or_else(|| io::ErrorKind::NotFound.into()),
            }),
        };
        kept.or_else(|error| {
            tracing::warn!(
                file = %file.display(), error = %error,
                "the key of compiled code cannot be kept, the next start compiles again: {error}"
            );
            Ok(Self::fresh())
        })
    }

    fn fresh() -> Self {
        let mut key = [0; blake3::KEY_LEN];
        rand::rng().fill_bytes(&mut key);
        Self(key)
    }

    /// The MAC of the code with this name.
    pub fn authenticate(&self, name: &str, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(code);
        hasher.finalize()
    }
}

fn place(cache: &Path) -> PathBuf {
    let mut name = cache.file_name().map_or_else(|| OsString::from("cache"), OsString::from);
    name.push(".key");
    cache.with_file_name(name)
}

/// None if there is no file, or its content is not a key.
fn read(file: &Path) -> Result<Option<CodeKey>, String> {
    let told = |error: io::Error| format!("its key `{}` cannot be read: {error}", file.display());
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(told(error)),
    };
    let metadata = opened.metadata().map_err(told)?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !is_ours || metadata.permissions().mode() & 0o077 != 0 {
        return Err(format!(
            "its key `{}` is open to others: remove it, and another one is made (code is compiled again then)",
            file.display()
        ));
    }
    let mut text = String::new();
    opened.take(1024).read_to_string(&mut text).map_err(told)?;
    if let Ok(key) = blake3::Hash::from_hex(text.trim()) {
        return Ok(Some(CodeKey(*key.as_bytes())));
    }
    fs::remove_file(file).map_err(told)?;
    Ok(None)
}

/// Writes the file as a whole or not at all. None if it exists already.
fn make(file: &Path) -> io::Result<Option<CodeKey>> {
    let key = CodeKey::fresh();
    let beside = file.with_extension(format!("{}.new", uuid::Uuid::new_v4()));
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let linked = new
        .write_all(blake3::Hash::from_bytes(key.0).to_hex().as_bytes())
        .and_then(|()| new.sync_all())
        .and_then(|()| fs::hard_link(&beside, file));
    fs::remove_file(&beside)?;
    match linked {
        Ok(()) => Ok(Some(key)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only_and_made_anew_when_it_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let first = CodeKey::of(&cache).unwrap();
        let file = folder.path().join("cache.key");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(CodeKey::of(&cache).unwrap().0, first.0);
        assert_ne!(first.authenticate("a", b"code"), first.authenticate("b", b"code"));
        fs::write(&file, "no key").unwrap();
        assert_ne!(CodeKey::of(&cache).unwrap().0, first.0);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(CodeKey::of(&cache).unwrap_err().contains("open to others"));
    }
}
