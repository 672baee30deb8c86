//! How many requests the host works on at once. Beyond these places some requests
//! may wait in a queue for a while; beyond that a request is turned away at once,
//! which costs less than letting everybody wait.
//!
//! - Requests whose body is still to come take at most three quarters of the places
//!   and of the queue, so that slow uploads never stop reads. Those of clients that
//!   have not signed in take at most half of that.
//! - A client has a share of all of this, so that it cannot stop the others.
//! - When its answer is made, a request moves to a place for answers that are being
//!   sent. There are more of those, as they cost less. A request that gets none keeps
//!   its first place until the answer is sent.

mod lanes;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use lanes::{Clients, Lanes};
use packhouse_common::shares::{Budget, Client, Held, Share};

/// Answers being sent for each request that is worked on.
const SENDING: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateSettings {
    /// Requests at once.
    pub places: usize,
    /// Requests that may wait for a place.
    pub queue: usize,
    /// How long one waits.
    pub patience: Duration,
    /// How much of it one client may have.
    pub share: Share,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { places: 512, queue: 1024, patience: Duration::from_secs(10), share: Share::whole() }
    }
}

/// What a request may keep its place waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Nothing: it has no body, or the host has read all of it.
    Complete,
    /// A body that is still to come.
    Upload,
    /// The same from a client that has not signed in.
    StrangersUpload,
}

/// Every place is taken, and the queue is full or was waited in for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("every place is taken, try again in {retry_after:?}")]
pub struct Busy {
    pub retry_after: Duration,
}

/// Clones are the same gate.
#[derive(Clone)]
pub struct Gate {
    patience: Duration,
    everybody: Lanes,
    clients: Clients,
    queue: Budget,
    upload_queue: Budget,
    sending: Budget,
}

/// A place, given back when dropped.
#[must_use = "the place is free again as soon as this is dropped"]
pub struct Pass {
    client: Client,
    sending: Budget,
    _permits: Vec<OwnedSemaphorePermit>,
    /// The client's lanes exist as long as somebody is in them.
    _own: Lanes,
}

/// A place for an answer that is being sent.
#[must_use = "the place is free again as soon as this is dropped"]
pub enum Sending {
    /// Among the answers.
    Answer(Held),
    /// No place was free there.
    Request(Pass),
}

impl Gate {
    pub fn new(settings: GateSettings) -> Self {
        let GateSettings { places, queue, patience, share } = settings;
        let own = usize::try_from(share.of(places as u64)).unwrap_or(places);
        Self {
            patience,
            everybody: Lanes::new(places),
            clients: Clients::new(own),
            queue: Budget::new(queue as u64, share),
            upload_queue: Budget::new((queue * 3 / 4) as u64, share),
            sending: Budget::new(places.saturating_mul(SENDING) as u64, share),
        }
    }

    /// Takes a place, waiting for it if need be.
    pub async fn enter(&self, client: Client, load: Load) -> Result<Pass, Busy> {
        let own = self.clients.lanes(client);
        let needed = || own.of(load).chain(self.everybody.of(load));
        let permits: Option<Vec<_>> = needed().map(lanes::try_enter).collect();
        let permits = match permits {
            Some(permits) => permits,
            None => {
                self.wait(client, load, needed()).await.ok_or(Busy { retry_after: self.retry_after() })?
            }
        };
        Ok(Pass { client, sending: self.sending.clone(), _permits: permits, _own: own })
    }

    /// Requests that wait for a place.
    pub fn waiting(&self) -> usize {
        usize::try_from(self.queue.used()).unwrap_or(usize::MAX)
    }

    /// None when the queue is full or the patience is at its end.
    async fn wait(
        &self,
        client: Client,
        load: Load,
        needed: impl Iterator<Item = lanes::Lane>,
    ) -> Option<Vec<OwnedSemaphorePermit>> {
        let _turn = self.queue.take(client, 1).ok()?;
        let is_upload = load != Load::Complete;
        let _upload_turn = if is_upload { Some(self.upload_queue.take(client, 1).ok()?) } else { None };
        let permits = async {
            let mut permits = Vec::with_capacity(6);
            for lane in needed {
                permits.push(lane.acquire_owned().await.ok()?);
            }
            Some(permits)
        };
        tokio::time::timeout(self.patience, permits).await.ok().flatten()
    }

    /// As long as those who wait already may wait.
    fn retry_after(&self) -> Duration {
        self.patience.clamp(Duration::from_secs(1), Duration::from_secs(30))
    }
}

impl Pass {
    /// The answer is made: from now on it is only sent.
    pub fn send(self) -> Sending {
        match self.sending.take(self.client, 1) {
            Ok(held) => Sending::Answer(held),
            Err(_) => Sending::Request(self),
        }
    }
}
