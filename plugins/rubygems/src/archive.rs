//! Checks a `.gem`: a tar archive of `metadata.gz`, `data.tar.gz` and `checksums.yaml.gz`. An upload
//! may be hostile: nothing is unpacked to the storage, and memory and work are bounded.
//!
//! A gem is rejected if `gem install` would reject it: a part that is damaged, truncated or occurs
//! twice, a wrong checksum, or a file outside the gem's folder.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use packhouse_plugin::digests::{MD5, SHA1, SHA256, SHA512};
use packhouse_plugin::gzip::{Decoder, Members};
use packhouse_plugin::storage::{Reader, Staged};
use packhouse_plugin::tar::{self, Entry};
use packhouse_plugin::{Digest, Error as Host};

use crate::gemspec::{Gemspec, GemspecError};
use crate::yaml::{self, Kind};

mod contents;

/// The most bytes that the files of a gem may unpack to.
pub const UNPACK_LIMIT: u64 = 1 << 30;
/// The largest `metadata` and list of checksums, packed and unpacked.
pub const METADATA_LIMIT: u64 = 8 << 20;
/// The bytes at the start of a gem in which its gemspec is looked for.
pub const HEAD: u32 = 1 << 20;
/// The most parts of a gem.
const MOST_PARTS: usize = 100;
/// How much is fetched from the host at once, in bytes.
const PIECE: usize = 256 << 10;

const METADATA: &str = "metadata";
const PACKED_METADATA: &str = "metadata.gz";
const DATA: &str = "data.tar.gz";
const CHECKSUMS: &str = "checksums.yaml.gz";

/// Why a file is not a valid gem.
#[derive(Debug)]
pub enum ArchiveError {
    /// The store failed.
    Host(Host),
    /// No tar archive, damaged or cut.
    NotTar,
    /// Something follows the end of the tar archive.
    Trailing,
    /// One of the format that RubyGems wrote before 2007.
    Old,
    /// This part is damaged or cut, and why.
    Part(String, String),
    /// This part is there twice.
    Twice(String),
    /// There is no part of this name.
    Missing(&'static str),
    /// This part is larger than it may be.
    TooLarge(&'static str, u64),
    TooManyParts,
    /// The list of checksums cannot be read.
    Checksums(String),
    /// The algorithm, and the part whose checksum is wrong.
    Mismatch(String, String),
    Gemspec(GemspecError),
    /// A path that leads out of the gem.
    Outside(String),
    /// A path that is the gem's folder itself, or a link to it.
    Folder(String),
    /// An entry whose tar header RubyGems does not read.
    Header(String),
    /// A link without a target.
    NoTarget(String),
    /// A path below that of a file.
    BelowFile(String),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => write!(formatter, "{error}"),
            Self::NotTar => formatter.write_str("the gem is not a readable tar archive; build it again"),
            Self::Trailing => {
                formatter.write_str("more bytes follow the end of the gem's tar archive; build the gem again")
            }
            Self::Old => formatter.write_str("the gem has a format from before 2007; build it again"),
            Self::Part(name, why) => write!(formatter, "{name:?} in the gem cannot be read: {why}"),
            Self::Twice(name) => write!(formatter, "the gem contains {name:?} twice"),
            Self::Missing(name) => write!(formatter, "the gem contains no {name}"),
            Self::TooLarge(name, limit) => {
                write!(formatter, "the {name} of the gem has more than {} MiB", limit >> 20)
            }
            Self::TooManyParts => write!(formatter, "the gem has more than {MOST_PARTS} parts"),
            Self::Checksums(why) => write!(formatter, "the checksums in the gem cannot be read: {why}"),
            Self::Mismatch(algorithm, name) => {
                write!(formatter, "the {algorithm} checksum of {name:?} in the gem is wrong")
            }
            Self::Gemspec(error) => write!(formatter, "{error}"),
            Self::Outside(path) => {
                write!(formatter, "the gem contains {path:?}, which leads out of the gem's folder")
            }
            Self::Folder(path) => {
                write!(formatter, "the gem contains {path:?}, which is, or links to, the gem's folder itself")
            }
            Self::Header(path) => write!(
                formatter,
                "the gem contains {path:?} with a tar header that RubyGems does not read; build the gem again"
            ),
            Self::NoTarget(path) => write!(formatter, "the gem contains {path:?}, a link without a target"),
            Self::BelowFile(path) => {
                write!(formatter, "the gem contains {path:?} in the folder of a name that is also a file")
            }
        }
    }
}

