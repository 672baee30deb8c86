//! Random bytes for secrets. The host never caches a response that depends on them.

use crate::sys;

/// The most bytes that the host returns at once.
const MOST: usize = 1024;

/// `count` random bytes.
pub fn bytes(count: usize) -> Vec<u8> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let wanted = (count - all.len()).min(MOST);
        all.extend_from_slice(&sys::random(u32::try_from(wanted).unwrap_or(1024)));
    }
    all.truncate(count);
    all
}
