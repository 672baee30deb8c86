//! Crates as cargo publishes them, made by hand: a `Cargo.toml`, an archive, the request's body.

use crate::npm::archive_below;
use crate::{Actor, Answer};
use http::Method;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// A version to be published.
#[derive(Clone)]
pub struct Crate {
    pub name: String,
    pub version: String,
    manifest: String,
    request: Map<String, Value>,
    files: Vec<(String, Vec<u8>)>,
}

impl Crate {
    /// With a `Cargo.toml` and a `src/lib.rs` whose function `version` tells the version.
    pub fn new(name: &str, version: &str) -> Self {
        let code = format!("pub fn version() -> &'static str {{ {version:?} }}\n");
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            manifest: String::new(),
            request: Map::new(),
            files: vec![("src/lib.rs".to_owned(), code.into_bytes())],
        }
    }

    /// One more line of `[package]`, and nothing in the request.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        writeln!(self.manifest, "{line}").expect("memory");
        self
    }

    /// Something else in the request, and nothing in the `Cargo.toml`.
    #[must_use]
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.request.insert(name.to_owned(), value);
        self
    }

    /// One more file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), content.into()));
        self
    }

    /// `Cargo.toml`, as cargo writes it into a crate.
    pub fn manifest(&self) -> String {
        format!(
            "[package]\nedition = \"2021\"\nname = {:?}\nversion = {:?}\n{}\n[lib]\npath = \"src/lib.rs\"\n",
            self.name, self.version, self.manifest
        )
    }

    /// The `.crate`: the same bytes each time.
    pub fn archive(&self) -> Vec<u8> {
        let manifest = self.manifest();
        let mut files = vec![("Cargo.toml", manifest.as_bytes())];
        files.extend(self.files.iter().map(|(path, content)| (path.as_str(), content.as_slice())));
        archive_below(&format!("{}-{}", self.name, self.version), &files)
    }

    /// The JSON of the request.
    pub fn request(&self) -> Value {
        let mut request = json!({
            "name": self.name, "vers": self.version, "deps": [], "features": {}, "authors": [],
            "description": null, "documentation": null, "homepage": null, "readme": null,
            "readme_file": null, "keywords": [], "categories": [], "license": null,
            "license_file": null, "repository": null, "badges": {}, "links": null, "rust_version": null,
        });
        for (name, value) in &self.request {
            request[name] = value.clone();
        }
        request
    }

    /// The body of a publish.
    pub fn body(&self) -> Vec<u8> {
        body(&self.request().to_string(), &self.archive())
    }

    pub async fn publish(&self, by: &Actor) -> Answer {
        by.send(Method::PUT, "/api/v1/crates/new", self.body()).await
    }

    /// Where the index has it.
    pub fn index_path(&self) -> String {
        index_path(&self.name)
    }

    /// Where it is downloaded.
    pub fn download_path(&self) -> String {
        format!("/api/v1/crates/{}/{}/download", self.name, self.version)
    }
}

/// `/{folder}/{name}`, for names of four letters and more.
pub fn index_path(name: &str) -> String {
    let lower = name.to_lowercase();
    format!("/{}/{}/{lower}", &lower[..2], &lower[2..4])
}

/// An index file of so many versions, `1.0.0` and on, about as large as such files are: 1 kB each.
pub fn index_of(name: &str, versions: usize) -> String {
    let dependency = |number: u32| {
        json!({"name": format!("dependency-{number}"), "req": "^1.2.3", "features": ["std"], "optional": false,
               "default_features": true, "target": null, "kind": "normal", "registry": null, "package": null})
    };
    let dependencies: Vec<_> = (0..6).map(dependency).collect();
    let line = |number| {
        json!({
            "name": name, "vers": format!("1.0.{number}"), "deps": dependencies, "cksum": "a".repeat(64),
            "features": {"default": ["std"], "std": []}, "yanked": false, "links": null,
        })
    };
    (0..versions).fold(String::new(), |mut file, number| {
        writeln!(file, "{}", line(number)).expect("memory");
        file
    })
}

/// Both parts of a publish's body with their lengths.
pub fn body(json: &str, archive: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("below 4 GiB").to_le_bytes();
    [&length(json.as_bytes()), json.as_bytes(), &length(archive), archive].concat()
}

/// SHA-256 in hexadecimal, as `cksum` has it.
pub fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory");
        text
    })
}

/// The lines of an index file.
pub fn lines(answer: &Answer) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    answer.text().lines().map(line).collect()
}

/// The versions in an index file, in order.
pub fn versions(answer: &Answer) -> Vec<String> {
    lines(answer).iter().map(|line| line["vers"].as_str().expect("a version").to_owned()).collect()
}
