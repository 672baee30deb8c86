//! The headers of a tar archive (POSIX.1-2017, pax interchange format; GNU long names).

use std::io::Read;

use super::{ArchiveError, read_exactly, skip};

const BLOCK: usize = 512;
/// The largest pax header or long name that is read.
const EXTENSION_LIMIT: u64 = 1 << 20;

/// What a header says of the entry after it.
#[derive(Debug, Default)]
pub struct Entry {
    pub path: Vec<u8>,
    /// Bytes.
    pub size: u64,
    pub is_file: bool,
}

impl Entry {
    /// The next entry, with its extensions applied; none at the archive's end.
    pub fn read(archive: &mut impl Read) -> Result<Option<Self>, ArchiveError> {
        let mut path = None;
        let mut size = None;
        loop {
            let block = read_exactly_or_end(archive)?;
            let Some(block) = block.filter(|block| block.iter().any(|byte| *byte != 0)) else {
                return Ok(None);
            };
            let header = Header(&block);
            header.check()?;
            match header.kind() {
                b'x' => {
                    let records = read_extension(archive, header.size()?)?;
                    for (name, value) in pax_records(&records) {
                        match name {
                            b"path" => path = Some(value.to_vec()),
                            b"size" => size = Some(decimal(value).ok_or(ArchiveError::NotTar)?),
                            _ => {}
                        }
                    }
                }
                b'L' => {
                    let name = read_extension(archive, header.size()?)?;
                    path = Some(until_nul(&name).to_vec());
                }
                b'g' | b'K' => {
                    read_extension(archive, header.size()?)?;
                }
                kind => {
                    return Ok(Some(Self {
                        path: path.unwrap_or_else(|| header.path()),
                        size: match size {
                            Some(size) => size,
                            None => header.size()?,
                        },
                        is_file: matches!(kind, b'0' | 0 | b'7'),
                    }));
                }
            }
        }
    }

    /// How many bytes it takes up, its padding included.
    pub fn padded_size(&self) -> u64 {
        padded(self.size)
    }
}

struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn field(&self, start: usize, length: usize) -> &[u8] {
        self.0.get(start..start + length).unwrap_or_default()
    }

    /// The sum of all bytes, its own field counted as spaces.
    fn check(&self) -> Result<(), ArchiveError> {
        let stated = octal(self.field(148, 8)).ok_or(ArchiveError::NotTar)?;
        let sum: u64 = self
            .0
            .iter()
            .enumerate()
            .map(|(index, byte)| if (148..156).contains(&index) { u64::from(b' ') } else { u64::from(*byte) })
            .sum();
        if sum == stated { Ok(()) } else { Err(ArchiveError::NotTar) }
    }

    fn kind(&self) -> u8 {
        self.0.get(156).copied().unwrap_or_default()
    }

    fn size(&self) -> Result<u64, ArchiveError> {
        let field = self.field(124, 12);
        match field.split_first() {
            // GNU: a binary number behind a set bit.
            Some((0x80, rest)) => rest
                .iter()
                .try_fold(0u64, |value, byte| value.checked_mul(256)?.checked_add(u64::from(*byte)))
                .ok_or(ArchiveError::NotTar),
            _ => octal(field).ok_or(ArchiveError::NotTar),
        }
    }

    fn path(&self) -> Vec<u8> {
        let name = until_nul(self.field(0, 100));
        let prefix = until_nul(self.field(345, 155));
        if self.field(257, 6) == b"ustar\0" && !prefix.is_empty() {
            [prefix, b"/", name].concat()
        } else {
            name.to_vec()
        }
    }
}

fn read_exactly_or_end(archive: &mut impl Read) -> Result<Option<Vec<u8>>, ArchiveError> {
    let mut block = Vec::with_capacity(BLOCK);
    archive.take(BLOCK as u64).read_to_end(&mut block).map_err(ArchiveError::Unreadable)?;
    match block.len() {
        0 => Ok(None),
        BLOCK => Ok(Some(block)),
        _ => Err(ArchiveError::NotTar),
    }
}

fn read_extension(archive: &mut impl Read, size: u64) -> Result<Vec<u8>, ArchiveError> {
    if size > EXTENSION_LIMIT {
        return Err(ArchiveError::NotTar);
    }
    let bytes = read_exactly(archive, size)?;
    skip(archive, padded(size) - size)?;
    Ok(bytes)
}

/// `{length} {name}={value}\n`, one after the other; stops at what is no record.
fn pax_records(mut bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut records = Vec::new();
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let length = bytes.get(..space).and_then(decimal).and_then(|length| usize::try_from(length).ok());
        let Some(record) = length.and_then(|length| bytes.get(space + 1..length)) else {
            break;
        };
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(equals) = record.iter().position(|byte| *byte == b'=') {
            let (name, value) = record.split_at(equals);
            records.push((name, value.get(1..).unwrap_or_default()));
        }
        bytes = length.and_then(|length| bytes.get(length..)).unwrap_or_default();
    }
    records
}

fn padded(size: u64) -> u64 {
    size.checked_next_multiple_of(BLOCK as u64).unwrap_or(u64::MAX)
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(until_nul(field)).ok()?.trim();
    if text.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(text, 8).ok()
}

fn decimal(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}
