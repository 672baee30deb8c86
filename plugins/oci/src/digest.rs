//! The digests that identify content: `sha256:…` and `sha512:…`, in lower case. It knows no storage.
//! The host computes the digests.

use std::fmt;

use packhouse_plugin::{Digest, digests};

/// The longest digest that is looked at, in bytes.
const LONGEST: usize = 200;

/// What content can be named by here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// As digests and the host write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => digests::SHA256,
            Self::Sha512 => digests::SHA512,
        }
    }

    pub fn parse(name: &str) -> Result<Self, DigestError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| DigestError { text: name.to_owned(), reason: UNKNOWN })
    }

    fn hex_length(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// The digest of a blob or manifest. Displays as `sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentDigest {
    algorithm: Algorithm,
    hex: String,
}

const UNKNOWN: &str = "has an unknown algorithm: use sha256 or sha512";
const MALFORMED: &str = "is not a digest: write `sha256:` or `sha512:` and lower-case hexadecimal digits";

/// Why a text is not a valid digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestError {
    text: String,
    reason: &'static str,
}

impl fmt::Display for DigestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.text.chars().take(LONGEST).collect();
        write!(formatter, "{shown:?} {}", self.reason)
    }
}

impl std::error::Error for DigestError {}

impl ContentDigest {
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let refuse = |reason| DigestError { text: text.to_owned(), reason };
        let (algorithm, hex) = text.split_once(':').ok_or_else(|| refuse(MALFORMED))?;
        if !is_digest(text) {
            return Err(refuse(MALFORMED));
        }
        let algorithm = Algorithm::parse(algorithm).map_err(|_| refuse(UNKNOWN))?;
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if hex.len() != algorithm.hex_length() || !hex.bytes().all(digit) {
            return Err(refuse(MALFORMED));
        }
        Ok(Self { algorithm, hex: hex.to_owned() })
    }

    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// As the host takes it.
    pub fn to_host(&self) -> Digest {
        Digest::new(self.algorithm.as_str(), self.hex.clone())
    }

    /// The tag under which clients keep the referrers of this manifest where the registry
    /// does not (distribution-spec, "Referrers Tag Schema").
    pub fn referrers_tag(&self) -> String {
        let hex: String = self.hex.chars().take(64).collect();
        format!("{}-{hex}", self.algorithm.as_str())
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.algorithm.as_str(), self.hex)
    }
}

/// Has it the form of a digest, of whatever algorithm (image-spec, "Digests")?
pub fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let component = |part: &str| !part.is_empty() && part.bytes().all(plain);
    text.len() <= LONGEST
        && algorithm.split(['+', '.', '_', '-']).all(component)
        && !encoded.is_empty()
        && encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"=_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn two_algorithms_in_lower_case_are_known() {
        let short = format!("sha256:{}", "0a".repeat(32));
        let long = format!("sha512:{}", "0a".repeat(64));
        for text in [&short, &long] {
            assert_eq!(ContentDigest::parse(text).unwrap().to_string(), *text);
        }
        for text in [
            "",
            "sha256",
            "sha256:",
            "sha256:baddigeststring",
            ":",
            "sha512:00",
            "md5:00",
            "../..:..",
            "sha256:..",
            &format!("sha256:{}", "0A".repeat(32)),
            &format!("sha256:{}", "0g".repeat(32)),
            &format!("{short}/x"),
            &format!("sha256:{}", "0".repeat(65)),
            &format!("SHA256:{}", "0".repeat(64)),
            &format!(" {short}"),
        ] {
            assert!(ContentDigest::parse(text).is_err(), "{text:?}");
        }
        assert!(ContentDigest::parse("sha384:00").unwrap_err().to_string().contains("use sha256 or sha512"));
    }

    #[test]
    fn other_digests_are_known_by_their_form() {
        for text in
            ["sha384:00", "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", "a.b_c-d:x="]
        {
            assert!(is_digest(text), "{text}");
        }
        for text in ["sha256", "Sha256:00", "+a:00", "a:", "a:b/c", "a:b:c", "a: b"] {
            assert!(!is_digest(text), "{text}");
        }
    }

    #[test]
    fn the_tag_of_referrers_is_cut_to_the_specifications_length() {
        let long = ContentDigest::parse(&format!("sha512:{}", "ab".repeat(64))).unwrap();
        assert_eq!(long.referrers_tag(), format!("sha512-{}", "ab".repeat(32)));
    }
}
