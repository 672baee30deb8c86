//! Limits how fast passwords can be guessed. It counts attempts and decides how long each one
//! waits. It does not know passwords, or whether a name exists.
//!
//! It counts three things: the attempts of strangers on one name, the attempts of strangers from
//! one network, and the attempts of an acquaintance. An acquaintance is a network from which that
//! name has signed in within [`ACQUAINTANCE`].
//!
//! # Invariants
//! - An attempt counts as wrong from its beginning until it proves right, so that many attempts at
//!   once gain nothing. While earlier attempts are being verified, it waits for a while, because
//!   they may prove right.
//! - After wrong attempts, the next one does not wait. It is rejected until its time comes, so
//!   guessing holds no connection.
//! - Attempts of strangers do not slow down an acquaintance, even from the acquaintance's own
//!   network. So nobody can lock out another user.
//! - The password with which an acquaintance signed in last is recognised by a short [`Tag`] and
//!   does not wait. Another client in the same network could use this to test passwords. Therefore
//!   every attempt with another tag, also a rejected one, is charged to a budget ([`GUESSES`]).
//!   When the budget is used up, no password is recognised until it has recovered.
//! - Counters exist in this process only. Their number is bounded, and they are dropped after
//!   [`MEMORY`] without a wrong attempt.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long after the last wrong attempt its counter is kept.
pub const MEMORY: Duration = Duration::from_mins(15);
/// How long a network stays an acquaintance of a name.
const ACQUAINTANCE: Duration = Duration::from_hours(24);
/// The most wrong passwords of an acquaintance within [`MEMORY`] for its right password to be
/// recognised.
const GUESSES: u32 = 100;
/// The time after which one of them is forgotten.
const GUESS: Duration = Duration::from_secs(MEMORY.as_secs() / GUESSES as u64);
/// The first delay. It doubles with each wrong attempt, up to the maximum of the rule.
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// The most counters of one kind.
const MOST: usize = 10_000;

/// After how many attempts there is a delay, and the longest delay.
struct Rule {
    /// Wrong attempts without a delay.
    free: u32,
    longest: Duration,
}

const NAME: Rule = Rule { free: 5, longest: Duration::from_secs(5) };
/// Many people may share a network, so it is slowed down less than a name.
const NETWORK: Rule = Rule { free: 20, longest: Duration::from_secs(1) };

/// The counters of one process.
#[derive(Debug, Default)]
pub struct Throttle {
    counters: Mutex<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    names: HashMap<String, Tally>,
    networks: HashMap<IpAddr, Tally>,
    acquaintances: HashMap<Pair, Acquaintance>,
}

/// A name, and the network that sent it.
type Pair = (String, IpAddr);

/// A short hash of credentials. Many passwords share one, so it reveals little about the password.
pub type Tag = u16;

#[derive(Debug, Clone, Copy)]
struct Counter {
    wrong: u32,
    last: Instant,
    /// The earliest time at which the next attempt is verified.
    open_at: Instant,
}

/// The attempts of one kind.
#[derive(Debug, Clone, Copy)]
struct Tally {
    /// Attempts that have not proved right, including those being verified.
    begun: Counter,
    /// Attempts that proved wrong.
    failed: Counter,
}

#[derive(Debug, Clone, Copy)]
struct Acquaintance {
    since: Instant,
    tag: Tag,
    own: Tally,
    /// When all wrong passwords are forgotten. Each one moves it by [`GUESS`].
    guessed_until: Instant,
}

/// An attempt in progress.
#[derive(Debug)]
#[must_use = "an attempt that is neither right nor undone counts as wrong"]
pub struct Attempt {
    /// How long to wait before verifying the password.
    pub wait: Duration,
    pair: Pair,
    is_stranger: bool,
}

/// Try again after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany(pub Duration);

impl Throttle {
    /// Counts an attempt with credentials of this tag.
    ///
    /// # Errors
    /// `TooMany` if it comes too early after wrong attempts, or would have to wait for longer than
    /// `patience` for attempts that are being verified. It is then counted only as a guess of an
    /// acquaintance.
    pub fn begin(
        &self,
        name: &str,
        peer: IpAddr,
        tag: Tag,
        patience: Duration,
        now: Instant,
    ) -> Result<Attempt, TooMany> {
        let pair = (name.to_owned(), network_of(peer));
        let counters = &mut *self.lock();
        let acquaintance = counters.acquaintances.get_mut(&pair).filter(|known| known.is_current(now));
        let is_stranger = acquaintance.is_none();
        let [begun, failed] = match acquaintance {
            Some(known) if known.recognises(tag, now) => [Duration::ZERO; 2],
            Some(known) => {
                if known.tag != tag {
                    known.guessed_until = known.guessed_until.max(now) + GUESS;
                }
                known.own.waits(now)
            }
            None => counters.waits_of_strangers(&pair, now),
        };
        if !failed.is_zero() {
            return Err(TooMany(failed));
        }
        if begun > patience {
            return Err(TooMany(begun));
        }
        let wait = begun;
        counters.count(&pair, is_stranger, now);
        Ok(Attempt { wait, pair, is_stranger })
    }