impl std::error::Error for ArchiveError {}

impl From<Host> for ArchiveError {
    fn from(error: Host) -> Self {
        Self::Host(error)
    }
}

/// Bytes of a gem that can be read in any order, with digests of a part of them.
pub trait Source: Read + Seek {
    fn digest(&self, offset: u64, length: u64, algorithm: &str) -> Result<Digest, Host>;
}

impl Source for Staged {
    fn digest(&self, offset: u64, length: u64, algorithm: &str) -> Result<Digest, Host> {
        only(self.digest_range(offset, length, &[algorithm])?)
    }
}

impl Source for Reader {
    fn digest(&self, offset: u64, length: u64, algorithm: &str) -> Result<Digest, Host> {
        only(self.digest_range(offset, length, &[algorithm])?)
    }
}

fn only(digests: Vec<Digest>) -> Result<Digest, Host> {
    digests.into_iter().next().ok_or(Host::Conflict)
}

/// One part of a gem.
struct Part {
    name: String,
    offset: u64,
    size: u64,
}

/// The gemspec of a gem, when all else in the file is as it should be too.
pub fn read(gem: &mut impl Source) -> Result<Gemspec, ArchiveError> {
    let parts = list_parts(gem, true)?;
    tar::finish(gem).map_err(|error| tar_failed(&error))?;
    check_checksums(gem, &parts)?;
    let spec = Gemspec::parse_pushed(&read_metadata(gem, &parts)?).map_err(ArchiveError::Gemspec)?;
    let data = parts.iter().find(|part| part.name == DATA).ok_or(ArchiveError::Missing(DATA))?;
    contents::check(open(gem, data)?)?;
    Ok(spec)
}

/// The gemspec of a gem that is in the registry already. The rest was checked when it was pushed.
pub fn read_gemspec_alone(gem: &mut impl Source) -> Result<Gemspec, ArchiveError> {
    let parts = list_parts(gem, false)?;
    read_gemspec(gem, &parts)
}

/// The gemspec in the first bytes of a gem. `gem build` writes it as the first part. None if it is not there
/// as a whole. Nothing else is checked.
pub fn read_head(head: &[u8]) -> Result<Option<Gemspec>, ArchiveError> {
    let mut rest = head;
    let Ok(Some(entry)) = Entry::read(&mut rest) else { return Ok(None) };
    let packed = usize::try_from(entry.size).ok().and_then(|size| rest.get(..size));
    let name = String::from_utf8_lossy(&entry.path);
    let Some(packed) = packed.filter(|_| [PACKED_METADATA, METADATA].contains(&&*name)) else {
        return Ok(None);
    };
    let bytes = unpack(packed, &name, METADATA)?;
    Gemspec::parse_pushed(&bytes).map(Some).map_err(ArchiveError::Gemspec)
}

fn list_parts(gem: &mut impl Source, is_pushed: bool) -> Result<Vec<Part>, ArchiveError> {
    let mut parts: Vec<Part> = Vec::new();
    let end = gem.seek(SeekFrom::End(0)).map_err(|error| failed(&error, "gem"))?;
    gem.seek(SeekFrom::Start(0)).map_err(|error| failed(&error, "gem"))?;
    while let Some(entry) = Entry::read(gem).map_err(|error| tar_failed(&error))? {
        let offset = gem.stream_position().map_err(|error| failed(&error, "gem"))?;
        let name = String::from_utf8_lossy(&entry.path).chars().take(200).collect::<String>();
        // RubyGems does not see spaces at the end.
        let name = name.trim_end_matches(' ').to_owned();
        if parts.is_empty() && name.contains("MD5SUM =") {
            return Err(ArchiveError::Old);
        }
        if !entry.is_plain && is_pushed {
            return Err(ArchiveError::Header(name));
        }
        let behind =
            offset.checked_add(entry.size).filter(|behind| *behind <= end).ok_or(ArchiveError::NotTar)?;
        if parts.iter().any(|part| part.name == name) {
            return Err(ArchiveError::Twice(name));
        }
        if parts.len() >= MOST_PARTS {
            return Err(ArchiveError::TooManyParts);
        }
        parts.push(Part { name, offset, size: entry.size });
        let next = behind.checked_next_multiple_of(512).unwrap_or(end).min(end);
        gem.seek(SeekFrom::Start(next)).map_err(|error| failed(&error, "gem"))?;
    }
    if parts.is_empty() { Err(ArchiveError::NotTar) } else { Ok(parts) }
}

