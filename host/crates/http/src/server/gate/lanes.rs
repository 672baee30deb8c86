//! The lanes of the gate: places for requests, of which requests with an incomplete body may use a
//! part. All clients together have such lanes, and each client has its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Load;
use packhouse_common::shares::Client;

pub(super) type Lane = Arc<Semaphore>;

/// Clones are the same lanes.
#[derive(Clone)]
pub(super) struct Lanes(Arc<All>);

struct All {
    requests: Lane,
    uploads: Lane,
    strangers_uploads: Lane,
}

impl Lanes {
    pub fn new(places: usize) -> Self {
        let lane = |places: usize| Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
        Self(Arc::new(All {
            requests: lane(places),
            uploads: lane(places * 3 / 4),
            strangers_uploads: lane(places * 3 / 8),
        }))
    }

    /// Those that a request has to enter, in the order in which it has to: who waits
    /// for a narrow lane keeps no place in a wide one.
    pub fn of(&self, load: Load) -> impl Iterator<Item = Lane> + use<> {
        let All { requests, uploads, strangers_uploads } = &*self.0;
        let strangers = (load == Load::StrangersUpload).then(|| Arc::clone(strangers_uploads));
        let uploads = (load != Load::Complete).then(|| Arc::clone(uploads));
        strangers.into_iter().chain(uploads).chain([Arc::clone(requests)])
    }
}

pub(super) fn try_enter(lane: Lane) -> Option<OwnedSemaphorePermit> {
    lane.try_acquire_owned().ok()
}

/// The lanes of each client that has a request here. Clones are the same.
#[derive(Clone)]
pub(super) struct Clients {
    places: usize,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    lanes: HashMap<Client, Weak<All>>,
    /// At this many, those without a request are forgotten.
    full: usize,
}

impl Clients {
    /// So many places for each.
    pub fn new(places: usize) -> Self {
        Self { places, known: Arc::default() }
    }

    pub fn lanes(&self, client: Client) -> Lanes {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = known.lanes.get(&client).and_then(Weak::upgrade) {
            return Lanes(all);
        }
        if known.lanes.len() >= known.full {
            known.lanes.retain(|_, lanes| lanes.strong_count() > 0);
            known.full = (known.lanes.len() * 2).max(64);
        }
        let lanes = Lanes::new(self.places);
        known.lanes.insert(client, Arc::downgrade(&lanes.0));
        lanes
    }
}

#[cfg(test)]
impl Clients {
    pub fn count(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).lanes.len()
    }
}
