//! The meaning of a path of the repository.

use packhouse_plugin::digests::{MD5, SHA1, SHA256, SHA512};
use packhouse_plugin::problem::shown;

use crate::error::{self, Error};
use crate::name::{Artifact, Coordinates, FileName, GroupId, METADATA_FILE, is_snapshot};

/// The endings of sidecars, and the digests that they hold.
const SIDECARS: [(&str, &str); 4] =
    [(".md5", MD5), (".sha1", SHA1), (".sha256", SHA256), (".sha512", SHA512)];

/// A file, or the checksum of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub file: TargetFile,
    /// The algorithm, if the path is that of the file's checksum.
    pub sidecar: Option<&'static str>,
}

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetFile {
    /// A file of a version.
    File(Coordinates, FileName),
    /// The metadata of a snapshot.
    Snapshot(Coordinates),
    /// The metadata of an artifact, of a group of plugins, or of both, which share a path.
    Metadata(Place),
}

/// The path of metadata above versions: which artifact and which group it may be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub path: String,
    pub artifact: Option<Artifact>,
    pub group: Option<GroupId>,
}

/// None for a path that cannot be a file's.
pub fn target(path: &str) -> Result<Target, Error> {
    let sidecar =
        SIDECARS.iter().find_map(|(ending, algorithm)| Some((path.strip_suffix(ending)?, *algorithm)));
    let (path, sidecar) = sidecar.map_or((path, None), |(path, algorithm)| (path, Some(algorithm)));
    Ok(Target { file: file(path)?, sidecar })
}

fn file(path: &str) -> Result<TargetFile, Error> {
    let segments: Vec<&str> = path.split('/').collect();
    let no_file = || {
        let rule = "{group}/{artifact}/{version}/{artifact}-{version}.{extension}";
        Error::because(error::BAD_PATH, format!("{} is not a path of the form {rule}", shown(path)))
    };
    let (last, folders) = segments.split_last().ok_or_else(no_file)?;
    if *last == METADATA_FILE {
        return metadata(folders).ok_or_else(no_file);
    }
    let [group @ .., id, version] = folders else { return Err(no_file()) };
    if group.is_empty() {
        return Err(no_file());
    }
    let artifact = Artifact::parse(GroupId::parse_segments(group)?, id)?;
    let coordinates = Coordinates::parse(artifact, version)?;
    let name = FileName::parse(&coordinates, last).map_err(|_| {
        let sentence = format!(
            "{} is not the name of a file of {coordinates}: it should begin with {}-{version} and have an extension",
            shown(last),
            coordinates.artifact.id()
        );
        Error::because(error::BAD_PATH, sentence)
    })?;
    Ok(TargetFile::File(coordinates, name))
}

fn metadata(folders: &[&str]) -> Option<TargetFile> {
    if let [group @ .., id, version] = folders
        && is_snapshot(version)
        && !group.is_empty()
    {
        let artifact = Artifact::parse(GroupId::parse_segments(group).ok()?, id).ok()?;
        return Some(TargetFile::Snapshot(Coordinates::parse(artifact, version).ok()?));
    }
    let place = Place::of(folders);
    (place.artifact.is_some() || place.group.is_some()).then_some(TargetFile::Metadata(place))
}

impl Place {
    fn of(folders: &[&str]) -> Self {
        let artifact = folders
            .split_last()
            .filter(|(_, group)| !group.is_empty())
            .and_then(|(id, group)| Artifact::parse(GroupId::parse_segments(group).ok()?, id).ok());
        Self { path: folders.join("/"), artifact, group: GroupId::parse_segments(folders).ok() }
    }

    pub fn of_path(path: &str) -> Self {
        Self::of(&path.split('/').collect::<Vec<_>>())
    }

    pub fn of_artifact(artifact: &Artifact) -> Self {
        Self::of_path(&artifact.path())
    }
}
