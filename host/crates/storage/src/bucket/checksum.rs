//! Checksums that a service compares with what it received. Some services take a connection that
//! ends in the middle of a write for the end of a shorter write, and store that. With a checksum,
//! they reject it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use digest::Digest as _;
use opendal::Buffer;

/// Hashing less than this is faster than moving the work to another thread.
const HASHED_HERE: usize = 256 * 1024;

/// In base64.
pub(super) fn crc32c(body: &Buffer) -> String {
    let mut crc = Crc::new(CrcAlgorithm::Crc32Iscsi);
    body.clone().for_each(|piece| crc.update(&piece));
    let crc = u32::try_from(crc.finalize()).unwrap_or_default();
    STANDARD.encode(crc.to_be_bytes())
}

/// In base64.
pub(super) fn md5(body: &Buffer) -> String {
    let mut hash = md5::Md5::new();
    body.clone().for_each(|piece| hash.update(&piece));
    STANDARD.encode(hash.finalize())
}

/// The checksum of a body. A large body is hashed on a blocking thread.
pub(super) async fn of(body: &Buffer, checksum: impl FnOnce(&Buffer) -> String + Send + 'static) -> String {
    if body.len() <= HASHED_HERE {
        return checksum(body);
    }
    let body = body.clone();
    tokio::task::spawn_blocking(move || checksum(&body)).await.unwrap_or_default()
}

/// The checksum of bytes that arrive in pieces.
pub(super) struct Running(Crc);

impl Running {
    pub fn new() -> Self {
        Self(Crc::new(CrcAlgorithm::Crc32Iscsi))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum, and the number of bytes.
    pub fn finish(self) -> (u64, u64) {
        (self.0.finalize(), self.0.get_amount())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 3720, B.4, and RFC 1321, A.5.
    #[test]
    fn checksums_are_those_of_their_standards() {
        let zeros = Buffer::from(vec![0_u8; 32]);
        assert_eq!(crc32c(&zeros), STANDARD.encode(0x8a91_36aa_u32.to_be_bytes()));
        assert_eq!(md5(&Buffer::from("abc")), "kAFQmDzST7DWlj99KOF/cg==");
    }
}
