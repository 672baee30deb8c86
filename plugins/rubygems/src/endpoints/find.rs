//! Finds one version in a gem's document. It does not read the whole document, which may have tens of
//! megabytes, because every installation downloads gems.

use packhouse_plugin::Error as Host;
use packhouse_plugin::storage::{self, Scan};

use crate::document::Release;
use crate::layout;
use crate::name::{GemName, Slot};
use crate::stored;

/// The longest value that is looked at, in bytes.
const LONGEST: u64 = 1 << 20;

/// What the stored document says.
enum Found {
    Release(Box<Release>),
    NoRelease,
    /// It is the document of another gem, or it has no version: only the whole document tells which.
    Other,
}

/// The version, also if it was yanked; none if the gem is not there or does not have it. `Damaged` if the
/// document is damaged or was lost.
pub fn find(name: &GemName, slot: &Slot) -> Result<Option<Release>, Host> {
    let wanted = slot.to_string();
    match storage::scan(&layout::document(name), |scan| look(scan, name, &wanted)) {
        Ok(Some(Found::Release(release))) => Ok(Some(*release)),
        Ok(Some(Found::NoRelease)) => Ok(None),
        Ok(Some(Found::Other) | None) | Err(Host::TooLarge(_)) => {
            Ok(stored::load(name)?.and_then(|package| package.find(slot).cloned()))
        }
        Err(error) => Err(error),
    }
}

/// Relies on the order in which our documents are written: `name` comes first.
fn look(scan: &mut Scan, name: &GemName, slot: &str) -> Result<Found, Host> {
    let mut is_named = false;
    if !scan.begin_object()? {
        return Ok(Found::Other);
    }
    while let Some(member) = scan.next_member()? {
        match member.as_str() {
            "name" => {
                let own: Option<String> = serde_json::from_slice(&scan.value(LONGEST)?).ok();
                is_named = own.as_deref() == Some(name.as_str());
            }
            _ if !is_named => return Ok(Found::Other),
            "versions" if scan.begin_list()? => return seek(scan, slot),
            _ => scan.skip()?,
        }
    }
    Ok(Found::Other)
}

/// Goes over the list of versions up to the one that is wanted.
fn seek(scan: &mut Scan, slot: &str) -> Result<Found, Host> {
    let mut found = Found::Other;
    while scan.next_item()? {
        let item = scan.value(LONGEST)?;
        let item = str::from_utf8(&item).map_err(|_| scan.damaged())?;
        // Reading each of them as JSON would take most of the time.
        if item.contains(slot) {
            let release: Release = serde_json::from_str(item).map_err(|_| scan.damaged())?;
            if release.slot == slot {
                release.check().map_err(|why| Host::damaged(&scan.info().key, why))?;
                return Ok(Found::Release(Box::new(release)));
            }
        }
        found = Found::NoRelease;
    }
    Ok(found)
}