/// What a part holds, as it is stored.
fn open<'a, S: Source>(gem: &'a mut S, part: &Part) -> Result<BufReader<io::Take<&'a mut S>>, ArchiveError> {
    gem.seek(SeekFrom::Start(part.offset)).map_err(|error| failed(&error, &part.name))?;
    Ok(BufReader::with_capacity(PIECE, gem.take(part.size)))
}

fn read_small(gem: &mut impl Source, part: &Part, what: &'static str) -> Result<Vec<u8>, ArchiveError> {
    if part.size > METADATA_LIMIT {
        return Err(ArchiveError::TooLarge(what, METADATA_LIMIT));
    }
    unpack(open(gem, part)?, &part.name, what)
}

fn unpack(packed: impl BufRead, part: &str, what: &'static str) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    let read = if part == METADATA {
        packed.take(METADATA_LIMIT + 1).read_to_end(&mut bytes)
    } else {
        Decoder::new(packed, Members::One).take(METADATA_LIMIT + 1).read_to_end(&mut bytes)
    };
    read.map_err(|error| failed(&error, part))?;
    let is_too_large = bytes.len() as u64 > METADATA_LIMIT;
    if is_too_large { Err(ArchiveError::TooLarge(what, METADATA_LIMIT)) } else { Ok(bytes) }
}

fn read_gemspec(gem: &mut impl Source, parts: &[Part]) -> Result<Gemspec, ArchiveError> {
    Gemspec::parse(&read_metadata(gem, parts)?).map_err(ArchiveError::Gemspec)
}

fn read_metadata(gem: &mut impl Source, parts: &[Part]) -> Result<Vec<u8>, ArchiveError> {
    // As RubyGems, which reads both and keeps the last.
    let part = parts.iter().rev().find(|part| part.name == PACKED_METADATA || part.name == METADATA);
    let part = part.ok_or(ArchiveError::Missing(PACKED_METADATA))?;
    read_small(gem, part, METADATA)
}

/// A gem without a list of checksums has none that could be wrong.
fn check_checksums(gem: &mut impl Source, parts: &[Part]) -> Result<(), ArchiveError> {
    let Some(list) = parts.iter().find(|part| part.name == CHECKSUMS) else { return Ok(()) };
    let bad = |why: &str| ArchiveError::Checksums(why.to_owned());
    let bytes = read_small(gem, list, "list of checksums")?;
    let text = std::str::from_utf8(&bytes).map_err(|_| bad("they are not UTF-8"))?;
    let root = yaml::parse(text).map_err(|error| bad(&error.to_string()))?;
    let Kind::Map(algorithms) = &root.kind else { return Err(bad("they are not a map")) };
    for (algorithm, files) in algorithms {
        let algorithm = algorithm.text().ok_or_else(|| bad("an algorithm has no name"))?;
        let known = [("SHA512", SHA512), ("SHA256", SHA256), ("SHA1", SHA1), ("MD5", MD5)];
        let (_, known) = known
            .into_iter()
            .find(|(name, _)| *name == algorithm)
            .ok_or_else(|| bad(&format!("the algorithm {algorithm:.100} is not known")))?;
        let Kind::Map(files) = &files.kind else {
            return Err(bad("the checksums of an algorithm are not a map"));
        };
        for (name, wanted) in files {
            let (name, wanted) =
                name.text().zip(wanted.text()).ok_or_else(|| bad("a checksum is not a string"))?;
            let mismatch = || ArchiveError::Mismatch(algorithm.to_string(), name.chars().take(100).collect());
            let part = parts.iter().find(|part| part.name == name).ok_or_else(mismatch)?;
            if gem.digest(part.offset, part.size, known)?.hex != *wanted {
                return Err(mismatch());
            }
        }
    }
    Ok(())
}

fn tar_failed(error: &tar::Error) -> ArchiveError {
    match error {
        tar::Error::Unreadable(error) => failed(error, "gem"),
        tar::Error::NotTar => ArchiveError::NotTar,
        tar::Error::Trailing => ArchiveError::Trailing,
    }
}

/// A store that fails is not the gem's fault.
fn failed(error: &io::Error, part: &str) -> ArchiveError {
    Host::inside(error)
        .map_or_else(|| ArchiveError::Part(part.to_owned(), error.to_string()), ArchiveError::Host)
}
