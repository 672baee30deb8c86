//! The content of stored documents: manifests of every kind, and the map of tags. It knows no storage
//! and no HTTP.

pub use manifest::{MANIFEST_TYPES, Manifest, ManifestError, is_manifest_type};
pub use tags::{LONGEST_EMPTY, Tags};

mod manifest;
mod tags;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::ContentDigest;

pub const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const IMAGE_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const DOCKER_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+json";

/// What a manifest says of other content (image-spec, "Content Descriptors").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    /// Of any algorithm: see [`Descriptor::content`].
    pub digest: String,
    #[serde(default)]
    pub size: Option<u64>,
    #[serde(default)]
    pub urls: Option<Vec<String>>,
}

impl Descriptor {
    /// The content, if it can be here at all.
    pub fn content(&self) -> Option<ContentDigest> {
        ContentDigest::parse(&self.digest).ok()
    }

    /// Kept elsewhere, so that it need not be here.
    pub fn is_foreign(&self) -> bool {
        let kind = self.media_type.to_ascii_lowercase();
        self.urls.as_ref().is_some_and(|urls| !urls.is_empty())
            || kind.starts_with("application/vnd.oci.image.layer.nondistributable.")
            || kind.starts_with("application/vnd.docker.image.rootfs.foreign.")
    }
}

/// A manifest as the list of referrers shows it. The same manifest always gives the same
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}
