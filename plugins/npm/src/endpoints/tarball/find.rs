//! Finds the key of a file that the packument names. It does not read the whole packument, which may
//! have tens of megabytes, because every installation downloads files.

use packhouse_plugin::Error as HostError;
use packhouse_plugin::storage::{self, Scan};

use super::super::{has_tarball, no_package};
use super::no_file;
use crate::document::SIZES;
use crate::error::Error;
use crate::layout;
use crate::name::PackageName;

/// The longest value that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// A file that the packument names.
pub struct Found {
    pub key: String,
    /// The size in bytes, if the packument contains it.
    pub size: Option<u64>,
}

/// Whether the packument names a version.
enum Named {
    /// The size of its tarball in bytes, if the packument contains it.
    Yes {
        size: Option<u64>,
    },
    No {
        has_versions: bool,
    },
}

/// The file, or 404.
pub fn find(name: &PackageName, file: &str) -> Result<Found, Error> {
    let found = if let Some(version) = layout::version_of_file(name, file, "tgz") {
        let named = look(name, |scan| names(scan, name, version))?;
        let named = match named {
            Named::No { has_versions: false } if has_tarball(name)? => {
                let why = "it has no versions, but tarballs exist";
                return Err(HostError::damaged(layout::index(name), why).into());
            }
            Named::No { .. } => None,
            Named::Yes { size } => Some(size),
        };
        named.map(|size| Found { key: layout::file(name, file), size })
    } else if let Some(version) = layout::version_of_file(name, file, "sigstore") {
        let sha1 = look(name, |scan| shasum(scan, version))?;
        sha1.map(|sha1| Found { key: layout::provenance(name, version, &sha1), size: None })
    } else {
        None
    };
    found.ok_or_else(|| no_file(name, file))
}

/// Opens the stored packument, or 404.
fn look<T>(name: &PackageName, look: impl FnMut(&mut Scan) -> Result<T, HostError>) -> Result<T, Error> {
    storage::scan(&layout::index(name), look)?.ok_or_else(|| no_package(name))
}

/// Whether the packument names the version, and the size that it says the tarball has. Both
/// stand before `versions` in our packuments: the size, and the tags, one of which stands for
/// the version in most downloads.
fn names(scan: &mut Scan, name: &PackageName, version: &str) -> Result<Named, HostError> {
    enter(scan)?;
    let mut is_tagged = false;
    while let Some(member) = scan.next_member()? {
        match member.as_str() {
            "name" => {
                if let Some(other) = text(&scan.value(LONGEST)?).filter(|other| other != name.as_str()) {
                    return Err(damaged(scan, format!("it is the packument of {other}")));
                }
            }
            "dist-tags" if scan.begin_object()? => {
                while scan.next_member()?.is_some() {
                    is_tagged |= text(&scan.value(LONGEST)?).as_deref() == Some(version);
                }
            }
            SIZES if scan.begin_object()? => {
                if seek(scan, version)? {
                    return Ok(Named::Yes { size: serde_json::from_slice(&scan.value(LONGEST)?).ok() });
                }
            }
            "versions" if is_tagged => return Ok(Named::Yes { size: None }),
            "versions" if scan.begin_object()? => {
                let mut has_versions = false;
                while let Some(member) = scan.next_member()? {
                    if member == version {
                        return Ok(Named::Yes { size: None });
                    }
                    has_versions = true;
                    scan.skip()?;
                }
                return Ok(Named::No { has_versions });
            }
            _ => scan.skip()?,
        }
    }
    Err(damaged(scan, "it has no `versions`"))
}

fn damaged(scan: &Scan, why: impl std::fmt::Display) -> HostError {
    HostError::damaged(&scan.info().key, why)
}

/// The SHA-1 of a version's tarball, as its manifest says.
fn shasum(scan: &mut Scan, version: &str) -> Result<Option<String>, HostError> {
    enter(scan)?;
    if !(seek(scan, "versions")? && scan.begin_object()?) {
        return Err(damaged(scan, "it has no `versions`"));
    }
    if !(seek(scan, version)? && scan.begin_object()?) {
        return Ok(None);
    }
    if !(seek(scan, "dist")? && scan.begin_object()? && seek(scan, "shasum")?) {
        return Ok(None);
    }
    Ok(text(&scan.value(LONGEST)?))
}

fn enter(scan: &mut Scan) -> Result<(), HostError> {
    if scan.begin_object()? { Ok(()) } else { Err(scan.damaged()) }
}

/// Continues to the value of this member. False if the object does not have it.
fn seek(scan: &mut Scan, wanted: &str) -> Result<bool, HostError> {
    while let Some(member) = scan.next_member()? {
        if member == wanted {
            return Ok(true);
        }
        scan.skip()?;
    }
    Ok(false)
}

fn text(json: &[u8]) -> Option<String> {
    serde_json::from_slice(json).ok()
}
