//! Reads what a manifest references. Its bytes are stored exactly as they were pushed; nothing here
//! writes a manifest.
//!
//! The members that the known kinds share are read in documents of any media type, so that the blobs of
//! future kinds of artifacts are kept.

use std::collections::BTreeMap;
use std::fmt;

use packhouse_plugin::json;
use serde::Deserialize;

use super::{
    DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SCHEMA_1, Descriptor, IMAGE_INDEX, IMAGE_MANIFEST, Referrer,
};
use crate::digest::{ContentDigest, is_digest};

/// The longest media type with parameters, in bytes.
const LONGEST_CONTENT_TYPE: usize = 1024;

/// What is read of a manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Manifest {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    /// Of OCI's former artifact manifest.
    blobs: Option<Vec<Descriptor>>,
    /// Children: of an index, or of Docker's list.
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
    /// Of Docker's schema 1.
    fs_layers: Option<Vec<SchemaOneLayer>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemaOneLayer {
    blob_sum: String,
}

/// Why the registry does not accept a manifest, in words for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError(String);

impl fmt::Display for ManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for ManifestError {}

fn refuse(reason: impl Into<String>) -> ManifestError {
    ManifestError(reason.into())
}

impl Manifest {
    /// Parses a stored manifest. Only the references in it must be readable.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        json::parse_of("the manifest", bytes).map_err(|error| refuse(error.to_string()))
    }

    /// What somebody pushes as `content_type`, `None` for not said; see [`Manifest::check`].
    pub fn receive(bytes: &[u8], content_type: Option<&str>) -> Result<Self, ManifestError> {
        // The parser does not look into members that are not read here.
        if std::str::from_utf8(bytes).is_err() {
            return Err(refuse("the manifest cannot be read: JSON is UTF-8, and these bytes are not"));
        }
        let manifest = Self::parse(bytes)?;
        types::check(bytes).map_err(|error| refuse(error.to_string()))?;
        manifest.check(content_type)?;
        Ok(manifest)
    }

    /// Every descriptor must be one; the rest is checked where the kind is known.
    fn check(&self, content_type: Option<&str>) -> Result<(), ManifestError> {
        let said = self.media_type.as_deref();
        if let Some(said) = said.filter(|said| !said.is_empty() && !is_manifest_type(said)) {
            return Err(refuse(format!(
                "the manifest says that its media type is {said:.100?}: {MANIFEST_TYPES}"
            )));
        }
        if let (Some(said), Some(sent)) = (said, content_type)
            && !said.eq_ignore_ascii_case(sent)
        {
            return Err(refuse(format!(
                "the manifest says that its media type is {said:?}, and the Content-Type is {sent:?}: send \
                 the same"
            )));
        }
        for (place, descriptor) in self.descriptors() {
            check_descriptor(place, descriptor)?;
        }
        let kind = self.media_type(content_type);
        if self.schema_version == Some(1)
            || kind.starts_with("application/vnd.docker.distribution.manifest.v1+")
        {
            return Err(refuse(
                "manifests of Docker's schema 1 are not accepted: push with a client that writes schema 2 or OCI",
            ));
        }
        match kind.as_str() {
            IMAGE_MANIFEST | DOCKER_MANIFEST => self.check_image(),
            IMAGE_INDEX | DOCKER_LIST => self.check_index(),
            _ => Ok(()),
        }
    }

    fn check_image(&self) -> Result<(), ManifestError> {
        self.check_version()?;
        if self.config.is_none() {
            return Err(refuse("an image manifest needs a `config`"));
        }
        if self.manifests.is_some() {
            return Err(refuse("an image manifest has no `manifests`: it could be read as an index"));
        }
        Ok(())
    }

    fn check_index(&self) -> Result<(), ManifestError> {
        self.check_version()?;
        if self.config.is_some() || self.layers.is_some() {
            return Err(refuse(
                "an index has neither `config` nor `layers`: it could be read as an image manifest",
            ));
        }
        Ok(())
    }

    fn check_version(&self) -> Result<(), ManifestError> {
        match self.schema_version {
            Some(2) => Ok(()),
            _ => Err(refuse("the manifest needs a `schemaVersion` of 2")),
        }
    }

    fn descriptors(&self) -> impl Iterator<Item = (&'static str, &Descriptor)> {
        let lists = [("layers", &self.layers), ("blobs", &self.blobs), ("manifests", &self.manifests)];
        let lists = lists
            .into_iter()
            .flat_map(|(place, list)| list.iter().flatten().map(move |descriptor| (place, descriptor)));
        let config = self.config.iter().map(|descriptor| ("config", descriptor));
        let subject = self.subject.iter().map(|descriptor| ("subject", descriptor));
        config.chain(lists).chain(subject)
    }

    /// Its media type: the one in the document, else `known` (from the request or the store), else the one
    /// that its members suggest. In lower case, because media types are compared without case (RFC 6838,
    /// section 4.2), and crane and regctl know only the spelling of the specification.
    pub fn media_type(&self, known: Option<&str>) -> String {
        let said = self.media_type.as_deref().filter(|kind| is_manifest_type(kind));
        said.or(known).unwrap_or_else(|| self.looks_like()).to_ascii_lowercase()
    }

    /// Whether the document contains its media type.
    pub fn says_its_type(&self) -> bool {
        self.media_type.as_deref().is_some_and(is_manifest_type)
    }

    /// The media type that its members suggest.
    pub fn looks_like(&self) -> &'static str {
        if self.schema_version == Some(1) {
            DOCKER_SCHEMA_1
        } else if self.manifests.is_some() {
            IMAGE_INDEX
        } else {
            IMAGE_MANIFEST
        }
    }

    /// The blobs that must exist in this registry.
    pub fn needed_blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let blobs = self.config.iter().chain(self.layers.iter().flatten()).chain(self.blobs.iter().flatten());
        blobs.filter(|descriptor| !descriptor.is_foreign())
    }

    /// Children of an index: manifests, or blobs where a build cache is kept in an index.
    pub fn children(&self) -> impl Iterator<Item = &Descriptor> {
        self.manifests.iter().flatten()
    }

    /// Everything that may be a blob and must not be removed while this manifest is here.
    pub fn named(&self) -> Vec<ContentDigest> {
        let described = self.descriptors().filter(|(place, _)| *place != "subject");
        let described = described.filter_map(|(_, descriptor)| descriptor.content());
        let old = self.fs_layers.iter().flatten();
        let old = old.filter_map(|layer| ContentDigest::parse(&layer.blob_sum).ok());
        let mut named: Vec<ContentDigest> = described.chain(old).collect();
        named.sort_unstable();
        named.dedup();
        named
    }

    /// What a push must have found in the repository: needed blobs, children that may be
    /// blobs, and the layers of Docker's schema 1, where it is one.
    pub fn held(&self) -> Vec<ContentDigest> {
        let described = self.needed_blobs().chain(self.children()).filter_map(Descriptor::content);
        let old = self.fs_layers.iter().flatten().filter(|_| self.schema_version == Some(1));
        let old = old.filter_map(|layer| ContentDigest::parse(&layer.blob_sum).ok());
        let mut held: Vec<ContentDigest> = described.chain(old).collect();
        held.sort_unstable();
        held.dedup();
        held
    }

    /// The sizes of the blobs that it references, in bytes. A blob with two different sizes is left out.
    pub fn sizes(&self) -> BTreeMap<ContentDigest, u64> {
        let mut sizes: BTreeMap<ContentDigest, Option<u64>> = BTreeMap::new();
        for (_, descriptor) in self.descriptors() {
            if let Some(digest) = descriptor.content() {
                let size = descriptor.size;
                sizes
                    .entry(digest)
                    .and_modify(|known| *known = known.filter(|known| Some(*known) == size))
                    .or_insert(size);
            }
        }
        sizes.into_iter().filter_map(|(digest, size)| Some((digest, size?))).collect()
    }

    pub fn subject(&self) -> Option<ContentDigest> {
        self.subject.as_ref().and_then(Descriptor::content)
    }

    /// How the list of referrers shows it (distribution-spec, "Listing Referrers").
    pub fn referrer(&self, media_type: &str, digest: &ContentDigest, size: u64) -> Referrer {
        let own = self.artifact_type.clone().filter(|kind| !kind.is_empty());
        let of_config = || {
            let config = self.config.as_ref().filter(|_| self.manifests.is_none())?;
            Some(config.media_type.clone()).filter(|kind| !kind.is_empty())
        };
        Referrer {
            media_type: media_type.to_owned(),
            digest: digest.to_string(),
            size,
            artifact_type: own.or_else(of_config),
            annotations: self.annotations.clone().unwrap_or_default(),
        }
    }
}

