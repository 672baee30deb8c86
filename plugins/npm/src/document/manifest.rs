//! One version's manifest: served with fresh URLs, whole or in the abbreviated form that
//! installs need (npm's "package metadata" document, `install-v1`).

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::json::{Object, quote};

/// The members that the abbreviated form keeps, besides `dist` and `hasInstallScript`.
const ABBREVIATED: [&str; 20] = [
    "name",
    "version",
    "deprecated",
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "peerDependencies",
    "peerDependenciesMeta",
    "acceptDependencies",
    "bin",
    "directories",
    "engines",
    "os",
    "cpu",
    "libc",
    "funding",
    "_hasShrinkwrap",
    "workspaces",
];
const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

/// A version's manifest as text.
#[derive(Debug, Clone, Copy)]
pub struct Manifest<'a>(pub &'a str);

#[derive(Deserialize)]
struct WithDist<'a> {
    #[serde(borrow)]
    dist: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Dist<'a> {
    #[serde(borrow, default, deserialize_with = "any_value")]
    tarball: Option<&'a RawValue>,
    #[serde(borrow)]
    attestations: Option<Attestations<'a>>,
}

#[derive(Deserialize)]
struct Attestations<'a> {
    #[serde(borrow, default, deserialize_with = "any_value")]
    url: Option<&'a RawValue>,
}

/// Also `null`, which an option takes for nothing.
fn any_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Manifest<'a> {
    /// The SHA-1 of the tarball that the manifest names.
    pub fn shasum(self) -> Option<String> {
        Object::parse_lenient(self.dist()).text("shasum")
    }

    /// The Subresource Integrity in the manifest, unchanged.
    pub fn integrity(self) -> Option<String> {
        Object::parse_lenient(self.dist()).text("integrity")
    }

    /// The URL of its attestations, unchanged.
    pub fn attestations_url(self) -> Option<String> {
        let dist = Object::parse_lenient(self.dist());
        Object::parse_lenient(dist.get_source("attestations")).text("url")
    }

    /// Whether it has a provenance bundle.
    pub fn has_attestations(self) -> bool {
        Object::parse_lenient(self.dist()).contains("attestations")
    }

    /// The whole manifest, its URLs replaced by these.
    pub fn write_full(self, out: &mut impl Write, tarball: &str, attestations: &str) -> io::Result<()> {
        let Some(dist) = self.dist() else {
            return out.write_all(self.0.as_bytes());
        };
        let start = offset(self.0, dist);
        out.write_all(slice(self.0, 0, start))?;
        write_dist(out, dist, tarball, attestations)?;
        out.write_all(slice(self.0, start + dist.len(), self.0.len()))
    }

    /// What an install needs of it, its URLs replaced by these.
    pub fn write_abbreviated(
        self,
        out: &mut impl Write,
        tarball: &str,
        attestations: &str,
    ) -> io::Result<()> {
        let manifest = Object::parse_lenient(Some(self.0));
        let mut separator = "{";
        for (name, value) in manifest.iter() {
            if name == "dist" {
                write!(out, "{separator}\"dist\":")?;
                write_dist(out, value, tarball, attestations)?;
            } else if ABBREVIATED.contains(&name) {
                write!(out, "{separator}{}:{value}", quote(name))?;
            } else {
                continue;
            }
            separator = ",";
        }
        if has_install_script(&manifest) {
            write!(out, "{separator}\"hasInstallScript\":true")?;
            separator = ",";
        }
        out.write_all(if separator == "{" { b"{}" } else { b"}" })
    }

    fn dist(self) -> Option<&'a str> {
        serde_json::from_str::<WithDist<'a>>(self.0).ok()?.dist.map(RawValue::get)
    }
}

/// Writes `dist` with fresh URLs; everything else in it stays as it is.
fn write_dist(out: &mut impl Write, dist: &str, tarball: &str, attestations: &str) -> io::Result<()> {
    let Ok(parts) = serde_json::from_str::<Dist<'_>>(dist) else {
        return out.write_all(dist.as_bytes());
    };
    let mut replacements: Vec<(&str, Cow<'_, str>)> = Vec::with_capacity(2);
    if let Some(found) = parts.tarball {
        replacements.push((found.get(), quote(tarball).into()));
    }
    if let Some(found) = parts.attestations.and_then(|found| found.url) {
        replacements.push((found.get(), quote(attestations).into()));
    }
    replacements.sort_by_key(|(found, _)| offset(dist, found));
    let mut written = 0;
    if parts.tarball.is_none() {
        let rest = dist.trim_start_matches('{').trim_start();
        let comma = if rest == "}" { "" } else { "," };
        write!(out, "{{\"tarball\":{}{comma}", quote(tarball))?;
        written = 1;
    }
    for (found, replacement) in replacements {
        let start = offset(dist, found);
        out.write_all(slice(dist, written, start))?;
        out.write_all(replacement.as_bytes())?;
        written = start + found.len();
    }
    out.write_all(slice(dist, written, dist.len()))
}

/// Where `part`, a slice of `whole`, begins.
fn offset(whole: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

fn slice(text: &str, start: usize, end: usize) -> &[u8] {
    text.as_bytes().get(start..end).unwrap_or_default()
}

fn has_install_script(manifest: &Object<'_>) -> bool {
    if manifest.value("hasInstallScript") == Some(true) {
        return true;
    }
    let scripts = Object::parse_lenient(manifest.get_source("scripts"));
    INSTALL_SCRIPTS.iter().any(|name| scripts.text(name).is_some_and(|script| !script.trim().is_empty()))
}
