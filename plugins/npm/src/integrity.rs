//! Subresource Integrity as npm writes it (`sha512-…`, several parted by spaces), against
//! digests that the host has computed. It computes none itself.

use packhouse_plugin::Digest;

const ALPHABET: [char; 64] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U',
    'V', 'W', 'X', 'Y', 'Z', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p',
    'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+',
    '/',
];

/// The result of comparing the declared digests with the received bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// At least one digest was compared, and all compared digests match.
    Agrees,
    Differs,
    /// No digest of a computed algorithm was declared.
    Unknown,
}

/// Compares every hash in `declared` of an algorithm among `computed`. Other algorithms
/// and options behind `?` do not count, as clients pass over them too.
pub fn compare(declared: &str, computed: &[Digest]) -> Verdict {
    let mut verdict = Verdict::Unknown;
    for hash in declared.split_ascii_whitespace() {
        let Some((algorithm, value)) = hash.split_once('-') else {
            continue;
        };
        let value = value.split_once('?').map_or(value, |(value, _)| value);
        let Some(digest) = computed.iter().find(|digest| digest.algorithm == algorithm) else {
            continue;
        };
        match text(digest).strip_prefix(algorithm) {
            Some(expected) if expected.trim_start_matches('-') == value => {
                verdict = Verdict::Agrees;
            }
            _ => return Verdict::Differs,
        }
    }
    verdict
}

/// A digest as Subresource Integrity writes it; without digits when it has none.
pub fn text(digest: &Digest) -> String {
    let bytes = digest.bytes().unwrap_or_default();
    format!("{}-{}", digest.algorithm, base64(&bytes))
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut padded = [0u8; 4];
        for (target, byte) in padded.iter_mut().skip(1).zip(group) {
            *target = *byte;
        }
        let bits = u32::from_be_bytes(padded);
        for index in 0..4 {
            let digit = (bits >> (18 - 6 * index)) & 63;
            let shown = index <= group.len();
            let letter = usize::try_from(digit).ok().and_then(|digit| ALPHABET.get(digit)).filter(|_| shown);
            text.push(letter.copied().unwrap_or('='));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_base64_with_padding() {
        for (bytes, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
    }

    #[test]
    fn every_known_hash_must_agree() {
        let computed = [Digest::from_bytes("sha1", b"one"), Digest::from_bytes("sha512", b"two")];
        assert_eq!(compare("sha512-dHdv", &computed), Verdict::Agrees);
        assert_eq!(compare("sha1-b25l sha512-dHdv?a", &computed), Verdict::Agrees);
        assert_eq!(compare("sha1-b25l sha512-dHdw", &computed), Verdict::Differs);
        assert_eq!(compare("sha384-dHdv", &computed), Verdict::Unknown);
        assert_eq!(compare("", &computed), Verdict::Unknown);
    }
}
