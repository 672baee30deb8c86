//! Slows down whoever guesses passwords: wrong attempts are counted for the name that
//! was tried and for the address that tried, and each further attempt waits longer.
//! It must not know passwords, nor whether a name exists.
//!
//! # Invariants
//! - An attempt counts as wrong from its beginning until it proves right, so that many
//!   at once gain nothing.
//! - Attempts on one name, or from one address, come one after another once they are
//!   slowed; whoever would have to wait longer than [`PATIENCE`] is told to come back.
//! - An address that has signed in as a name before is not slowed by what others do to
//!   that name: nobody can be locked out from afar.
//! - Counters are in this process only, bounded in number, and forgotten after
//!   [`MEMORY`] without a wrong attempt.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest that an attempt is made to wait before it is looked at.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long wrong attempts are remembered after the last of them.
pub const MEMORY: Duration = Duration::from_mins(15);
/// How long an address counts as one that a name signs in from.
const ACQUAINTANCE: Duration = Duration::from_hours(24);
/// Wrong attempts that cost nothing yet.
const FREE_FOR_NAME: u32 = 5;
const FREE_FOR_PEER: u32 = 20;
/// The first delay; it doubles with each wrong attempt, up to the longest.
const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// More counters of a kind than this are never held.
const MOST: usize = 10_000;

/// The counters of one process.
#[derive(Debug, Default)]
pub struct Throttle {
    counters: Mutex<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    names: HashMap<String, Counter>,
    peers: HashMap<IpAddr, Counter>,
    acquainted: HashMap<(String, IpAddr), Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    wrong: u32,
    last: Instant,
    /// The next attempt is looked at no earlier.
    open_at: Instant,
}

/// Come back after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany(pub Duration);

impl Throttle {
    /// Counts an attempt and says how long to wait before it is looked at.
    ///
    /// # Errors
    /// `TooMany` when that would be longer than [`PATIENCE`]: it is not counted.
    pub fn begin(&self, name: &str, peer: IpAddr, now: Instant) -> Result<Duration, TooMany> {
        let peer = network_of(peer);
        let mut counters = self.lock();
        let acquainted = counters
            .acquainted
            .get(&(name.to_owned(), peer))
            .is_some_and(|at| within(*at, now, ACQUAINTANCE));
        let mut open_at = counters.peers.get(&peer).map_or(now, |counter| counter.open_at);
        if !acquainted && let Some(counter) = counters.names.get(name) {
            open_at = open_at.max(counter.open_at);
        }
        let wait = open_at.saturating_duration_since(now);
        if wait > PATIENCE {
            return Err(TooMany(wait));
        }
        count(&mut counters.peers, peer, FREE_FOR_PEER, now);
        if !acquainted {
            count(&mut counters.names, name.to_owned(), FREE_FOR_NAME, now);
        }
        Ok(wait)
    }

    /// The attempt was right: the name starts afresh, the address gets this one back.
    pub fn succeed(&self, name: &str, peer: IpAddr, now: Instant) {
        let peer = network_of(peer);
        let mut counters = self.lock();
        counters.names.remove(name);
        give_back(&mut counters.peers, &peer, FREE_FOR_PEER, now);
        make_room(&mut counters.acquainted, |at| within(*at, now, ACQUAINTANCE));
        counters.acquainted.insert((name.to_owned(), peer), now);
    }

