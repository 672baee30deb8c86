//! A packument as clients read it, written piece by piece: with `_rev`, and with URLs
//! below the address that this client uses.

use std::io::{self, Write};

use super::manifest::Manifest;
use super::{OWNER_IDS, Packument, SIZES, STARRED, TAGS, TIME, VERSIONS};
use crate::json::quote;
use crate::layout;
use crate::name::PackageName;

/// Which of its two forms a packument is served in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// Everything that was published.
    Full,
    /// What an install needs: `application/vnd.npm.install-v1+json`.
    Abbreviated,
}

/// What the URLs in a document are made of.
#[derive(Debug, Clone, Copy)]
pub struct Links<'a> {
    pub name: &'a PackageName,
    /// Without a trailing slash.
    pub base_url: &'a str,
}

impl Links<'_> {
    /// Where a version's tarball is downloaded.
    pub fn tarball(&self, version: &str) -> String {
        let path = layout::tarball_path(self.name, version);
        format!("{}/{}", self.base_url, escape_plus(&path))
    }

    /// Where a version's attestations are read.
    pub fn attestations(&self, version: &str) -> String {
        let path = layout::attestations_path(self.name, version);
        format!("{}/{}", self.base_url, escape_plus(&path))
    }

    /// Writes one manifest with its URLs.
    pub fn write_manifest(
        &self,
        out: &mut impl Write,
        version: &str,
        manifest: &str,
        rendering: Rendering,
    ) -> io::Result<()> {
        let (tarball, attestations) = (self.tarball(version), self.attestations(version));
        let manifest = Manifest(manifest);
        match rendering {
            Rendering::Full => manifest.write_full(out, &tarball, &attestations),
            Rendering::Abbreviated => manifest.write_abbreviated(out, &tarball, &attestations),
        }
    }
}

impl Packument<'_> {
    /// Writes the document for a client.
    pub fn render(
        &self,
        out: &mut impl Write,
        links: &Links<'_>,
        revision: &str,
        rendering: Rendering,
    ) -> io::Result<()> {
        match rendering {
            Rendering::Full => self.render_full(out, links, revision),
            Rendering::Abbreviated => self.render_abbreviated(out, links),
        }
    }

    fn render_full(&self, out: &mut impl Write, links: &Links<'_>, revision: &str) -> io::Result<()> {
        write!(out, "{{\"_id\":{}", quote(links.name.as_str()))?;
        write!(out, ",\"_rev\":{}", quote(revision))?;
        write!(out, ",\"name\":{}", quote(links.name.as_str()))?;
        write!(out, ",\"dist-tags\":{}", self.tags.to_text())?;
        self.write_versions(out, links, Rendering::Full)?;
        write!(out, ",\"time\":{}", self.time.to_text())?;
        for (name, value) in self.top.iter() {
            if !["_id", "name", TAGS, VERSIONS, TIME, OWNER_IDS, SIZES, STARRED].contains(&name) {
                write!(out, ",{}:{value}", quote(name))?;
            }
        }
        out.write_all(b"}")
    }

    fn render_abbreviated(&self, out: &mut impl Write, links: &Links<'_>) -> io::Result<()> {
        write!(out, "{{\"name\":{}", quote(links.name.as_str()))?;
        write!(out, ",\"dist-tags\":{}", self.tags.to_text())?;
        self.write_versions(out, links, Rendering::Abbreviated)?;
        if let Some(modified) = self.time.get("modified") {
            write!(out, ",\"modified\":{modified}")?;
        }
        // Not in npm's own answer: it saves pnpm and others, which filter by age, the
        // whole document.
        write!(out, ",\"time\":{}", self.time.to_text())?;
        out.write_all(b"}")
    }

    fn write_versions(
        &self,
        out: &mut impl Write,
        links: &Links<'_>,
        rendering: Rendering,
    ) -> io::Result<()> {
        out.write_all(b",\"versions\":{")?;
        for (index, (version, manifest)) in self.versions.iter().enumerate() {
            if index > 0 {
                out.write_all(b",")?;
            }
            write!(out, "{}:", quote(version))?;
            links.write_manifest(out, version, manifest, rendering)?;
        }
        out.write_all(b"}")
    }
}

/// Build metadata has a `+`, which some servers read as a space.
fn escape_plus(path: &str) -> String {
    path.replace('+', "%2B")
}
