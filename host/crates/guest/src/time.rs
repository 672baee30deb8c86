//! The guest's clock. It measures the time inside a plugin, without the time that the host spends
//! on calls, and without the time in which the request waits for a processor. A slow upload or a busy
//! machine does not use up the guest's limit.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use packhouse_common::processors::waited;
use rustix::time::{ClockId, clock_gettime};

/// A guest that sleeps instead of working may take this many times its limit.
const IDLE_FACTOR: u32 = 3;

/// Measures the time that the host spends on one call of a guest.
#[derive(Debug)]
pub struct GuestClock {
    started: Instant,
    /// Nanoseconds spent in finished host calls.
    outside: AtomicU64,
    /// The part of them that moved bytes.
    transfers: AtomicU64,
    /// Whether the current host call moves bytes.
    is_transfer: AtomicBool,
    /// When the current host call began, in nanoseconds since `started`, plus one. Zero while the
    /// guest runs.
    left_at: AtomicU64,
}

/// Held during a host call. The guest's clock stops until this is dropped.
pub struct Outside(Arc<GuestClock>);

impl GuestClock {
    pub fn start() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            outside: AtomicU64::new(0),
            transfers: AtomicU64::new(0),
            is_transfer: AtomicBool::new(false),
            left_at: AtomicU64::new(0),
        })
    }

    /// Stops the clock until the result is dropped. Processor time of the host's thread still
    /// counts as the guest's work.
    pub fn outside(clock: &Arc<Self>) -> Outside {
        Self::leave(clock, false)
    }

    /// Stops the clock until the result is dropped, for a call that moves bytes. Neither its
    /// processor time nor its duration counts.
    pub fn transfer(clock: &Arc<Self>) -> Outside {
        Self::leave(clock, true)
    }

    fn leave(clock: &Arc<Self>, is_transfer: bool) -> Outside {
        clock.is_transfer.store(is_transfer, Ordering::Relaxed);
        clock.left_at.store(clock.elapsed() + 1, Ordering::Relaxed);
        Outside(Arc::clone(clock))
    }

    fn read(&self) -> Reading {
        let elapsed = self.elapsed();
        let under_way = match self.left_at.load(Ordering::Relaxed) {
            0 => 0,
            left_at => elapsed.saturating_sub(left_at - 1),
        };
        let moving = if self.is_transfer.load(Ordering::Relaxed) { under_way } else { 0 };
        Reading {
            elapsed,
            outside: self.outside.load(Ordering::Relaxed) + under_way,
            transfers: self.transfers.load(Ordering::Relaxed) + moving,
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX - 1)
    }
}

/// In nanoseconds.
#[derive(Clone, Copy)]
struct Reading {
    /// Since the start.
    elapsed: u64,
    /// The part that the host used.
    outside: u64,
    /// The part of that in which bytes moved.
    transfers: u64,
}

impl Drop for Outside {
    fn drop(&mut self) {
        let left_at = self.0.left_at.swap(0, Ordering::Relaxed);
        if left_at > 0 {
            let spent = self.0.elapsed().saturating_sub(left_at - 1);
            self.0.outside.fetch_add(spent, Ordering::Relaxed);
            if self.0.is_transfer.swap(false, Ordering::Relaxed) {
                self.0.transfers.fetch_add(spent, Ordering::Relaxed);
            }
        }
    }
}

/// The guest exceeded its time limit.
#[derive(Debug, thiserror::Error)]
#[error("the plugin took longer than {0:?}")]
pub struct DeadlineMissed(pub Duration);

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimits {
    /// Processor time of the guest, and of the host's thread for it.
    pub work: Duration,
    /// The whole duration, without the time in which bytes move.
    pub total: Duration,
}

/// A call of the guest that ends when the guest has worked for too long. The call yields at every
/// tick of the epoch, so that the limit is also checked while a guest loops. Only processor time of
/// its thread counts, not the time in which it waits for a processor. A timer ends a guest that
/// sleeps, and a call whose whole duration is too long.
pub struct WithDeadline<F> {
    call: Pin<Box<F>>,
    clock: Arc<GuestClock>,
    limits: TimeLimits,
    /// Nanoseconds of the guest's work.
    worked: u64,
    /// How long the task had waited for processors when the call began.
    waited_before: Duration,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<F: Future> WithDeadline<F> {
    pub fn new(call: F, clock: Arc<GuestClock>, limits: TimeLimits) -> Self {
        Self { call: Box::pin(call), clock, limits, worked: 0, waited_before: waited(), timer: None }
    }

    /// How long the call may continue, and which limit ends it: that of a sleeping guest, or that
    /// of the whole duration.
    fn time_left(&self) -> (Duration, Duration) {
        let Reading { elapsed, outside, transfers } = self.clock.read();
        let waited = waited().saturating_sub(self.waited_before);
        let inside = Duration::from_nanos(elapsed.saturating_sub(outside)).saturating_sub(waited);
        let still = Duration::from_nanos(elapsed.saturating_sub(transfers));
        let TimeLimits { work, total } = self.limits;
        let idle = (work.saturating_mul(IDLE_FACTOR).saturating_sub(inside), work);
        idle.min((total.saturating_sub(still), total))
    }
}

impl<F: Future> Future for WithDeadline<F> {
    type Output = Result<F::Output, DeadlineMissed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let before = self.clock.read();
        let begun = worked_by_this_thread();
        if let Poll::Ready(output) = self.call.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        let worked = worked_by_this_thread().saturating_sub(begun);
        let moving = self.clock.read().transfers.saturating_sub(before.transfers);
        self.worked += worked.saturating_sub(moving);
        if Duration::from_nanos(self.worked) >= self.limits.work {
            return Poll::Ready(Err(DeadlineMissed(self.limits.work)));
        }
        loop {
            let (left, limit) = self.time_left();
            if left.is_zero() {
                return Poll::Ready(Err(DeadlineMissed(limit)));
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }
}

/// Nanoseconds of processor time.
fn worked_by_this_thread() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let [seconds, nanoseconds] = [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::task::Waker;

    use packhouse_common::processors::Processors;
    use packhouse_common::shares::Client;

    use super::*;

    #[tokio::test]
    async fn a_request_that_waits_for_a_processor_is_not_taken_for_one_that_sleeps() {
        let processors = Processors::new(1);
        let client = |last: u8| Client::of([192, 0, 2, last].into());
        let context = &mut Context::from_waker(Waker::noop());
        let mut steps = 0;
        let three_steps = std::future::poll_fn(|_| {
            steps += 1;
            if steps < 3 { Poll::Pending } else { Poll::Ready(()) }
        });
        let limits = TimeLimits { work: Duration::from_millis(10), total: Duration::from_mins(1) };
        let call = WithDeadline::new(three_steps, GuestClock::start(), limits);
        let mut request = processors.share(client(1), call);
        assert!(Pin::new(&mut request).poll(context).is_pending());
        // The slice of the one processor, and the one beyond.
        let others = [2, 3].map(|last| processors.slices(client(last)).poll_next(context));
        assert!(others.iter().all(Poll::is_ready));
        assert!(Pin::new(&mut request).poll(context).is_pending());
        let begun = Instant::now();
        while begun.elapsed() < limits.work * IDLE_FACTOR * 2 {
            std::hint::spin_loop();
        }
        drop(others);
        assert!(Pin::new(&mut request).poll(context).is_pending(), "it goes on");
        assert!(matches!(Pin::new(&mut request).poll(context), Poll::Ready(Ok(()))));
    }
}