    /// Whether this name has signed in from this network, and few wrong passwords came from there
    /// since. Only then may a remembered password be accepted.
    pub fn trusts(&self, name: &str, peer: IpAddr, now: Instant) -> bool {
        let known = self.lock().acquaintances.get(&(name.to_owned(), network_of(peer))).copied();
        known.is_some_and(|known| known.is_current(now) && known.has_few_guesses(now))
    }

    /// The password was right. The attempt is not counted, and its network becomes an acquaintance.
    pub fn succeed(&self, attempt: Attempt, tag: Tag, now: Instant) {
        let counters = &mut *self.lock();
        counters.give_back(&attempt, now);
        make_room(&mut counters.acquaintances, |known| known.is_current(now));
        let fresh = Acquaintance { since: now, tag, own: Tally::new(now), guessed_until: now };
        let known = counters.acquaintances.entry(attempt.pair).or_insert(fresh);
        (known.since, known.tag) = (now, tag);
    }

    /// The password was wrong.
    pub fn fail(&self, attempt: &Attempt, now: Instant) {
        self.lock().fail(attempt, now);
    }

    /// The password could not be verified: the attempt is not counted.
    pub fn undo(&self, attempt: &Attempt, now: Instant) {
        self.lock().give_back(attempt, now);
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters {
    /// How long the next attempt waits for attempts in progress, and after failed ones.
    fn waits_of_strangers(&self, (name, network): &Pair, now: Instant) -> [Duration; 2] {
        let waits = |tally: Option<&Tally>| tally.map_or([Duration::ZERO; 2], |tally| tally.waits(now));
        let ([begun, failed], [begun_there, failed_there]) =
            (waits(self.names.get(name)), waits(self.networks.get(network)));
        [begun.max(begun_there), failed.max(failed_there)]
    }

    fn count(&mut self, pair: &Pair, is_stranger: bool, now: Instant) {
        if is_stranger {
            let (name, network) = pair;
            make_room(&mut self.names, |tally| within(tally.begun.last, now, MEMORY));
            self.names.entry(name.clone()).or_insert(Tally::new(now));
            make_room(&mut self.networks, |tally| within(tally.begun.last, now, MEMORY));
            self.networks.entry(*network).or_insert(Tally::new(now));
        }
        self.each(pair, is_stranger, |tally, rule| tally.begun.count(rule, now));
    }

    fn fail(&mut self, Attempt { pair, is_stranger, .. }: &Attempt, now: Instant) {
        self.each(pair, *is_stranger, |tally, rule| tally.failed.count(rule, now));
    }

    fn give_back(&mut self, Attempt { pair, is_stranger, .. }: &Attempt, now: Instant) {
        self.each(pair, *is_stranger, |tally, rule| tally.begun.give_back(rule, now));
    }

    /// The counters of this name and network that exist.
    fn each(&mut self, pair: &Pair, is_stranger: bool, change: impl Fn(&mut Tally, &Rule)) {
        if !is_stranger {
            if let Some(known) = self.acquaintances.get_mut(pair) {
                change(&mut known.own, &NAME);
            }
            return;
        }
        let (name, network) = pair;
        if let Some(tally) = self.names.get_mut(name) {
            change(tally, &NAME);
        }
        if let Some(tally) = self.networks.get_mut(network) {
            change(tally, &NETWORK);
        }
    }
}

impl Tally {
    fn new(now: Instant) -> Self {
        Self { begun: Counter::new(now), failed: Counter::new(now) }
    }

    fn waits(&self, now: Instant) -> [Duration; 2] {
        [self.begun, self.failed].map(|counter| counter.open_at.saturating_duration_since(now))
    }
}

impl Counter {
    fn new(now: Instant) -> Self {
        Self { wrong: 0, last: now, open_at: now }
    }

    fn count(&mut self, rule: &Rule, now: Instant) {
        if !within(self.last, now, MEMORY) {
            self.wrong = 0;
        }
        self.wrong = self.wrong.saturating_add(1);
        self.last = self.last.max(now);
        self.open_at = self.open_at.max(now) + rule.delay(self.wrong);
    }

    fn give_back(&mut self, rule: &Rule, now: Instant) {
        self.wrong = self.wrong.saturating_sub(1);
        self.open_at = self.open_at.min(now + rule.delay(self.wrong));
    }
}

impl Rule {
    /// The delay after this many wrong attempts.
    fn delay(&self, wrong: u32) -> Duration {
        match wrong.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(over) => FIRST_DELAY.saturating_mul(1 << over.min(16)).min(self.longest),
        }
    }
}

impl Acquaintance {
    fn is_current(&self, now: Instant) -> bool {
        within(self.since, now, ACQUAINTANCE)
    }

    fn has_few_guesses(&self, now: Instant) -> bool {
        self.guessed_until.saturating_duration_since(now) < MEMORY
    }

    fn recognises(&self, tag: Tag, now: Instant) -> bool {
        self.tag == tag && self.has_few_guesses(now)
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

/// The IPv6 network of one customer counts as one address, because it has too many to count.
pub fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests;
