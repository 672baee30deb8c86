//! The clock of the store, which sets the time of every object. It may differ from this machine's
//! clock by any amount, and it is the only clock that several hosts share.
//!
//! # Invariants
//! - **This machine's wall clock is not used.** A [`StoreClock`] remembers the time of the store's
//!   clock at one moment, and adds the time since then by the monotonic clock. Setting the wall
//!   clock changes nothing.
//! - **The result is never ahead of the store's clock**, so no object looks older than it is
//!   (except for up to two seconds, because stores record times too early). It is behind by at most
//!   the `uncertain` of [`StoreClock::note`] plus the time of the observed request.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::Storage;
use super::error::Result;

/// The clocks of two machines drift apart by less than one part in so many.
const DRIFT: u32 = 1000;

impl Storage {
    /// What time it is by the store's clock. Seldom costs a request.
    pub async fn now(&self) -> Result<SystemTime> {
        self.store.now().await
    }
}

/// What is known of a store's clock. Observations are cheap to add; the narrowest counts.
#[derive(Default)]
pub(super) struct StoreClock(Mutex<Option<Observation>>);

/// At the moment `at` the store's clock showed a time between `earliest` and `latest`.
#[derive(Debug, Clone, Copy)]
struct Observation {
    at: Instant,
    earliest: SystemTime,
    latest: SystemTime,
}

impl StoreClock {
    /// None when the last observation is older than `fresh`.
    pub fn now(&self, fresh: Duration) -> Option<SystemTime> {
        let known = (*self.lock())?;
        let now = Instant::now();
        (now.duration_since(known.at) <= fresh).then(|| known.carried_to(now).earliest)
    }

    /// Between `asked` and now the store's clock showed `told`, or up to `uncertain` more
    /// (clocks are told in whole seconds, or tick slowly).
    pub fn note(&self, asked: Instant, told: SystemTime, uncertain: Duration) {
        let at = Instant::now();
        let latest = told + uncertain + at.duration_since(asked);
        let told = Observation { at, earliest: told, latest };
        let mut known = self.lock();
        *known = Some(known.and_then(|known| known.carried_to(at).narrowed(told)).unwrap_or(told));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Observation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observation {
    fn carried_to(self, at: Instant) -> Self {
        let passed = at.saturating_duration_since(self.at);
        let drift = passed / DRIFT;
        Self {
            at: at.max(self.at),
            earliest: self.earliest + passed.saturating_sub(drift),
            latest: self.latest + passed + drift,
        }
    }

    /// Both of one moment. None when they contradict each other: the clock was set meanwhile.
    fn narrowed(self, other: Self) -> Option<Self> {
        let (earliest, latest) = (self.earliest.max(other.earliest), self.latest.min(other.latest));
        (earliest <= latest).then_some(Self { at: self.at.max(other.at), earliest, latest })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn ago(time: Duration) -> Instant {
        Instant::now().checked_sub(time).unwrap()
    }

    #[test]
    fn nothing_is_known_before_the_first_observation() {
        assert_eq!(StoreClock::default().now(HOUR), None);
    }

    #[test]
    fn a_store_whose_clock_is_an_hour_away_is_read_by_its_own_clock() {
        for told in [SystemTime::now() + HOUR, SystemTime::now() - HOUR] {
            let clock = StoreClock::default();
            clock.note(Instant::now(), told, SECOND);
            let now = clock.now(HOUR).unwrap();
            assert!(now >= told && now < told + SECOND, "{now:?} for {told:?}");
        }
    }

    #[test]
    fn an_answer_that_took_long_does_not_set_the_clock_back() {
        let clock = StoreClock::default();
        let told = SystemTime::now() + HOUR;
        clock.note(Instant::now(), told, SECOND);
        clock.note(ago(20 * SECOND), told - 15 * SECOND, SECOND);
        assert!(clock.now(HOUR).unwrap() >= told);
    }

    #[test]
    fn whole_seconds_narrow_each_other_and_are_never_ahead() {
        let clock = StoreClock::default();
        let whole = SystemTime::UNIX_EPOCH + HOUR;
        clock.note(Instant::now(), whole, SECOND);
        // The next second has begun: so much of the first one was over.
        clock.note(Instant::now(), whole + SECOND, SECOND);
        let now = clock.now(HOUR).unwrap();
        assert!(now >= whole + SECOND && now < whole + SECOND * 2, "{now:?}");
    }

    #[test]
    fn a_clock_that_was_set_is_read_anew() {
        let clock = StoreClock::default();
        let told = SystemTime::now();
        clock.note(Instant::now(), told + HOUR, SECOND);
        clock.note(Instant::now(), told, SECOND);
        let now = clock.now(HOUR).unwrap();
        assert!(now >= told && now < told + SECOND, "{now:?}");
    }

    #[test]
    fn an_old_observation_is_made_again() {
        let clock = StoreClock::default();
        clock.note(Instant::now(), SystemTime::now(), SECOND);
        assert_eq!(clock.now(Duration::ZERO).or(clock.now(HOUR)).map(|_| ()), Some(()));
        let mut known = clock.lock().take().unwrap();
        known.at = ago(60 * SECOND);
        *clock.lock() = Some(known);
        assert_eq!(clock.now(10 * SECOND), None);
        assert!(clock.now(HOUR).unwrap() > known.earliest + 59 * SECOND, "the time since is added");
    }
}
