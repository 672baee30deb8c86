//! Listings of a service that cannot begin a listing behind a key. After a page, the listing is
//! kept for a moment, so that the next page continues it. Otherwise all earlier pages are read
//! again, which is correct, but slow in a large store.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opendal::Lister;

use super::pages::Found;
use crate::object::PathListing;

/// Each holds what the service gave at once: about a thousand names, 300 KiB.
const MOST: usize = 16;
/// What it holds by then is as old as that.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// A listing on its way.
pub(super) struct Walk {
    pub entries: Lister,
    /// Entries of one page of the service.
    pub at_once: usize,
    /// Read, and not given to anybody.
    pub found: Vec<Found>,
}

#[derive(Default)]
pub(super) struct Walks(Mutex<Vec<Paused>>);

struct Paused {
    /// Which page comes next.
    page: PathListing,
    since: Instant,
    walk: Walk,
}

impl Walks {
    /// The one that goes on with this page.
    pub fn take(&self, page: &PathListing) -> Option<Walk> {
        let mut paused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paused.retain(|walk| walk.since.elapsed() < KEPT_FOR);
        let found = paused.iter().position(|walk| walk.page == *page)?;
        Some(paused.swap_remove(found).walk)
    }

    /// For the page after this one, which begins behind `next`. The oldest makes room.
    pub fn keep(&self, page: &PathListing, next: &str, walk: Walk) {
        let mut paused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paused.retain(|walk| walk.since.elapsed() < KEPT_FOR);
        if paused.len() >= MOST
            && let Some((oldest, _)) = paused.iter().enumerate().min_by_key(|(_, walk)| walk.since)
        {
            paused.swap_remove(oldest);
        }
        let page = PathListing { after: Some(next.to_owned()), ..page.clone() };
        paused.push(Paused { page, since: Instant::now(), walk });
    }
}
