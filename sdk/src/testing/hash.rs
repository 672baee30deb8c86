//! Digests, as the host computes them.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};

use crate::types::Digest;
use crate::{Error, digests};

/// In the order of `algorithms`, each once.
pub(crate) fn all<S: AsRef<str>>(bytes: &[u8], algorithms: &[S]) -> Result<Vec<Digest>, Error> {
    let mut digests: Vec<Digest> = Vec::new();
    for algorithm in algorithms {
        if !digests.iter().any(|known| known.algorithm == algorithm.as_ref()) {
            digests.push(one(bytes, algorithm.as_ref())?);
        }
    }
    Ok(digests)
}

/// Digests that may be expected of one object, and digits of one.
const MOST_EXPECTED: usize = 64;
const LONGEST_HEX: usize = 256;

/// Whether the host compares so many.
pub(crate) fn check_expected(expect: &[Digest]) -> Result<(), Error> {
    if expect.len() > MOST_EXPECTED || expect.iter().any(|digest| digest.hex.len() > LONGEST_HEX) {
        return Err(Error::Invalid("more than 64 digests, or one of more than 256 digits".to_owned()));
    }
    all(&[], &expect.iter().map(|digest| &digest.algorithm).collect::<Vec<_>>()).map(drop)
}

/// `DigestMismatch` for the first that does not come out.
pub(crate) fn verify(bytes: &[u8], expect: &[Digest]) -> Result<(), Error> {
    check_expected(expect)?;
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
