//! Digests. The host computes them ten times as fast as a plugin could.

use crate::types::Digest;
use crate::{Error, PIECE, sys};

pub const MD5: &str = "md5";
pub const SHA1: &str = "sha1";
pub const SHA256: &str = "sha256";
pub const SHA512: &str = "sha512";
pub const BLAKE2B256: &str = "blake2b256";

/// Digests of bytes in memory, in the order of `algorithms`. `Invalid` for an algorithm that the
/// host does not support.
pub fn of(bytes: &[u8], algorithms: &[&str]) -> Result<Vec<Digest>, Error> {
    if bytes.len() <= PIECE {
        return sys::digests_of(bytes, algorithms);
    }
    let mut hasher = Hasher::new(algorithms);
    hasher.update(bytes)?;
    hasher.digests()
}

/// Computes digests in pieces, for content that is not in memory at once.
pub struct Hasher {
    raw: sys::Hasher,
}

impl Hasher {
    /// `update` returns `Invalid` for an algorithm that the host does not support.
    pub fn new(algorithms: &[&str]) -> Hasher {
        Hasher { raw: sys::Hasher::new(algorithms) }
    }

    /// Bytes of any length.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), Error> {
        bytes.chunks(PIECE).try_for_each(|piece| self.raw.update(piece))
    }

    /// The digests of all bytes up to now. More bytes may follow.
    pub fn digests(&self) -> Result<Vec<Digest>, Error> {
        self.raw.digests()
    }
}
