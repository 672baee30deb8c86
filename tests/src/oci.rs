//! Images and artifacts as OCI clients push them, made by hand, and pushing them over HTTP.

mod hand;
mod layout;

pub use hand::{Hand, Upload};
pub use layout::Layout;

use crate::npm::{archive, gunzip};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};
use std::fmt::Write as _;

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// What an artifact without a configuration names instead, with the content `{}`.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Bytes with their name.
#[derive(Clone, Debug)]
pub struct Content {
    pub media_type: String,
    pub digest: String,
    pub bytes: Vec<u8>,
}

/// A manifest and the blobs that it names.
#[derive(Clone, Debug)]
pub struct Image {
    pub manifest: Content,
    /// The configuration first, then the layers.
    pub blobs: Vec<Content>,
}

impl Content {
    pub fn new(media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self { media_type: media_type.to_owned(), digest: sha256(&bytes), bytes }
    }

    /// As manifests name it.
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

impl Image {
    /// For `linux/amd64`, with one layer that holds one small file.
    pub fn new(name: &str) -> Self {
        Self::of(name, "amd64", &[(&format!("{name}.txt"), name.as_bytes())])
    }

    /// For `linux` on this architecture, with a layer for each of these files.
    pub fn of(name: &str, architecture: &str, files: &[(&str, &[u8])]) -> Self {
        let layers: Vec<_> = files.iter().map(|file| Content::new(LAYER, archive(&[*file]))).collect();
        let inside: Vec<_> = layers.iter().map(|layer| sha256(&gunzip(&layer.bytes))).collect();
        let config = json!({
            "architecture": architecture, "os": "linux", "created": "2024-05-02T12:00:00Z",
            "config": {"Labels": {"name": name}},
            "rootfs": {"type": "layers", "diff_ids": inside},
            "history": vec![json!({"created_by": "by hand"}); layers.len()],
        });
        Self::with(Content::new(CONFIG, config.to_string()), layers, &json!({}))
    }

    /// An artifact of this type that refers to another manifest.
    pub fn referring_to(subject: &Content, artifact_type: &str, text: &str) -> Self {
        let more = json!({"artifactType": artifact_type, "subject": subject.descriptor()});
        Self::with(Content::new(EMPTY, "{}"), vec![Content::new("text/plain", text)], &more)
    }

    fn with(config: Content, layers: Vec<Content>, more: &Value) -> Self {
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(),
            "layers": layers.iter().map(Content::descriptor).collect::<Vec<_>>(),
        });
        for (name, value) in more.as_object().expect("an object") {
            manifest[name] = value.clone();
        }
        let blobs = std::iter::once(config).chain(layers).collect();
        Self { manifest: Content::new(MANIFEST, manifest.to_string()), blobs }
    }
}

/// An index of images for these architectures of `linux`.
pub fn index(images: &[(&Image, &str)]) -> Content {
    let manifests: Vec<_> = images
        .iter()
        .map(|(image, architecture)| {
            let mut descriptor = image.manifest.descriptor();
            descriptor["platform"] = json!({"architecture": architecture, "os": "linux"});
            descriptor
        })
        .collect();
    Content::new(INDEX, json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string())
}

/// `sha256:` and hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hexadecimal(&Sha256::digest(bytes)))
}

/// `sha512:` and hexadecimal digits.
pub fn sha512(bytes: &[u8]) -> String {
    format!("sha512:{}", hexadecimal(&Sha512::digest(bytes)))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
