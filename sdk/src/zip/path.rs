//! The path of an entry. Programs clean it before they unpack: `./a`, `a//b` and `a/./b` are `a` and
//! `a/b` to them.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::{Clients, Error};

/// Where an entry is unpacked to.
pub(super) struct EntryPath {
    /// Without `.`, repeated and last slashes; empty for `./` itself.
    pub(super) clean: String,
    pub(super) is_folder: bool,
}

impl EntryPath {
    /// A path that stays below the folder that it is unpacked to, on every system.
    pub(super) fn parse(path: &[u8], clients: Clients) -> Result<Self, Error> {
        let read = match clients {
            Clients::OfAnyKind => std::str::from_utf8(path).unwrap_or("\0").into(),
            Clients::OfDirectory => String::from_utf8_lossy(path).replace('\\', "/"),
        };
        let text = read.as_str();
        let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let clean = parts.join("/");
        let is_folder = text.ends_with('/');
        let is_plain = clean == text.strip_suffix('/').unwrap_or(text);
        let has_drive =
            |part: &str| matches!(part.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
        // Some clean a path part by part, and on Windows a part with a drive letter begins anew.
        let leads_to_drive =
            if is_plain { has_drive(&clean) } else { parts.iter().any(|part| has_drive(part)) };
        let is_fine = !text.is_empty()
            && !text.starts_with('/')
            && !leads_to_drive
            && !text.chars().any(|character| character.is_control() || character == '\\')
            && !parts.contains(&"..");
        if !is_fine {
            let path = shown(path);
            return Err(Error::refused(format!(
                "it contains the path {path}, which may lead out of the archive"
            )));
        }
        if !is_folder && (clean.is_empty() || text.ends_with("/.")) {
            let path = shown(path);
            return Err(Error::refused(format!(
                "it contains the file {path}, which has the name of a folder"
            )));
        }
        Ok(Self { clean, is_folder })
    }

    /// The hash of each folder that leads to it, and at last its own. They are the same for all spellings of
    /// one path.
    pub(super) fn hashes(&self, hasher: &RandomState) -> Vec<u64> {
        let mut state = hasher.build_hasher();
        let parts = self.clean.split('/');
        parts
            .map(|part| {
                state.write(part.as_bytes());
                state.write(b"/");
                state.finish()
            })
            .collect()
    }
}

/// A path for messages.
pub(super) fn shown(path: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(path).chars().take(200).collect();
    format!("{text:?}")
}
