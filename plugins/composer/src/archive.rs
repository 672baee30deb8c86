//! A dist is a zip archive ([`packhouse_plugin::zip`]) with a `composer.json` at its root, or in the
//! only folder at its root. Nothing but that file is unpacked here.

use std::fmt;

use packhouse_plugin::Error as HostError;
use packhouse_plugin::problem::shown;
use packhouse_plugin::zip::{self, Archive, Clients, Entry, Member, ReadAt, Unpack};

/// The largest `composer.json`, in bytes.
pub const LIMIT: u64 = 256 << 10;
const FILE: &str = "composer.json";
/// What programs of one system add to archives, and Composer passes over.
const PASSED_OVER: [&str; 2] = ["__MACOSX", ".DS_Store"];
/// The longest name that file systems hold, and the longest path. A client unpacks below a folder of its own, and
/// Linux opens no path of 4096 bytes.
const LONGEST_NAME: usize = 255;
const LONGEST_PATH: usize = 3800;
/// The most symbolic links, and the longest target in bytes.
const LINKS: usize = 10_000;
const LONGEST_TARGET: u64 = 4096;

/// Why an archive is not a valid dist.
#[derive(Debug)]
pub enum ArchiveError {
    /// The bytes could not be read.
    Host(HostError),
    /// No zip archive, or damaged.
    NotZip(String),
    /// Something in it must not be.
    Refused(String),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(formatter),
            Self::NotZip(reason) => write!(formatter, "the file is not a readable zip archive: {reason}"),
            Self::Refused(reason) => write!(formatter, "the zip archive is refused: {reason}"),
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<zip::Error> for ArchiveError {
    fn from(error: zip::Error) -> Self {
        match error {
            zip::Error::Host(error) => Self::Host(error),
            zip::Error::NotZip(reason) => Self::NotZip(reason),
            zip::Error::Refused(reason) => Self::Refused(reason),
        }
    }
}

/// The `composer.json` of an archive, all of which is verified first: the host unpacks each file.
pub fn read_manifest(read: ReadAt<'_>, unpack: Unpack<'_>, size: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut contents = Contents::default();
    let archive = Archive::open_for(Clients::OfDirectory, read, size, |entry| {
        check_length(entry.path)?;
        contents.note(entry)
    })?;
    archive.verify(unpack)?;
    contents.check_links(&archive, read, size)?;
    Ok(archive.read(contents.manifest()?, LIMIT)?)
}

/// The same of an archive that is stored already: it is only looked up.
pub fn find_manifest(read: ReadAt<'_>, size: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut contents = Contents::default();
    let archive = Archive::open_for(Clients::OfDirectory, read, size, |entry| contents.note(entry))?;
    Ok(archive.read(contents.manifest()?, LIMIT)?)
}

/// Neither `unzip` nor PHP unpacks a longer path, and Composer does not install the package then.
fn check_length(path: &str) -> Result<(), zip::Error> {
    if path.len() > LONGEST_PATH {
        let sentence = format!("it contains a path of more than {LONGEST_PATH} bytes");
        return Err(zip::Error::refused(sentence));
    }
    match path.split('/').find(|name| name.len() > LONGEST_NAME) {
        Some(name) => Err(zip::Error::refused(format!(
            "it contains the name {}, which has more than {LONGEST_NAME} bytes",
            shown(name)
        ))),
        None => Ok(()),
    }
}

#[derive(Default)]
struct Contents {
    at_root: Option<Member>,
    in_folder: Option<Member>,
    /// What is at the root of the archive: the first name, and whether there is another one.
    top: Option<String>,
    has_more: bool,
    links: Vec<(String, Member)>,
}

impl Contents {
    fn note(&mut self, entry: Entry<'_>) -> Result<(), zip::Error> {
        let (top, inside) = entry.path.split_once('/').unwrap_or((entry.path, ""));
        if entry.is_link {
            if self.links.len() == LINKS {
                return Err(zip::Error::refused(format!("it holds more than {LINKS} symbolic links")));
            }
            self.links.push((entry.path.to_owned(), entry.member));
        }
        if top.is_empty() || PASSED_OVER.contains(&top) {
            return Ok(());
        }
        match &self.top {
            None => self.top = Some(top.to_owned()),
            Some(first) => self.has_more |= first != top,
        }
        let is_file = !entry.is_folder && !entry.is_link;
        if is_file && entry.path == FILE {
            self.at_root = Some(entry.member);
        } else if is_file && inside == FILE {
            // Of no use unless it is in the only folder.
            self.in_folder = Some(entry.member);
        }
        Ok(())
    }

    fn manifest(&self) -> Result<Member, zip::Error> {
        let found = self.at_root.or(self.in_folder.filter(|_| !self.has_more));
        let member = found.ok_or_else(|| {
            zip::Error::refused(format!("it has no {FILE} at its root or in the only folder at its root"))
        })?;
        if member.size() > LIMIT {
            return Err(zip::Error::refused(format!("its {FILE} is larger than {LIMIT} bytes")));
        }
        Ok(member)
    }

    /// No link leads out of the folder that the archive is unpacked to, also not by way of other links.
    fn check_links(&self, archive: &Archive<'_>, read: ReadAt<'_>, size: u64) -> Result<(), ArchiveError> {
        if self.links.is_empty() {
            return Ok(());
        }
        let mut links: Vec<&str> = self.links.iter().map(|(path, _)| path.as_str()).collect();
        links.sort_unstable();
        let leads_through = |path: &str| {
            path.match_indices('/').any(|(slash, _)| {
                path.get(..slash).is_some_and(|folder| links.binary_search(&folder).is_ok())
            })
        };
        Archive::open_for(Clients::OfDirectory, read, size, |entry| {
            if leads_through(entry.path) {
                return Err(zip::Error::refused(format!(
                    "the path {} leads through a symbolic link",
                    shown(entry.path)
                )));
            }
            Ok(())
        })?;
        for (path, member) in &self.links {
            let target = archive.read(*member, LONGEST_TARGET)?;
            let target = String::from_utf8_lossy(&target);
            if resolve(path, &target).is_none_or(|found| leads_through(&found)) {
                let sentence =
                    format!("the symbolic link {} leads out of it, or to another link", shown(path));
                return Err(ArchiveError::Refused(sentence));
            }
        }
        Ok(())
    }
}

/// The target of a link; none if it is not below the root.
fn resolve(link: &str, target: &str) -> Option<String> {
    if target.is_empty() || target.starts_with('/') || target.contains(['\\', ':', '\0']) {
        return None;
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    let mut has_name = false;
    for part in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part != ".." {
            has_name = true;
            parts.push(part);
        } else if has_name || parts.pop().is_none() {
            return None;
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests;
