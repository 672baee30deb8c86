//! The metadata of a snapshot. It is made from the names of the files, which contain everything,
//! because clients that write it overwrite what others wrote at the same moment.

use std::collections::BTreeMap;

use super::{HEAD, TAIL, element, stamp};
use crate::document::{File, Release};
use crate::name::{Build, Coordinates, FileName, Kind};

/// The newest file of a kind.
struct Newest {
    build: Option<Build>,
    updated: String,
}

/// None when it has no files.
pub fn render(coordinates: &Coordinates, release: &Release) -> Option<String> {
    let files: Vec<(FileName, &File)> = release
        .files
        .iter()
        .filter_map(|file| Some((FileName::parse(coordinates, &file.name).ok()?, file)))
        .collect();
    let mut newest: BTreeMap<&Kind, Newest> = BTreeMap::new();
    for (name, file) in &files {
        let found = Newest { build: name.build().cloned(), updated: updated(name, file) };
        match newest.get_mut(name.kind()) {
            Some(there) if (&there.updated, &there.build) >= (&found.updated, &found.build) => {}
            Some(there) => *there = found,
            None => drop(newest.insert(name.kind(), found)),
        }
    }
    let last_updated = newest.values().map(|newest| newest.updated.as_str()).max()?;
    let mut text = String::from(HEAD);
    element(&mut text, 1, "groupId", Some(coordinates.artifact.group.as_str()));
    element(&mut text, 1, "artifactId", Some(coordinates.artifact.id()));
    element(&mut text, 1, "version", Some(coordinates.version()));
    text.push_str("  <versioning>\n");
    if let Some(build) = newest_build(&files) {
        text.push_str("    <snapshot>\n");
        element(&mut text, 3, "timestamp", Some(&build.timestamp));
        element(&mut text, 3, "buildNumber", Some(&build.number.to_string()));
        text.push_str("    </snapshot>\n");
    }
    element(&mut text, 2, "lastUpdated", Some(last_updated));
    text.push_str("    <snapshotVersions>\n");
    for (kind, newest) in &newest {
        let value = value(coordinates, newest.build.as_ref());
        text.push_str("      <snapshotVersion>\n");
        element(&mut text, 4, "classifier", Some(kind.classifier.as_str()).filter(|text| !text.is_empty()));
        element(&mut text, 4, "extension", Some(&kind.extension));
        element(&mut text, 4, "value", Some(&value));
        element(&mut text, 4, "updated", Some(&newest.updated));
        text.push_str("      </snapshotVersion>\n");
    }
    text.push_str("    </snapshotVersions>\n  </versioning>\n");
    text.push_str(TAIL);
    Some(text)
}

/// Clients that look at one build for all files find its POM: the newest build that has one. The
/// next number is counted from it.
fn newest_build<'a>(files: &'a [(FileName, &File)]) -> Option<&'a Build> {
    let builds = |is_meant: fn(&FileName) -> bool| {
        files.iter().filter(move |(name, _)| is_meant(name)).filter_map(|(name, _)| name.build()).max()
    };
    builds(FileName::is_pom).or_else(|| builds(|_| true))
}

/// `20260101120000`: by the name of the build, or when it was uploaded.
fn updated(name: &FileName, file: &File) -> String {
    match name.build() {
        Some(build) => build.timestamp.replace('.', ""),
        None => stamp(file.uploaded_at().unwrap_or_default()),
    }
}

/// The version of one build.
fn value(coordinates: &Coordinates, build: Option<&Build>) -> String {
    let version = coordinates.version();
    match (build, version.strip_suffix(crate::name::SNAPSHOT)) {
        (Some(build), Some(base)) => format!("{base}{build}"),
        _ => version.to_owned(),
    }
}
