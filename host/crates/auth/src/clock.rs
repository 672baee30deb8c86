//! The clock of this crate, which a test can advance without sleeping. It does not know what the
//! time is used for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The machine's clock, or in a test a clock that advances only when told to sleep.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Milliseconds that this clock is ahead; `None` for the machine's own.
    ahead: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// A clock whose sleeps end at once and advance it by their length.
    #[cfg(test)]
    pub fn without_waiting() -> Self {
        Self { ahead: Some(Arc::default()) }
    }

    /// For measuring spans.
    pub fn now(&self) -> Instant {
        Instant::now() + self.lead()
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_millis(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.lead();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits this long.
    pub async fn sleep(&self, span: Duration) {
        match &self.ahead {
            None => tokio::time::sleep(span).await,
            Some(ahead) => {
                ahead.fetch_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        }
    }

    fn lead(&self) -> Duration {
        let ahead = self.ahead.as_ref().map_or(0, |ahead| ahead.load(Ordering::Relaxed));
        Duration::from_millis(ahead)
    }
}
