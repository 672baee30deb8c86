//! Limits how many requests the host works on at a time. Some more requests wait in a queue for a
//! limited time. Further requests are rejected at once, which costs less than letting all of them
//! wait.
//!
//! - Requests whose body has not arrived yet use at most three quarters of the places and of the
//!   queue, so that slow uploads never stop reads. Those of anonymous clients use at most half of
//!   that.
//! - Each client has a share of all of this.
//! - When its response is made, a request moves to a place for sending. There are more of those,
//!   because sending costs less. If none is free, the request keeps its first place until the
//!   response is sent.

mod lanes;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use lanes::{Clients, Lanes};
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
    everybody: Lanes,
    clients: Clients,
    queue: Budget,
    upload_queue: Budget,
    sending: Budget,
}

/// A place. Dropping it frees the place.
#[must_use = "the place is free again as soon as this is dropped"]
pub struct Pass {
    client: Client,
    sending: Budget,
    _permits: Vec<OwnedSemaphorePermit>,
    /// The lanes of the client exist while it has a request in them.
    _own: Lanes,
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
        Self {
            patience,
            everybody: Lanes::new(places),
            clients: Clients::new(own),
            queue: Budget::new(queue as u64, share),
            upload_queue: Budget::new((queue * 3 / 4) as u64, share),
            sending: Budget::new(places.saturating_mul(SENDING) as u64, share),
        }
    }

    /// Takes a place. Waits if none is free.
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

    /// The number of requests that wait for a place.
    pub fn waiting(&self) -> usize {
        usize::try_from(self.queue.used()).unwrap_or(usize::MAX)
    }

    /// None if the queue is full or the wait was too long.
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

    /// As long as the requests that already wait may wait.
    fn retry_after(&self) -> Duration {
        self.patience.clamp(Duration::from_secs(1), Duration::from_secs(30))
    }
}

impl Pass {
    /// The response is made: from now on it is only sent.
    pub fn send(self) -> Sending {
        match self.sending.take(self.client, 1) {
            Ok(held) => Sending::Answer(held),
            Err(_) => Sending::Request(self),
        }
    }
}
