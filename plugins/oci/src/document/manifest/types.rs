//! The types of members that clients read and that this plugin does not read (image-spec, "Content
//! Descriptors" and "Image Index"). Most clients are written in Go, and cannot read a manifest in which
//! one member has a wrong type.

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
