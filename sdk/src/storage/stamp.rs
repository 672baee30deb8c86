//! The stamp of a document: when it was last changed, and at which key. It lies in the document itself.
//! The proof of the document repeats the moment, so an older copy of the document can be recognised, and
//! so can a copy of the document of another key.
//!
//! A document that begins with `{` or `[` is JSON, or a line of JSON for each entry. In both, blanks at
//! the end of a line mean nothing, so other readers of the bucket read what they read before. The stamp
//! is two times 64 blanks at the end of the first line, a space for 0 and a tab for 1: first 48 bits of a
//! hash of the key, then 48 bits of milliseconds since the Unix epoch, each with 16 bits that distinguish
//! it from other blanks. A document of another form has no stamp. A stamp without a key is valid too.

/// Blanks of a stamp.
pub(crate) const LENGTH: usize = 2 * PART;
/// Blanks of the key, and blanks of the moment.
const PART: usize = 64;
/// Bits of the moment, and of the hash of the key.
const BITS: u32 = 48;
const CHECK_OF_MOMENT: u64 = 0xa5c3;
const CHECK_OF_KEY: u64 = 0x3c69;
/// Bytes of a document that are searched at once.
const CHUNK: usize = 4096;

/// Why a document is damaged that was written at another key.
pub(crate) const WHY_FOREIGN: &str =
    "it is a copy of the document of another key: restore the copy that belongs here";

/// None for a document without a stamp: another system wrote it, an earlier version, or a hand.
pub(crate) fn of(document: &[u8]) -> Option<u64> {
    read(document.get(..end(document)?)?, CHECK_OF_MOMENT)
}

/// Whether the stamp says that the document was written at another key.
pub(crate) fn is_foreign(key: &str, document: &[u8]) -> bool {
    is_json(document) && ends_foreign(key, document.get(..end_of_first_line(document)).unwrap_or_default())
}

/// The same for the end of the first line of a document.
pub(crate) fn ends_foreign(key: &str, end: &[u8]) -> bool {
    let is_stamped = read(end, CHECK_OF_MOMENT).is_some();
    let rest = end.len().checked_sub(PART).filter(|_| is_stamped).and_then(|rest| end.get(..rest));
    rest.and_then(|rest| read(rest, CHECK_OF_KEY)).is_some_and(|found| found != hash(key))
}

/// The document that is about to be written at this key, with this stamp; unchanged if it can have none.
pub(crate) fn with(key: &str, mut document: Vec<u8>, stamp: u64) -> Vec<u8> {
    let Some(end) = end(&document) else { return document };
    let mut start = end;
    for check in [CHECK_OF_MOMENT, CHECK_OF_KEY] {
        if document.get(..start).and_then(|rest| read(rest, check)).is_some() {
            start -= PART;
        }
    }
    document.splice(start..end, write(hash(key), CHECK_OF_KEY).chain(write(stamp, CHECK_OF_MOMENT)));
    document
}

/// The stamp of a change of a document with this stamp, whose proof has that one. It is later
/// than both, whatever the clock of an earlier host said.
pub(crate) fn next(document: Option<u64>, proof: u64, now: u64) -> u64 {
    let last = document.unwrap_or(0).max(proof);
    now.max(last + 1).min((1 << BITS) - 1)
}

/// Where a stamp ends if there is one; none for a document that can have none.
fn end(document: &[u8]) -> Option<usize> {
    is_json(document).then(|| end_of_first_line(document))
}

fn is_json(document: &[u8]) -> bool {
    matches!(document.first(), Some(b'{' | b'['))
}

/// Most documents are one line of up to 48 MiB: `contains` looks at many bytes at once.
fn end_of_first_line(document: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    let mut chunks = document.chunks(CHUNK).enumerate();
    let found = chunks.find(|(_, chunk)| chunk.contains(&b'\n'));
    let within = |(number, chunk): (usize, &[u8])| Some(number * CHUNK + chunk.iter().position(is_end)?);
    found.and_then(within).unwrap_or(document.len())
}

/// What the last blanks say.
fn read(bytes: &[u8], check: u64) -> Option<u64> {
    let (_, blanks) = bytes.split_at_checked(bytes.len().checked_sub(PART)?)?;
    let mut bits = 0_u64;
    for blank in blanks {
        let bit = match blank {
            b' ' => 0,
            b'\t' => 1,
            _ => return None,
        };
        bits = (bits << 1) | bit;
    }
    let value = bits & ((1 << BITS) - 1);
    (bits == sealed(value, check)).then_some(value)
}

