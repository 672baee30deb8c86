//! The guest's clock: time spent inside a plugin, without the time that the host
//! spends for it. A slow upload is not the guest's fault.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Counts the guest's time of one call.
#[derive(Debug)]
pub struct GuestClock {
    started: Instant,
    /// Nanoseconds spent in finished host calls.
    outside: AtomicU64,
    /// When the host call under way began, in nanoseconds since `started`, plus one;
    /// zero while the guest runs.
    left_at: AtomicU64,
}

/// Held during a host call; the guest's clock stands still until it is dropped.
pub struct Outside(Arc<GuestClock>);

impl GuestClock {
    pub fn start() -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), outside: AtomicU64::new(0), left_at: AtomicU64::new(0) })
    }

    /// Stops the clock until the result is dropped.
    pub fn outside(clock: &Arc<Self>) -> Outside {
        clock.left_at.store(clock.elapsed() + 1, Ordering::Relaxed);
        Outside(Arc::clone(clock))
    }

    /// Time spent in the guest so far.
    pub fn in_guest(&self) -> Duration {
        let elapsed = self.elapsed();
        let until = match self.left_at.load(Ordering::Relaxed) {
            0 => elapsed,
            left_at => left_at - 1,
        };
        Duration::from_nanos(until.saturating_sub(self.outside.load(Ordering::Relaxed)))
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX - 1)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let left_at = self.0.left_at.swap(0, Ordering::Relaxed);
        if left_at > 0 {
            let spent = self.0.elapsed().saturating_sub(left_at - 1);
            self.0.outside.fetch_add(spent, Ordering::Relaxed);
        }
    }
}

/// The guest used up its time.
#[derive(Debug, thiserror::Error)]
#[error("the plugin took longer than {0:?}")]
pub struct DeadlineMissed(pub Duration);

/// A call of the guest that ends when its clock has run out. The call gives way at
/// every tick of the epoch, so that this is looked at while a guest loops, and a
/// timer looks at it while a guest sleeps.
pub struct WithDeadline<F> {
    call: Pin<Box<F>>,
    clock: Arc<GuestClock>,
    limit: Duration,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<F: Future> WithDeadline<F> {
    pub fn new(call: F, clock: Arc<GuestClock>, limit: Duration) -> Self {
        Self { call: Box::pin(call), clock, limit, timer: None }
    }
}

impl<F: Future> Future for WithDeadline<F> {
    type Output = Result<F::Output, DeadlineMissed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = self.call.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        loop {
            let left = self.limit.saturating_sub(self.clock.in_guest());
            if left.is_zero() {
                return Poll::Ready(Err(DeadlineMissed(self.limit)));
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }
}
