//! The stamp of a document: when it was last changed. It lies in the document itself, and the proof of
//! the document repeats it, so an older copy of the document can be recognised.
//!
//! A document that begins with `{` or `[` is JSON, or a line of JSON for each entry. In both, blanks at
//! the end of a line mean nothing, so other readers of the bucket read what they read before. The stamp
//! is 64 blanks at the end of the first line, a space for 0 and a tab for 1: 48 bits of milliseconds
//! since the Unix epoch, and 16 bits that distinguish a stamp from other blanks. A document of another
//! form has no stamp.

/// Blanks of a stamp.
pub(crate) const LENGTH: usize = 64;
/// Bits of the moment.
const MOMENT: u32 = 48;
const CHECK: u64 = 0xa5c3;
/// Bytes of a document that are searched at once.
const CHUNK: usize = 4096;

/// None for a document without a stamp: another system wrote it, an earlier version, or a hand.
pub(crate) fn of(document: &[u8]) -> Option<u64> {
    let (start, end) = place(document)?;
    document.get(start..end).and_then(read)
}

/// The document with this stamp; unchanged if it can have none.
pub(crate) fn with(mut document: Vec<u8>, stamp: u64) -> Vec<u8> {
    if !is_json(&document) {
        return document;
    }
    let blanks = write(stamp);
    let (start, end) = match place(&document) {
        Some((start, end)) if document.get(start..end).and_then(read).is_some() => (start, end),
        _ => {
            let end = end_of_first_line(&document);
            (end, end)
        }
    };
    document.splice(start..end, blanks);
    document
}

/// The stamp of a change of a document with this stamp, whose proof has that one. It is later
/// than both, whatever the clock of an earlier host said.
pub(crate) fn next(document: Option<u64>, proof: u64, now: u64) -> u64 {
    let last = document.unwrap_or(0).max(proof);
    now.max(last + 1).min((1 << MOMENT) - 1)
}

/// Where a stamp lies if there is one.
fn place(document: &[u8]) -> Option<(usize, usize)> {
    let end = is_json(document).then(|| end_of_first_line(document))?;
    Some((end.checked_sub(LENGTH)?, end))
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

fn read(blanks: &[u8]) -> Option<u64> {
    let mut bits = 0_u64;
    for blank in blanks {
        let bit = match blank {
            b' ' => 0,
            b'\t' => 1,
            _ => return None,
        };
        bits = (bits << 1) | bit;
    }
    let moment = bits & ((1 << MOMENT) - 1);
    (blanks.len() == LENGTH && bits == sealed(moment)).then_some(moment)
}

fn write(moment: u64) -> impl Iterator<Item = u8> {
    let bits = sealed(moment);
    (0..LENGTH).rev().map(move |bit| if (bits >> bit) & 1 == 0 { b' ' } else { b'\t' })
}

/// The moment with its check above it.
fn sealed(moment: u64) -> u64 {
    let check = (moment ^ (moment >> 16) ^ (moment >> 32) ^ CHECK) & 0xffff;
    (check << MOMENT) | moment
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    const NOW: u64 = 1_767_225_600_000;

    #[test]
    fn a_stamp_is_read_back_and_changes_no_meaning() {
        for document in
            ["{}", "[1,2]", "{ }", "{\"a\":1}\n{\"b\":2}\n", "{\n  \"a\": 1\n}\n", "{\"a\":\" \"}  "]
        {
            let stamped = with(document.into(), NOW);
            assert_eq!(of(&stamped), Some(NOW), "{document:?}");
            assert_eq!(stamped.len(), document.len() + LENGTH);
            let parse = |bytes: &[u8]| {
                serde_json::Deserializer::from_slice(bytes)
                    .into_iter::<serde_json::Value>()
                    .collect::<Result<Vec<_>, _>>()
                    .unwrap()
            };
            assert_eq!(parse(&stamped), parse(document.as_bytes()));
            let again = with(stamped.clone(), NOW + 1);
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
            assert_eq!(with(document.into(), NOW), document.as_bytes());
        }
        for length in [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let first = format!("[\"{}\"]", "x".repeat(length));
            let stamped = with(format!("{first}\n[]\n").into(), NOW);
            assert_eq!((of(&stamped), stamped.len()), (Some(NOW), first.len() + LENGTH + 4));
            assert!(stamped.ends_with(b"\n[]\n"));
        }
        let mut torn = with(b"{}".to_vec(), NOW);
        torn.pop();
        assert_eq!(of(&torn), None);
    }

    #[test]
    fn the_next_stamp_is_later_than_every_one_before() {
        assert_eq!(next(None, 0, 5), 5);
        assert_eq!(next(Some(9), 3, 5), 10);
        assert_eq!(next(Some(3), 9, 5), 10);
        assert_eq!(next(None, u64::MAX - 1, 5), (1 << 48) - 1);
    }
}
