//! Makes an input that fails smaller.

/// The most attempts.
const ATTEMPTS: usize = 2000;

/// A smaller input that `fails` too, found by leaving parts out.
pub(crate) fn shrunk(input: &[u8], fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut smallest = input.to_vec();
    let mut attempts = 0;
    let mut size = smallest.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        let before = smallest.len();
        while start < smallest.len() && attempts < ATTEMPTS {
            attempts += 1;
            let mut shorter = smallest.clone();
            shorter.drain(start..(start + size).min(smallest.len()));
            if fails(&shorter) {
                smallest = shorter;
            } else {
                start += size;
            }
        }
        // The single bytes once more after each success: what was needed before may not be now.
        if size > 1 || smallest.len() == before {
            size /= 2;
        }
    }
    smallest
}
