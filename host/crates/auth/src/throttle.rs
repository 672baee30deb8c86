//! Limits how fast passwords can be guessed. It counts attempts and says how long each one
//! waits. It must not know passwords, nor whether a name exists.
//!
//! Three things are counted: the attempts of strangers on one name, the attempts of strangers
//! from one network, and the attempts of an acquaintance. An acquaintance is a network from
//! which that name has signed in within [`ACQUAINTANCE`].
//!
//! # Invariants
//! - An attempt counts as wrong from its beginning until it proves right, so that many
//!   attempts at once gain nothing. While earlier ones are being looked at, it waits for a while,
//!   since they may prove right.
//! - Once attempts have proved wrong, the next one does not wait: it is refused until the time
//!   comes. No connection is held for somebody who guesses.
//! - An acquaintance is not slowed by what strangers do, neither elsewhere nor in its own
//!   network. Nobody can lock out others from afar, nor from the next desk.
//! - The password with which an acquaintance signed in last is recognised by a short [`Tag`]
//!   and does not wait. Whoever shares that network could use this to test passwords, so every
//!   attempt with another tag, also a refused one, is charged to a budget ([`GUESSES`]). When it
//!   is used up, nothing is recognised until it has recovered.
//! - Counters are in this process only, bounded in number, and forgotten after
//!   [`MEMORY`] without a wrong attempt.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long wrong attempts are remembered after the last of them.
pub const MEMORY: Duration = Duration::from_mins(15);
/// How long a network counts as one that a name signs in from.
const ACQUAINTANCE: Duration = Duration::from_hours(24);
/// Wrong passwords of an acquaintance within [`MEMORY`], above which its right password is not
/// recognised.
const GUESSES: u32 = 100;
/// What one of them costs: after this time it is forgotten.
const GUESS: Duration = Duration::from_secs(MEMORY.as_secs() / GUESSES as u64);
/// The first delay; it doubles with each wrong attempt, up to the longest of the rule.
const FIRST_DELAY: Duration = Duration::from_millis(200);
/// No more counters of one kind than this are held.
const MOST: usize = 10_000;

/// From when on attempts wait, and for how long at most.
struct Rule {
    /// Wrong attempts without a delay.
    free: u32,
    longest: Duration,
}

const NAME: Rule = Rule { free: 5, longest: Duration::from_secs(5) };
/// A network may be that of many people, so it is slowed less than a name.
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

/// A name and the network that it was sent from.
type Pair = (String, IpAddr);

/// A short hash of credentials. Many passwords share one, so it tells little about the password.
pub type Tag = u16;

#[derive(Debug, Clone, Copy)]
struct Counter {
    wrong: u32,
    last: Instant,
    /// The next attempt is looked at no earlier.
    open_at: Instant,
}

/// The attempts of one kind.
#[derive(Debug, Clone, Copy)]
struct Tally {
    /// All that did not prove right, also those that are being looked at.
    begun: Counter,
    /// Those that proved wrong.
    failed: Counter,
}

#[derive(Debug, Clone, Copy)]
struct Acquaintance {
    since: Instant,
    tag: Tag,
    own: Tally,
    /// When all wrong passwords are forgotten: each moves it on by [`GUESS`].
    guessed_until: Instant,
}

/// One attempt that is being made.
#[derive(Debug)]
#[must_use = "an attempt that is neither right nor undone counts as wrong"]
pub struct Attempt {
    /// To be waited for before the password is looked at.
    pub wait: Duration,
    pair: Pair,
    is_stranger: bool,
}

/// Come back after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany(pub Duration);

impl Throttle {
    /// Counts an attempt with credentials of this tag.
    ///
    /// # Errors
    /// `TooMany` when it is too early after attempts that proved wrong, or when it would have to
    /// wait for longer than `patience` for those that are being looked at. It is not counted
    /// then, except as a guess of an acquaintance.
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

    /// Is the network one from which this name signed in, and from which few wrong passwords
    /// were sent since? Only then may what was verified before be used again.
    pub fn trusts(&self, name: &str, peer: IpAddr, now: Instant) -> bool {
        let known = self.lock().acquaintances.get(&(name.to_owned(), network_of(peer))).copied();
        known.is_some_and(|known| known.is_current(now) && known.has_few_guesses(now))
    }

    /// The password was right: the attempt is not counted, and its network is remembered.
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
    /// What attempts that are under way, and what those that failed make the next one wait.
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

    /// What counts the attempts of this pair, as far as it is held.
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
    /// What the next attempt waits after so many wrong ones.
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

/// One customer's IPv6 network counts as one address: it has more addresses than can be counted.
pub fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests;
