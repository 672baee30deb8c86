//! Measures how far a transfer is behind the minimum rate.
//!
//! A transfer starts with a grace period. Time in which the host waits for the client reduces it,
//! and each byte that moves adds to it. A client at the minimum rate therefore continues for ever,
//! and a slower one is cut off when the period is used up. Time in which the host does not wait for
//! the client does not count.
//!
//! It knows neither sockets nor HTTP.

use std::time::Duration;

use tokio::time::Instant;

/// The requirements for a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceSettings {
    /// The longest time in which no byte moves.
    pub grace: Duration,
    /// The minimum rate in bytes per second, averaged over the grace period. 0 requires only that
    /// some byte moves within the grace period.
    pub rate: u64,
}

/// One direction of one stream.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    settings: PaceSettings,
    /// The rest of the grace period, as of `since` while the clock runs.
    left: Duration,
    since: Option<Instant>,
}

impl Pace {
    /// The clock does not run yet.
    pub fn new(settings: PaceSettings) -> Self {
        Self { settings, left: settings.grace, since: None }
    }

    /// From now on the host waits for the client.
    pub fn start(&mut self, now: Instant) {
        self.settle(now);
        self.since = Some(now);
    }

    /// The host no longer waits for the client.
    pub fn stop(&mut self, now: Instant) {
        self.settle(now);
        self.since = None;
    }

    /// This many bytes moved.
    pub fn moved(&mut self, bytes: u64, now: Instant) {
        self.settle(now);
        let grace = self.settings.grace;
        self.left = match self.settings.rate {
            0 if bytes > 0 => grace,
            0 => self.left,
            #[expect(clippy::cast_precision_loss, reason = "a time needs no more precision")]
            rate => {
                let earned = Duration::try_from_secs_f64(bytes as f64 / rate as f64).unwrap_or(grace);
                self.left.saturating_add(earned).min(grace)
            }
        };
    }

    /// How long the host still waits for the client; zero when the transfer is too slow.
    pub fn left(&self, now: Instant) -> Duration {
        let waited = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.left.saturating_sub(waited)
    }

    fn settle(&mut self, now: Instant) {
        self.left = self.left(now);
        if let Some(since) = &mut self.since {
            *since = now.max(*since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn pace(rate: u64) -> (Pace, Instant) {
        let start = Instant::now();
        let mut pace = Pace::new(PaceSettings { grace: MINUTE, rate });
        pace.start(start);
        (pace, start)
    }

    /// How long a client that moves `bytes` every `every` continues, up to a day.
    fn lasts(rate: u64, bytes: u64, every: Duration) -> Duration {
        let (mut pace, start) = pace(rate);
        let mut passed = Duration::ZERO;
        while passed < Duration::from_hours(24) {
            passed += every;
            if pace.left(start + passed).is_zero() {
                break;
            }
            pace.moved(bytes, start + passed);
        }
        passed
    }

    #[test]
    fn silence_ends_a_transfer_after_the_grace_period() {
        let (pace, start) = pace(128);
        assert_eq!(pace.left(start + Duration::from_secs(59)), Duration::from_secs(1));
        assert_eq!(pace.left(start + MINUTE), Duration::ZERO);
    }

    #[test]
    fn a_byte_now_and_then_gains_next_to_nothing() {
        assert!(lasts(128, 1, Duration::from_secs(1)) <= MINUTE + Duration::from_secs(1));
        assert!(lasts(128, 64, Duration::from_secs(1)) <= MINUTE * 2, "half the rate, twice the grace");
    }

    #[test]
    fn a_modem_lasts_in_large_pieces_and_in_small_ones() {
        let day = Duration::from_hours(24);
        assert!(lasts(128, 7_000, Duration::from_secs(1)) >= day);
        assert!(lasts(128, 350_000, Duration::from_secs(50)) >= day);
        assert!(lasts(128, 128, Duration::from_secs(1)) >= day);
    }

    #[test]
    fn what_was_quick_before_earns_no_more_than_the_grace_period() {
        let (mut pace, start) = pace(128);
        pace.moved(1 << 40, start + Duration::from_secs(1));
        assert_eq!(pace.left(start + Duration::from_secs(1)), MINUTE);
    }

    #[test]
    fn time_that_the_host_takes_costs_the_client_nothing() {
        let (mut pace, start) = pace(128);
        pace.stop(start + Duration::from_secs(10));
        assert_eq!(pace.left(start + MINUTE * 100), Duration::from_secs(50));
        pace.start(start + MINUTE * 100);
        assert_eq!(pace.left(start + MINUTE * 100 + Duration::from_secs(10)), Duration::from_secs(40));
    }

    #[test]
    fn without_a_rate_only_silence_counts() {
        assert!(lasts(0, 1, Duration::from_secs(59)) >= Duration::from_hours(24));
        assert_eq!(lasts(0, 0, Duration::from_secs(30)), MINUTE);
    }
}
