//! One version about to enter a packument: the manifest that the publisher sent, made
//! fit to be stored, and what it changes in the document beside `versions`.

use packhouse_plugin::auth::Owner;

use super::{LATEST, Packument, Person, forms};
use crate::json::{Object, quote};
use crate::layout;
use crate::name::PackageName;

/// The members that the document repeats from the version of `latest`.
const SHOWN_OF_LATEST: [&str; 10] = [
    "description",
    "keywords",
    "license",
    "homepage",
    "repository",
    "bugs",
    "author",
    "contributors",
    "readme",
    "readmeFilename",
];

/// A version that has been verified.
#[derive(Debug, Clone)]
pub struct Release<'a> {
    pub name: &'a PackageName,
    pub version: &'a str,
    /// As it was sent.
    pub manifest: Object<'a>,
    /// Tags that shall stand for it.
    pub tags: Vec<String>,
    /// Lower-case hexadecimal.
    pub sha1: &'a str,
    /// `sha512-…`, as Subresource Integrity writes it.
    pub integrity: &'a str,
    /// Of the tarball, in bytes.
    pub size: u64,
    pub publisher: Option<Person>,
    /// The account of the publisher, who becomes the owner of a package without one.
    pub owner: Option<Owner>,
    /// The predicate's type, when a provenance bundle came with it.
    pub provenance: Option<String>,
    /// RFC 3339.
    pub published: &'a str,
}

impl Release<'_> {
    /// The manifest as it is stored: what the server knows better is the server's.
    fn stored_manifest(&self) -> String {
        let mut manifest = self.manifest.clone();
        manifest.set_text("_id", &format!("{}@{}", self.name, self.version));
        manifest.set_text("name", self.name.as_str());
        manifest.set_text("version", self.version);
        manifest.set_raw("dist", self.dist());
        match &self.publisher {
            Some(person) => manifest.set_raw("_npmUser", person.to_json()),
            None => {
                manifest.remove("_npmUser");
            }
        }
        // The document shows the readme of `latest`; one a version would fill it.
        manifest.remove("readme");
        forms::unify(&mut manifest);
        manifest.to_text()
    }

    fn dist(&self) -> String {
        let mut dist = Object::parse_lenient(self.manifest.get_source("dist"));
        dist.set_text("shasum", self.sha1);
        dist.set_text("integrity", self.integrity);
        dist.set_text("tarball", &layout::tarball_path(self.name, self.version));
        dist.remove("attestations");
        if let Some(predicate) = &self.provenance {
            let url = layout::attestations_path(self.name, self.version);
            dist.set_raw(
                "attestations",
                format!(r#"{{"url":{},"provenance":{{"predicateType":{}}}}}"#, quote(&url), quote(predicate)),
            );
        }
        dist.to_text()
    }
}

impl Packument<'_> {
    /// Adds a version at the end. The caller has made sure that it is not there.
    pub fn add(&mut self, release: &Release<'_>) {
        let first = self.versions.is_empty();
        self.versions.set_raw(release.version, release.stored_manifest());
        self.sizes.set_raw(release.version, release.size.to_string());
        let published = self.touch(release.published);
        self.time.set_text(release.version, &published);
        for tag in &release.tags {
            self.tags.set_text(tag, release.version);
        }
        if first && release.tags.is_empty() {
            self.tags.set_text(LATEST, release.version);
        }
        if first || self.tag(LATEST).as_deref() == Some(release.version) {
            self.show(&release.manifest);
        }
        // The first publisher owns the package. Later ones do not, also if nobody is listed: a
        // removed owner must not come back by publishing once more.
        let is_new = first && self.maintainers().is_empty();
        if let (Some(person), true) = (&release.publisher, is_new) {
            self.set_maintainers(std::slice::from_ref(person), release.owner.as_slice());
        }
    }

    fn show(&mut self, manifest: &Object<'_>) {
        for name in SHOWN_OF_LATEST {
            match manifest.get(name) {
                Some(value) => self.top.set_raw(name, value.to_owned()),
                None => {
                    self.top.remove(name);
                }
            }
        }
    }
}
