//! Where the bytes of a file lie, if the packument names the file. The packument is not
//! read whole: it may have tens of megabytes, and every installation downloads files.

use packhouse_plugin::Error as HostError;
use packhouse_plugin::storage::{self, Scan};

use super::no_file;
use crate::error::{self, Error};
use crate::layout;
use crate::name::PackageName;

/// The longest value that is looked at, in bytes.
const LONGEST: u64 = 1 << 20;

/// The key of the file, or 404.
pub fn find(name: &PackageName, file: &str) -> Result<String, Error> {
    let key = if let Some(version) = layout::version_of_file(name, file, "tgz") {
        let is_named = look(name, |scan| names(scan, version))?;
        is_named.then(|| layout::file(name, file))
    } else if let Some(version) = layout::version_of_file(name, file, "sigstore") {
        let sha1 = look(name, |scan| shasum(scan, version))?;
        sha1.map(|sha1| layout::provenance(name, version, &sha1))
    } else {
        None
    };
    key.ok_or_else(|| no_file(name, file))
}

/// Looks into the stored packument, or 404.
fn look<T>(name: &PackageName, look: impl FnMut(&mut Scan) -> Result<T, HostError>) -> Result<T, Error> {
    storage::scan(&layout::index(name), look)?
        .ok_or_else(|| Error::because(error::NOT_FOUND, format!("{name} is not in this registry")))
}

/// Whether the packument names the version. A tag that stands for it is enough: tags come
/// first, and most downloads are of the version that `latest` stands for.
fn names(scan: &mut Scan, version: &str) -> Result<bool, HostError> {
    enter(scan)?;
    while let Some(member) = scan.next_member()? {
        match member.as_str() {
            "dist-tags" if scan.begin_object()? => {
                while scan.next_member()?.is_some() {
                    if text(&scan.value(LONGEST)?).as_deref() == Some(version) {
                        return Ok(true);
                    }
                }
            }
            "versions" if scan.begin_object()? => return seek(scan, version),
            _ => scan.skip()?,
        }
    }
    Ok(false)
}

/// The SHA-1 of a version's tarball, as its manifest says.
fn shasum(scan: &mut Scan, version: &str) -> Result<Option<String>, HostError> {
    enter(scan)?;
    if !(seek(scan, "versions")? && scan.begin_object()? && seek(scan, version)? && scan.begin_object()?) {
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

/// Goes on to the value of this member; false when the object has none.
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
