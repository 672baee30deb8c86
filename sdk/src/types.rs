//! Types that all modules use. They mirror `wit/types.wit`, and do not know how a call reaches the
//! host.

use crate::Error;

/// Information on a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Changes with every write. The token for compare-and-swap.
    pub version: String,
    /// Milliseconds since the Unix epoch.
    pub modified: Option<u64>,
    /// As given when the object was written; none if the store does not keep it.
    pub content_type: Option<String>,
}

/// A condition on the key of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition<'a> {
    /// No condition.
    Any,
    /// The key does not exist.
    Absent,
    /// The object has this version.
    Version(&'a str),
}

/// A digest: its algorithm's name and lower-case hexadecimal.
#[derive(Debug, Clone)]
pub struct Digest {
    /// `md5`, `sha1`, `sha256`, `sha512` or `blake2b256`: the names in [`crate::digests`].
    pub algorithm: String,
    pub hex: String,
}

impl Digest {
    pub fn new(algorithm: impl Into<String>, hex: impl Into<String>) -> Digest {
        Digest { algorithm: algorithm.into(), hex: hex.into() }
    }

    pub fn sha256(hex: impl Into<String>) -> Digest {
        Digest::new(crate::digests::SHA256, hex)
    }

    pub fn sha512(hex: impl Into<String>) -> Digest {
        Digest::new(crate::digests::SHA512, hex)
    }

    /// From the digest itself, e.g. what was decoded from base64.
    pub fn from_bytes(algorithm: impl Into<String>, bytes: &[u8]) -> Digest {
        const DIGITS: [char; 16] =
            ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
        let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
        let hex = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect::<String>();
        Digest::new(algorithm, hex)
    }

    /// The digest itself, e.g. to show it in base64. `Invalid` if `hex` is not hexadecimal.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        let bad = || Error::Invalid(format!("`{}` is not a hexadecimal digest", self.hex));
        self.hex
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
                match pair.len() {
                    2 if !pair.starts_with('+') => u8::from_str_radix(pair, 16).map_err(|_| bad()),
                    _ => Err(bad()),
                }
            })
            .collect()
    }
}

/// The same algorithm and the same digits, without regard to case.
impl PartialEq for Digest {
    fn eq(&self, other: &Digest) -> bool {
        self.algorithm == other.algorithm && self.hex.eq_ignore_ascii_case(&other.hex)
    }
}
impl Eq for Digest {}

/// `sha256:0123…`, as OCI and many logs write it.
impl std::fmt::Display for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.algorithm, self.hex)
    }
}

/// Looks up the digest of one algorithm among several.
pub fn find_digest<'a>(digests: &'a [Digest], algorithm: &str) -> Option<&'a Digest> {
    digests.iter().find(|digest| digest.algorithm == algorithm)
}
