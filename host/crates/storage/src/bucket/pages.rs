//! One page of keys from a flat service, in the order of whole keys.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use opendal::options::ListOptions;

use super::Bucket;
use super::swap::remote_info;
use crate::error::Result;
use crate::key::PRIVATE;
use crate::object::{Listing, PathListing};
use crate::store::ObjectInfo;

/// Behind everything in a folder.
const LAST: char = char::MAX;
/// A service gives no more at once.
const MOST_AT_ONCE: usize = 1000;
const SIDE_BY_SIDE: usize = 16;

enum Found {
    Object(ObjectInfo),
    Folder(String),
}

impl Found {
    fn name(&self) -> &str {
        match self {
            Self::Object(info) => &info.key,
            Self::Folder(name) => name,
        }
    }
}

impl Bucket {
    /// For services that list all at once anyway (memory), already in order.
    pub(super) async fn list_whole(&self, listing: &PathListing) -> Result<Listing> {
        let options = ListOptions { recursive: true, ..ListOptions::default() };
        let entries = self.operator.list_options(&listing.prefix, options).await?;
        let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path().to_owned()).collect();
        // Opendal leaves out the object whose whole path is the prefix.
        paths.push(listing.prefix.clone());
        paths.retain(|path| !path.ends_with('/') && is_listed(path, listing));
        paths.sort_unstable();
        paths.dedup();
        let mut found = Vec::new();
        for path in paths {
            if found.len() > listing.limit {
                break;
            }
            let folder = if listing.folders { listing.group_of(&path) } else { None };
            match folder {
                Some(folder) if found.last().is_some_and(|last: &Found| last.name() == folder) => {}
                Some(folder) => found.push(Found::Folder(folder.to_owned())),
                None => found.extend(self.stat(&path).await?.map(Found::Object)),
            }
        }
        Ok(page_of(found, listing))
    }

    /// For services that list page by page. Within a page of theirs, opendal gives
    /// the folders first; a page has at most `at_once` entries, so everything read
    /// more than that many entries ago is from a finished page and complete.
    pub(super) async fn list_pages(&self, listing: &PathListing) -> Result<Listing> {
        let at_once = (listing.limit + 1).min(MOST_AT_ONCE);
        let options = ListOptions {
            recursive: !listing.folders,
            start_after: listing.after.as_deref().map(|after| start_after(after, listing.folders)),
            limit: Some(at_once),
            ..ListOptions::default()
        };
        let unsettled = if listing.folders { at_once } else { 0 };
        let mut entries = self.operator.lister_options(&listing.prefix, options).await?;
        let mut found = Vec::new();
        while found.len() <= listing.limit + unsettled {
            let Some(entry) = entries.try_next().await? else {
                break;
            };
            if !is_listed(entry.path(), listing) {
                continue;
            }
            if !entry.path().ends_with('/') {
                found.push(Found::Object(remote_info(entry.path(), entry.metadata())));
            } else if listing.folders {
                found.push(Found::Folder(entry.path().to_owned()));
            }
        }
        found.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        self.with_versions(page_of(found, listing)).await
    }

    /// Some services leave the ETags out of their listings.
    async fn with_versions(&self, mut page: Listing) -> Result<Listing> {
        if page.objects.iter().all(|info| !info.version.is_empty()) {
            return Ok(page);
        }
        let looked_up = stream::iter(page.objects)
            .map(|info| async move { self.look_up(&info.key).await })
            .buffered(SIDE_BY_SIDE)
            .try_filter_map(async |found| Ok(found));
        page.objects = looked_up.try_collect().await?;
        Ok(page)
    }
}

fn start_after(after: &str, folders: bool) -> String {
    if folders && after.ends_with('/') { format!("{after}{LAST}") } else { after.to_owned() }
}

fn is_listed(path: &str, listing: &PathListing) -> bool {
    path.starts_with(&listing.prefix)
        && listing.is_after(path)
        && (path.split('/').next() != Some(PRIVATE) || listing.prefix.starts_with(PRIVATE))
}

fn page_of(mut found: Vec<Found>, listing: &PathListing) -> Listing {
    let mut page = Listing::default();
    if found.len() > listing.limit {
        found.truncate(listing.limit);
        page.next = found.last().map(|last| last.name().to_owned());
    }
    for one in found {
        match one {
            Found::Object(info) => page.objects.push(info),
            Found::Folder(name) => page.folders.push(name),
        }
    }
    page
}
