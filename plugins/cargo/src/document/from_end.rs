//! Finds one line of a large index file from its end: most requests are for the newest versions, and if
//! a version has several lines, the last one is used.

use super::Index;
use crate::name::Version;

/// What is read first, and at most at once, in bytes.
const FIRST: u32 = 64 << 10;
const MOST: u32 = 1 << 20;

/// What a download needs of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name, as it is spelled.
    pub name: String,
    /// Bytes of the file, if the line says so.
    pub size: Option<u64>,
}

impl Found {
    /// In these lines, as [`Index::find`] finds it.
    pub fn find(index: Index<'_>, version: &Version) -> Option<Self> {
        let line = index.find(version)?;
        Some(Self { size: line.crate_size, name: line.name.into_owned() })
    }
}

/// The line of this version. `read_at` gives so many bytes from an offset.
pub fn find_from_end<E>(
    size: u64,
    version: &Version,
    mut read_at: impl FnMut(u64, u32) -> Result<Vec<u8>, E>,
) -> Result<Option<Found>, E> {
    let (mut end, mut length) = (size, FIRST);
    // Of the line whose start was not read yet.
    let mut rest = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(u64::from(length));
        let mut bytes = read_at(start, u32::try_from(end - start).unwrap_or(length))?;
        bytes.append(&mut rest);
        let cut = match memchr::memchr(b'\n', &bytes) {
            _ if start == 0 => 0,
            Some(newline) => newline + 1,
            None => bytes.len(),
        };
        let (before, lines) = bytes.split_at(cut);
        if let Some(found) = Found::find(Index::new(lines), version) {
            return Ok(Some(found));
        }
        rest = before.to_vec();
        end = start;
        length = length.saturating_mul(4).min(MOST);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]
    use super::*;
    use std::convert::Infallible;

    /// The name that was found, and how many bytes were read for it.
    fn find(file: &[u8], version: &str) -> (Option<String>, u64) {
        let mut read = 0;
        let found = find_from_end(file.len() as u64, &Version::parse(version).unwrap(), |offset, length| {
            read += u64::from(length);
            let start = usize::try_from(offset).unwrap();
            Ok::<_, Infallible>(file[start..start + length as usize].to_vec())
        });
        (found.unwrap().map(|found| found.name), read)
    }

    fn file(versions: u32, filler: usize) -> Vec<u8> {
        let filler = "x".repeat(filler);
        let line = |number| {
            format!("{{\"name\":\"n{number}\",\"vers\":\"1.0.{number}\",\"cksum\":\"{filler}\"}}\n")
                .into_bytes()
        };
        (0..versions).flat_map(line).collect()
    }

    #[test]
    fn every_line_is_found_wherever_pieces_are_cut() {
        for (versions, filler) in
            [(1, 0), (3, 30_000), (7, 70_000), (40, 65_480), (3000, 100), (5, 2_000_000)]
        {
            let file = file(versions, filler);
            for number in (0..versions).step_by((versions / 40).max(1) as usize) {
                let found = find(&file, &format!("1.0.{number}")).0;
                assert_eq!(found, Some(format!("n{number}")), "{versions} of {filler}");
            }
            assert_eq!(find(&file, "2.0.0").0, None);
        }
        assert_eq!(find(b"", "1.0.0"), (None, 0));
    }

    #[test]
    fn the_newest_is_found_without_reading_the_rest() {
        let mut file = file(20_000, 500);
        file.pop();
        assert_eq!(find(&file, "1.0.19999"), (Some("n19999".to_owned()), 64 << 10));
        assert_eq!(find(&file, "1.0.0").1, file.len() as u64);
    }

    #[test]
    fn of_two_lines_the_last_counts() {
        let first = file(300, 500);
        let twice = [first.as_slice(), b"{\"name\":\"again\",\"vers\":\"1.0.5\",\"cksum\":\"\"}"].concat();
        assert_eq!(find(&twice, "1.0.5").0.as_deref(), Some("again"));
    }
}
