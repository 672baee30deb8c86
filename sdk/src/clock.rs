//! The time, which stays the same during one request, in milliseconds since the Unix epoch.
//! [`crate::time`] formats it.

use crate::sys;

/// The present time. The host never caches a response that depends on it.
pub fn now() -> u64 {
    sys::now()
}

/// Whether this moment has passed. The host may cache a response that depends on it until then.
pub fn passed(moment: u64) -> bool {
    sys::passed(moment)
}
