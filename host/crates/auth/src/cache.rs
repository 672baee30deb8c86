//! A small bounded map whose entries live for a fixed short time. It does not know their meaning.
//!
//! # Invariants
//! - The lifetime of an entry starts before its value is read, so that no value is used longer than
//!   the lifetime after it changed elsewhere.
//! - [`Cache::clear`] also drops values that are being read at that moment.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock::Clock;

/// The most entries.
const MOST: usize = 10_000;

/// Maps keys to values that can be used for `lifetime`.
pub struct Cache<K, V> {
    entries: Mutex<Entries<K, V>>,
    lifetime: Duration,
    clock: Clock,
}

struct Entries<K, V> {
    generation: u64,
    map: HashMap<K, (Instant, V)>,
}

/// The moment before a value is read; see [`Cache::ticket`].
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    generation: u64,
    at: Instant,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// An empty cache.
    pub fn new(lifetime: Duration, clock: Clock) -> Self {
        let entries = Mutex::new(Entries { generation: 0, map: HashMap::new() });
        Self { entries, lifetime, clock }
    }

    /// The value, unless its lifetime is over.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let now = self.clock.now();
        let entries = self.lock();
        let (at, value) = entries.map.get(key)?;
        (now.duration_since(*at) < self.lifetime).then(|| value.clone())
    }

    /// Take a ticket before reading a value to store here.
    pub fn ticket(&self) -> Ticket {
        Ticket { generation: self.lock().generation, at: self.clock.now() }
    }

    /// Stores the value, unless the cache was cleared after the ticket was taken.
    pub fn put(&self, ticket: Ticket, key: K, value: V) {
        let now = self.clock.now();
        let mut entries = self.lock();
        if entries.generation != ticket.generation {
            return;
        }
        if entries.map.len() >= MOST {
            let lifetime = self.lifetime;
            entries.map.retain(|_, (at, _)| now.duration_since(*at) < lifetime);
        }
        if entries.map.len() >= MOST {
            entries.map.clear();
        }
        entries.map.insert(key, (ticket.at, value));
    }

    /// Drops all values, also those that are being read.
    pub fn clear(&self) {
        let mut entries = self.lock();
        entries.generation += 1;
        entries.map.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    //! The two invariants, and the bound.
    use super::*;

    #[tokio::test]
    async fn an_entry_is_used_for_its_lifetime_counted_from_before_it_was_read() {
        let clock = Clock::without_waiting();
        let cache = Cache::new(Duration::from_secs(1), clock.clone());
        let ticket = cache.ticket();
        clock.sleep(Duration::from_millis(600)).await;
        cache.put(ticket, "key", 1);
        assert_eq!(cache.get(&"key"), Some(1));
        clock.sleep(Duration::from_millis(600)).await;
        assert_eq!(cache.get(&"key"), None);
    }

    #[test]
    fn a_value_read_before_a_clear_is_not_taken_in_after_it() {
        let cache = Cache::new(Duration::from_mins(1), Clock::default());
        let ticket = cache.ticket();
        cache.clear();
        cache.put(ticket, "key", 1);
        assert_eq!(cache.get(&"key"), None);
        cache.put(cache.ticket(), "key", 2);
        assert_eq!(cache.get(&"key"), Some(2));
    }

    #[test]
    fn it_stays_bounded() {
        let cache = Cache::new(Duration::from_mins(1), Clock::default());
        for key in 0..MOST * 3 {
            cache.put(cache.ticket(), key, ());
        }
        assert!(cache.lock().map.len() <= MOST);
    }
}
