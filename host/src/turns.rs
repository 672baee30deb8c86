//! Lets conditional changes of one address happen one after the other. It does not know what is
//! changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// Forgotten addresses are swept out when there are so many.
const SWEEP_AT: usize = 1024;

/// The addresses at which something is done.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

/// Held while something is done.
pub struct Turn(#[expect(dead_code, reason = "dropping it lets the next one begin")] OwnedMutexGuard<()>);

impl Turns {
    /// Waits until nobody else does something at this address.
    pub async fn take(&self, address: String) -> Turn {
        let turn = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= SWEEP_AT {
                known.retain(|_, turn| turn.strong_count() > 0);
            }
            let turn: Arc<_> = known.get(&address).and_then(Weak::upgrade).unwrap_or_default();
            known.insert(address, Arc::downgrade(&turn));
            turn
        };
        Turn(turn.lock_owned().await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_address_is_for_one_at_a_time() {
        let turns = Turns::default();
        let first = turns.take("a".to_owned()).await;
        let _elsewhere = turns.take("b".to_owned()).await;
        let mut second = Box::pin(turns.take("a".to_owned()));
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(first);
        assert!(futures_util::poll!(second.as_mut()).is_ready());
    }

    #[tokio::test]
    async fn addresses_are_forgotten() {
        let turns = Turns::default();
        for number in 0..3 * SWEEP_AT {
            drop(turns.take(number.to_string()).await);
        }
        assert!(turns.0.lock().unwrap_or_else(PoisonError::into_inner).len() <= SWEEP_AT);
    }
}
