//! Digests, as the host computes them.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};

use crate::types::Digest;
use crate::{Error, digests};

/// In the order of `algorithms`.
pub(crate) fn all<S: AsRef<str>>(bytes: &[u8], algorithms: &[S]) -> Result<Vec<Digest>, Error> {
    algorithms.iter().map(|algorithm| one(bytes, algorithm.as_ref())).collect()
}

/// `DigestMismatch` for the first that does not come out.
pub(crate) fn verify(bytes: &[u8], expect: &[Digest]) -> Result<(), Error> {
    for expected in expect {
        let computed = one(bytes, &expected.algorithm)?;
        if computed != *expected {
            return Err(Error::DigestMismatch { expected: expected.clone(), computed });
        }
    }
    Ok(())
}

fn one(bytes: &[u8], algorithm: &str) -> Result<Digest, Error> {
    let digest = |bytes: &[u8]| Ok(Digest::from_bytes(algorithm, bytes));
    match algorithm {
        digests::MD5 => digest(&md5::Md5::digest(bytes)),
        digests::SHA1 => digest(&sha1::Sha1::digest(bytes)),
        digests::SHA256 => digest(&sha2::Sha256::digest(bytes)),
        digests::SHA512 => digest(&sha2::Sha512::digest(bytes)),
        digests::BLAKE2B256 => digest(&Blake2b::<U32>::digest(bytes)),
        other => Err(Error::Invalid(format!("`{other}` is not a digest algorithm"))),
    }
}
