//! Finds one file in the document of a version. It does not read the whole document: that of a snapshot
//! whose builds are all kept may have megabytes, and every build with Maven downloads files.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Scan};

use crate::document::{File, Release};
use crate::layout;
use crate::name::Coordinates;

/// The longest value that is looked at, in bytes.
const LONGEST: u64 = 1 << 20;

/// What a stored document says.
pub enum Found {
    /// The file, if the document names it.
    Ours(Option<Box<File>>),
    /// It is of a form that is not known, or is about another version: only the whole document tells.
    Other,
}

/// None if there is no document.
pub fn find(coordinates: &Coordinates, name: &str) -> Result<Option<Found>, Error> {
    match storage::scan(&layout::document(coordinates), |scan| look(scan, coordinates, name)) {
        Err(Error::TooLarge(_)) => Ok(Some(Found::Other)),
        found => found,
    }
}

/// Relies on the order in which our documents are written: the files come after what they are of.
fn look(scan: &mut Scan, coordinates: &Coordinates, name: &str) -> Result<Found, Error> {
    let artifact = &coordinates.artifact;
    let (mut right, mut is_ours) = (0, false);
    if !scan.begin_object()? {
        return Ok(Found::Other);
    }
    while let Some(member) = scan.next_member()? {
        let expected = match member.as_str() {
            "format" => {
                is_ours = text(scan)?.is_some_and(|format| Release::is_format(&format));
                continue;
            }
            "group" => artifact.group.as_str(),
            "artifact" => artifact.id(),
            "version" => coordinates.version(),
            "files" if is_ours && right == 3 && scan.begin_list()? => {
                return seek(scan, name).map(Found::Ours);
            }
            "files" => return Ok(Found::Other),
            _ => {
                scan.skip()?;
                continue;
            }
        };
        right += usize::from(text(scan)?.as_deref() == Some(expected));
    }
    Ok(Found::Other)
}

/// Goes over the list of files up to the one that is wanted.
fn seek(scan: &mut Scan, name: &str) -> Result<Option<Box<File>>, Error> {
    while scan.next_item()? {
        let item = scan.value(LONGEST)?;
        let item = str::from_utf8(&item).map_err(|_| scan.damaged())?;
        // Reading each of them as JSON would take most of the time.
        if item.contains(name) {
            let file: File = serde_json::from_str(item).map_err(|_| scan.damaged())?;
            if file.name == name {
                return Ok(Some(Box::new(file)));
            }
        }
    }
    Ok(None)
}

fn text(scan: &mut Scan) -> Result<Option<String>, Error> {
    Ok(serde_json::from_slice(&scan.value(LONGEST)?).ok())
}
