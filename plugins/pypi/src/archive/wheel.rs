//! A wheel is a zip archive ([`packhouse_plugin::zip`]) with one `.dist-info` folder. Only its
//! `METADATA` is unpacked here.

use std::fmt;

use packhouse_plugin::Error as HostError;
use packhouse_plugin::zip::{self, Archive, Entry, Member, ReadAt, Unpack};

use crate::metadata;
use crate::name::{ProjectName, Version};

/// What a wheel's information must hold (PEP 427).
const REQUIRED: [&str; 3] = ["METADATA", "WHEEL", "RECORD"];

/// Why a file is not a valid wheel.
#[derive(Debug)]
pub enum WheelError {
    /// The bytes could not be read.
    Host(HostError),
    /// No zip archive, or damaged.
    NotZip(String),
    /// Something in it must not be.
    Refused(String),
}

impl fmt::Display for WheelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(formatter),
            Self::NotZip(reason) => write!(formatter, "the wheel is not a readable zip archive: {reason}"),
            Self::Refused(reason) => write!(formatter, "the wheel is rejected: {reason}"),
        }
    }
}

impl std::error::Error for WheelError {}

impl WheelError {
    fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

impl From<zip::Error> for WheelError {
    fn from(error: zip::Error) -> Self {
        match error {
            zip::Error::Host(error) => Self::Host(error),
            zip::Error::NotZip(reason) => Self::NotZip(reason),
            zip::Error::Refused(reason) => Self::Refused(reason),
        }
    }
}

/// The `METADATA` of a wheel of this version of this project. All of the archive's directory
/// is looked at first, and every file is unpacked by the host.
pub fn read_metadata(
    read: ReadAt<'_>,
    unpack: Unpack<'_>,
    size: u64,
    project: &ProjectName,
    version: &Version,
) -> Result<Vec<u8>, WheelError> {
    let mut infos = Infos::default();
    let archive = Archive::open(read, size, |entry| infos.note(entry))?;
    archive.verify(unpack)?;
    let metadata = extract(&archive, infos.of(project, version)?)?;
    if str::from_utf8(&metadata).is_err() {
        return Err(WheelError::refused("its METADATA is not UTF-8, so pip cannot install it"));
    }
    Ok(metadata)
}

/// The same for a stored wheel. It is not verified, because a stored wheel is served in any case. None
/// if there is no metadata.
pub fn find_metadata(read: ReadAt<'_>, size: u64) -> Result<Option<Vec<u8>>, HostError> {
    let mut infos = Infos::default();
    let archive = Archive::open(read, size, |entry| infos.note(entry)).map_err(WheelError::from);
    let found = archive.and_then(|archive| infos.any().map(|member| extract(&archive, member)).transpose());
    match found {
        Err(WheelError::Host(error)) => Err(error),
        Err(_) => Ok(None),
        Ok(found) => Ok(found),
    }
}

fn extract(archive: &Archive<'_>, metadata: Member) -> Result<Vec<u8>, WheelError> {
    let limit = metadata::LIMIT;
    if metadata.size() > limit {
        return Err(WheelError::refused(format!("its METADATA is larger than {limit} bytes")));
    }
    Ok(archive.read(metadata, limit)?)
}

/// The folders called `….dist-info`.
#[derive(Default)]
struct Infos(Vec<Info>);

struct Info {
    folder: String,
    /// Which of [`REQUIRED`] it holds.
    found: [Option<Member>; 3],
}

impl Infos {
    fn note(&mut self, entry: Entry<'_>) -> Result<(), zip::Error> {
        let first = entry.path.split('/').next().and_then(|first| first.rsplit_once('.'));
        let is_special = matches!(first, Some((_, "dist-info" | "data")));
        let is_plain = entry.path == entry.name.strip_suffix('/').unwrap_or(entry.name);
        if is_special && !is_plain {
            return Err(zip::Error::refused(format!(
                "it holds the path {:?}: pip finds what is in this folder only by a path without `.` and \
                 repeated slashes",
                entry.name.chars().take(200).collect::<String>()
            )));
        }
        let Some((folder, file)) = entry.name.split_once('/') else { return Ok(()) };
        if !folder.ends_with(".dist-info") {
            return Ok(());
        }
        if self.0.iter().all(|info| info.folder != folder) {
            self.0.push(Info { folder: folder.to_owned(), found: [None; 3] });
        }
        let place = REQUIRED.iter().position(|required| *required == file);
        let info = self.0.iter_mut().find(|info| info.folder == folder);
        if let (Some(place), Some(info)) = (place, info)
            && let Some(found) = info.found.get_mut(place)
        {
            *found = Some(entry.member);
        }
        Ok(())
    }

    /// The `METADATA` of the only `{name}-{version}.dist-info` folder.
    fn of(&self, project: &ProjectName, version: &Version) -> Result<Member, WheelError> {
        let [info] = self.0.as_slice() else {
            let count = self.0.len();
            return Err(WheelError::refused(format!("it has {count} .dist-info folders, and must have one")));
        };
        let stem = info.folder.strip_suffix(".dist-info").unwrap_or_default();
        let belongs = stem.split_once('-').is_some_and(|(name, inside)| {
            ProjectName::parse(name).ok().as_ref() == Some(project)
                && Version::parse(&inside.replace('_', "-")).ok().as_ref() == Some(version)
        });
        if !belongs {
            let folder: String = info.folder.chars().take(200).collect();
            return Err(WheelError::refused(format!("its {folder:?} is not that of {project} {version}")));
        }
        for (file, found) in REQUIRED.iter().zip(&info.found) {
            if found.is_none() {
                return Err(WheelError::refused(format!("it has no {}/{file}", info.folder)));
            }
        }
        self.any().ok_or_else(|| WheelError::refused("it has no METADATA"))
    }

    /// The first `METADATA` of a `.dist-info` folder.
    fn any(&self) -> Option<Member> {
        self.0.iter().find_map(|info| info.found.first().copied().flatten())
    }
}
