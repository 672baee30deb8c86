//! What a connection has been doing, and whether it has to be cut for it. Its
//! socket and its requests note what happens; one timer looks at the notes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::ServerSettings;

/// What a connection has been doing, noted by its socket and its requests.
/// Times are milliseconds since it was accepted; 0 stands for never.
pub(super) struct Progress {
    start: Instant,
    is_http2: AtomicBool,
    /// Requests whose answer is not sent completely.
    in_flight: AtomicUsize,
    /// Of those, the ones whose answer has begun.
    answering: AtomicUsize,
    requests: AtomicUsize,
    /// When the last request was done with.
    idle_since: AtomicU64,
    /// When the head that is being read began.
    head_since: AtomicU64,
    /// Since when the client takes nothing.
    blocked_since: AtomicU64,
    wrote: AtomicU64,
    /// The answer in flight is the last.
    closes: AtomicBool,
    /// There may be something unread when the socket closes.
    lingers: AtomicBool,
    /// Held until the socket is closed.
    _place: OwnedSemaphorePermit,
}

impl Progress {
    pub fn new(place: OwnedSemaphorePermit) -> Self {
        Self {
            start: Instant::now(),
            is_http2: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            answering: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            blocked_since: AtomicU64::new(0),
            wrote: AtomicU64::new(0),
            closes: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            _place: place,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Bytes came.
    pub fn note_read(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Bytes went.
    pub fn note_write(&self) {
        self.blocked_since.store(0, Ordering::Relaxed);
        self.wrote.store(self.now(), Ordering::Relaxed);
    }

    /// Bytes could not go.
    pub fn note_blocked(&self) {
        if self.blocked_since.load(Ordering::Relaxed) == 0 {
            self.blocked_since.store(self.now(), Ordering::Relaxed);
        }
    }

    pub fn note_answering(&self) {
        self.wrote.store(self.now(), Ordering::Relaxed);
        self.answering.fetch_add(1, Ordering::Relaxed);
    }

    /// Something is unread: if the connection ends now, the client gets time to
    /// read the answer before the socket is closed.
    pub fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    /// All was read after all.
    pub fn do_not_linger(&self) {
        self.lingers.store(false, Ordering::Relaxed);
    }

    pub fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed)
    }

    /// What is unread is too much to read it: the answer is the last one.
    pub fn close(&self) {
        self.linger();
        self.closes.store(true, Ordering::Relaxed);
    }

    pub fn closes(&self) -> bool {
        self.closes.load(Ordering::Relaxed)
    }

    /// Why the connection has to be cut, if it has.
    fn verdict(&self, settings: &ServerSettings) -> Option<&'static str> {
        let now = self.now();
        let lasted = |since: u64, limit: Duration| u128::from(now.saturating_sub(since)) >= limit.as_millis();
        let blocked = self.blocked_since.load(Ordering::Relaxed);
        if blocked != 0 && lasted(blocked, settings.write_timeout) {
            return Some("the client takes nothing of its answer");
        }
        let is_http2 = self.is_http2.load(Ordering::Relaxed);
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            let stalled = is_http2
                && self.answering.load(Ordering::Relaxed) > 0
                && lasted(self.wrote.load(Ordering::Relaxed), settings.write_timeout);
            return stalled.then_some("the client opens no window for its answer");
        }
        let head = self.head_since.load(Ordering::Relaxed);
        if head != 0 && !is_http2 && lasted(head, settings.head_timeout) {
            return Some("the head of a request took too long");
        }
        let is_new = self.requests.load(Ordering::Relaxed) == 0;
        let limit = if is_new { settings.head_timeout } else { settings.keep_alive };
        let idle = head == 0 || is_http2;
        (idle && lasted(self.idle_since.load(Ordering::Relaxed), limit)).then_some("nothing was asked for")
    }
}

/// Looks at a connection now and then; one timer for all of its limits, so that
/// no request pays for one.
pub(super) async fn watch(progress: &Progress, settings: &ServerSettings) -> &'static str {
    let shortest = settings.head_timeout.min(settings.keep_alive).min(settings.write_timeout);
    let pause = (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(5));
    loop {
        tokio::time::sleep(pause).await;
        if let Some(reason) = progress.verdict(settings) {
            return reason;
        }
    }
}

/// A request from its head to the last byte of its answer.
pub(super) struct InFlight {
    progress: Arc<Progress>,
    answering: bool,
}

impl InFlight {
    pub fn begin(progress: &Arc<Progress>, is_http2: bool) -> Self {
        progress.is_http2.store(is_http2, Ordering::Relaxed);
        progress.requests.fetch_add(1, Ordering::Relaxed);
        progress.in_flight.fetch_add(1, Ordering::Relaxed);
        progress.head_since.store(0, Ordering::Relaxed);
        Self { progress: Arc::clone(progress), answering: false }
    }

    /// The service is done, its answer goes out.
    pub fn answering(&mut self) {
        if !self.answering {
            self.answering = true;
            self.progress.note_answering();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.answering {
            self.progress.answering.fetch_sub(1, Ordering::Relaxed);
        }
        self.progress.idle_since.store(self.progress.now(), Ordering::Relaxed);
        self.progress.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