fn write(value: u64, check: u64) -> impl Iterator<Item = u8> {
    let bits = sealed(value, check);
    (0..PART).rev().map(move |bit| if (bits >> bit) & 1 == 0 { b' ' } else { b'\t' })
}

/// The value with its check above it.
fn sealed(value: u64, check: u64) -> u64 {
    let check = (value ^ (value >> 16) ^ (value >> 32) ^ check) & 0xffff;
    (check << BITS) | value
}

/// FNV-1a of the key, folded. It protects against mistakes, not against somebody who writes documents.
fn hash(key: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    (hash >> BITS) ^ (hash & ((1 << BITS) - 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    const NOW: u64 = 1_767_225_600_000;
    const KEY: &str = "packages/soup.json";

    #[test]
    fn a_stamp_is_read_back_and_changes_no_meaning() {
        for document in
            ["{}", "[1,2]", "{ }", "{\"a\":1}\n{\"b\":2}\n", "{\n  \"a\": 1\n}\n", "{\"a\":\" \"}  "]
        {
            let stamped = with(KEY, document.into(), NOW);
            assert_eq!(of(&stamped), Some(NOW), "{document:?}");
            assert_eq!(stamped.len(), document.len() + LENGTH);
            let parse = |bytes: &[u8]| {
                serde_json::Deserializer::from_slice(bytes)
                    .into_iter::<serde_json::Value>()
                    .collect::<Result<Vec<_>, _>>()
                    .unwrap()
            };
            assert_eq!(parse(&stamped), parse(document.as_bytes()));
            let again = with(KEY, stamped.clone(), NOW + 1);
            assert_eq!((of(&again), again.len()), (Some(NOW + 1), stamped.len()));
        }
    }

    #[test]
    fn other_documents_and_other_blanks_are_no_stamp() {
        let (spaces, tabs) = (" ".repeat(LENGTH), "\t".repeat(LENGTH));
        for document in ["", "plain text\n", "{}", &format!("{{}}{spaces}"), &format!("{{}}{tabs}"), "\n{}"] {
            assert_eq!(of(document.as_bytes()), None, "{document:?}");
        }
        for document in ["", "plain text\n", "<xml/>"] {
            assert_eq!(with(KEY, document.into(), NOW), document.as_bytes());
        }
        for length in [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let first = format!("[\"{}\"]", "x".repeat(length));
            let stamped = with(KEY, format!("{first}\n[]\n").into(), NOW);
            assert_eq!((of(&stamped), stamped.len()), (Some(NOW), first.len() + LENGTH + 4));
            assert!(stamped.ends_with(b"\n[]\n"));
        }
        let mut torn = with(KEY, b"{}".to_vec(), NOW);
        torn.pop();
        assert_eq!(of(&torn), None);
    }

    #[test]
    fn a_stamp_tells_the_key_of_its_document() {
        for document in ["{}", "{\n}", "{\"a\":1}\n{\"b\":2}\n"] {
            let stamped = with(KEY, document.into(), NOW);
            assert!(!is_foreign(KEY, &stamped), "{document:?}");
            for other in ["", "packages/soup.jsom", "packages/toup.json"] {
                assert!(is_foreign(other, &stamped), "{document:?} at {other:?}");
            }
            assert!(!is_foreign("other", document.as_bytes()), "without a stamp");
            // As an earlier version wrote it: without a key.
            let line = end_of_first_line(&stamped);
            let mut keyless = stamped.clone();
            keyless.drain(line - LENGTH..line - PART);
            assert_eq!((of(&keyless), is_foreign("other", &keyless)), (Some(NOW), false));
            assert_eq!(with(KEY, keyless, NOW), stamped);
            assert!(!is_foreign("other", &with("other", stamped, NOW)));
        }
    }

    #[test]
    fn the_next_stamp_is_later_than_every_one_before() {
        assert_eq!(next(None, 0, 5), 5);
        assert_eq!(next(Some(9), 3, 5), 10);
        assert_eq!(next(Some(3), 9, 5), 10);
        assert_eq!(next(None, u64::MAX - 1, 5), (1 << 48) - 1);
    }
}
