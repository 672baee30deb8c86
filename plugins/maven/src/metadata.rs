//! The content of a `maven-metadata.xml`: the versions of an artifact, the plugins of a group, the
//! newest builds of a snapshot. Knows no storage and no HTTP.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use packhouse_plugin::markup::Escaped;
use packhouse_plugin::time;

use crate::name::{Artifact, is_snapshot, is_version, sort};
use crate::xml::{self, Met, XmlError};

pub mod snapshot;

/// The largest document that a client may send, in bytes.
pub const LIMIT: u64 = 4 << 20;

/// What the registry reads and writes of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    pub group: Option<String>,
    pub artifact: Option<String>,
    pub version: Option<String>,
    pub latest: Option<String>,
    pub release: Option<String>,
    /// In the order of versions, each once.
    pub versions: Vec<String>,
    /// `yyyyMMddHHmmss`.
    pub last_updated: Option<String>,
    pub plugins: Vec<Plugin>,
}

/// A plugin of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Plugin {
    pub name: Option<String>,
    pub prefix: String,
    pub artifact: String,
}

impl Metadata {
    /// As it is stored, or as a client sends it. Elements that are not known are left out.
    pub fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        let mut metadata = Self::default();
        xml::read(bytes, "metadata", |path, met| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            metadata.visit(&path, met);
        })?;
        Ok(metadata)
    }

    fn visit(&mut self, path: &[&str], met: Met<'_>) {
        let Met::End(text) = met else {
            if path == ["metadata", "plugins", "plugin"] {
                self.plugins.push(Plugin::default());
            }
            return;
        };
        let value = || Some(text.to_owned()).filter(|text| !text.is_empty());
        match path {
            ["metadata", "groupId"] => self.group = value(),
            ["metadata", "artifactId"] => self.artifact = value(),
            ["metadata", "version"] => self.version = value(),
            ["metadata", "versioning", "latest"] => self.latest = value(),
            ["metadata", "versioning", "release"] => self.release = value(),
            ["metadata", "versioning", "lastUpdated"] => self.last_updated = value(),
            ["metadata", "versioning", "versions", "version"] => self.versions.extend(value()),
            ["metadata", "plugins", "plugin", field] => {
                if let Some(plugin) = self.plugins.last_mut() {
                    match *field {
                        "name" => plugin.name = value(),
                        "prefix" => text.clone_into(&mut plugin.prefix),
                        "artifactId" => text.clone_into(&mut plugin.artifact),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// Adds and removes versions of the artifact. True if that changed anything.
    pub fn change_versions(&mut self, artifact: &Artifact, added: &[String], removed: &[String]) -> bool {
        let mut versions = self.versions.clone();
        versions.retain(|version| !removed.contains(version));
        versions.extend(added.iter().filter(|version| !self.versions.contains(version)).cloned());
        versions.retain(|version| is_version(version));
        sort(&mut versions);
        versions.dedup();
        let latest = versions.last().cloned();
        let release = versions.iter().rfind(|version| !is_snapshot(version)).cloned();
        if (&versions, &latest, &release) == (&self.versions, &self.latest, &self.release) {
            return false;
        }
        if versions.is_empty() {
            (self.group, self.artifact) = (None, None);
        } else {
            self.group = Some(artifact.group.to_string());
            self.artifact = Some(artifact.id().to_owned());
        }
        (self.versions, self.latest, self.release) = (versions, latest, release);
        true
    }

    /// Adds plugins. Each replaces the plugin of the same artifact and the one with the same prefix. True
    /// if that changed anything.
    pub fn put_plugins(&mut self, added: &[Plugin]) -> bool {
        let known: HashSet<Plugin> = self.plugins.iter().cloned().collect();
        let added: Vec<&Plugin> = added.iter().filter(|plugin| !known.contains(plugin)).collect();
        if added.is_empty() {
            return false;
        }
        let (mut artifacts, mut prefixes) = (HashSet::new(), HashSet::new());
        // The last one of an artifact or a prefix stays.
        let all = self.plugins.iter().chain(added).rev();
        let mut plugins: Vec<Plugin> = all
            .filter(|plugin| artifacts.insert(&plugin.artifact) & prefixes.insert(&plugin.prefix))
            .cloned()
            .collect();
        plugins.sort_by(|one, other| one.prefix.cmp(&other.prefix));
        self.plugins = plugins;
        true
    }

    /// It says nothing.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.plugins.is_empty()
    }

    pub fn render(&self) -> String {
        let mut text = String::from(HEAD);
        element(&mut text, 1, "groupId", self.group.as_deref());
        element(&mut text, 1, "artifactId", self.artifact.as_deref());
        if !self.versions.is_empty() {
            text.push_str("  <versioning>\n");
            element(&mut text, 2, "latest", self.latest.as_deref());
            element(&mut text, 2, "release", self.release.as_deref());
            text.push_str("    <versions>\n");
            self.versions.iter().for_each(|version| element(&mut text, 3, "version", Some(version)));
            text.push_str("    </versions>\n");
            element(&mut text, 2, "lastUpdated", self.last_updated.as_deref());
            text.push_str("  </versioning>\n");
        }
        if !self.plugins.is_empty() {
            text.push_str("  <plugins>\n");
            for plugin in &self.plugins {
                text.push_str("    <plugin>\n");
                element(&mut text, 3, "name", plugin.name.as_deref());
                element(&mut text, 3, "prefix", Some(&plugin.prefix));
                element(&mut text, 3, "artifactId", Some(&plugin.artifact));
                text.push_str("    </plugin>\n");
            }
            text.push_str("  </plugins>\n");
        }
        text.push_str(TAIL);
        text
    }
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata>\n";
const TAIL: &str = "</metadata>\n";

/// A moment as Maven's metadata has it.
pub fn stamp(moment: u64) -> String {
    time::rfc3339_seconds(moment).chars().filter(char::is_ascii_digit).collect()
}

/// One line; nothing for no value.
fn element(text: &mut String, depth: usize, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        // Writing to a text does not fail.
        let _: fmt::Result =
            writeln!(text, "{:width$}<{name}>{}</{name}>", "", Escaped(value), width = 2 * depth);
    }
}

#[cfg(test)]
mod tests;
