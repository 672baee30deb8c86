//! How many requests are worked on at once. Beyond the places some may wait in a
//! queue for a while; beyond that a request is turned away at once, which costs
//! less than letting everybody wait.
//!
//! Requests that carry a body take at most three quarters of the places and of
//! the queue, so that slow uploads never stop reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateSettings {
    /// Requests at once.
    pub places: usize,
    /// Requests that may wait for a place.
    pub queue: usize,
    /// How long one waits.
    pub patience: Duration,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { places: 512, queue: 1024, patience: Duration::from_secs(10) }
    }
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
    settings: GateSettings,
    all: Line,
    with_body: Line,
}

/// A place, given back when dropped.
#[must_use = "the place is free again as soon as this is dropped"]
pub struct Pass {
    _place: OwnedSemaphorePermit,
    _with_body: Option<OwnedSemaphorePermit>,
}

impl Gate {
    pub fn new(settings: GateSettings) -> Self {
        let all = Line::new(settings.places.max(1), settings.queue);
        let with_body = Line::new((settings.places * 3 / 4).max(1), settings.queue * 3 / 4);
        Self { settings, all, with_body }
    }

    /// Takes a place, waiting for it if need be. A request without a body never
    /// waits for one that has one, but for the last quarter of the places only.
    pub async fn enter(&self, has_body: bool) -> Result<Pass, Busy> {
        let quick = self.enter_at_once(has_body);
        if let Some(pass) = quick {
            return Ok(pass);
        }
        let waited = tokio::time::timeout(self.settings.patience, self.wait(has_body)).await;
        waited.ok().flatten().ok_or(Busy { retry_after: self.retry_after() })
    }

    /// Places that are free, for telemetry.
    pub fn free(&self) -> usize {
        self.all.places.available_permits()
    }

    /// Requests that wait, for telemetry.
    pub fn waiting(&self) -> usize {
        self.all.waiting.load(Ordering::Relaxed) + self.with_body.waiting.load(Ordering::Relaxed)
    }

    fn enter_at_once(&self, has_body: bool) -> Option<Pass> {
        let with_body = if has_body { Some(self.with_body.try_enter()?) } else { None };
        Some(Pass { _place: self.all.try_enter()?, _with_body: with_body })
    }

    async fn wait(&self, has_body: bool) -> Option<Pass> {
        let with_body = if has_body { Some(self.with_body.enter().await?) } else { None };
        Some(Pass { _place: self.all.enter().await?, _with_body: with_body })
    }

    /// As long as those who wait already may wait.
    fn retry_after(&self) -> Duration {
        self.settings.patience.clamp(Duration::from_secs(1), Duration::from_secs(30))
    }
}

/// Places, and a queue of bounded length before them.
#[derive(Clone)]
struct Line {
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    queue: usize,
}

impl Line {
    fn new(places: usize, queue: usize) -> Self {
        let places = places.min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), waiting: Arc::default(), queue }
    }

    fn try_enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// None when the queue is full.
    async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        if let Some(place) = self.try_enter() {
            return Some(place);
        }
        let _turn = Turn::take(&self.waiting, self.queue)?;
        Arc::clone(&self.places).acquire_owned().await.ok()
    }
}

/// A turn in a queue, left when dropped.
struct Turn<'a>(&'a AtomicUsize);

impl<'a> Turn<'a> {
    fn take(waiting: &'a AtomicUsize, queue: usize) -> Option<Self> {
        let add = |count: usize| (count < queue).then_some(count + 1);
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Self(waiting))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]
    use super::*;

    fn gate(places: usize, queue: usize) -> Gate {
        Gate::new(GateSettings { places, queue, patience: Duration::from_secs(10) })
    }

    #[tokio::test]
    async fn uploads_leave_a_quarter_of_the_places_to_reads() {
        let gate = gate(4, 0);
        let uploads = [
            gate.enter(true).await.unwrap(),
            gate.enter(true).await.unwrap(),
            gate.enter(true).await.unwrap(),
        ];
        assert!(gate.enter(true).await.is_err());
        let read = gate.enter(false).await.unwrap();
        assert!(gate.enter(false).await.is_err());
        drop(uploads);
        drop(read);
        assert_eq!(gate.free(), 4);
    }

    #[tokio::test]
    async fn a_place_that_becomes_free_goes_to_who_waits() {
        let gate = gate(1, 1);
        let pass = gate.enter(false).await.unwrap();
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(false).await.map(drop) }
        });
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(gate.enter(false).await.is_err(), "the queue is full");
        drop(pass);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!(gate.waiting(), 0);
    }

    #[tokio::test]
    async fn patience_has_an_end() {
        let gate = Gate::new(GateSettings { places: 1, queue: 5, patience: Duration::from_millis(10) });
        let _pass = gate.enter(false).await.unwrap();
        let busy = gate.enter(true).await.err().unwrap();
        assert_eq!(busy.retry_after, Duration::from_secs(1));
        assert_eq!(gate.waiting(), 0);
    }
}
