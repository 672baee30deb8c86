//! The progress of a connection, and whether the connection must be closed because of it. The
//! socket and the requests record what happens, and one timer reads the records.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ServerSettings;
use super::admission::Place;
use super::transfer::Transfer;

/// Fewer answers than this are not searched for those that are sent.
const FEW_TRANSFERS: usize = 16;

/// How long a new connection is not idle, although no request has come yet.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// What a connection has been doing, noted by its socket and its requests.
/// Times are microseconds since it was accepted; 0 stands for never.
pub(super) struct Progress {
    start: Instant,
    is_http2: AtomicBool,
    /// Requests whose answer is not sent completely.
    in_flight: AtomicUsize,
    requests: AtomicUsize,
    /// When the last request was done with.
    idle_since: AtomicU64,
    /// When the head that is being read began.
    head_since: AtomicU64,
    /// Since when the client takes nothing.
    blocked_since: AtomicU64,
    transfers: Mutex<Transfers>,
    /// Ends the connection now.
    cut: CancellationToken,
    /// The answer in flight is the last.
    closes: AtomicBool,
    /// There may be something unread when the socket closes.
    lingers: AtomicBool,
    /// Held until the socket is closed.
    place: Place,
}

/// The answers that are being sent.
#[derive(Default)]
struct Transfers {
    all: Vec<Weak<Transfer>>,
    /// At this many, those that are sent are forgotten.
    full: usize,
}

impl Progress {
    pub fn new(place: Place) -> Arc<Self> {
        let progress = Arc::new(Self {
            start: Instant::now(),
            is_http2: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            blocked_since: AtomicU64::new(0),
            transfers: Mutex::default(),
            cut: CancellationToken::new(),
            closes: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            place,
        });
        progress.place.occupy(&progress);
        progress
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// Whether an answer is to be given, or is being sent.
    pub fn has_request(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0 || self.is_http2.load(Ordering::Relaxed)
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
    }

    /// Bytes could not go.
    pub fn note_blocked(&self) {
        if self.blocked_since.load(Ordering::Relaxed) == 0 {
            self.blocked_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// An answer that is looked at from now on.
    pub fn watch_transfer(&self, transfer: &Arc<Transfer>) {
        let mut transfers = self.transfers.lock().unwrap_or_else(PoisonError::into_inner);
        if transfers.all.len() >= transfers.full {
            transfers.all.retain(|transfer| transfer.strong_count() > 0);
            transfers.full = FEW_TRANSFERS.max(transfers.all.len() * 2);
        }
        transfers.all.push(Arc::downgrade(transfer));
    }

    /// Ends the streams whose clients are too slow. False when one does not end.
    fn cut_late_transfers(&self, settings: &ServerSettings) -> bool {
        let mut transfers = self.transfers.lock().unwrap_or_else(PoisonError::into_inner);
        transfers.all.retain(|transfer| transfer.strong_count() > 0);
        let all: Vec<_> = transfers.all.iter().filter_map(Weak::upgrade).collect();
        // The last owner of a transfer must not end it under the lock.
        drop(transfers);
        let now = Instant::now();
        all.iter().all(|transfer| transfer.cut_if_late(settings.pace(), now))
    }

    /// How long the connection has been without a request. None while it has one, while its
    /// first one may be on its way, and when it is told to end already.
    pub fn idle_for(&self) -> Option<Duration> {
        let is_fresh = self.requests.load(Ordering::Relaxed) == 0 && self.start.elapsed() < FIRST_REQUEST;
        if is_fresh || self.in_flight.load(Ordering::Relaxed) > 0 || self.cut.is_cancelled() {
            return None;
        }
        Some(Duration::from_micros(self.now().saturating_sub(self.idle_since.load(Ordering::Relaxed))))
    }

    /// What ends the connection now.
    pub fn cut(&self) -> &CancellationToken {
        &self.cut
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
        let lasted = |since: u64, limit: Duration| u128::from(now.saturating_sub(since)) >= limit.as_micros();
        let blocked = self.blocked_since.load(Ordering::Relaxed);
        if blocked != 0 && lasted(blocked, settings.write_timeout) {
            return Some("the client does not read its response");
        }
        if !self.cut_late_transfers(settings) {
            return Some("the client does not read the end of its response");
        }
        let is_http2 = self.is_http2.load(Ordering::Relaxed);
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            return None;
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
pub(super) struct InFlight(Arc<Progress>);

impl InFlight {
    pub fn begin(progress: &Arc<Progress>, is_http2: bool) -> Self {
        progress.is_http2.store(is_http2, Ordering::Relaxed);
        progress.requests.fetch_add(1, Ordering::Relaxed);
        progress.in_flight.fetch_add(1, Ordering::Relaxed);
        progress.head_since.store(0, Ordering::Relaxed);
        Self(Arc::clone(progress))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.now(), Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
