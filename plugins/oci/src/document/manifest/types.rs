//! The types of the members that clients read of a manifest and that nothing here reads
//! (image-spec, "Content Descriptors" and "Image Index"). Most clients are written in Go, and read
//! nothing of a manifest in which one member is of another type.

use std::collections::BTreeMap;

use packhouse_plugin::json::{BadJson, Strict, Text, Unread, parse_of};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    config: Unread<Strict<Descriptor>>,
    layers: Unread<Vec<Strict<Descriptor>>>,
    blobs: Unread<Vec<Strict<Descriptor>>>,
    manifests: Unread<Vec<Strict<Descriptor>>>,
    subject: Unread<Strict<Descriptor>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Descriptor {
    artifact_type: Unread<Text>,
    annotations: Unread<BTreeMap<String, Option<String>>>,
    data: Unread<Text>,
    platform: Unread<Strict<Platform>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Platform {
    architecture: Unread<Text>,
    os: Unread<Text>,
    #[serde(rename = "os.version")]
    os_version: Unread<Text>,
    #[serde(rename = "os.features")]
    os_features: Unread<Vec<Unread<Text>>>,
    variant: Unread<Text>,
    features: Unread<Vec<Unread<Text>>>,
}

/// Every member must be of the type that the specification gives it.
pub fn check(bytes: &[u8]) -> Result<(), BadJson> {
    parse_of::<Manifest>("the manifest", bytes).map(drop)
}
