//! The words that a run remembers, as 128-bit digests of 16 bytes each. It does not know their
//! meaning.

use std::collections::HashSet;

/// The most words of a run: 160 MB.
const MOST: usize = 10_000_000;
/// New words are collected up to this number, or to a sixteenth of all, and then sorted in.
const GATHERED: usize = 4096;

/// The run remembers more words than the host keeps.
#[derive(Debug, thiserror::Error)]
#[error("more than {MOST} words remembered in one run: the mount is too large to be collected this way")]
pub struct TooMany;

#[derive(Default)]
pub struct Words {
    sorted: Vec<u128>,
    gathered: HashSet<u128>,
}

impl Words {
    pub fn insert(&mut self, word: &str) -> Result<(), TooMany> {
        let digest = digest(word);
        if self.sorted.binary_search(&digest).is_ok() || !self.gathered.insert(digest) {
            return Ok(());
        }
        if self.sorted.len() + self.gathered.len() > MOST {
            return Err(TooMany);
        }
        if self.gathered.len() >= GATHERED.max(self.sorted.len() / 16) {
            self.sorted.reserve_exact(self.gathered.len());
            self.sorted.extend(self.gathered.drain());
            self.sorted.sort_unstable();
        }
        Ok(())
    }

    pub fn contains(&self, word: &str) -> bool {
        let digest = digest(word);
        self.gathered.contains(&digest) || self.sorted.binary_search(&digest).is_ok()
    }
}

fn digest(word: &str) -> u128 {
    let hash = blake3::hash(word.as_bytes());
    hash.as_bytes().iter().take(16).fold(0, |digest, byte| digest << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn what_was_remembered_is_known_and_nothing_else() {
        let mut words = Words::default();
        for number in 0..20_000 {
            words.insert(&format!("word {number}")).unwrap();
            words.insert(&format!("word {}", number / 2)).unwrap();
        }
        assert!((0..20_000).all(|number| words.contains(&format!("word {number}"))));
        assert!((20_000..30_000).all(|number| !words.contains(&format!("word {number}"))));
        assert_eq!(words.sorted.len() + words.gathered.len(), 20_000, "each once");
    }
}
