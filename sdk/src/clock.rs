//! The time, the same during one request. Milliseconds since the Unix epoch; [`crate::time`] writes
//! them.

use crate::sys;

/// A response made with it is not remembered.
pub fn now() -> u64 {
    sys::now()
}

/// Has this moment passed? A response made with it is remembered until then.
pub fn passed(moment: u64) -> bool {
    sys::passed(moment)
}