    /// The attempt could not be looked at: it counts for nobody.
    pub fn undo(&self, name: &str, peer: IpAddr, now: Instant) {
        let peer = network_of(peer);
        let mut counters = self.lock();
        give_back(&mut counters.peers, &peer, FREE_FOR_PEER, now);
        give_back(&mut counters.names, name, FREE_FOR_NAME, now);
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count<K: Hash + Eq>(counters: &mut HashMap<K, Counter>, key: K, free: u32, now: Instant) {
    make_room(counters, |counter| within(counter.last, now, MEMORY));
    let counter = counters.entry(key).or_insert(Counter { wrong: 0, last: now, open_at: now });
    if !within(counter.last, now, MEMORY) {
        counter.wrong = 0;
    }
    counter.wrong = counter.wrong.saturating_add(1);
    counter.last = counter.last.max(now);
    counter.open_at = counter.open_at.max(now) + delay(counter.wrong, free);
}

fn give_back<K, Q>(counters: &mut HashMap<K, Counter>, key: &Q, free: u32, now: Instant)
where
    K: Hash + Eq + std::borrow::Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    if let Some(counter) = counters.get_mut(key) {
        counter.wrong = counter.wrong.saturating_sub(1);
        counter.open_at = counter.open_at.min(now + delay(counter.wrong, free));
    }
}

/// What the next attempt waits after so many wrong ones.
fn delay(wrong: u32, free: u32) -> Duration {
    match wrong.checked_sub(free) {
        None => Duration::ZERO,
        Some(over) => FIRST_DELAY.saturating_mul(1 << over.min(16)).min(LONGEST_DELAY),
    }
}

fn make_room<K: Hash + Eq, V>(map: &mut HashMap<K, V>, still_needed: impl Fn(&V) -> bool) {
    if map.len() >= MOST {
        map.retain(|_, value| still_needed(value));
    }
    if map.len() >= MOST {
        map.clear();
    }
}

fn within(at: Instant, now: Instant, span: Duration) -> bool {
    now.saturating_duration_since(at) < span
}

/// One customer's IPv6 network counts as one address: it has more than can be counted.
fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    //! Who waits, who does not, and for how long.
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test may fail loudly"
    )]
    use super::*;

    const GUESSER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn the_first_wrong_attempts_are_free_and_later_ones_wait_longer_and_longer() {
        let (throttle, mut now) = (Throttle::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..15 {
            let wait = throttle.begin("ann", GUESSER, now).unwrap();
            now += wait;
            waits.push(wait);
        }
        assert!(waits[..5].iter().all(Duration::is_zero), "{waits:?}");
        assert_eq!(waits[5], FIRST_DELAY);
        assert!(waits.is_sorted());
        assert_eq!(waits[14], LONGEST_DELAY);
    }

    #[test]
    fn attempts_made_at_once_queue_up_and_are_then_refused() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let answers: Vec<_> = (0..50).map(|_| throttle.begin("ann", GUESSER, now)).collect();
        let looked_at = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!((6..15).contains(&looked_at), "{looked_at}");
        let TooMany(wait) = answers[49].unwrap_err();
        assert!(wait > PATIENCE && wait <= PATIENCE + LONGEST_DELAY, "{wait:?}");
    }

    #[test]
    fn guessing_at_many_names_slows_the_address() {
        let (throttle, mut now) = (Throttle::default(), Instant::now());
        let mut slowest = Duration::ZERO;
        for number in 0..40 {
            let wait = throttle.begin(&format!("name{number}"), GUESSER, now).unwrap();
            now += wait;
            slowest = slowest.max(wait);
        }
        assert_eq!(slowest, LONGEST_DELAY);
        assert_eq!(throttle.begin("ann", HOME, now), Ok(Duration::ZERO));
    }

    #[test]
    fn a_right_attempt_starts_the_name_afresh() {
        let (throttle, mut now) = (Throttle::default(), Instant::now());
        for _ in 0..8 {
            now += throttle.begin("ann", GUESSER, now).unwrap();
        }
        throttle.succeed("ann", HOME, now);
        assert_eq!(throttle.begin("ann", HOME, now), Ok(Duration::ZERO));
    }

    #[test]
    fn nobody_is_locked_out_from_afar() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        throttle.begin("ann", HOME, now).unwrap();
        throttle.succeed("ann", HOME, now);
        while throttle.begin("ann", GUESSER, now).is_ok() {}
        assert_eq!(throttle.begin("ann", HOME, now), Ok(Duration::ZERO));
    }

    #[test]
    fn right_attempts_never_slow_an_address() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..200 {
            let name = format!("name{number}");
            assert_eq!(throttle.begin(&name, HOME, now), Ok(Duration::ZERO));
            throttle.succeed(&name, HOME, now);
        }
    }

    #[test]
    fn an_attempt_that_could_not_be_looked_at_counts_for_nobody() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(throttle.begin("ann", HOME, now), Ok(Duration::ZERO));
            throttle.undo("ann", HOME, now);
        }
    }

    #[test]
    fn wrong_attempts_are_forgotten_after_a_while_and_counters_stay_bounded() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        while throttle.begin("ann", GUESSER, now).is_ok() {}
        let later = now + MEMORY + PATIENCE;
        assert_eq!(throttle.begin("ann", GUESSER, later), Ok(Duration::ZERO));
        assert_eq!(throttle.begin("ann", GUESSER, later), Ok(Duration::ZERO));
        for number in 0..u32::try_from(MOST * 2).unwrap() {
            let _ = throttle.begin(&number.to_string(), IpAddr::V4(number.into()), now);
        }
        let counters = throttle.lock();
        assert!(counters.names.len() <= MOST && counters.peers.len() <= MOST);
    }

    #[test]
    fn one_network_of_version_6_counts_as_one_address() {
        let (one, two): (IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8::ffff:2".parse().unwrap());
        assert_eq!(network_of(one), network_of(two));
        assert_eq!(network_of("::ffff:192.0.2.1".parse().unwrap()), GUESSER);
    }
}