fn check_descriptor(place: &str, descriptor: &Descriptor) -> Result<(), ManifestError> {
    let digest = descriptor.digest.as_str();
    if !is_digest(digest) {
        return Err(refuse(format!("a descriptor in `{place}` has no valid digest: {digest:.200}")));
    }
    if digest.starts_with("sha256:") || digest.starts_with("sha512:") || place == "subject" {
        ContentDigest::parse(digest)
            .map_err(|error| refuse(format!("a descriptor in `{place}`: {error}")))?;
    }
    let kind = descriptor.media_type.as_str();
    if kind.is_empty() {
        return Err(refuse(format!("the descriptor of {digest} in `{place}` has no `mediaType`")));
    }
    if !is_content_type(kind) {
        return Err(refuse(format!(
            "the descriptor of {digest} in `{place}` has the `mediaType` {kind:.100?}, which is not a media type"
        )));
    }
    if descriptor.size.is_none() {
        return Err(refuse(format!("the descriptor of {digest} in `{place}` has no `size`")));
    }
    Ok(())
}

/// What to send instead of a type that no manifest has.
pub const MANIFEST_TYPES: &str = "a manifest is JSON, so its type begins with `application/` and ends with `+json`, e.g. \
     `application/vnd.oci.image.manifest.v1+json`";

/// Whether a manifest may have this media type. Manifests are JSON objects, so any type of
/// JSON documents is accepted, also one of an artifact that is not invented yet, and the
/// signed form of Docker's schema 1, which earlier systems stored. A browser renders none of
/// them as a page.
pub fn is_manifest_type(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let subtype = lower.strip_prefix("application/");
    let name =
        subtype.and_then(|name| name.strip_suffix("+json").or_else(|| name.strip_suffix("+prettyjws")));
    is_media_type(text) && name.is_some_and(|name| !name.is_empty())
}

/// `type/subtype`, as a header may contain it, without parameters.
pub fn is_media_type(text: &str) -> bool {
    let name = |part: &str| {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !part.is_empty() && part.bytes().all(token)
    };
    text.len() <= 255 && text.split_once('/').is_some_and(|(kind, subtype)| name(kind) && name(subtype))
}

/// A media type, with or without parameters (RFC 9110, section 8.3.1), e.g.
/// `application/vnd.dev.sigstore.bundle+json;version=0.2`.
pub fn is_content_type(text: &str) -> bool {
    let is_printable = |text: &str| text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    match text.split_once(';') {
        None => is_media_type(text),
        Some((kind, parameters)) => {
            text.len() <= LONGEST_CONTENT_TYPE
                && is_media_type(kind.trim_end_matches([' ', '\t']))
                && is_printable(parameters)
        }
    }
}

mod types;

#[cfg(test)]
mod tests;
