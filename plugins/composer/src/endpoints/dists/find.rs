//! Finds one dist in a package's document. It does not read the whole document, which may have tens of
//! megabytes, because every installation downloads dists.

use packhouse_plugin::Error as HostError;
use packhouse_plugin::storage::{self, Scan};

use crate::document::{Dist, Package};
use crate::endpoints::load;
use crate::error::Error;
use crate::layout;
use crate::name::PackageName;

/// The longest value that is looked at, in bytes. What a version says has a `composer.json` of at most
/// 256 KiB.
const LONGEST: u64 = 1 << 20;

/// What the stored document says.
enum Found {
    Dist(Dist),
    NoDist,
    /// It is another system's, or of another package, or it lists no version: only the whole document
    /// tells which.
    Other,
}

/// The dist with this reference; none if the document does not name it. 404, 409 or 500 as for any other
/// request when the document is not one of this package.
pub fn find(name: &PackageName, reference: &str) -> Result<Option<Dist>, Error> {
    match storage::scan(&layout::document(name), |scan| look(scan, name, reference)) {
        Ok(Some(Found::Dist(dist))) => Ok(Some(dist)),
        Ok(Some(Found::NoDist)) => Ok(None),
        Ok(Some(Found::Other) | None) | Err(HostError::TooLarge(_)) => {
            let (_, package) = load(name)?;
            Ok(package.dists().find(|dist| dist.reference == reference).cloned())
        }
        Err(error) => Err(error.into()),
    }
}

/// Relies on the order in which our documents are written: `format` and `name` come first.
fn look(scan: &mut Scan, name: &PackageName, reference: &str) -> Result<Found, HostError> {
    let (mut is_ours, mut is_named, mut has_versions) = (false, false, false);
    if !scan.begin_object()? {
        return Ok(Found::Other);
    }
    while let Some(member) = scan.next_member()? {
        match member.as_str() {
            "format" => is_ours = Package::is_format(&scan.value(LONGEST)?),
            "name" => is_named = text(&scan.value(LONGEST)?).as_deref() == Some(name.as_str()),
            _ if !is_ours || !is_named => return Ok(Found::Other),
            list @ ("versions" | "earlier") if scan.begin_list()? => {
                while scan.next_item()? {
                    has_versions |= list == "versions";
                    if let Some(dist) = read(&scan.value(LONGEST)?, reference, scan)? {
                        return Ok(Found::Dist(dist));
                    }
                }
            }
            _ => scan.skip()?,
        }
    }
    Ok(if has_versions { Found::NoDist } else { Found::Other })
}

/// The dist of an item, if it is the one that is wanted.
fn read(item: &[u8], reference: &str, scan: &Scan) -> Result<Option<Dist>, HostError> {
    let item = str::from_utf8(item).map_err(|_| scan.damaged())?;
    // Reading each of them as JSON would take most of the time.
    if !item.contains(reference) {
        return Ok(None);
    }
    let dist: Dist = serde_json::from_str(item).map_err(|_| scan.damaged())?;
    Ok(Some(dist).filter(|dist| dist.reference == reference))
}

fn text(json: &[u8]) -> Option<String> {
    serde_json::from_slice(json).ok()
}
