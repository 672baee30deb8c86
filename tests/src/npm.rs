//! Packages as npm publishes them, made by hand: an archive, its digests, the request's body.

mod archive;

pub use archive::{archive, archive_below, gunzip, gzip, tar};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha1::Digest as _;
use std::fmt::Write as _;

/// A version to be published.
#[derive(Clone)]
pub struct Package {
    pub name: String,
    pub version: String,
    tag: String,
    manifest: Map<String, Value>,
    files: Vec<(String, Vec<u8>)>,
}

impl Package {
    /// With a `package.json` and an `index.js` that exports the version.
    pub fn new(name: &str, version: &str) -> Self {
        let code = format!("module.exports = {};\n", json!(version));
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            tag: "latest".to_owned(),
            manifest: Map::new(),
            files: vec![("index.js".to_owned(), code.into_bytes())],
        }
    }

    /// Published under this dist-tag instead of `latest`.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        tag.clone_into(&mut self.tag);
        self
    }

    /// One more field of `package.json`.
    #[must_use]
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.manifest.insert(name.to_owned(), value);
        self
    }

    /// One more file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), content.into()));
        self
    }

    /// `package.json`.
    pub fn manifest(&self) -> Value {
        let mut manifest = json!({"name": self.name, "version": self.version, "main": "index.js"});
        for (name, value) in &self.manifest {
            manifest[name] = value.clone();
        }
        manifest
    }

    /// The `.tgz`: the same bytes each time.
    pub fn tarball(&self) -> Vec<u8> {
        let manifest = serde_json::to_vec_pretty(&self.manifest()).expect("JSON");
        let mut files = vec![("package.json", manifest.as_slice())];
        files.extend(self.files.iter().map(|(path, content)| (path.as_str(), content.as_slice())));
        archive(&files)
    }

    /// The name without its scope, e.g. `tools-1.0.0.tgz`.
    pub fn file_name(&self) -> String {
        let base = self.name.rsplit('/').next().unwrap_or(&self.name);
        format!("{base}-{}.tgz", self.version)
    }

    /// Where it is published to, below the mount.
    pub fn path(&self) -> String {
        format!("/{}", self.name.replace('/', "%2f"))
    }

    /// Where its archive is read, below the mount.
    pub fn tarball_path(&self) -> String {
        format!("/{}/-/{}", self.name, self.file_name())
    }

    /// The key of its archive in the bucket, on the mount `npm`.
    pub fn tarball_key(&self) -> String {
        format!("npm/packages/{}/{}", self.name, self.file_name())
    }

    /// The key of its packument, on the mount `npm`.
    pub fn index_key(&self) -> String {
        format!("npm/packages/{}/index.json", self.name)
    }

    /// The key of the proof that its packument exists, on the mount `npm`.
    pub fn proof_key(&self) -> String {
        format!("npm/proofs/packages/{}/index.json", self.name)
    }

    /// The body of the publish request, as npm 11 sends it.
    pub fn publish(&self) -> Value {
        self.publish_of(&self.tarball())
    }

    /// As [`Package::publish`], with these bytes as the archive.
    pub fn publish_of(&self, tarball: &[u8]) -> Value {
        let mut version = self.manifest();
        version["_id"] = json!(format!("{}@{}", self.name, self.version));
        version["dist"] = json!({
            "integrity": integrity(tarball),
            "shasum": shasum(tarball),
            "tarball": format!("http://localhost:1/{}/-/{}", self.name, self.file_name()),
        });
        json!({
            "_id": self.name,
            "name": self.name,
            "dist-tags": {&self.tag: self.version},
            "versions": {&self.version: version},
            "access": null,
            "_attachments": {format!("{}-{}.tgz", self.name, self.version): {
                "content_type": "application/octet-stream",
                "data": STANDARD.encode(tarball),
                "length": tarball.len(),
            }},
        })
    }
}

/// SHA-1 in hexadecimal digits.
pub fn shasum(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in sha1::Sha1::digest(bytes) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// SHA-256 in hexadecimal digits.
pub fn hexadecimal_sha256(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in sha2::Sha256::digest(bytes) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// SHA-512 as a subresource integrity.
pub fn integrity(bytes: &[u8]) -> String {
    format!("sha512-{}", STANDARD.encode(sha2::Sha512::digest(bytes)))
}

/// Bytes that do not compress, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
