//! One page of keys from a service with flat names, in the order of whole keys.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use opendal::options::ListOptions;

use super::walks::Walk;
use super::{Bucket, swap, within};
use crate::error::Result;
use crate::object::{Listing, ObjectInfo, PathListing};

/// Sorts after everything in a folder.
const LAST: char = char::MAX;
/// The most entries that a service returns at once.
const MOST_AT_ONCE: usize = 1000;
const SIDE_BY_SIDE: usize = 16;

pub(super) enum Found {
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
    /// opendal returns the folders of a page of the service first. A page has at most `at_once`
    /// entries. Everything that was read more than that many entries ago is therefore complete.
    pub(super) async fn list_pages(&self, listing: &PathListing) -> Result<Listing> {
        let begins_behind = self.begins_behind();
        let reads_all_before = !begins_behind && listing.after.is_some();
        let at_once = if reads_all_before { MOST_AT_ONCE } else { (listing.limit + 1).min(MOST_AT_ONCE) };
        let kept = if reads_all_before { self.walks.take(listing) } else { None };
        let mut walk = match kept {
            Some(walk) => walk,
            None => self.walk(listing, at_once).await?,
        };
        let unsettled = if listing.folders { walk.at_once } else { 0 };
        while walk.found.len() <= listing.limit + unsettled {
            let Some(entry) = within(async { Ok(walk.entries.try_next().await?) }).await? else {
                break;
            };
            if !listing.includes(entry.path()) {
                continue;
            }
            if !entry.path().ends_with('/') {
                walk.found.push(Found::Object(swap::info(entry.path(), entry.metadata())));
            } else if listing.folders {
                walk.found.push(Found::Folder(entry.path().to_owned()));
            }
        }
        walk.found.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        let rest = walk.found.split_off(listing.limit.min(walk.found.len()));
        let found = std::mem::replace(&mut walk.found, rest);
        let page = self.with_versions(page_of(found, !walk.found.is_empty())).await?;
        if let (false, Some(next)) = (begins_behind, &page.next) {
            self.walks.keep(listing, next, walk);
        }
        Ok(page)
    }

    /// Whether the service can begin a listing after a key.
    pub(super) fn begins_behind(&self) -> bool {
        self.operator.info().capability().list_with_start_after
    }

    async fn walk(&self, listing: &PathListing, at_once: usize) -> Result<Walk> {
        let options = ListOptions {
            recursive: !listing.folders,
            start_after: listing.after.as_deref().map(|after| start_after(after, listing.folders)),
            limit: Some(at_once),
            ..ListOptions::default()
        };
        let entries = self.operator.lister_options(&listing.prefix, options).await?;
        Ok(Walk { entries, at_once, found: Vec::new() })
    }

    /// Some services omit ETags from their listings.
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

fn page_of(found: Vec<Found>, has_more: bool) -> Listing {
    let next = found.last().filter(|_| has_more).map(|last| last.name().to_owned());
    let mut page = Listing { next, ..Listing::default() };
    for one in found {
        match one {
            Found::Object(info) => page.objects.push(info),
            Found::Folder(name) => page.folders.push(name),
        }
    }
    page
}
