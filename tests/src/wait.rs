//! Waiting for a condition, never for time to pass.

use std::future::Future;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};

/// Two cores may be busy with other tests.
const PATIENCE: Duration = Duration::from_mins(2);

/// Looks again and again until there is something. Panics, saying `what`, when it never comes.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let patience = Instant::now() + PATIENCE;
    let mut clock = interval(Duration::from_millis(10));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < patience, "waited in vain: {what}");
    }
}
