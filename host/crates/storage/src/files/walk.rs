//! One page of a folder tree in the order of whole keys: a folder sorts as its name with `/`, so
//! `a-b` comes before the content of `a`. Outside of the page, only names are read. Symbolic links
//! are left out, logged and reported.

use std::cmp::Ordering;

use super::inside::{Inside, Kind};
use super::{Files, is_nothing};
use crate::error::{Result, StorageError};
use crate::key::PRIVATE;
use crate::object::{Listing, PathListing};

/// A path, or a folder with its `/` at the end.
type Name = String;

struct Walk<'a> {
    inside: &'a Inside,
    listing: &'a PathListing,
    found: Vec<Name>,
    odd: Vec<Name>,
}

pub(super) fn page(files: &Files, inside: &Inside, listing: &PathListing) -> Result<Listing> {
    let mut walk = Walk { inside, listing, found: Vec::new(), odd: Vec::new() };
    let start = listing.prefix.rfind('/').and_then(|slash| listing.prefix.get(..=slash)).unwrap_or_default();
    walk.enter(start)?;
    for path in &walk.odd {
        tracing::error!(
            "`{path}` in the storage folder is a symbolic link, which the host does not follow and leaves out: replace it with its target"
        );
    }
    let mut page = Listing { odd: walk.odd, ..Listing::default() };
    if walk.found.len() > listing.limit {
        walk.found.truncate(listing.limit);
        page.next = walk.found.last().cloned();
    }
    for name in walk.found {
        if name.ends_with('/') {
            page.folders.push(name);
        } else {
            page.objects.extend(files.look_up(inside, &name)?);
        }
    }
    Ok(page)
}

impl Walk<'_> {
    fn is_full(&self) -> bool {
        self.found.len() > self.listing.limit
    }

    /// `folder` is empty or ends with `/`.
    fn enter(&mut self, folder: &str) -> Result<()> {
        let Names { mut names, mut links } = names_in(self.inside, folder)?;
        links.retain(|name| self.is_wanted(name));
        self.odd.append(&mut links);
        names.retain(|name| self.is_wanted(name));
        names.sort_unstable_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
        for name in names {
            if self.is_full() {
                break;
            }
            if !name.ends_with('/') {
                self.found.push(name);
            } else if !self.listing.folders {
                self.enter(&name)?;
            } else if holds_object(self.inside, &name)? {
                self.found.push(name);
            }
        }
        Ok(())
    }

    fn is_wanted(&self, name: &str) -> bool {
        if !name.starts_with(&self.listing.prefix) || name.strip_suffix('/') == Some(PRIVATE) {
            return false;
        }
        let Some(after) = self.listing.after.as_deref() else {
            return true;
        };
        match name.as_bytes().cmp(after.as_bytes()) {
            Ordering::Greater => true,
            // `after` is inside this folder: what follows it there is still to be listed.
            _ => !self.listing.folders && name.ends_with('/') && after.starts_with(name),
        }
    }
}

/// The direct content of a folder.
#[derive(Default)]
struct Names {
    /// Files and folders.
    names: Vec<Name>,
    links: Vec<Name>,
}

/// A folder that was removed meanwhile is empty.
fn names_in(inside: &Inside, folder: &str) -> Result<Names> {
    let entries = match inside.entries(folder) {
        Ok(entries) => entries,
        Err(error) if is_nothing(&error) => return Ok(Names::default()),
        Err(error) => return Err(StorageError::from(error).about(&format!("`{folder}`"))),
    };
    let mut found = Names::default();
    for (name, kind) in entries {
        match kind {
            Kind::File => found.names.push(format!("{folder}{name}")),
            Kind::Folder => found.names.push(format!("{folder}{name}/")),
            Kind::Link => found.links.push(format!("{folder}{name}")),
            Kind::Other => {}
        }
    }
    Ok(found)
}

/// Empty folders, which a crash can leave behind, are not listed.
fn holds_object(inside: &Inside, folder: &str) -> Result<bool> {
    for name in names_in(inside, folder)?.names {
        if !name.ends_with('/') || holds_object(inside, &name)? {
            return Ok(true);
        }
    }
    Ok(false)
}
