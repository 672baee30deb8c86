//! Limits how many requests the host works on at a time. Some more requests wait in a queue for a
//! limited time. Further requests are rejected at once, which costs less than letting all of them
//! wait.
//!
//! - Requests whose body has not arrived yet use at most three quarters of the places and of the
//!   queue, so that slow uploads never stop reads. Those of anonymous clients use at most half of
//!   that.
//! - Each client has a share of all of this. A place that becomes free goes to the clients in turn,
//!   and not to the request that has waited for the longest.
//! - When its response is made, a request moves to a place for sending. There are more of those,
//!   because sending costs less. If none is free, the request keeps its first place until the
//!   response is sent.

mod lanes;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use lanes::{Lanes, Widths};
use packhouse_common::rota::Rota;
use packhouse_common::shares::{Budget, Client, Held, Share};

/// Places for sending per place for work.
const SENDING: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSettings {
    /// The most requests at a time.
    pub places: usize,
    /// The most requests that wait for a place.
    pub queue: usize,
    /// How long a request waits.
    pub patience: Duration,
    /// The share of one client.
    pub share: Share,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { places: 512, queue: 1024, patience: Duration::from_secs(10), share: Share::whole() }
    }
}

/// What a request still has to receive while it has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Nothing: it has no body, or the host has received all of it.
    Complete,
    /// A body that has not arrived yet.
    Upload,
    /// A body that has not arrived yet, of an anonymous client.
    StrangersUpload,
}

/// All places are taken, and the queue is full or the wait was too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("every place is taken, try again in {retry_after:?}")]
pub struct Busy {
    pub retry_after: Duration,
}

/// Clones share the gate.
#[derive(Clone)]
pub struct Gate {
    patience: Duration,
    places: Arc<Places>,
    queue: Budget,
    upload_queue: Budget,
    sending: Budget,
}

/// The places, and the requests that wait for one.
struct Places {
    all: Widths,
    own: Widths,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lanes: Lanes,
    waiting: Rota<(Load, oneshot::Sender<Place>)>,
}

/// A place. Dropping it frees the place.
struct Place {
    places: Arc<Places>,
    client: Client,
    load: Load,
}

/// A place for work. Dropping it frees the place.
#[must_use = "the place is free again as soon as this is dropped"]
pub struct Pass {
    place: Place,
    sending: Budget,
}

/// A place for sending a response.
#[must_use = "the place is free again as soon as this is dropped"]
pub enum Sending {
    /// A place for sending.
    Answer(Held),
    /// The place for work, because none for sending was free.
    Request(Pass),
}

impl Gate {
    pub fn new(settings: GateSettings) -> Self {
        let GateSettings { places, queue, patience, share } = settings;
        let own = usize::try_from(share.of(places as u64)).unwrap_or(places);
        let all = Places { all: Widths::of(places), own: Widths::of(own), state: Mutex::default() };
        Self {
            patience,
            places: Arc::new(all),
            queue: Budget::new(queue as u64, share),
            upload_queue: Budget::new((queue * 3 / 4) as u64, share),
            sending: Budget::new(places.saturating_mul(SENDING) as u64, share),
        }
    }

    /// Takes a place. Waits if none is free.
    pub async fn enter(&self, client: Client, load: Load) -> Result<Pass, Busy> {
        let place = self.places.lock().take(&self.places, client, load);
        let place = match place {
            Some(place) => place,
            None => self.wait(client, load).await.ok_or(Busy { retry_after: self.retry_after() })?,
        };
        Ok(Pass { place, sending: self.sending.clone() })
    }

    /// The number of requests that wait for a place.
    pub fn waiting(&self) -> usize {
        usize::try_from(self.queue.used()).unwrap_or(usize::MAX)
    }

    /// None if the queue is full or the wait was too long.
    async fn wait(&self, client: Client, load: Load) -> Option<Place> {
        let _turn = self.queue.take(client, 1).ok()?;
        let is_upload = load != Load::Complete;
        let _upload_turn = if is_upload { Some(self.upload_queue.take(client, 1).ok()?) } else { None };
        let mut waiting = match self.places.queue(client, load) {
            Ok(place) => return Some(place),
            Err(waiting) => waiting,
        };
        tokio::time::timeout(self.patience, &mut waiting.turn).await.ok()?.ok()
    }

    /// As long as the requests that already wait may wait.
    fn retry_after(&self) -> Duration {
        self.patience.clamp(Duration::from_secs(1), Duration::from_secs(30))
    }
}

impl Places {
    /// A place, or an entry in the waiting list.
    fn queue(self: &Arc<Self>, client: Client, load: Load) -> Result<Place, Waiting> {
        let mut state = self.lock();
        // One became free meanwhile.
        if let Some(place) = state.take(self, client, load) {
            return Ok(place);
        }
        let (granted, turn) = oneshot::channel();
        let number = state.waiting.add(client, (load, granted));
        Err(Waiting { places: Arc::clone(self), client, number, turn })
    }

    /// Frees a place, and gives it to the request whose turn it is.
    fn free(self: &Arc<Self>, client: Client, load: Load) {
        self.lock().lanes.leave(client, load);
        while let Some((client, load, granted)) = self.next() {
            let place = Place { places: Arc::clone(self), client, load };
            // A request that gave up meanwhile drops the place, which frees it.
            drop(granted.send(place));
        }
    }

    /// The next request that waits and fits.
    fn next(&self) -> Option<(Client, Load, oneshot::Sender<Place>)> {
        let mut state = self.lock();
        let State { lanes, waiting } = &mut *state;
        let admits = |client| lanes.fits(client, Load::Complete, &self.all, &self.own);
        let fits = |client, (load, _): &(Load, _)| lanes.fits(client, *load, &self.all, &self.own);
        let (client, (load, granted)) = waiting.next(admits, fits)?;
        lanes.enter(client, load);
        Some((client, load, granted))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, places: &Arc<Places>, client: Client, load: Load) -> Option<Place> {
        if !self.lanes.fits(client, load, &places.all, &places.own) {
            return None;
        }
        self.lanes.enter(client, load);
        Some(Place { places: Arc::clone(places), client, load })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.free(self.client, self.load);
    }
}

/// An entry in the waiting list, removed when this is dropped.
struct Waiting {
    places: Arc<Places>,
    client: Client,
    number: u64,
    turn: oneshot::Receiver<Place>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Only the lock is released before the entry is dropped.
        let _entry = self.places.lock().waiting.remove(self.client, self.number);
    }
}

impl Pass {
    /// The response is made: from now on it is only sent.
    pub fn send(self) -> Sending {
        match self.sending.take(self.place.client, 1) {
            Ok(held) => Sending::Answer(held),
            Err(_) => Sending::Request(self),
        }
    }
}
